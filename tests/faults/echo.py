"""What a broker may do to events, done on purpose: they come twice, late, and in any order."""

import random
import threading
from collections.abc import Callable
from typing import Any, Self

from kombu import Connection, Exchange, Queue, binding
from kombu.message import Message

from chassis.settings import SERVICES

ECHO = "labelyard-test-echo"
"""The header of what was published again."""


class Echo:
    """Hears every event during its block, and publishes again what it has heard.

    It says everything again a few at a time, shuffled, each once or twice, until the block ends; then once more
    everything, in no order, twice.
    """

    def __init__(self, url: str, chance: random.Random) -> None:
        self.heard: list[tuple[str, str, bytes, dict[str, Any]]] = []
        self.said = 0
        self._url = url
        self._chance = chance
        self._over = threading.Event()
        self._ready = threading.Event()
        self._threads = [threading.Thread(target=job, daemon=True) for job in (self._hear, self._speak)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        assert self._ready.wait(30), "the broker does not let us hear its events"
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(60)
        with Connection(self._url) as connection:
            self.say(connection, self.heard * 2)

    def say(self, connection: Connection, events: list[tuple[str, str, bytes, dict[str, Any]]]) -> None:
        """Publishes these again, in no order."""
        again = list(events)
        self._chance.shuffle(again)
        channel = connection.default_channel
        for exchange, key, body, properties in again:
            message = channel.prepare_message(
                body, content_type="application/cloudevents+json", headers={ECHO: 1}, properties=properties
            )
            channel.basic_publish(message, exchange=exchange, routing_key=key)
        self.said += len(again)

    def _hear(self) -> None:
        bindings = [
            binding(Exchange(f"{service}.events", type="topic", passive=True), "#")
            for service in SERVICES
            if service != "analytics"  # its announcements are hints
        ]
        queue = Queue("test.echo", bindings=bindings, exclusive=True, auto_delete=True, durable=False)
        with Connection(self._url) as connection, connection.Consumer(queue, on_message=self._take, no_ack=True):
            self._ready.set()
            _drain(connection, self._over.is_set)

    def _take(self, message: Message) -> None:
        if ECHO not in (message.headers or {}):
            where = message.delivery_info
            kept = {name: message.properties[name] for name in ("message_id", "type") if name in message.properties}
            self.heard.append((where["exchange"], where["routing_key"], raw(message), kept | {"delivery_mode": 2}))

    def _speak(self) -> None:
        with Connection(self._url) as connection:
            while not self._over.wait(0.2):
                some = self._chance.sample(self.heard, min(20, len(self.heard)))
                self.say(connection, some + self._chance.sample(some, len(some) // 2))


def shuffle(url: str, queue: str, chance: random.Random) -> int:
    """Takes what waits in a queue, whose consumer is away, and puts it back in another order, some of it twice."""
    found: list[Message] = []
    with Connection(url) as connection:
        channel = connection.channel()
        while (message := channel.basic_get(queue)) is not None:
            found.append(message)
        again = [*found, *chance.sample(found, len(found) // 3)]
        chance.shuffle(again)
        for message in again:
            copy = channel.prepare_message(
                raw(message), content_type="application/cloudevents+json", properties={"delivery_mode": 2}
            )
            channel.basic_publish(copy, exchange="", routing_key=queue)
        if found:
            channel.basic_ack(found[-1].delivery_tag, multiple=True)
    return len(found)


def publish(url: str, exchange: str, key: str, *bodies: bytes) -> None:
    """Publishes events as they are, whatever they are."""
    with Connection(url) as connection:
        channel = connection.default_channel
        for body in bodies:
            message = channel.prepare_message(
                body, content_type="application/cloudevents+json", properties={"delivery_mode": 2}
            )
            channel.basic_publish(message, exchange=exchange, routing_key=key)


def _drain(connection: Connection, over: Callable[[], bool]) -> None:
    while not over():
        try:
            connection.drain_events(timeout=0.5)
        except TimeoutError:
            continue


def raw(message: Message) -> bytes:
    """A message's body as it came."""
    body = message.body
    return body if isinstance(body, bytes) else str(body).encode()
