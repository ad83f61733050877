"""The outbox relay: publishes what transactions have left in the outbox, at least once, soon after the commit."""

import select
import threading
import time
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
import sqlalchemy as sa
from kombu import Connection
from opentelemetry.trace import SpanKind

from chassis import metrics, tracing
from chassis.broker import CONNECTION_ERRORS, broker_session
from chassis.database import WAKE_CHANNEL, Database
from chassis.health import Health
from chassis.logs import get_logger
from chassis.outbox import decode
from chassis.tables import outbox

log = get_logger()

BATCH = 500
SWEEP_SECONDS = 1.0
CONFIRM_SECONDS = 10.0


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

    def _relay(self, connection: Connection) -> None:
        publisher = Publisher(connection, self.service)
        while not self._stop.is_set():
            self._wake.clear()
            taken = self._publish_batch(publisher)
            self._health.report(f"{self.service}-relay", True)
            if taken < BATCH:
                self._wake.wait(SWEEP_SECONDS)

    def _publish_batch(self, publisher: "Publisher") -> int:
        with self.database.engine.begin() as transaction:
            # By status and lock, never "id > last seen": the order of ids is not the order of commits.
            rows = transaction.execute(
                sa.select(outbox.c.id, outbox.c.type, outbox.c.envelope, outbox.c.created_at)
                .order_by(outbox.c.id)
                .limit(BATCH)
                .with_for_update(skip_locked=True)
            ).all()
            if rows:
                confirmed = publisher.publish([(row.id, row.type, row.envelope) for row in rows])
                if tracing.enabled():
                    for row in rows:  # from the commit to the broker's confirm
                        parent = decode(bytes(row.envelope)).traceparent
                        tracing.start(f"publish {row.type}", SpanKind.PRODUCER, parent, row.created_at).end()
                transaction.execute(outbox.delete().where(outbox.c.id.in_(confirmed)))
                oldest = min(row.created_at for row in rows)
                metrics.outbox_lag.labels(self.service).set((datetime.now(UTC) - oldest).total_seconds())
                metrics.published.labels(self.service).inc(len(confirmed))
            else:
                metrics.outbox_lag.labels(self.service).set(0)
        return len(rows)

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


class Publisher:
    """Publishes batches on one channel with confirms in flight together, which is twenty times one by one."""

    def __init__(self, connection: Connection, service: str) -> None:
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

    def publish(self, events: list[tuple[UUID, str, bytes]]) -> list[UUID]:
        """Publish (id, type, envelope); the ids that the broker took. An event nobody is bound to counts as taken."""
        self._confirmed = []
        for event_id, event_type, envelope in events:
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
        while self._waiting:
            remaining = until - time.monotonic()
            if remaining <= 0:
                raise ConnectionError("the broker did not confirm in time")
            self._connection.drain_events(timeout=remaining)
        return self._confirmed

    def _settle(self, tag: int, multiple: bool, taken: bool) -> None:
        tags = [t for t in self._waiting if t <= tag] if multiple else [tag]
        for each in tags:
            event_id = self._waiting.pop(each, None)
            if taken and event_id is not None:
                self._confirmed.append(event_id)

    def _acked(self, tag: int, multiple: bool) -> None:
        self._settle(tag, multiple, taken=True)

    def _nacked(self, tag: int, multiple: bool) -> None:
        log.warning("the broker refused an event; it stays in the outbox", service=self._service)
        self._settle(tag, multiple, taken=False)

    def _returned(self, _: Exception, exchange: str, routing_key: str, message: Any) -> None:
        # The confirm for it follows as for any other: an event nobody is bound to is done.
        log.info("nobody is bound to this event", exchange=exchange, routing_key=routing_key)
        metrics.unrouted.labels(self._service, routing_key).inc()
