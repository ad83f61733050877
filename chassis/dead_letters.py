"""Dead letters: what the broker put aside because it killed its consumer again and again.

That happens only to what its consumer could not even keep by itself (chassis.consumer, SUSPECT). They are taken into
the failed messages of their service and stay there, for somebody to look at: nothing tries them again by itself.
"""

import threading
from collections.abc import Mapping
from typing import Any

from kombu.message import Message as Delivery

from chassis import failed
from chassis.broker import DELIVERY_LIMIT, dead_letters, origin
from chassis.consumer import EventConsumer, Subscription, raw
from chassis.database import Database
from chassis.health import Health
from chassis.logs import get_logger

log = get_logger()


class DeadLetterConsumer(EventConsumer):
    """Takes a service's dead letters, each into one row of the table, and acknowledges them once that is committed.

    While there is no room for them they stay in their queue.
    """

    def __init__(self, service: str, database: Database, stop: threading.Event, health: Health) -> None:
        super().__init__(Subscription(dead_letters(service), {}, prefetch=10), database, stop, health)

    def _handle(self, batch: list[Delivery]) -> None:
        failures = [_failure(raw(delivery.body), dict(delivery.headers or {})) for delivery in batch]
        self._store(failures)
        for failure in failures:
            log.error("dead letter", queue=failure.queue, type=failed.type_of(failure.body))

    def _sweep(self) -> None:
        """What it keeps is of other queues: their consumers try it, when they are told to."""


def _failure(body: bytes, headers: Mapping[str, Any]) -> failed.Failure:
    return failed.Failure(
        queue=origin(headers),
        body=body,
        headers=headers,
        reason=failed.killed(DELIVERY_LIMIT),
        next_try_at=None,
        attempts=DELIVERY_LIMIT,
        kills=DELIVERY_LIMIT,
    )
