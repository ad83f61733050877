"""A service's own PostgreSQL database."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

import sqlalchemy as sa
from sqlalchemy.orm import Session, sessionmaker

from chassis.logs import get_logger
from chassis.settings import settings

log = get_logger()

WAKE_CHANNEL = "labelyard_outbox"
"""The NOTIFY channel that tells relays of a database that events are waiting."""

PENDING = "labelyard_outbox_pending"
"""Key in `Session.info`: this transaction has written to the outbox."""


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
            pool_pre_ping=True,
            connect_args={
                "connect_timeout": 5,
                # A deadline in the caller does not stop a statement: the server must (field notes, psycopg).
                "options": f"-c statement_timeout={milliseconds} -c lock_timeout={milliseconds} "
                f"-c idle_in_transaction_session_timeout={4 * milliseconds} -c timezone=UTC",
            },
        )
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)
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
