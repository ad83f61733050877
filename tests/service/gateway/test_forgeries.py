"""A client of the broker that knows everything but a key gets nothing, and has nothing done."""

import functools
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import pytest
from kombu import Connection, Queue
from kombu.message import Message

from chassis import context, outbox, principals
from chassis.broker import RPC_EXCHANGE
from chassis.rpc import PRINCIPAL_HEADER
from chassis.rpc.client import RpcClient
from chassis.settings import settings
from contracts.body import Body
from contracts.errors import Problem
from contracts.events import ImportRequested, SnapshotCompleted, SnapshotRequested
from contracts.permissions import Permission, ProjectRole, Role, TeamRole, scope_of
from contracts.principals import Claims
from contracts.rpc.labels import Actor, GetLabel, LinkAsset, ListLabels, SaveBody, Viewer
from contracts.schemas import methods
from deploy import keys
from deploy.local.system import System
from tests.team import Person, hire, new_guideline, new_labels, new_project, owner_of, stored_assets

METHODS = [(service, method) for service, each in methods().items() for method in each]


class Broker:
    """A client of the broker that may do everything there: listen to all calls, and publish what it likes."""

    def __init__(self, url: str) -> None:
        self._connection = Connection(url)
        self._channel = self._connection.channel()
        self.reply_to = str(uuid4())
        self._answers: dict[str, Any] = {}
        self.calls: list[Message] = []
        for key, callback in ((self.reply_to, self._answered), ("*.*", self.calls.append)):
            queue = Queue(f"forger-{uuid4()}", RPC_EXCHANGE, key, exclusive=True, auto_delete=True, durable=False)
            consumer = self._connection.Consumer(queue, on_message=callback, no_ack=True, accept=None)
            consumer.consume()

    def close(self) -> None:
        """Leave."""
        self._connection.release()

    def ask(
        self,
        key: str,
        body: bytes,
        passport: Callable[[str, str], str] | str | None = None,
        call_id: str | None = None,
        reply_to: str | None = None,
    ) -> dict[str, Any] | None:
        """What a service answers to a call; None if it answers to somebody else. `passport` is one, or makes one of the
        call's id and the address of its answer."""
        call_id, reply_to = call_id or str(uuid4()), reply_to or self.reply_to
        headers: dict[str, Any] = {"nameko.call_id_stack": [call_id], "nameko.deadline": time.time() + 20}
        if passport is not None:
            shown = passport if isinstance(passport, str) else passport(call_id, reply_to)
            headers[PRINCIPAL_HEADER] = shown
            if shown:  # what a service finds out for itself, in the passport's favour
                headers["nameko.digest"] = json.loads(shown.rpartition(".")[0])["digest"]
        message = self._channel.prepare_message(
            body,
            content_type="application/json",
            content_encoding="utf-8",
            headers=headers,
            properties={"reply_to": reply_to, "correlation_id": call_id},
        )
        self._channel.basic_publish(message, exchange=RPC_EXCHANGE.name, routing_key=key)
        if reply_to != self.reply_to:
            return None
        self._drain(lambda: call_id in self._answers)
        answer: dict[str, Any] = self._answers.pop(call_id)
        return answer

    def capture(self, key: str, cause: Callable[[], object]) -> Message:
        """The call with that key that `cause` leads to."""
        self.calls.clear()
        thread = threading.Thread(target=cause)
        thread.start()
        self._drain(lambda: any(each.delivery_info["routing_key"] == key for each in self.calls))
        thread.join()
        return next(each for each in self.calls if each.delivery_info["routing_key"] == key)

    def order(self, event: dict[str, Any]) -> None:
        """Publish an event."""
        producer, _, key = event["type"].partition(".")
        message = self._channel.prepare_message(json.dumps(event).encode(), content_type="application/json")
        self._channel.basic_publish(message, exchange=f"{producer}.events", routing_key=key)

    def _drain(self, done: Callable[[], bool]) -> None:
        until = time.monotonic() + 30
        while not done():
            assert time.monotonic() < until, "no answer"
            try:
                self._connection.drain_events(timeout=0.5)
            except TimeoutError:
                continue

    def _answered(self, message: Message) -> None:
        self._answers[message.properties["correlation_id"]] = json.loads(message.body)


@dataclass
class Ground:
    """A project with a labeler who has one of its two labels, and all ids that a forger could know."""

    owner: Person
    labeler: Person
    project_id: str
    assets: list[str]
    labels: list[str]
    known: dict[str, Any] = field(default_factory=dict)


@pytest.fixture(scope="module")
def ground(system: System) -> Ground:
    owner = owner_of(system)
    project_id = new_project(owner)
    labeler = hire(system, owner, project_id, ProjectRole.LABELER)
    assets = stored_assets(owner, 2)
    labels = new_labels(owner, project_id, assets)
    there = f"/projects/{project_id}/labels/{labels[0]}:assign"
    owner.ok("POST", there, json={"user_id": labeler.id, "as": "labeler"})
    actor = {"user_id": owner.id, "role": "owner"}
    known = {"project_id": project_id, "label_id": labels[1], "asset_id": assets[1], "user_id": owner.id}
    known |= {"actor": actor, "name": "mine", "ids": assets, "email": owner.email, "variant": "content", "limit": 10}
    return Ground(owner, labeler, project_id, assets, labels, known)


@pytest.fixture(scope="module")
def broker(system: System) -> Iterator[Broker]:
    broker = Broker(system.environment["LABELYARD_AMQP_URL"])
    yield broker
    broker.close()


@contextmanager
def knowing(system: System, **more: str) -> Iterator[None]:
    """With the settings of the system, its keys too, and with these in place of some."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (system.environment | more).items():
            patch.setenv(name, value)
        settings.cache_clear()
        yield
    settings.cache_clear()


def refused_as(answer: dict[str, Any] | None) -> str:
    """The code of a refusal; that nothing else was answered is asserted."""
    assert answer is not None and answer["result"] is None and answer["error"]["exc_type"] == "Problem", answer
    return str(answer["error"]["exc_args"][0])


def test_without_a_key_no_method_of_any_service_answers(system: System, ground: Ground, broker: Broker) -> None:
    path = f"/projects/{ground.project_id}/labels"
    real = broker.capture("labels.list_labels", lambda: ground.owner.ok("GET", path)).headers[PRINCIPAL_HEADER]
    somebody = Claims(
        user_id=UUID(ground.owner.id), team_role=TeamRole.OWNER, project_id=UUID(ground.project_id), role=Role.OWNER
    )
    stolen = keys.of(["labels"], system.environment["LABELYARD_SIGNING_KEY"]).removeprefix("labels:")
    bodies = [
        (f"{service}.{method}", json.dumps({"args": [], "kwargs": {"request": request}}).encode())
        for service, method in METHODS
        for request in (ground.known, {**ground.known, "actor": ground.owner.id}, {})
    ]
    tries = 0

    def try_all(passport: Callable[[str, bytes, str, str], str] | None) -> None:
        nonlocal tries
        for key, body in bodies:
            answer = broker.ask(key, body, passport and functools.partial(passport, key, body))
            assert refused_as(answer) == "bad_principal", key
            tries += 1

    def signed(key: str, body: bytes, call_id: str, reply_to: str) -> str:
        return principals.sign(somebody, principals.digest_of_call(key, reply_to, call_id, body))

    try_all(None)
    try_all(lambda *_: "")
    try_all(lambda *_: real)
    for private in (keys.new_private_key(), stolen):
        with knowing(system, LABELYARD_SIGNING_KEY=f"gateway:{private}"):
            try_all(signed)
    print(f"{tries} forged calls of {len(METHODS)} methods of {len(methods())} services, and none answered")


def test_a_service_is_not_answered_what_people_ask(system: System, ground: Ground, broker: Broker) -> None:
    """Who has broken into a service signs as that, and names whom they like."""
    somebody = Claims(
        user_id=UUID(ground.owner.id), team_role=TeamRole.OWNER, project_id=UUID(ground.project_id), role=Role.OWNER
    )
    with knowing(system), context.working_as("exports"):
        client = RpcClient()
        try:
            for request in (
                ListLabels(project_id=UUID(ground.project_id)),
                LinkAsset(asset_id=UUID(ground.assets[0]), variant="content"),
            ):
                with context.acting_for(somebody), pytest.raises(Problem, match="forbidden"):
                    client.call(request, 20)
        finally:
            client.close()


def test_a_captured_call_is_good_for_itself_only(ground: Ground, broker: Broker) -> None:
    path = f"/projects/{ground.project_id}/labels"
    call = broker.capture("labels.list_labels", lambda: ground.owner.ok("GET", path))
    passport, body = call.headers[PRINCIPAL_HEADER], str(call.body).encode()
    call_id, reply_to = call.properties["correlation_id"], call.properties["reply_to"]
    other = json.loads(body)
    other["kwargs"]["request"]["limit"] = 7
    for key, said, called in (
        ("labels.list_labels", json.dumps(other).encode(), call_id),
        ("labels.list_labels", body + b" ", call_id),
        ("labels.list_labels", body, call_id),  # answered to another
        ("labels.list_labels", body, str(uuid4())),
        ("exports.list_exports", body, call_id),
    ):
        answer = broker.ask(key, said, passport, called)
        assert refused_as(answer) == "bad_principal"
        assert "another message" in answer["error"]["value"]  # type: ignore[index]
    assert broker.ask("labels.list_labels", body, passport, call_id, reply_to) is None  # to the gateway, who asked


def test_a_labelers_call_reaches_as_far_as_a_labeler(system: System, ground: Ground) -> None:
    """The gateway's own signature says labeler: whatever the request says beside it, the services go by that."""
    project_id, me = UUID(ground.project_id), UUID(ground.labeler.id)
    mine, other = map(UUID, ground.labels)
    claims = Claims(user_id=me, team_role=TeamRole.MEMBER, project_id=project_id, role=Role.LABELER)
    own = Viewer(only_assignee=me)
    with knowing(system), context.acting_for(claims):
        client = RpcClient()
        try:

            def code(request: Any) -> str:
                try:
                    client.call(request, 20)
                except Problem as problem:
                    return problem.code
                return "ok"

            assert scope_of(Permission.READ_LABELS, Role.LABELER) is not None
            assert code(GetLabel(project_id=project_id, label_id=mine, viewer=own)) == "ok"
            assert code(GetLabel(project_id=project_id, label_id=other, viewer=own)) == "not_found"
            for viewer in (Viewer(), Viewer(only_assignee=UUID(ground.owner.id)), Viewer(anonymous=True)):
                assert code(GetLabel(project_id=project_id, label_id=other, viewer=viewer)) == "forbidden"
                assert code(ListLabels(project_id=project_id, viewer=viewer)) == "forbidden"
            for actor in (Actor(user_id=me, role=Role.OWNER), Actor(user_id=UUID(ground.owner.id), role=Role.OWNER)):
                change = {"project_id": project_id, "label_id": other, "expected_version": 1, "body": Body()}
                assert code(SaveBody(**change, actor=actor)) == "forbidden"
            asset = LinkAsset(asset_id=UUID(ground.assets[1]), variant="content")
            assert code(asset) == "forbidden"
            assert code(asset.model_copy(update={"project_id": project_id, "viewer": own})) == "not_found"
            elsewhere = UUID(new_project(ground.owner))
            assert code(ListLabels(project_id=elsewhere, viewer=own)) == "forbidden"
        finally:
            client.close()


def test_a_service_trusts_no_id_of_another_project(system: System, ground: Ground) -> None:
    """The gateway lets an owner into one project, and the request names what belongs to another."""
    owner, there = ground.owner, f"/projects/{ground.project_id}"
    thread = f"{there}/labels/{ground.labels[0]}/issues"
    upload = {"filename": "x.json", "size": 2}
    foreign = {
        "label_id": ground.labels[0],
        "asset_id": ground.assets[0],
        "issue_id": owner.ok("POST", thread, json={"text": "Is this one?"})["id"],
        "export_id": owner.ok("POST", f"{there}/exports", json={})["id"],
        "guideline_id": new_guideline(owner, ground.project_id),
        "upload": owner.ok("POST", f"{there}/uploads", json=upload)["upload"],
        "import_id": str(uuid4()),
    }
    project_id = new_project(owner)
    more = {"project_id": project_id, "actor": {"user_id": owner.id, "role": "owner"}, "viewer": {}, "body": {}}
    more |= {"expected_version": 1, "action": "submit", "text": "mine", "state": "resolved", "name": "mine"}
    more |= {"variant": "content", "format": "coco", "dataset": "any", "version": 1}
    claims = Claims(
        user_id=UUID(owner.id), team_role=TeamRole.OWNER, project_id=UUID(project_id), role=Role.OWNER, agent="test"
    )
    asked = []
    with knowing(system), context.acting_for(claims):
        client = RpcClient()
        try:
            for request_class in (each for of_service in methods().values() for each in of_service.values()):
                fields = request_class.model_fields
                if "project_id" not in fields or not foreign.keys() & fields.keys():
                    continue
                actor = owner.id if "actor" in fields and fields["actor"].annotation is UUID else more["actor"]
                request = request_class.model_validate({**foreign, **more, "actor": actor})
                with pytest.raises(Problem) as refusal:
                    client.call(request, 20)
                assert refusal.value.code == "not_found", f"{request.method()}: {refusal.value}"
                asked.append(request.method())
        finally:
            client.close()
    print(f"{len(asked)} requests with another project's ids: {', '.join(asked)}")
    assert {each["id"] for each in owner.ok("GET", f"{there}/exports")["items"]} == {foreign["export_id"]}


def test_an_order_that_its_producer_did_not_sign_is_not_carried_out(
    system: System, ground: Ground, broker: Broker
) -> None:
    project_id = UUID(ground.project_id)
    wish = SnapshotRequested(project_id=project_id, snapshot_id=uuid4())
    stands = SnapshotCompleted(project_id=project_id, snapshot_id=uuid4(), manifest="x", labels=0, objects=0)
    with knowing(system):
        true = json.loads(outbox.encode(wish))
        elsewhere = {**true["data"], "project_id": new_project(ground.owner)}
        told = json.loads(outbox.encode(stands))
    with knowing(system, LABELYARD_SIGNING_KEY=keys.listed(dict.fromkeys(keys.ISSUERS, keys.new_private_key()))):
        forged = json.loads(outbox.encode(wish))
    with knowing(system):
        digest = principals.digest_of_order(wish.type, wish.model_dump(mode="json"))
        foreign = {**true, "principal": principals.sign(None, digest, issuer="labels")}
    unsigned = {name: value for name, value in true.items() if name != "principal"}
    orders = [unsigned, forged, foreign, {**true, "data": elsewhere}]
    for each in orders:
        broker.order(each)
    broker.order({name: value for name, value in told.items() if name != "principal"})
    reasons = _kept(ground.owner, "labels.snapshot.v1", len(orders))
    assert all("Distrusted" in reason for reason in reasons), reasons
    assert ["Distrusted" in reason for reason in _kept(ground.owner, "exports.events.v1", 1)] == [True]
    for queue in ("labels.snapshot.v1", "exports.events.v1"):
        ground.owner.ok("POST", "/admin/failed:drop", json={"queue": queue})


def test_an_order_to_oneself_is_a_reminder_that_does_no_more_than_what_is_recorded(
    ground: Ground, broker: Broker, system: System
) -> None:
    """Nothing is recorded of this import: there is nothing to run, signed or not."""
    nowhere = ImportRequested(project_id=UUID(ground.project_id), import_id=uuid4())
    with knowing(system):
        order = json.loads(outbox.encode(nowhere))
    order.pop("principal")
    broker.order(order)
    (reason,) = _kept(ground.owner, "labels.import.v1", 1)
    assert "NoResultFound" in reason
    ground.owner.ok("POST", "/admin/failed:drop", json={"queue": "labels.import.v1"})


def _kept(owner: Person, queue: str, count: int) -> list[str]:
    """The reasons of the failed messages of a queue, once there are as many."""
    until = time.monotonic() + 60
    while True:
        found = owner.ok("GET", "/admin/failed", params={"queue": queue})["items"]
        if len(found) >= count:
            return [each["reason"] for each in found]
        assert time.monotonic() < until, "it does not come to be kept"
        time.sleep(0.1)
