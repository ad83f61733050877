"""The live stream of a running system."""

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import httpx
import pytest

from chassis.database import Database
from chassis.ids import new_id
from chassis.settings import Settings
from contracts.enums import Review, Status
from contracts.events import LabelChanged, LabelState
from deploy.local.state import REPOSITORY
from deploy.local.system import System
from services.analytics.workers.projector import SUBSCRIPTIONS
from tests.e2e.support import eventually
from tests.team import PASSWORD, Person, client, hire, new_labels, new_project, owner_of, stored_assets

PATIENCE = httpx.Timeout(10, read=30)
"""Seconds of silence after which a test gives up; heartbeats break it."""


@pytest.fixture(scope="module")
def owner(system: System) -> Person:
    return owner_of(system)


@contextmanager
def watching(person: Person, project_id: str) -> Iterator[Iterator[dict[str, Any]]]:
    """The messages of a live stream, as they come."""
    with person.api.stream("GET", f"/projects/{project_id}/live", timeout=PATIENCE) as response:
        assert response.status_code == 200
        assert response.headers["Content-Type"].startswith("text/event-stream")
        yield messages(response)


@contextmanager
def watched(gateway: "Hasty", person: Person, project_id: str) -> Iterator[Iterator[dict[str, Any]]]:
    """The same from another gateway."""
    with (
        gateway.client(person) as api,
        api.stream("GET", f"/projects/{project_id}/live", timeout=PATIENCE) as response,
    ):
        yield messages(response)


def messages(response: httpx.Response) -> Iterator[dict[str, Any]]:
    return (json.loads(line[6:]) for line in response.iter_lines() if line.startswith("data: "))


def figures(person: Person, project_id: str) -> dict[str, Any]:
    card = person.ok("GET", f"/projects/{project_id}/overview")["cards"]["labeling_status"]
    assert card["state"] == "ok"
    return dict(card["data"])


def holds(condition: bool) -> None:
    assert condition


def total(message: dict[str, Any]) -> int:
    count: int = message["cards"]["labeling_status"]["data"]["total"]
    return count


def test_a_stream_starts_with_the_present_and_shows_every_change(system: System, owner: Person) -> None:
    project_id = new_project(owner)
    labels = new_labels(owner, project_id, stored_assets(owner, 3))
    labeler = hire(system, owner, project_id, "labeler")
    path = f"/projects/{project_id}/labels/{labels[0]}:assign"
    with watching(owner, project_id) as all_of_it, watching(labeler, project_id) as own:
        seen = [next(all_of_it)]
        assert next(own)["cards"].keys() == {"labeling_status"}
        owner.ok("POST", path, json={"user_id": labeler.id})
        assert total(next(own)) == 1
        for label in labels:
            owner.ok("POST", f"/projects/{project_id}/labels/{label}:submit")
        while seen[-1]["cards"]["labeling_status"]["data"]["submitted"] < 3:
            seen.append(next(all_of_it))
    versions = [message["version"] for message in seen]
    assert versions == sorted(set(versions))
    page = owner.ok("GET", f"/projects/{project_id}/overview")["cards"]
    assert seen[-1]["cards"] == {name: page[name] for name in ("labeling_status", "review")}


def test_a_stream_ends_with_the_right_to_read_it(system: System, owner: Person) -> None:
    project_id = new_project(owner)
    people = [hire(system, owner, project_id, role) for role in ("reviewer", "labeler", "manager")]
    with ExitStack() as stack:
        streams = [stack.enter_context(watching(person, project_id)) for person in people]
        bystander = stack.enter_context(watching(owner, project_id))
        for stream in (*streams, bystander):
            next(stream)
        owner.ok("DELETE", f"/projects/{project_id}/members/{people[0].id}")
        owner.ok("PATCH", f"/projects/{project_id}/members/{people[1].id}", json={"role": "reviewer"})
        [token] = people[2].ok("GET", "/me/tokens")["items"]
        people[2].ok("DELETE", f"/me/tokens/{token['id']}")
        for stream in streams:
            assert list(stream) == []
        new_labels(owner, project_id, stored_assets(owner, 1))
        assert total(next(bystander)) == 1


def test_a_public_stream_ends_when_the_project_is_hidden(system: System, owner: Person) -> None:
    project_id = new_project(owner, "public")
    visitor = hire(system, owner, new_project(owner), "labeler")
    with watching(visitor, project_id) as stream:
        assert next(stream)["cards"].keys() == {"labeling_status"}
        owner.ok("PATCH", f"/projects/{project_id}", json={"visibility": "private"})
        assert list(stream) == []


def test_a_reader_that_takes_nothing_costs_nobody_else_anything(system: System, owner: Person) -> None:
    project_id = new_project(owner)
    assets = stored_assets(owner, 40)  # so many messages fill every buffer on the way to a reader
    address = urlsplit(system.url)
    with ExitStack() as stack:
        for _ in range(5):
            stuck = stack.enter_context(socket.socket())
            stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            stuck.connect((address.hostname, address.port))
            head = f"GET /api/v1/projects/{project_id}/live HTTP/1.1\r\nHost: x\r\n"
            stuck.sendall(f"{head}Authorization: {owner.api.headers['Authorization']}\r\n\r\n".encode())
        stream = stack.enter_context(watching(owner, project_id))
        next(stream)
        for number, asset in enumerate(assets, 1):
            new_labels(owner, project_id, [asset])
            while total(next(stream)) < number:
                pass


@dataclass(frozen=True)
class Hasty:
    """A gateway of its own, whose streams beat every second and give a stuck reader up after one."""

    url: str
    health: str

    def client(self, person: Person) -> httpx.Client:
        headers = {"Authorization": person.api.headers["Authorization"]}
        return httpx.Client(base_url=f"{self.url}/api/v1", headers=headers, timeout=30)

    def metric(self, name: str) -> float:
        text = httpx.get(f"{self.health}/metrics", timeout=30).text
        [line] = [line for line in text.splitlines() if line.startswith(f"{name} ")]
        return float(line.rpartition(" ")[2])


@pytest.fixture(scope="module")
def hasty(system: System) -> Iterator[Hasty]:
    port, health = system.state.port("hasty gateway"), system.state.port("health hasty gateway")
    environment = system.process_environment() | {
        "LABELYARD_GATEWAY_PORT": str(port),
        "LABELYARD_HEALTH_PORT": str(health),
        "LABELYARD_STREAM_HEARTBEAT": "1",
        "LABELYARD_STREAM_PATIENCE": "1",
    }
    process = subprocess.Popen([sys.executable, "-m", "chassis", "gateway"], cwd=REPOSITORY, env=environment)
    gateway = Hasty(f"http://127.0.0.1:{port}", f"http://127.0.0.1:{health}")
    try:
        eventually(lambda: ready(gateway))
        yield gateway
    finally:
        process.terminate()
        process.wait()


def ready(gateway: Hasty) -> None:
    try:
        assert httpx.get(f"{gateway.health}/readyz", timeout=5).status_code == 200
    except httpx.TransportError as error:
        raise AssertionError("not yet") from error


def test_a_reader_that_takes_nothing_is_dropped(system: System, owner: Person, hasty: Hasty) -> None:
    project_id = new_project(owner)
    address = urlsplit(hasty.url)
    with ExitStack() as stack:
        for _ in range(3):
            stuck = stack.enter_context(socket.socket())
            stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            stuck.connect((address.hostname, address.port))
            head = f"GET /api/v1/projects/{project_id}/live HTTP/1.1\r\nHost: x\r\n"
            stuck.sendall(f"{head}Authorization: {owner.api.headers['Authorization']}\r\n\r\n".encode())
        reader = stack.enter_context(watched(hasty, owner, project_id))
        next(reader)
        eventually(lambda: holds(hasty.metric("labelyard_live_streams") == 4))
        for number, asset in enumerate(stored_assets(owner, 60), 1):
            new_labels(owner, project_id, [asset])
            while total(next(reader)) < number:
                pass
        eventually(lambda: holds(hasty.metric("labelyard_live_streams") == 1))
        new_labels(owner, project_id, stored_assets(owner, 1))
        while total(next(reader)) < 61:
            pass


def test_a_heartbeat_shows_what_was_never_announced(system: System, owner: Person, hasty: Hasty) -> None:
    project_id = new_project(owner)
    with watched(hasty, owner, project_id) as stream:
        assert total(next(stream)) == 0
        fold_silently(system, UUID(project_id))
        began = time.monotonic()
        message = next(stream)
        assert total(message) == 1
        print(f"shown {time.monotonic() - began:.2f} s after a commit that nobody was told of; heartbeat 1 s")


def fold_silently(system: System, project_id: UUID) -> None:
    """Count one more label, as the projector does, without the announcement that follows its commit."""
    now = datetime.now(UTC)
    state = LabelState(
        label_id=new_id(), version=1, status=Status.IN_PROGRESS, review=Review.NOT_SUBMITTED, round=0, updated_at=now
    )
    [subscription] = [each for each in SUBSCRIPTIONS if LabelChanged in each.handlers]
    database = Database(normalised(system.environment["LABELYARD_ANALYTICS_DSN"]))
    try:
        with database.session() as session:
            event = LabelChanged(project_id=project_id, labels=(state,), cause="import")
            subscription.handlers[LabelChanged](session, [event])
    finally:
        database.close()


def normalised(dsn: str) -> str:
    return dsn.replace("postgresql://", "postgresql+psycopg://", 1)


def test_a_reader_who_comes_back_sees_the_present(system: System, owner: Person, hasty: Hasty) -> None:
    """To this gateway or to another."""
    project_id = new_project(owner)
    with watching(owner, project_id) as stream:
        new_labels(owner, project_id, stored_assets(owner, 1))
        while total(message := next(stream)) < 1:
            pass
    seen = message["version"]
    new_labels(owner, project_id, stored_assets(owner, 2))
    eventually(lambda: holds(figures(owner, project_id)["total"] == 3))
    headers = {"Last-Event-ID": str(seen)}
    for api in (owner.api, hasty.client(owner)):
        with api.stream("GET", f"/projects/{project_id}/live", headers=headers, timeout=PATIENCE) as response:
            first = next(messages(response))
        assert total(first) == 3 and first["version"] > seen


def test_a_session_that_is_ended_ends_its_streams(system: System, owner: Person) -> None:
    project_id = new_project(owner)
    reviewer = hire(system, owner, project_id, "reviewer")
    with client(system) as session, client(system) as other:
        for each in (session, other):
            signed_in = each.post("/auth/login", json={"email": reviewer.email, "password": PASSWORD}).json()
            each.headers["X-CSRF-Token"] = signed_in["csrf_token"]
        with session.stream("GET", f"/projects/{project_id}/live", timeout=PATIENCE) as response:
            stream = messages(response)
            next(stream)
            [mine] = [each["id"] for each in session.get("/me/sessions").json()["items"] if each["current"]]
            other.delete(f"/me/sessions/{mine}").raise_for_status()
            began = time.monotonic()
            assert list(stream) == []
            print(f"ended {time.monotonic() - began:.2f} s after its session")


def test_beyond_the_cap_streams_are_refused_and_requests_are_not(system: System, owner: Person) -> None:
    project_id = new_project(owner)
    cap = Settings(amqp_url=system.environment["LABELYARD_AMQP_URL"]).stream_cap
    headers = {"Authorization": owner.api.headers["Authorization"]}
    limits = httpx.Limits(max_connections=None)
    idle = overview_times(owner, project_id)
    with httpx.Client(base_url=str(owner.api.base_url), headers=headers, limits=limits, timeout=PATIENCE) as http:
        with ExitStack() as stack:
            answers = [stack.enter_context(http.stream("GET", f"/projects/{project_id}/live")) for _ in range(cap + 3)]
            refused = [answer for answer in answers if answer.status_code == 503]
            assert len(refused) >= 3
            for answer in refused:
                answer.read()
                assert answer.json()["code"] == "busy"
                assert int(answer.headers["Retry-After"]) > 0
            full = overview_times(owner, project_id)
        print(f"overview p99 {idle:.1f} ms, with {cap} streams {full:.1f} ms")  # measured by benchmarks/streams
        free = threading.Event()
        for _ in range(100):
            with http.stream("GET", f"/projects/{project_id}/live") as answer:
                if answer.status_code == 200:
                    break
            free.wait(0.2)
        else:
            pytest.fail("closed streams stay counted")


def overview_times(person: Person, project_id: str) -> float:
    """The slowest hundredth of a hundred answers, in milliseconds."""
    times = []
    for _ in range(100):
        began = time.perf_counter()
        person.ok("GET", f"/projects/{project_id}/overview")
        times.append(time.perf_counter() - began)
    return 1000 * sorted(times)[-2]


def test_a_stream_survives_analytics_going_and_coming(system: System, owner: Person) -> None:
    project_id = new_project(owner)
    [asset] = stored_assets(owner, 1)
    system.stop("analytics")
    try:
        with watching(owner, project_id) as stream:
            gone = {"state": "unavailable", "reason": "deadline_exceeded"}
            assert next(stream) == {"version": 0, "cards": {"labeling_status": gone, "review": gone}}
            new_labels(owner, project_id, [asset])
            system.start("analytics")
            while total(next(stream)) < 1:
                pass
    finally:
        system.start("analytics")


def test_a_stream_tells_how_far_tasks_are_to_those_who_manage_data(system: System, owner: Person) -> None:
    project_id = new_project(owner)
    new_labels(owner, project_id, stored_assets(owner, 3))
    reviewer = hire(system, owner, project_id, "reviewer")
    order = {"selection": {"filter": {}}, "action": "submit"}
    with watching(owner, project_id) as managing, watching(reviewer, project_id) as reviewing:
        started = owner.ok("POST", f"/projects/{project_id}/labels:bulk", json=order)
        told = [message for message in until_done(managing) if "task_id" in message]
        assert {message["task_id"] for message in told} == {started["id"]}
        versions = [message["version"] for message in told]
        assert versions == sorted({*versions})
        last = told[-1]
        assert (last["kind"], last["done"], last["total"]) == ("submit", 3, 3) and "project_id" not in last
        for message in reviewing:  # what the task did, and nothing of the task
            assert "task_id" not in message
            if message["cards"]["labeling_status"]["data"]["submitted"] == 3:
                break
        new_labels(owner, project_id, stored_assets(owner, 1))
        while total(message := next(reviewing)) < 4:
            assert "task_id" not in message


def until_done(stream: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for message in stream:
        yield message
        if message.get("state") == "done":
            return


def test_a_stream_of_nothing_is_refused_like_any_page(owner: Person) -> None:
    assert owner.api.get(f"/projects/{uuid4()}/live").status_code == 404
