"""Connections to RabbitMQ, and how things are named there."""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import kombu
import kombu.serialization
from kombu import Connection, Exchange, Queue
from pydantic_core import from_json, to_json

from chassis import outbox
from chassis.logs import get_logger
from chassis.settings import settings
from contracts.events import EventData

log = get_logger()

CONNECTION_ERRORS: tuple[type[BaseException], ...] = (
    *Connection("amqp://").connection_errors,
    *Connection("amqp://").channel_errors,
)
"""What kombu raises when the broker or the way to it is gone."""

DELIVERY_LIMIT = 20
"""Deliveries of one message, each ended by its consumer's death, before the broker puts it among the dead letters."""

OLD_DEAD_LETTERS = "dead-letters.v1"
"""Where queues that an older version declared put them, of all services: what a queue was declared with stays."""

# `passive`: only the topology makes exchanges; everybody else just checks that they are there, so that a broker may
# deny them the right to make or delete any (deploy/docker/rabbitmq)
RPC_EXCHANGE = Exchange("nameko-rpc", type="topic", durable=True, passive=True)

# nameko and kombu call their serializer "json", but theirs is not plain JSON: a dict with the keys __type__ and
# __value__ makes a message vanish (field notes, nameko). This is plain JSON.
kombu.serialization.register("json", to_json, from_json, content_type="application/json", content_encoding="utf-8")


class BrokerConnection(Connection):  # type: ignore[misc]  # kombu is untyped
    """A connection that knows whether the broker takes messages on it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.blocked = False
        """Whether the broker takes nothing at present, because it is short of memory or disk. What is published
        all the same waits in the sockets between, and fills them. It is said to a connection after its first message,
        and heard when something is read: `hear`."""
        self.transport_options: dict[str, Any] = {
            **kwargs.get("transport_options", {}),
            "on_blocked": lambda _reason: self._say(True),
            "on_unblocked": lambda: self._say(False),
        }

    def connect(self) -> Any:
        """Open it, in one try: kombu's own connect() waits for two seconds and tries again."""
        return self._ensure_connection(max_retries=0, reraise_as_library_errors=False)

    def hear(self) -> None:
        """Take what the broker has said meanwhile; never waits."""
        try:
            while True:
                self.drain_events(timeout=0)
        except TimeoutError:
            return

    def _say(self, blocked: bool) -> None:
        self.blocked = blocked
        log.warning("the broker takes no messages at present" if blocked else "the broker takes messages again")


def connect(timeout: float = 5) -> BrokerConnection:
    """A new connection, not opened yet. Not thread-safe: each thread has its own. The broker gets `timeout` seconds to
    answer, to the opening and whenever its answer is waited for without another limit."""
    return BrokerConnection(
        settings().require("amqp_url"),
        heartbeat=0,  # long handlers run on the consumer's thread; TCP keep-alive finds dead peers
        connect_timeout=timeout,
        transport_options={"confirm_publish": False, "read_timeout": timeout, "write_timeout": 10},
    )


def wait_for_broker(connection: BrokerConnection, stop: threading.Event) -> bool:
    """Connect, trying until it works or `stop` is set; whether it worked."""
    pause = 0.1
    while not stop.is_set():
        try:
            connection.connect()
            return True
        except CONNECTION_ERRORS as error:
            log.warning("waiting for the broker", error=str(error))
            connection.close()
            stop.wait(pause)
            pause = min(pause * 2, 2.0)
    return False


def events_exchange(service: str) -> Exchange:
    """Where a service's events are published."""
    return Exchange(f"{service}.events", type="topic", durable=True, passive=True)


def dead_letters(service: str) -> str:
    """The queue of a service's dead letters: of messages that killed their consumer again and again."""
    return f"{service}.dead.v1"


def origin(headers: Mapping[str, Any]) -> str:
    """The queue that a dead letter was in first; empty where its headers don't say."""
    deaths = headers.get("x-death") or [{}]
    return str(headers.get("x-first-death-queue") or deaths[-1].get("queue", ""))


def dead_letter_queue(name: str) -> Queue:
    """Takes dead letters. It has no other place to put them, so they may be delivered as often as it takes."""
    return Queue(name, durable=True, queue_arguments={"x-queue-type": "quorum", "x-delivery-limit": 2**31 - 1})


def quorum_queue(name: str, bindings: list[kombu.binding] | None = None) -> Queue:
    """A replicated queue; what kills its consumer DELIVERY_LIMIT times goes to its service's dead letters, at least
    once."""
    return Queue(
        name,
        bindings=bindings or [],
        durable=True,
        queue_arguments={
            "x-queue-type": "quorum",
            "x-delivery-limit": DELIVERY_LIMIT,
            "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": dead_letters(name.split(".", 1)[0]),
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
        },
    )


class Announcer:
    """Publishes hints: not persistent, not confirmed, lost without harm. One connection, shared under a lock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection: BrokerConnection | None = None
        self._channel: Any = None
        self._retry_at = 0.0

    def announce(self, event: EventData) -> None:
        """Publish `event` if the broker is there; never raises for its absence and never waits long for it."""
        with self._lock:
            if time.monotonic() < self._retry_at:
                return
            try:
                if self._connection is None:
                    self._connection = connect()
                    self._connection.connect()
                    self._channel = self._connection.channel()
                elif self._connection.blocked:
                    self._connection.hear()
                    if self._connection.blocked:
                        return
                self._channel.basic_publish(
                    self._channel.prepare_message(outbox.encode(event), content_type="application/json"),
                    exchange=f"{event.producer()}.events",
                    routing_key=event.routing_key(),
                    timeout=1,
                )
            except CONNECTION_ERRORS as error:
                log.warning("could not announce", type=event.type, error=str(error))
                self._retry_at = time.monotonic() + 0.5
                if self._connection is not None:
                    close_quietly(self._connection)
                self._connection = None


announcer = Announcer()


def announce(event: EventData) -> None:
    """Publish a hint (see Announcer)."""
    announcer.announce(event)


def close_quietly(connection: Connection) -> None:
    """Close a connection that may be broken."""
    try:
        connection.collect()
        connection.close()
    except CONNECTION_ERRORS:
        pass


@contextmanager
def broker_session(stop: threading.Event) -> Iterator[BrokerConnection]:
    """A connection that is open, or not if `stop` was set while waiting for it; closed at the end, whatever happens."""
    connection = connect()
    try:
        wait_for_broker(connection, stop)
        yield connection
    finally:
        close_quietly(connection)
