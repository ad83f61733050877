"""Sweeping: what nobody will need any more, and no event tells of.

A service says what that is in `services.<service>.sweeping`:

    sweep(database: Database) -> None    safe beside others at the same work; raises what can be tried again
"""

import importlib
import importlib.util
import threading
from typing import Any

import sqlalchemy as sa

from chassis.database import Database
from chassis.logs import get_logger
from chassis.objects import ERRORS

log = get_logger()

EVERY_SECONDS = 600.0
_TRANSIENT: tuple[type[BaseException], ...] = (sa.exc.SQLAlchemyError, *ERRORS)


class Sweeper:
    """Sweeps for one service, in its `events` process, every EVERY_SECONDS."""

    def __init__(self, service: str, database: Database, stop: threading.Event) -> None:
        self.service = service
        self._database = database
        self._stop = stop
        name = f"services.{service}.sweeping"
        self._own: Any = importlib.import_module(name) if importlib.util.find_spec(name) else None

    def run(self) -> None:
        """Sweep until `stop` is set."""
        while not self._stop.is_set():
            self.sweep()
            self._stop.wait(EVERY_SECONDS)

    def sweep(self) -> None:
        """Sweep once. What can't be swept now is tried again the next time."""
        if self._own is None:
            return
        try:
            self._own.sweep(self._database)
        except _TRANSIENT as error:
            log.warning("could not sweep", service=self.service, error=str(error))
