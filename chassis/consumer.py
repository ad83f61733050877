"""Consumers: a subscription is a queue, the event types it is bound for, and what to do with each.

Nothing is acknowledged before its effect, or its failure, has committed. What fails is kept in the consumer's own
database and tried again with growing delays (chassis.failed). Delivery is at least once and in any order: handlers
take what is newer than what they have and ignore the rest.

A message may end the process that handles it, again and again, and what was delivered beside it with it. So whatever
comes back for the SUSPECT-th time is kept like a failure, before it is so much as read, and is tried by itself: there
it is known which one it is.
"""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from kombu import Connection, Consumer, Queue, binding
from kombu.message import Message as Delivery
from opentelemetry.trace import SpanKind
from sqlalchemy.orm import Session

from chassis import context, failed, metrics, principals, tracing
from chassis.broker import CONNECTION_ERRORS, broker_session, events_exchange, quorum_queue
from chassis.database import Database
from chassis.health import Health
from chassis.logs import get_logger
from chassis.outbox import Envelope, decode
from chassis.settings import settings
from contracts.events import EventData
from contracts.principals import Claims

log = get_logger()

Handler = Callable[[Session, Any], None]
BatchHandler = Callable[[Session, list[Any]], None]
WorkHandler = Callable[[Database, Any], None]

SUSPECT = 3
"""Deliveries of a message that came to nothing, after which it is under suspicion; below chassis.broker.DELIVERY_LIMIT,
after which the broker puts it aside."""

DELIVERIES = "x-delivery-count"
"""The header by which quorum queues say how often a message was delivered in vain before."""

BATCH_BYTES = 4 * 1024 * 1024
"""Bodies in one batch: more would hold memory and locks for too long. A larger event is a batch of its own."""


@dataclass(frozen=True)
class Subscription:
    """One queue of one service.

    Args:
        queue: its name: the service, what it is for, a version (arguments of a queue can't be changed).
        handlers: event type -> handler. By default `handler(session, data)`, a transaction for each event; with
            `batch`, `handler(session, [data, …])`, one transaction for up to that many; with `own_transactions`,
            `handler(database, data)` for long work, which must go on where it stopped when it is called again.
        prefetch: how many deliveries one consumer holds.
        batch: largest batch; 0: one by one.
        after_commit: called with what a transaction has handled, after its commit.
        threads: how many consumers of it a process has, each on a thread of its own, or what tells that.
        given_up: event type -> `handler(session, data)` for a message that is not tried any more by itself: it ends
            what would wait for that for ever. It may come again, and after a success that could not be told.
    """

    queue: str
    handlers: Mapping[type[EventData], Callable[[Any, Any], None]]
    prefetch: int = 100
    batch: int = 0
    own_transactions: bool = False
    after_commit: Callable[[list[Any]], None] | None = field(default=None)
    given_up: Mapping[type[EventData], Handler] = field(default_factory=dict)
    threads: int | Callable[[], int] = 1

    @property
    def service(self) -> str:
        """Whose queue it is."""
        return self.queue.split(".", 1)[0]

    def declaration(self) -> Queue:
        """The queue with its bindings."""
        return quorum_queue(
            self.queue,
            [binding(events_exchange(event.producer()), event.routing_key()) for event in self.handlers],
        )


@dataclass(frozen=True)
class _Received:
    """A delivery or a kept failure, and the event in it where it could be read."""

    body: bytes
    headers: dict[str, Any]
    envelope: Envelope | None
    fault: Exception | None

    @classmethod
    def read(cls, body: bytes, headers: dict[str, Any]) -> "_Received":
        try:
            return cls(body, headers, decode(body), None)
        except (ValueError, KeyError, TypeError) as error:
            return cls(body, headers, None, error)


class _DatabaseAway(Exception):
    """The consumer's database does not answer: nothing can be handled or kept; try again later."""


class EventConsumer:
    """Consumes one subscription on a thread of its own."""

    def __init__(
        self,
        subscription: Subscription,
        database: Database,
        stop: threading.Event,
        health: Health,
        policy: failed.Policy = failed.POLICY,
    ) -> None:
        self.subscription = subscription
        self._policy = policy
        self._database = database
        self._stop = stop
        self._health = health
        self._swept = 0.0
        self._interrupted: list[UUID] = []  # kept failures whose try the absence of the database ended

    def run(self) -> None:
        """Consume until `stop` is set; waits out the absence of broker or database."""
        queue = self.subscription.queue
        while not self._stop.is_set():
            try:
                # what is delivered now and can't be committed comes back, and counts as delivered once more
                if self._able():
                    with broker_session(self._stop) as connection:
                        if not self._stop.is_set():
                            self._consume(connection)
            except CONNECTION_ERRORS as error:
                log.warning("consumer lost the broker", queue=queue, error=str(error))
            except (_DatabaseAway, failed.NoRoom) as error:
                log.warning("consumer waits", queue=queue, reason=type(error).__name__, error=str(error))
            self._health.report(queue, False)
            self._stop.wait(0.5)

    def _able(self) -> bool:
        """Whether what fails could be kept. Kept failures are tried again in any case: that makes room."""
        self._sweep()
        try:
            with self._database.session() as session:
                return failed.fill(session) < 1
        except sa.exc.SQLAlchemyError as error:
            raise _DatabaseAway(str(error)) from error

    def _consume(self, connection: Connection) -> None:
        received: list[Delivery] = []
        channel = connection.channel()
        consumer = Consumer(
            channel,
            queues=[Queue(self.subscription.queue, no_declare=True)],
            on_message=received.append,
            auto_declare=False,
            prefetch_count=max(self.subscription.prefetch, self.subscription.batch),
        )
        size = self.subscription.batch or (1 if self.subscription.own_transactions else 50)
        with consumer:
            self._health.report(self.subscription.queue, True)
            while not self._stop.is_set():
                self._sweep()
                self._drain(connection, received, size)
                if received:
                    batch = _next_batch(received, size)
                    try:
                        with metrics.busy.at_work(self.subscription.queue):
                            self._handle(batch)
                        channel.basic_ack(batch[-1].delivery_tag, multiple=True)
                    except failed.NoRoom:
                        if len(batch) > 1:  # up to the one that finds no room
                            for delivery in batch:
                                self._handle([delivery])
                                channel.basic_ack(delivery.delivery_tag)
                        raise

    def _drain(self, connection: Connection, received: list[Delivery], size: int) -> None:
        """Wait for a first delivery until it is time to sweep, then take what is there already."""
        wait = 0.0 if received else self._policy.sweep
        while len(received) < size:
            try:
                connection.drain_events(timeout=wait)
            except TimeoutError:
                return
            wait = 0.0

    def _handle(self, batch: list[Delivery]) -> None:
        """Every one is handled, or kept as failed, and committed, when this returns."""
        suspects = [delivery for delivery in batch if deliveries(delivery) >= SUSPECT]
        if suspects:
            self._set_aside(suspects)
        received = [_Received.read(raw(d.body), dict(d.headers or {})) for d in batch if deliveries(d) < SUSPECT]
        good = [r for r in received if r.envelope is not None]
        for bad in (r for r in received if r.envelope is None):
            self._keep(bad, bad.fault or ValueError("unreadable"))
        if self.subscription.batch and len(good) > 1:
            try:
                self._transact(good)
                return
            except _DatabaseAway:
                raise
            except Exception as error:
                # One of them is bad: find out which, so that the good ones get through.
                log.warning("a batch failed; one by one", queue=self.subscription.queue, error=str(error))
        for each in good:
            try:
                self._transact([each])
            except _DatabaseAway:
                raise
            except Exception as error:
                log.exception("handler failed", queue=self.subscription.queue, type=_type_of(each))
                self._keep(each, error)

    def _transact(self, received: list[_Received]) -> None:
        envelopes = [r.envelope for r in received if r.envelope is not None]
        first = envelopes[0]
        name = f"{self.subscription.queue}:{first.type}"
        started = time.perf_counter()
        outcome = "error"
        with (
            context.correlated(
                first.correlation_id if len(envelopes) == 1 else None,
                since=min(envelope.since for envelope in envelopes),
            ),
            context.working_as(self.subscription.service),
            tracing.span(
                name, SpanKind.CONSUMER, first.traceparent, [envelope.traceparent for envelope in envelopes[1:]]
            ),
        ):
            try:
                ordered_by = [self._ordered_by(envelope) for envelope in envelopes]
                with context.acting_for(ordered_by[0] if len(envelopes) == 1 else None):
                    self._call(envelopes)
                outcome = "ok"
            except sa.exc.DBAPIError as error:
                if error.connection_invalidated or not self._database.ready():
                    raise _DatabaseAway(str(error)) from error
                raise
            finally:
                metrics.handled.labels("event", name, outcome).observe(time.perf_counter() - started)
            self._observe(envelopes)
            if self.subscription.after_commit:
                try:
                    self.subscription.after_commit([envelope.data for envelope in envelopes])
                except Exception:  # what is done is done: a hint that was not given must not undo it
                    log.exception("after a commit", queue=self.subscription.queue)

    def _ordered_by(self, envelope: Envelope) -> Claims | None:
        """For whom an order is given, None for a fact; Distrusted unless its producer has signed it.

        What a service orders of itself stands in its database, and its handler does that and no more: such an order
        only reminds, and is taken for nobody where it is not signed well.
        """
        event = envelope.data
        if not event.order:
            return None
        try:
            if envelope.passport is None:
                if settings().principals == "accepted":
                    return None
                raise principals.Distrusted("nobody has signed the order")
            claims = principals.check(envelope.passport, envelope.digest)
            if claims.issuer != event.producer():
                raise principals.Distrusted(f"{claims.issuer} does not give such orders")
            return claims
        except principals.Distrusted as fault:
            if event.producer() == self.subscription.service:
                log.info("reminder of nobody", queue=self.subscription.queue, type=event.type, reason=str(fault))
                return None
            metrics.distrusted.labels("event", event.type, "bad_principal").inc()
            log.warning("order refused", queue=self.subscription.queue, type=event.type, reason=str(fault))
            raise

    def _observe(self, envelopes: list[Envelope]) -> None:
        now, queue = datetime.now(UTC), self.subscription.queue
        metrics.batch_size.labels(queue).observe(len(envelopes))
        for envelope in envelopes:
            metrics.event_lag.labels(queue).observe(max(0.0, (now - envelope.time).total_seconds()))

    def _call(self, envelopes: list[Envelope]) -> None:
        handlers = self.subscription.handlers
        # A binding outlives the version that declared it: what is not taken any more still arrives.
        envelopes = [envelope for envelope in envelopes if type(envelope.data) in handlers]
        if self.subscription.own_transactions:
            for envelope in envelopes:
                handlers[type(envelope.data)](self._database, envelope.data)
            return
        with self._database.session() as session:
            if self.subscription.batch:
                by_type: dict[type[EventData], list[EventData]] = {}
                for envelope in envelopes:
                    by_type.setdefault(type(envelope.data), []).append(envelope.data)
                for event_type, batch in by_type.items():
                    handlers[event_type](session, batch)
            else:
                for envelope in envelopes:
                    handlers[type(envelope.data)](session, envelope.data)

    def _set_aside(self, suspects: list[Delivery]) -> None:
        queue = self.subscription.queue
        log.warning("deliveries come back again and again; each is tried by itself", queue=queue, count=len(suspects))
        self._store(
            failed.Failure(
                queue=queue,
                body=raw(delivery.body),
                headers=dict(delivery.headers or {}),
                reason=f"its consumer ended {deliveries(delivery)} times while it held this message",
                next_try_at=datetime.now(UTC),
            )
            for delivery in suspects
        )

    def _keep(self, received: _Received, error: Exception) -> None:
        metrics.failed.labels(self.subscription.queue).inc()
        failure = failed.Failure(
            queue=self.subscription.queue,
            body=received.body,
            headers=received.headers,
            reason=_reason(error),
            next_try_at=self._policy.due(1),
            attempts=1,
        )
        self._store([failure])

    def _store(self, failures: Iterable[failed.Failure]) -> None:
        try:
            with self._database.session() as session:
                failed.keep(session, list(failures))
        except sa.exc.SQLAlchemyError as error:
            raise _DatabaseAway(str(error)) from error

    def _sweep(self) -> None:
        """Try kept failures again that are due."""
        started = time.monotonic()
        if started - self._swept < self._policy.sweep:
            return
        try:
            if self._interrupted:
                with self._database.session() as session:
                    failed.not_tried(session, self._interrupted)
                self._interrupted.clear()
            while not self._stop.is_set() and self._retry_one() and time.monotonic() - started < self._policy.sweep:
                pass
            self._tell_unheard()
        except sa.exc.SQLAlchemyError as error:
            raise _DatabaseAway(str(error)) from error
        self._swept = time.monotonic()

    def _retry_one(self) -> bool:
        """Try the next kept failure that is due; whether there was one."""
        with failed.claimed(self._database, self.subscription.queue, self._policy) as claim:
            if claim is None:
                return False
            received = _Received.read(claim.body, claim.headers)
            try:
                if received.envelope is None:
                    raise received.fault or ValueError("unreadable")
                self._transact([received])
            except _DatabaseAway:
                self._interrupted.append(claim.id)
                raise
            except Exception as error:
                queue, attempts = self.subscription.queue, claim.attempts
                log.warning("retry failed", queue=queue, type=_type_of(received), attempts=attempts, error=str(error))
                with self._database.session() as session:
                    if failed.tried(session, claim, _reason(error), self._policy):
                        self._give_up(session, received)
            else:
                with self._database.session() as session:
                    failed.done(session, claim)
            return True

    def _tell_unheard(self) -> None:
        """Give up what was given up together with the process that held it."""
        while self.subscription.given_up:
            with self._database.session() as session:
                body = failed.given_up_unheard(session, self.subscription.queue)
            if body is None:
                return
            with self._database.session() as session:
                self._give_up(session, _Received.read(body, {}))

    def _give_up(self, session: Session, received: _Received) -> None:
        envelope = received.envelope
        handler = None if envelope is None else self.subscription.given_up.get(type(envelope.data))
        if envelope is None or handler is None:
            return
        try:
            with (
                context.correlated(envelope.correlation_id, since=envelope.since),
                context.working_as(self.subscription.service),
                context.acting_for(self._ordered_by(envelope)),
                session.begin_nested(),
            ):
                handler(session, envelope.data)
        except Exception:  # the message is kept as given up in any case
            log.exception("could not give up", queue=self.subscription.queue, type=envelope.type)


def _next_batch(received: list[Delivery], size: int) -> list[Delivery]:
    """Take up to `size` deliveries off the front; those after the first only while they stay below BATCH_BYTES."""
    taken = 1
    room = BATCH_BYTES - len(received[0].body)
    while taken < min(size, len(received)) and len(received[taken].body) <= room:
        room -= len(received[taken].body)
        taken += 1
    batch = received[:taken]
    del received[:taken]
    return batch


def raw(body: object) -> bytes:
    """A body as it came."""
    return body if isinstance(body, bytes) else str(body).encode()


def deliveries(delivery: Delivery) -> int:
    """How often a message was delivered before, in vain."""
    count = (delivery.headers or {}).get(DELIVERIES)
    return count if isinstance(count, int) else 0


def _type_of(received: _Received) -> str:
    return received.envelope.type if received.envelope else failed.UNREADABLE


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
