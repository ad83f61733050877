"""A service's own PostgreSQL database."""

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

import psycopg
import sqlalchemy as sa
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import ConnectionPoolEntry

from chassis.logs import get_logger
from chassis.settings import settings

log = get_logger()

WAKE_CHANNEL = "labelyard_outbox"
"""The NOTIFY channel that tells relays of a database that events are waiting."""

PENDING = "labelyard_outbox_pending"
"""Key in `Session.info`: this transaction has written to the outbox."""


RESTED = 1.0
"""Seconds after which a pooled connection is asked whether it still lives before it is used."""


class Database:
    """Sessions on one database, and the wake-up call of its outbox relay."""

    _shared: ClassVar[dict[str, "Database"]] = {}
    _shared_lock: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, dsn: str, pool: int | None = None) -> None:
        """`dsn` in SQLAlchemy's form; nothing connects before the first session."""
        limits = settings()
        milliseconds = int(limits.statement_timeout * 1000)
        self.engine = sa.create_engine(
            dsn,
            pool_size=pool or limits.database_pool,
            max_overflow=0,
            pool_timeout=5,
            connect_args={
                "connect_timeout": 5,
                # A deadline in the caller does not stop a statement: the server must (field notes, psycopg).
                "options": f"-c statement_timeout={milliseconds} -c lock_timeout={milliseconds} "
                f"-c idle_in_transaction_session_timeout={4 * milliseconds} -c timezone=UTC "
                # What is asked often is prepared; a plan for any value would read a million rows for a rare one.
                "-c plan_cache_mode=force_custom_plan",
            },
        )
        _ping_what_has_rested(self.engine)
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)
        # each BEGIN and COMMIT is a way to the server and back, as long as the question itself
        self._reading = sessionmaker(self.engine.execution_options(isolation_level="AUTOCOMMIT"))
        self._wake = threading.Event()
        self._notifier: threading.Thread | None = None
        self._notifier_lock = threading.Lock()
        self.on_commit: list[threading.Event] = []
        """Events that are set after a commit that wrote to the outbox: relays in the same process wait on theirs."""

    @classmethod
    def of(cls, service: str) -> "Database":
        """The database of a service, one object a process."""
        with cls._shared_lock:
            if service not in cls._shared:
                cls._shared[service] = cls(settings().dsn(service))
            return cls._shared[service]

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A transaction: committed at the end, rolled back when anything raises."""
        with self._sessions() as session:
            with session.begin():
                yield session
            if session.info.pop(PENDING, False):
                self.wake_relay()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """For queries: every statement is a transaction of its own, and sees what is committed when it begins."""
        with self._reading() as session, session.begin():
            yield session

    def wake_relay(self) -> None:
        """Tell the relays of this database, here and elsewhere, that events are waiting. Returns at once."""
        for event in self.on_commit:
            event.set()
        if self.on_commit:
            return  # the relay beside us takes them all
        if self._notifier is None:
            with self._notifier_lock:
                if self._notifier is None:
                    self._notifier = threading.Thread(target=self._notify, name="outbox-notify", daemon=True)
                    self._notifier.start()
        self._wake.set()

    def _notify(self) -> None:
        # NOTIFY in the writing transaction would serialise all commits of the server; here one statement of its
        # own serves every commit since the last one.
        while True:
            self._wake.wait()
            self._wake.clear()
            try:
                with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                    while True:
                        connection.execute(sa.text(f"NOTIFY {WAKE_CHANNEL}"))
                        if not self._wake.wait(1.0):
                            break
                        self._wake.clear()
            except sa.exc.SQLAlchemyError as error:
                log.warning("could not wake the relay; its sweep will find the events", error=str(error))

    def ready(self) -> bool:
        """Whether the database answers."""
        try:
            with self.engine.connect() as connection:
                connection.execute(sa.text("SELECT 1"))
        except sa.exc.SQLAlchemyError:
            return False
        return True

    def close(self) -> None:
        """Close the pooled connections."""
        self.engine.dispose()


def _ping_what_has_rested(engine: sa.Engine) -> None:
    """As SQLAlchemy's pool_pre_ping, which would ask each time: for a busy service that is as dear as a query."""

    @sa.event.listens_for(engine, "checkin")
    def _rests(_: DBAPIConnection | None, record: ConnectionPoolEntry) -> None:
        record.info["rests_since"] = time.monotonic()

    @sa.event.listens_for(engine, "checkout")
    def _ping(connection: DBAPIConnection, record: ConnectionPoolEntry, _: object) -> None:
        if time.monotonic() - record.info.get("rests_since", math.inf) < RESTED:
            return
        try:
            engine.dialect.do_ping(connection)
        except psycopg.Error as error:
            raise sa.exc.InvalidatePoolError from error
