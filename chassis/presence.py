"""Presence: whether there are workers at all for what waits in a queue, told within seconds.

A service that wants to know says so in `services.<service>.presence`:

    QUEUES                                                   names of queues, its own or others'
    heard(session: Session, consumers: Mapping[str, int])    how many consumers each of them has now
"""

import importlib
import importlib.util
import threading
from typing import Any

import sqlalchemy as sa

from chassis.broker import CONNECTION_ERRORS, broker_session
from chassis.database import Database
from chassis.logs import get_logger

log = get_logger()

EVERY_SECONDS = 2.0
_TRANSIENT: tuple[type[BaseException], ...] = (sa.exc.SQLAlchemyError, *CONNECTION_ERRORS)


class Presence:
    """Asks the broker for one service, in its `events` process, every EVERY_SECONDS."""

    def __init__(self, service: str, database: Database, stop: threading.Event) -> None:
        self.service = service
        self._database = database
        self._stop = stop
        name = f"services.{service}.presence"
        self._own: Any = importlib.import_module(name) if importlib.util.find_spec(name) else None

    def run(self) -> None:
        """Ask until `stop` is set. While broker or database are away, what was heard last holds."""
        while not self._stop.is_set():
            if self._own is not None:
                try:
                    self._ask()
                except _TRANSIENT as error:
                    log.warning("could not ask for workers", service=self.service, error=str(error))
            self._stop.wait(EVERY_SECONDS)

    def _ask(self) -> None:
        with broker_session(self._stop) as connection:
            if self._stop.is_set():
                return
            channel = connection.channel()
            while not self._stop.is_set():
                consumers = {
                    queue: channel.queue_declare(queue, passive=True).consumer_count for queue in self._own.QUEUES
                }
                with self._database.session() as session:
                    self._own.heard(session, consumers)
                self._stop.wait(EVERY_SECONDS)
