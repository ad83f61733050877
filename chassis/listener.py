"""Broadcast listening: every process of a kind hears every event, for caches and live streams.

The queue is the process's own and goes away with it, so what was published meanwhile is missed: `on_connect` is called
after each (re)connection, when everything remembered must be looked at again.
"""

import threading
from collections.abc import Callable, Sequence

from kombu import Connection, Queue, binding
from kombu.message import Message as Delivery
from opentelemetry.trace import SpanKind

from chassis import context, tracing
from chassis.broker import CONNECTION_ERRORS, broker_session, events_exchange
from chassis.ids import new_id
from chassis.logs import get_logger
from chassis.outbox import decode
from contracts.events import EventData

log = get_logger()

MAX_WAITING = 10_000
"""Events that wait for a process that hears none; the oldest of more are dropped. It is stuck, and by the time that it
goes on what it remembers is no longer fresh."""


class Listener:
    """Hears events of the given types on a thread of its own."""

    def __init__(
        self,
        name: str,
        types: Sequence[type[EventData]],
        on_event: Callable[[EventData], None],
        on_connect: Callable[[], None],
        on_disconnect: Callable[[], None],
    ) -> None:
        self._name = f"{name}.broadcast-{new_id()}"
        self._types = types
        self._on_event = on_event
        self._on_connect = on_connect
        self._on_disconnect = on_disconnect
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="listener", daemon=True)

    def start(self) -> None:
        """Listen from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Stop listening."""
        self._stop.set()
        self._thread.join(timeout=3)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with broker_session(self._stop) as connection:
                    self._consume(connection)
            except CONNECTION_ERRORS as error:
                log.warning("listener lost the broker", error=str(error))
            self._on_disconnect()
            self._stop.wait(0.2)

    def _consume(self, connection: Connection) -> None:
        if self._stop.is_set():
            return
        queue = Queue(
            self._name,
            bindings=[binding(events_exchange(each.producer()), each.routing_key()) for each in self._types],
            exclusive=True,
            auto_delete=True,
            durable=False,
            max_length=MAX_WAITING,
        )
        with connection.Consumer(queue, on_message=self._heard, no_ack=True, accept=None):
            self._on_connect()
            while not self._stop.is_set():
                try:
                    connection.drain_events(timeout=1)
                except TimeoutError:
                    continue

    def _heard(self, message: Delivery) -> None:
        body = message.body
        try:
            envelope = decode(body if isinstance(body, bytes) else str(body).encode())
        except (ValueError, KeyError, TypeError) as error:
            log.warning("unreadable event", error=str(error))
            return
        with (
            context.correlated(envelope.correlation_id, since=envelope.since),
            tracing.span(f"hear {envelope.type}", SpanKind.CONSUMER, envelope.traceparent),
        ):
            self._on_event(envelope.data)
