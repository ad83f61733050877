"""What an `events` process watches of its services: backlogs, as metrics, and what has grown too old to keep."""

import importlib
import importlib.util
import threading
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from chassis import failed, metrics, privileges
from chassis.broker import CONNECTION_ERRORS, OLD_DEAD_LETTERS, connect, dead_letters
from chassis.database import Database
from chassis.health import Health
from chassis.idempotency import forget_old
from chassis.logs import get_logger
from chassis.tables import failed_messages, outbox
from chassis.topology import subscriptions_of_service

log = get_logger()

EVERY_SECONDS = 10.0
_TRANSIENT: tuple[type[BaseException], ...] = (sa.exc.SQLAlchemyError, *CONNECTION_ERRORS)

COUNTED = 10_000
"""Rows of a backlog are counted up to here: a long one must not make its own watching slow."""


class Observer:
    """Watches one service's outbox, failed messages and queues, every EVERY_SECONDS.

    A service adds gauges of its own with `observe(session)` in `services.<service>.gauges`.
    """

    def __init__(self, service: str, database: Database, stop: threading.Event, health: Health) -> None:
        self.service = service
        self._database = database
        self._stop = stop
        self._queues = [subscription.queue for subscription in subscriptions_of_service(service)]
        self._failed: dict[str, tuple[int, int]] = {}  # queue -> how many, and how many of them were given up
        self._dead = 0
        gauges = f"services.{service}.gauges"
        self._own: Any = importlib.import_module(gauges) if importlib.util.find_spec(gauges) else None
        self._flaw: str | None = None
        health.warn(f"{service}: failed messages", self._warning)
        health.warn(f"{service}: audit", lambda: self._flaw)

    def run(self) -> None:
        """Watch until `stop` is set. What can't be watched now is tried again the next time."""
        while not self._stop.is_set():
            try:
                self._look_into_the_database()
                self._look_into_the_broker()
            except _TRANSIENT as error:
                log.warning("could not observe", service=self.service, error=str(error))
            self._stop.wait(EVERY_SECONDS)

    def _look_into_the_database(self) -> None:
        with self._database.session() as session:
            waiting = sa.select(outbox.c.id).limit(COUNTED).subquery()
            depth = session.execute(sa.select(sa.func.count()).select_from(waiting)).scalar_one()
            metrics.outbox_depth.labels(self.service).set(depth)
            kept = session.execute(
                sa.select(
                    failed_messages.c.queue,
                    sa.func.count(),
                    sa.func.count().filter(failed_messages.c.next_try_at.is_(None)),
                    sa.func.min(failed_messages.c.failed_at),
                ).group_by(failed_messages.c.queue)
            ).all()
            if self._own is not None:
                self._own.observe(session)
            metrics.failed_fill.labels(self.service).set(failed.fill(session))
            self._flaw = privileges.flaw(session)
            metrics.audit_protected.labels(self.service).set(self._flaw is None)
            dropped = failed.drop_old(session)
            forget_old(session)
        if dropped:
            log.warning("failed messages were too old to keep", service=self.service, dropped=dropped)
        found = {queue: (count, given_up, oldest) for queue, count, given_up, oldest in kept}
        for queue in {*self._queues, *self._failed, *found}:
            count, _, oldest = found.get(queue, (0, 0, None))
            age = (datetime.now(UTC) - oldest).total_seconds() if oldest else 0.0
            metrics.failed_depth.labels(queue).set(count)
            metrics.failed_age.labels(queue).set(age)
        self._failed = {queue: (count, given_up) for queue, (count, given_up, _) in found.items()}

    def _warning(self) -> str | None:
        said = [
            f"{count} of {queue}" + (f" ({given_up} given up)" if given_up else "")
            for queue, (count, given_up) in sorted(self._failed.items())
        ]
        said += [f"{self._dead} of {dead_letters(self.service)}"] if self._dead else []
        return ", ".join(said) or None

    def _look_into_the_broker(self) -> None:
        with connect() as connection:
            channel = connection.channel()
            for queue in (*self._queues, dead_letters(self.service), OLD_DEAD_LETTERS):
                declared = channel.queue_declare(queue, passive=True)
                metrics.queue_depth.labels(queue).set(declared.message_count)
                metrics.queue_consumers.labels(queue).set(declared.consumer_count)
                if queue == dead_letters(self.service):
                    self._dead = declared.message_count
