"""From the outbox through a real broker into a handler: at least once, failures kept and tried again."""

import threading
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis import context, outbox
from chassis.broker import connect
from chassis.consumer import EventConsumer, Subscription
from chassis.database import Database
from chassis.relay import Relay
from chassis.tables import failed_messages
from chassis.tables import outbox as outbox_table
from contracts.enums import JobState
from contracts.events import ExportChanged, ExportReady
from tests.service.chassis.conftest import declared


def eventually(condition: Callable[[], bool], seconds: float = 15) -> None:
    """Wait until `condition` holds."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it never came to hold"
        time.sleep(0.02)


def changed(version: int) -> ExportChanged:
    return ExportChanged(project_id=uuid4(), export_id=uuid4(), version=version, state=JobState.QUEUED)


def count(database: Database, table: sa.Table) -> int:
    with database.engine.connect() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


@pytest.fixture
def queue() -> str:
    return f"exports.test-{uuid4().hex}.v1"


def test_a_committed_event_arrives_with_its_correlation_id(
    database: Database, running: Callable[..., None], queue: str
) -> None:
    seen: list[tuple[Any, str]] = []
    subscription = Subscription(queue, {ExportChanged: lambda _, data: seen.append((data, context.correlation_id()))})
    event, rolled_back = changed(1), changed(2)
    with declared(subscription):
        running(lambda stop, health: Relay("exports", database, stop, health))
        running(lambda stop, health: EventConsumer(subscription, database, stop, health))
        with pytest.raises(ZeroDivisionError), database.session() as session:
            outbox.add(session, rolled_back)
            raise ZeroDivisionError
        with context.correlated("the-request"), database.session() as session:
            outbox.add(session, event)
        eventually(lambda: bool(seen) and count(database, outbox_table) == 0)
    assert seen == [(event, "the-request")]


def test_an_event_nobody_is_bound_to_is_done(database: Database, running: Callable[..., None]) -> None:
    with database.session() as session:
        outbox.add(session, ExportReady(project_id=uuid4(), export_id=uuid4()))
    running(lambda stop, health: Relay("members", database, stop, health))  # its exchange has no such binding
    eventually(lambda: count(database, outbox_table) == 0)


def test_a_failure_is_kept_and_tried_again_and_the_others_get_through(
    database: Database, running: Callable[..., None], queue: str
) -> None:
    events = [changed(version) for version in range(50)]
    bad = events[20].export_id
    healed = threading.Event()
    handled: set[UUID] = set()

    def handle(_: Session, data: ExportChanged) -> None:
        if data.export_id == bad and not healed.is_set():
            raise ValueError("not yet")
        handled.add(data.export_id)

    subscription = Subscription(queue, {ExportChanged: handle})
    with declared(subscription):
        running(lambda stop, health: Relay("exports", database, stop, health))
        running(lambda stop, health: EventConsumer(subscription, database, stop, health))
        with database.session() as session:
            outbox.add(session, *events)
        eventually(lambda: len(handled) == 49 and count(database, failed_messages) == 1)
        with database.engine.connect() as connection:
            kept = connection.execute(sa.select(failed_messages)).one()
        assert "not yet" in kept.reason
        assert outbox.decode(bytes(kept.body)).data == events[20]
        healed.set()
        eventually(lambda: len(handled) == 50 and count(database, failed_messages) == 0)


def test_one_bad_event_does_not_spoil_its_batch(database: Database, running: Callable[..., None], queue: str) -> None:
    events = [changed(version) for version in range(300)]
    committed: list[UUID] = []

    def handle(_: Session, batch: list[ExportChanged]) -> None:
        if any(data.version == 7 for data in batch):
            raise ValueError("poison")

    subscription = Subscription(
        queue,
        {ExportChanged: handle},
        batch=100,
        after_commit=lambda batch: committed.extend(data.export_id for data in batch),
    )
    with database.session() as session:
        outbox.add(session, *events)
    with declared(subscription):
        running(lambda stop, health: Relay("exports", database, stop, health))
        running(lambda stop, health: EventConsumer(subscription, database, stop, health))
        eventually(lambda: len(committed) >= 299)
    assert sorted(committed) == sorted(event.export_id for event in events if event.version != 7)
    assert count(database, failed_messages) >= 1


def test_a_type_that_is_bound_but_not_taken_any_more_is_passed_over(
    database: Database, running: Callable[..., None], queue: str
) -> None:
    seen: list[ExportChanged] = []
    event = changed(1)
    with declared(Subscription(queue, {ExportReady: lambda *_: None, ExportChanged: lambda *_: None})):
        running(lambda stop, health: Relay("exports", database, stop, health))
        taking = Subscription(queue, {ExportChanged: lambda _, data: seen.append(data)})
        running(lambda stop, health: EventConsumer(taking, database, stop, health))
        with database.session() as session:
            outbox.add(session, ExportReady(project_id=uuid4(), export_id=uuid4()), event)
        eventually(lambda: seen == [event])
    assert count(database, failed_messages) == 0


def test_what_cannot_be_read_is_kept(database: Database, running: Callable[..., None], queue: str) -> None:
    subscription = Subscription(queue, {ExportChanged: lambda *_: None})
    with declared(subscription):
        running(lambda stop, health: EventConsumer(subscription, database, stop, health))
        with connect() as connection:
            channel = connection.default_channel
            for body in (b"\xff not json", b"[]", b'{"type": "exports.export.changed.v1", "data": {}}'):
                channel.basic_publish(channel.prepare_message(body), exchange="", routing_key=queue)
        eventually(lambda: count(database, failed_messages) == 3)
