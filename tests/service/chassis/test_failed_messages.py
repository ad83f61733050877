"""What handlers fail at: tried to its end, kept once, bounded; messages that kill; what operators can do about them."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from kombu import Queue
from sqlalchemy.orm import Session

from chassis import failed, inbox, outbox
from chassis.broker import DELIVERY_LIMIT, OLD_DEAD_LETTERS, connect, dead_letters
from chassis.consumer import EventConsumer, Subscription
from chassis.database import Database
from chassis.dead_letters import DeadLetterConsumer
from chassis.failed import Failure, Policy
from chassis.health import Health
from chassis.observer import Observer
from chassis.relay import Relay
from chassis.settings import settings
from chassis.tables import failed_messages
from chassis.tables import inbox as inbox_table
from chassis.topology import declare_queue, sort_dead_letters
from contracts.errors import Problem
from contracts.events import ExportChanged
from contracts.failed import DropFailed, FailedState, ListFailed, ReplayFailed
from tests.service.chassis.conftest import declared
from tests.service.chassis.killed_consumer import DEADLY
from tests.service.chassis.test_events_travel import changed, count, eventually

AT_ONCE = Policy(delay=lambda _: 0.0, sweep=0.05)
Rows = list[sa.Row[Any]]


@pytest.fixture
def queue() -> str:
    return f"exports.test-{uuid4().hex}.v1"


def rows(database: Database) -> Rows:
    with database.engine.connect() as connection:
        return list(connection.execute(sa.select(failed_messages).order_by(failed_messages.c.id)).all())


def publish(queue: str, *bodies: bytes, headers: dict[str, Any] | None = None) -> None:
    with connect() as connection:
        channel = connection.default_channel
        for body in bodies:
            channel.basic_publish_confirm(channel.prepare_message(body, headers=headers), "", queue)


def depth(queue: str) -> int:
    with connect() as connection:
        return int(connection.channel().queue_declare(queue, passive=True).message_count)


def kept(session: Session, *bodies: bytes, queue: str = "exports.a.v1", given_up: bool = False) -> list[UUID]:
    """The ids of messages that are kept from now on."""
    due = None if given_up else datetime.now(UTC) + timedelta(hours=1)
    failed.keep(session, [Failure(queue, body, {}, "no", due, attempts=7) for body in bodies])
    found = sa.select(failed_messages.c.id).order_by(failed_messages.c.id.desc()).limit(len(bodies))
    return [*reversed(session.scalars(found).all())]


# --- tries ------------------------------------------------------------------------------------------------------------


def test_what_always_fails_is_given_up_and_can_be_replayed(
    database: Database, running: Callable[..., None], queue: str
) -> None:
    tries, healed = [], threading.Event()

    def handle(_: Session, data: ExportChanged) -> None:
        tries.append(data)
        if not healed.is_set():
            raise ValueError("never, \0 never")  # a character that PostgreSQL does not store

    subscription = Subscription(queue, {ExportChanged: handle})
    with declared(subscription):
        running(lambda stop, health: EventConsumer(subscription, database, stop, health, AT_ONCE))
        publish(queue, outbox.encode(changed(1)))
        eventually(lambda: [(row.next_try_at, row.kills) for row in rows(database)] == [(None, 0)])
        (row,) = rows(database)
        assert (len(tries), row.attempts) == (AT_ONCE.attempts, AT_ONCE.attempts)
        assert "never" in row.reason
        healed.set()
        with database.session() as session:
            assert failed.replay(session, "exports", ReplayFailed(id=row.id)).count == 1
        eventually(lambda: not rows(database))
    assert len(tries) == AT_ONCE.attempts + 1


def test_what_waits_for_a_message_that_is_given_up_is_told(
    database: Database, running: Callable[..., None], queue: str
) -> None:
    """Once, in the transaction that gives it up; whatever comes of that, the message is kept as given up."""
    events = [changed(1), changed(2)]
    told: list[ExportChanged] = []

    def fail(_: Session, data: ExportChanged) -> None:
        raise ValueError("never")

    def end(session: Session, data: ExportChanged) -> None:
        told.append(data)
        inbox.first_time(session, "told", data.export_id)
        if data.version == 2:
            raise ZeroDivisionError

    subscription = Subscription(queue, {ExportChanged: fail}, given_up={ExportChanged: end})
    with declared(subscription):
        running(lambda stop, health: EventConsumer(subscription, database, stop, health, AT_ONCE))
        publish(queue, *map(outbox.encode, events))
        eventually(lambda: [row.next_try_at for row in rows(database)] == [None, None])
    assert sorted(event.version for event in told) == [1, 2]
    assert count(database, inbox_table) == 1


def test_what_waits_for_a_message_that_killed_is_told_by_whoever_comes_next(
    database: Database, running: Callable[..., None], queue: str
) -> None:
    killer, tried_now = changed(1), changed(2)
    told: list[ExportChanged] = []
    subscription = Subscription(
        queue, {ExportChanged: lambda *_: None}, given_up={ExportChanged: lambda _, data: told.append(data)}
    )
    with database.session() as session:
        bodies = [outbox.encode(killer), b"what cannot be read"]
        failed.keep(session, [Failure(queue, body, {}, "killed", None, kills=AT_ONCE.kills) for body in bodies])
        last = [Failure(queue, outbox.encode(tried_now), {}, "no", datetime.now(UTC), attempts=AT_ONCE.attempts - 1)]
        failed.keep(session, last)
    with failed.claimed(database, queue, AT_ONCE) as claim, declared(subscription):
        assert claim is not None
        running(lambda stop, health: EventConsumer(subscription, database, stop, health, AT_ONCE))
        eventually(lambda: sorted(row.kills for row in rows(database)) == [0, 0, 1])
        assert told == [killer]  # the other is at its last try
    eventually(lambda: len(told) == 2)
    assert told[1] == tried_now


def test_one_try_at_a_time_whoever_looks(database: Database, queue: str) -> None:
    with database.session() as session:
        failed.keep(session, [Failure(queue, b"x", {}, "no", datetime.now(UTC))])
    with (
        failed.claimed(database, queue, AT_ONCE) as first,
        failed.claimed(database, queue, AT_ONCE) as second,
    ):
        assert first is not None
        assert second is None
    # its holder is gone without a word: the next may try, and it is remembered
    with failed.claimed(database, queue, AT_ONCE) as third:
        assert third is not None
        assert third.attempts == 2
    with pytest.raises(ZeroDivisionError), failed.claimed(database, queue, AT_ONCE):
        raise ZeroDivisionError
    assert [(row.kills, row.next_try_at) for row in rows(database)] == [(3, None)]
    assert rows(database)[0].reason == "killed its consumer 3 times"


def test_without_its_database_a_consumer_takes_nothing(
    settings_environment: dict[str, str], running: Callable[..., None], queue: str
) -> None:
    """What is taken and can't be committed comes back, and would be put aside after some times."""
    away, asked = Database("postgresql+psycopg://nobody@127.0.0.1:9/nothing"), []
    sa.event.listen(away.engine, "do_connect", lambda *_: asked.append(1))
    subscription = Subscription(queue, {ExportChanged: lambda *_: None})
    with declared(subscription):
        publish(queue, outbox.encode(changed(1)))
        running(lambda stop, health: EventConsumer(subscription, away, stop, health, AT_ONCE))
        eventually(lambda: len(asked) > 2)
        with connect() as connection:
            delivery = connection.channel().basic_get(queue)
        assert delivery.headers.get("x-delivery-count", 0) == 0


# --- messages that kill -----------------------------------------------------------------------------------------------


def test_a_message_that_kills_is_given_up_and_the_others_get_through(database: Database, queue: str) -> None:
    events = [changed(version) for version in range(30)]
    with declared(Subscription(queue, {ExportChanged: lambda *_: None})):
        publish(queue, *map(outbox.encode, events))
        with database.engine.connect() as connection:
            schema = connection.scalar(sa.text("SELECT current_schema()"))
        command = [sys.executable, "-m", "tests.service.chassis.killed_consumer", queue, str(schema)]
        ends = []
        with process(command) as consumer:
            while len(ends) < 2 * DELIVERY_LIMIT and not _is_over(database, events, consumer):
                ends.append(consumer.popen.wait())
                consumer.start()
        (row,) = rows(database)
    print(f"the process ended {len(ends)} times")
    assert set(ends) == {66}
    assert outbox.decode(bytes(row.body)).data == events[DEADLY]
    assert (row.next_try_at, row.kills, row.type) == (None, 3, ExportChanged.type)
    assert row.reason == "killed its consumer 3 times"


class process:
    """A process that is started again and again, and ended at the end."""

    def __init__(self, command: list[str]) -> None:
        self.command = command

    def start(self) -> None:
        self.popen = subprocess.Popen(self.command, env=dict(os.environ))

    def __enter__(self) -> "process":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.popen.kill()
        self.popen.wait()


def _is_over(database: Database, events: list[ExportChanged], consumer: process) -> bool:
    """Waits until the process has ended, or all is done that can be done."""

    def done() -> bool:
        return count(database, inbox_table) == len(events) - 1 and [row.next_try_at for row in rows(database)] == [None]

    eventually(lambda: consumer.popen.poll() is not None or done(), seconds=60)
    return consumer.popen.poll() is None


def test_a_message_that_cannot_even_be_kept_comes_by_the_dead_letters(
    database: Database, running: Callable[..., None], queue: str
) -> None:
    body = outbox.encode(changed(1))
    subscription = Subscription(queue, {ExportChanged: lambda *_: None})
    with declared(subscription):
        publish(queue, body)

        def die_of_it() -> bool:
            with connect() as connection:
                return connection.channel().basic_get(queue) is None  # and the connection ends without a word

        eventually(die_of_it, seconds=60)
        running(lambda stop, health: DeadLetterConsumer("exports", database, stop, health))
        eventually(lambda: len(rows(database)) == 1)
        publish(dead_letters("exports"), body, headers={"x-first-death-queue": queue})  # the same again
        publish(dead_letters("exports"), b"another", headers={"x-first-death-queue": queue})
        eventually(lambda: len(rows(database)) == 2)
        row, other = rows(database)
        assert (bytes(row.body), row.queue, row.next_try_at) == (body, queue, None)
        assert row.reason == "killed its consumer 20 times"
        assert (bytes(other.body), other.type) == (b"another", failed.UNREADABLE)
        # replayed, it is one of its queue
        with database.session() as session:
            failed.drop(session, "exports", DropFailed(id=other.id))
            failed.replay(session, "exports", ReplayFailed(queue=queue))
        running(lambda stop, health: EventConsumer(subscription, database, stop, health, AT_ONCE))
        eventually(lambda: not rows(database))


def test_a_queue_of_an_older_version_keeps_what_it_has_and_its_dead_letters_are_sorted(
    database: Database, running: Callable[..., None], queue: str
) -> None:
    subscription = Subscription(queue, {ExportChanged: lambda *_: None})
    wanted = subscription.declaration()
    older = {**wanted.queue_arguments, "x-dead-letter-routing-key": OLD_DEAD_LETTERS}
    with connect() as connection:
        Queue(queue, durable=True, queue_arguments=older)(connection.channel()).declare()
        try:
            declare_queue(connection, wanted)
            with database.session() as session:
                outbox.add(session, changed(1))
            running(lambda stop, health: Relay("exports", database, stop, health))
            eventually(lambda: depth(queue) == 1)  # it is bound
            publish(OLD_DEAD_LETTERS, b"of an older queue", headers={"x-first-death-queue": queue})
            eventually(lambda: sort_dead_letters(connection) == 1)
            running(lambda stop, health: DeadLetterConsumer("exports", database, stop, health))
            eventually(lambda: [bytes(row.body) for row in rows(database)] == [b"of an older queue"])
            assert rows(database)[0].queue == queue
        finally:
            connection.channel().queue_delete(queue)


# --- room -------------------------------------------------------------------------------------------------------------


@contextmanager
def room_for(messages: int) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LABELYARD_FAILED_ROWS", str(messages))
        settings.cache_clear()
        yield
    settings.cache_clear()


def test_what_finds_no_room_stays_in_its_queue(database: Database, running: Callable[..., None], queue: str) -> None:
    bodies = [f"bad {number}".encode() for number in range(3)]
    subscription = Subscription(queue, {ExportChanged: lambda *_: None})
    with declared(subscription), room_for(2):
        running(lambda stop, health: EventConsumer(subscription, database, stop, health))
        publish(queue, *bodies)
        eventually(lambda: len(rows(database)) == 2)
        eventually(lambda: depth(queue) == 1)
        assert len(rows(database)) == 2
        with database.session() as session:
            failed.drop(session, "exports", DropFailed(id=rows(database)[0].id))
        eventually(lambda: [bytes(row.body) for row in rows(database)] == bodies[1:])
        eventually(lambda: depth(queue) == 0)


def test_the_old_is_dropped_that_is_not_tried_any_more(database: Database) -> None:
    with database.session() as session:
        old, *_ = kept(session, b"old", given_up=True)
        waiting, *_ = kept(session, b"old, and still tried")
        fresh, *_ = kept(session, b"fresh", given_up=True)
        long_ago = sa.update(failed_messages).values(failed_at=datetime.now(UTC) - timedelta(days=91))
        session.execute(long_ago.where(failed_messages.c.id.in_([old, waiting])))
        assert failed.drop_old(session) == 1
    assert [row.id for row in rows(database)] == [waiting, fresh]


# --- what operators see and do ----------------------------------------------------------------------------------------


def test_a_message_is_kept_once(database: Database) -> None:
    with database.session() as session:
        kept(session, b"a", b"b")
        kept(session, b"a", given_up=True)
        kept(session, b"a", queue="exports.b.v1")
    assert [(row.queue, bytes(row.body)) for row in rows(database)] == [
        ("exports.a.v1", b"a"),
        ("exports.a.v1", b"b"),
        ("exports.b.v1", b"a"),
    ]
    assert all(row.next_try_at is not None for row in rows(database))


def test_lists_come_in_parts_and_by_what_is_asked(database: Database) -> None:
    with database.session() as session:
        ids = kept(session, *(f"{number}".encode() for number in range(5)))
        (given_up,) = kept(session, outbox.encode(changed(1)), queue="exports.b.v1", given_up=True)

        def page(**asked: Any) -> tuple[list[UUID], str | None]:
            found = failed.page(session, "exports", ListFailed(**asked))
            return [each.id for each in found.items], found.next

        seen, cursor = page(limit=2)
        while cursor is not None:
            more, cursor = page(limit=2, cursor=cursor)
            seen += more
        assert seen == [*ids, given_up]
        assert page(queue="exports.b.v1")[0] == page(state=FailedState.GIVEN_UP)[0] == [given_up]
        assert page(type=ExportChanged.type)[0] == [given_up]
        assert page(state=FailedState.WAITING, type=failed.UNREADABLE)[0] == ids
        with pytest.raises(Problem, match="bad_cursor"):
            page(cursor="x")


@pytest.mark.parametrize(
    ("body", "shown", "encoding"),
    [
        (b'{"a": "\xc3\xa9"}', '{"a": "é"}', "text"),
        (b"\xff\x00", "/wA=", "base64"),
        ("é".encode() * 2**19 + b"!", "é" * 2**19, "text"),
        (b"x" + "é".encode() * 2**19, "x" + "é" * (2**19 - 1), "text"),  # cut within a character
    ],
)
def test_a_body_is_shown_as_text_if_it_is_any(database: Database, body: bytes, shown: str, encoding: str) -> None:
    with database.session() as session:
        (message_id,) = kept(session, body)
        found = failed.show(session, "exports", message_id)
    assert (found.body, found.encoding, found.size) == (shown, encoding, len(body))


def test_replay_and_drop_change_what_was_chosen_and_nothing_else(database: Database) -> None:
    with database.session() as session:
        first, second = kept(session, b"1", b"2", given_up=True)
        (other,) = kept(session, b"3", queue="exports.b.v1", given_up=True)
        assert failed.replay(session, "exports", ReplayFailed(queue="exports.a.v1")).count == 2
        assert failed.drop(session, "exports", DropFailed(id=first)).count == 1
        assert failed.drop(session, "exports", DropFailed(queue="exports.b.v1", state=FailedState.WAITING)).count == 0
        for request in (ReplayFailed(id=first), DropFailed(id=first)):
            with pytest.raises(Problem, match="not_found"):
                (failed.replay if isinstance(request, ReplayFailed) else failed.drop)(session, "exports", request)  # type: ignore[arg-type]
        with pytest.raises(Problem, match="validation_failed"):
            failed.drop(session, "exports", DropFailed())
    assert [(row.id, row.attempts, row.next_try_at is None) for row in rows(database)] == [
        (second, 0, False),
        (other, 7, True),
    ]


def test_readyz_warns_and_stays_ready(database: Database, running: Callable[..., None]) -> None:
    with database.session() as session:
        kept(session, b"1")
        kept(session, b"2", given_up=True)
    health = Health("test")
    health.started()
    stop = threading.Event()
    thread = threading.Thread(target=Observer("projects", database, stop, health).run)
    thread.start()
    try:
        eventually(lambda: bool(health.state()["warnings"]))
    finally:
        stop.set()
        thread.join()
    state = health.state()
    assert state["warnings"] == {
        "projects: failed messages": "2 of exports.a.v1 (1 given up)",
        "projects: audit": "analytics_owner owns the audit",  # as whom these tests make their tables
    }
    assert state["ready"]
