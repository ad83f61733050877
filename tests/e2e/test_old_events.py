"""Whatever was told once may be told again, however much later: it does no harm.

A day's events are recorded as they pass the broker. When all is quiet they are told again, those of every type that
anybody takes: as they were, and under new ids; a month old, and in disorder. Nothing that people see may change.
"""

import json
import random
import threading
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
import urllib3
from kombu import Connection, Exchange, Queue
from prometheus_client.parser import text_string_to_metric_families

from chassis import outbox
from chassis.settings import SERVICES, settings
from chassis.topology import subscriptions_of_service
from client.transport import ApiError
from contracts.enums import ExportStep
from contracts.events import (
    EventData,
    PartReady,
    ProjectPurgeRequested,
    SnapshotCanceled,
    SnapshotFailed,
    SnapshotProgressed,
)
from deploy.local.processes import PROCESSES
from deploy.local.system import System
from tests.e2e.support import Team, body, eventually, make_team
from tests.pdfs import pdf

QUEUES = {each.queue: {e.type for e in each.handlers} for s in SERVICES for each in subscriptions_of_service(s)}
TAKEN = set.union(*QUEUES.values())


class Recorder:
    """Every event that passes the broker, as `events`, until its block ends."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.events: list[dict[str, Any]] = []
        self._broker = Connection(system.environment["LABELYARD_AMQP_URL"])
        self._publisher = Connection(system.environment["LABELYARD_AMQP_URL"])
        self._name = f"recorder-{uuid4().hex}"
        self._over, self._marks = threading.Event(), set[str]()
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> "Recorder":
        channel = self._broker.channel()
        queue = Queue(self._name, exclusive=True, auto_delete=True, channel=channel)
        queue.declare()
        for service in SERVICES:
            queue.bind_to(Exchange(f"{service}.events", type="topic"), routing_key="#")
        consumer = self._broker.Consumer(queue, channel=channel, on_message=self._heard, no_ack=True, accept=None)
        consumer.consume()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(10)
        self._broker.close()
        self._publisher.close()

    def tell(self, event: dict[str, Any]) -> None:
        """Publish an event as its producer would."""
        producer, _, key = event["type"].partition(".")
        channel = self._publisher.default_channel
        message = channel.prepare_message(json.dumps(event).encode(), content_type="application/json")
        channel.basic_publish_confirm(message, f"{producer}.events", key)

    def caught_up(self) -> None:
        """Waits until everything is in `events` that was published before."""
        mark = str(uuid4())
        channel = self._publisher.default_channel
        channel.basic_publish_confirm(channel.prepare_message(mark.encode()), "", self._name)
        eventually(lambda: _hold(mark in self._marks, "the recorder does not catch up"))

    def _listen(self) -> None:
        while not self._over.is_set():
            try:
                self._broker.drain_events(timeout=0.2)
            except TimeoutError:
                continue

    def _heard(self, message: Any) -> None:
        if message.delivery_info["exchange"]:
            self.events.append(json.loads(message.body))
        else:
            self._marks.add(bytes(message.body).decode())


class Quiet:
    """Knows when everything that was told since it was made has been handled by everybody who takes it."""

    def __init__(self, system: System, recorder: Recorder) -> None:
        self._system = system
        self._recorder = recorder
        self._before = self._handled()
        self._recorded = len(recorder.events)

    def wait(self) -> None:
        """Waits for that."""
        eventually(self._check, within=180)

    def _check(self) -> None:
        assert self._waiting() == 0, "events wait in an outbox"
        self._recorder.caught_up()
        told = Counter(event["type"] for event in self._recorder.events[self._recorded :])
        handled = self._handled()
        for queue, types in QUEUES.items():
            expected = sum(told[each] for each in types)
            assert handled[queue] - self._before[queue] >= expected, f"{queue} is behind"
        assert self._waiting() == 0, "what was handled has told of something"

    def _handled(self) -> Counter[str]:
        """Queue -> events handled, by the metrics of all processes."""
        found: Counter[str] = Counter()
        for process in PROCESSES:
            port = self._system.state.port(f"health {process.name}")
            text = urllib3.request("GET", f"http://127.0.0.1:{port}/metrics", timeout=5).data.decode()
            for family in text_string_to_metric_families(text):
                for sample in family.samples:
                    if sample.name == "labelyard_event_lag_seconds_count":
                        found[sample.labels["queue"]] += int(sample.value)
        return found

    def _waiting(self) -> int:
        return sum(_ask(self._system, service, "SELECT count(*) FROM outbox") for service in SERVICES)


def test_what_is_told_again_a_month_later_changes_nothing(system: System, tmp_path: Path) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    disorder = random.Random(seed)
    with Recorder(system) as recorder:
        quiet = Quiet(system, recorder)
        with make_team(system, images=6) as team:
            day = _day(team, recorder, tmp_path)
            quiet.wait()
            recorder.caught_up()
            told = [event for event in recorder.events if event["type"] in TAKEN]
            completed = [event for event in told if event["type"] == "labels.snapshot.completed.v1"]
            told += [late for event in completed for late in _too_late(system, event)]
            assert {event["type"] for event in told} == TAKEN
            before = _state(team, day)
            for again in (told, [{**event, "id": str(uuid4())} for event in told]):
                disorder.shuffle(again)
                quiet = Quiet(system, recorder)
                for event in again:
                    recorder.tell({**event, "time": _a_month_ago(event["time"]), "since": _a_month_ago(event["time"])})
                quiet.wait()
                assert _state(team, day) == before
            print(f"{len(told)} events of {len(TAKEN)} types, twice")
            for service in SERVICES:
                assert _ask(system, service, "SELECT count(*) FROM failed_messages") == 0, service


def _day(team: Team, recorder: Recorder, tmp_path: Path) -> dict[str, Any]:
    """Something of everything that is told of; what `_state` needs to find it again."""
    owner, manager, labeler = team.owner, team.manager, team.people["lena"]
    first, second, third, *rest = team.labels
    for label in team.labels:
        manager.assign(team.id, label, labeler.id)
    invited = {"email": f"{uuid4().hex}@labelyard.test", "role": "labeler"}
    team.owner.transport.request("POST", f"/projects/{team.id}/invitations", json=invited)
    team.owner.transport.request("POST", "/auth/password-reset", json={"email": labeler.email})
    for label in (first, second):
        labeler.api.save_body(team.id, label, 2, body(list(team.class_ids.values())))
        labeler.api.act(team.id, label, "submit")
    manager.act(team.id, first, "approve")
    manager.act(team.id, second, "reject", "again, please")
    labeler.api.act(team.id, third, "skip")
    version = owner.project(team.id)["version"]
    owner.change_project(team.id, version, description="changed")
    manager.post(f"/projects/{team.id}/labels/{first}/issues", {"text": "Is this one?"})
    owner.delete(f"/projects/{team.id}/members/{team.people['lin'].id}")
    coco = {
        "images": [{"id": 1, "file_name": "0000.png", "width": 64, "height": 48}],
        "categories": [{"id": 1, "name": "cell"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 10, 10]}],
    }
    (tmp_path / "coco.json").write_text(json.dumps(coco))
    upload = manager.upload_annotations(team.id, tmp_path / "coco.json")
    dataset = manager.label(team.id, first)["dataset"]
    done = manager.await_import(manager.start_import(team.id, upload, "coco", dataset))
    tag = manager.create_tag(team.id, "seen")
    task = manager.bulk(team.id, {"filter": {}}, "add_tags", tags=[tag["id"]])
    eventually(lambda: _hold(manager.task(team.id, task["id"])["state"] == "done", "the task does not end"))
    versions = [manager.await_version(manager.create_version(team.id, name)) for name in ("one", "two", "deleted")]
    comparison = manager.await_comparison(manager.compare_versions(versions[0], versions[1]))
    manager.delete_version(versions[2])
    kept = manager.await_export(manager.create_export(team.id, name="kept"))
    gone = manager.await_export(manager.create_export(team.id, name="gone"))
    manager.delete(f"/projects/{team.id}/exports/{gone['id']}")
    manager.update_archive(team.id)
    manager.await_archive(team.id)
    (tmp_path / "guide.pdf").write_bytes(pdf(2))
    for _ in range(2):
        guideline = manager.upload_guideline(team.id, tmp_path / "guide.pdf")
    manager.delete_guideline(team.id, guideline["id"])
    others = {name: owner.create_project(f"{name} {team.id}") for name in ("deleted", "restored", "purged")}
    for project in others.values():
        owner.delete_project(project["id"])
    owner.restore_project(others["restored"]["id"])
    recorder.tell(_event(recorder.system, ProjectPurgeRequested(project_id=others["purged"]["id"], version=3)))
    checks = [
        owner.await_counter_check(owner.start_counter_check(kind, team.id))["id"] for kind in ("verify", "rebuild")
    ]
    labeler.api.act(team.id, rest[0], "submit")  # so that what was told before is old
    found = {"import": done["id"], "export": kept, "others": others, "folder": tmp_path, "dataset": dataset}
    return {**found, "checks": checks, "task": task["id"], "comparison": comparison}


def _state(team: Team, day: dict[str, Any]) -> dict[str, Any]:
    """All that people see of the team's projects, but for what tells the time."""
    api, there = team.owner, f"/projects/{team.id}"
    cards: Any = api.overview(team.id)["cards"]
    assert {card["state"] for card in cards.values()} == {"ok"}, cards
    for item in cards["quick_actions"]["data"]["items"]:
        item.pop("query")
    target = day["folder"] / f"{uuid4()}.json"
    api.download_export(day["export"], target)
    others = [each["id"] for each in day["others"].values()]
    return {
        "cards": cards,
        "project": api.project(team.id),
        "projects": [each for each in api.projects() if each["id"] in (*others, team.id)],
        "deleted": [each for each in api.projects(deleted=True) if each["id"] in others],
        "hidden": [_code(api, f"/projects/{each}") for each in others],
        "labels": [api.label(team.id, each["id"]) for each in api.labels(team.id)],
        "histories": [list(api.history(team.id, label)) for label in team.labels],
        "issues": [list(api.pages(f"{there}/labels/{label}/issues")) for label in team.labels],
        "members": list(api.members(team.id)),
        "exports": list(api.exports(team.id)),
        "archive": api.archive(team.id),
        "file": target.read_bytes(),
        "guidelines": list(api.guidelines(team.id)),
        "import": api.import_(team.id, day["import"]),
        "task": api.task(team.id, day["task"]),
        "tags": list(api.tags(team.id)),
        "versions": list(api.versions(team.id)),
        "comparison": api.await_comparison(day["comparison"]),
        "checks": [api.counter_check(each) for each in day["checks"]],
        "assets": list(api.assets(day["dataset"])),
        "seen by the labeler": [each["id"] for each in team.people["lena"].api.labels(team.id)],
        "refused": _code(team.people["lin"].api, there),
    }


def _code(api: Any, path: str) -> str:
    try:
        api.get(path)
    except ApiError as error:
        return error.code
    return "ok"


def _too_late(system: System, completed: dict[str, Any]) -> list[dict[str, Any]]:
    """What is heard of an export that has long been written: how far its snapshot was, if that took long; another
    attempt at it came to nothing, nobody wants it any more, and a worker is to write a part of it."""
    project_id, export_id = completed["data"]["project_id"], completed["data"]["snapshot_id"]
    late = [
        SnapshotProgressed(project_id=project_id, snapshot_id=export_id, labels=1, total=6),
        SnapshotFailed(project_id=project_id, snapshot_id=export_id, code="gone", detail="late"),
        SnapshotCanceled(project_id=project_id, snapshot_id=export_id),
        PartReady(project_id=project_id, export_id=export_id, step=ExportStep.SNAPSHOT, part=0),
    ]
    return [_event(system, each) for each in late]


def _event(system: System, data: EventData) -> dict[str, Any]:
    """As its producer tells it, who signs an order."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("LABELYARD_SIGNING_KEY", "LABELYARD_VERIFYING_KEYS"):
            patch.setenv(name, system.environment[name])
        settings.cache_clear()
        document: dict[str, Any] = json.loads(outbox.encode(data))
    settings.cache_clear()
    return document


def _a_month_ago(time: str) -> str:
    return (datetime.fromisoformat(time) - timedelta(days=31)).isoformat()


def _ask(system: System, service: str, query: str) -> int:
    engine = sa.create_engine(
        system.environment[f"LABELYARD_{service.upper()}_DSN"].replace("postgresql://", "postgresql+psycopg://")
    )
    with engine.connect() as connection:
        found: int = connection.execute(sa.text(query)).scalar_one()
    engine.dispose()
    return found


def _hold(condition: bool, what: str) -> None:
    assert condition, what
