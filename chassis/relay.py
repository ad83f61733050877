"""The outbox relay: publishes what transactions have left in the outbox, at least once, soon after the commit."""

import select
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
import sqlalchemy as sa
from opentelemetry.trace import SpanKind

from chassis import metrics, tracing
from chassis.broker import CONNECTION_ERRORS, BrokerConnection, broker_session
from chassis.database import WAKE_CHANNEL, Database
from chassis.health import Health
from chassis.logs import get_logger
from chassis.outbox import decode
from chassis.tables import outbox

log = get_logger()

BATCH = 500
SWEEP_SECONDS = 1.0
CONFIRM_SECONDS = 10.0
MAX_HOLD = 30.0


class Relay:
    """One service's relay. Several may run side by side: rows are locked, and skipped where they are."""

    def __init__(self, service: str, database: Database, stop: threading.Event, health: Health) -> None:
        self.service = service
        self.database = database
        self._stop = stop
        self._health = health
        self._wake = threading.Event()
        database.on_commit.append(self._wake)

    def run(self) -> None:
        """Relay until `stop` is set; waits out the absence of broker or database."""
        threading.Thread(target=self._listen, name=f"listen-{self.service}", daemon=True).start()
        while not self._stop.is_set():
            try:
                with broker_session(self._stop) as connection:
                    self._relay(connection)
            except CONNECTION_ERRORS as error:
                log.warning("relay lost the broker", service=self.service, error=str(error))
                self._health.report(f"{self.service}-relay", False)
                self._stop.wait(0.2)
            except sa.exc.SQLAlchemyError as error:
                log.warning("relay could not read the outbox", service=self.service, error=str(error))
                self._health.report(f"{self.service}-relay", False)
                self._stop.wait(0.5)

    def wake(self) -> None:
        """Look into the outbox now."""
        self._wake.set()

    def _relay(self, connection: BrokerConnection) -> None:
        publisher = Publisher(connection, self.service)
        held = Held()
        while not self._stop.is_set():
            if connection.blocked:
                self._health.report(f"{self.service}-relay", False)
                publisher.wait(SWEEP_SECONDS)
                continue
            self._wake.clear()
            taken = self._publish_batch(publisher, held)
            self._health.report(f"{self.service}-relay", not connection.blocked)
            if taken < BATCH:
                # each look passes over all that is held: not with every commit
                (self._stop if held.types() else self._wake).wait(SWEEP_SECONDS)

    def _publish_batch(self, publisher: "Publisher", held: "Held") -> int:
        passed_over = held.types()
        with self.database.engine.begin() as transaction:
            # By status and lock, never "id > last seen": the order of ids is not the order of commits.
            due = (
                sa.select(outbox.c.id, outbox.c.type, outbox.c.envelope, outbox.c.created_at)
                .order_by(outbox.c.id)
                .limit(BATCH)
                .with_for_update(skip_locked=True)
            )
            if passed_over:
                due = due.where(outbox.c.type.not_in(passed_over))
            rows = transaction.execute(due).all()
            oldest = min((row.created_at for row in rows), default=None)
            if passed_over:
                first = sa.select(outbox.c.created_at).order_by(outbox.c.id).limit(1)
                oldest = transaction.execute(first).scalar()
            lag = (datetime.now(UTC) - oldest).total_seconds() if oldest else 0.0
            metrics.outbox_lag.labels(self.service).set(lag)
            if rows:
                confirmed, refused = publisher.publish([(row.id, row.type, row.envelope) for row in rows])
                if tracing.enabled():
                    for row in rows:  # from the commit to the broker's confirm
                        parent = decode(bytes(row.envelope)).traceparent
                        tracing.start(f"publish {row.type}", SpanKind.PRODUCER, parent, row.created_at).end()
                transaction.execute(outbox.delete().where(outbox.c.id.in_(confirmed)))
                metrics.published.labels(self.service).inc(len(confirmed))
                self._hold(held, {row.type for row in rows}, [row.type for row in rows if row.id in refused])
        return len(rows)

    def _hold(self, held: "Held", tried: set[str], refused: list[str]) -> None:
        for each in tried:
            if each in refused:
                metrics.refused.labels(self.service, each).inc(refused.count(each))
                pause = held.refused(each)
                log.warning("a queue is full; its events stay in the outbox", type=each, seconds=pause)
            else:
                held.taken(each)

    def _listen(self) -> None:
        address = self.database.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        while not self._stop.is_set():
            try:
                with psycopg.connect(address, autocommit=True, connect_timeout=5) as connection:
                    connection.execute(f"LISTEN {WAKE_CHANNEL}")  # a constant of ours
                    self._wake.set()
                    while not self._stop.is_set():
                        if select.select([connection.fileno()], [], [], 1.0)[0]:
                            for _ in connection.notifies(timeout=0):
                                self._wake.set()
            except psycopg.Error as error:
                log.warning("relay cannot listen; it sweeps", service=self.service, error=str(error))
                self._stop.wait(1.0)


class Held:
    """The types of events that the broker has just refused, because a queue that is bound for them is full. They are
    tried again after a pause that grows, and do not stand in the way of the others meanwhile.

    An event that is refused may have reached other queues: each try doubles it there. That harms nobody, but is work.
    """

    def __init__(self) -> None:
        self._until: dict[str, tuple[float, float]] = {}  # type -> when it is tried again, and the pause before

    def types(self) -> list[str]:
        """What is not to be tried now."""
        now = time.monotonic()
        return [each for each, (until, _) in self._until.items() if now < until]

    def refused(self, event_type: str) -> float:
        """It was tried and refused; seconds until it is tried again."""
        _, before = self._until.get(event_type, (0.0, 0.25))
        pause = min(before * 2, MAX_HOLD)
        self._until[event_type] = time.monotonic() + pause, pause
        return pause

    def taken(self, event_type: str) -> None:
        """It was tried and none was refused."""
        self._until.pop(event_type, None)


class Publisher:
    """Publishes batches on one channel with confirms in flight together, which is twenty times one by one."""

    def __init__(self, connection: BrokerConnection, service: str) -> None:
        self._connection = connection
        self._exchange = f"{service}.events"
        self._service = service
        self._channel = connection.channel()
        self._channel.confirm_select()
        self._channel.events["basic_ack"].add(self._acked)
        self._channel.events["basic_nack"].add(self._nacked)
        self._channel.events["basic_return"].add(self._returned)
        self._sequence = 0
        self._waiting: dict[int, UUID] = {}
        self._confirmed: list[UUID] = []
        self._refused: set[UUID] = set()

    def publish(self, events: list[tuple[UUID, str, bytes]]) -> tuple[list[UUID], set[UUID]]:
        """Publish (id, type, envelope); the ids that the broker took, and those that it refused for want of room.

        An event nobody is bound to counts as taken. Those of which nothing is known, because the broker takes nothing
        at present, are in neither: they may be taken later, and are published again all the same.
        """
        self._waiting, self._confirmed, self._refused = {}, [], set()
        for event_id, event_type, envelope in events:
            if self._connection.blocked:
                break
            self._sequence += 1
            self._waiting[self._sequence] = event_id
            message = self._channel.prepare_message(
                envelope,
                content_type="application/cloudevents+json",
                properties={"delivery_mode": 2, "message_id": str(event_id), "type": event_type},
            )
            self._channel.basic_publish(
                message,
                exchange=self._exchange,
                routing_key=event_type.split(".", 1)[1],
                mandatory=True,
                timeout=CONFIRM_SECONDS,
            )
        until = time.monotonic() + CONFIRM_SECONDS
        while self._waiting and not self._connection.blocked:
            remaining = until - time.monotonic()
            if remaining <= 0:
                raise ConnectionError("the broker did not confirm in time")
            self.wait(remaining)
        return self._confirmed, self._refused

    def wait(self, seconds: float) -> None:
        """Take what the broker says, for at most so long."""
        with suppress(TimeoutError):
            self._connection.drain_events(timeout=seconds)

    def _settle(self, tag: int, multiple: bool, taken: bool) -> None:
        tags = [t for t in self._waiting if t <= tag] if multiple else [tag]
        for each in tags:
            event_id = self._waiting.pop(each, None)
            if event_id is not None:
                if taken:
                    self._confirmed.append(event_id)
                else:
                    self._refused.add(event_id)

    def _acked(self, tag: int, multiple: bool) -> None:
        self._settle(tag, multiple, taken=True)

    def _nacked(self, tag: int, multiple: bool) -> None:
        self._settle(tag, multiple, taken=False)

    def _returned(self, _: Exception, exchange: str, routing_key: str, message: Any) -> None:
        # The confirm for it follows as for any other: an event nobody is bound to is done.
        log.info("nobody is bound to this event", exchange=exchange, routing_key=routing_key)
        metrics.unrouted.labels(self._service, routing_key).inc()
