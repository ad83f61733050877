"""A database with nothing but the chassis tables, and the threads of a process around it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest
import sqlalchemy as sa

from chassis.broker import connect
from chassis.consumer import EventConsumer, Subscription
from chassis.database import Database
from chassis.health import Health
from chassis.relay import Relay
from chassis.settings import settings
from chassis.tables import metadata


def database_of(schema: str) -> Database:
    """The analytics database, as if it had this schema only; as its owner, who may make one."""
    database = Database(settings().migration_dsn("analytics"))

    @sa.event.listens_for(database.engine, "connect")
    def use_schema(connection: object, _: object) -> None:
        cursor = connection.cursor()  # type: ignore[attr-defined]
        cursor.execute(f"SET search_path TO {schema}")
        cursor.close()
        connection.commit()  # type: ignore[attr-defined]

    return database


@pytest.fixture
def database(settings_environment: dict[str, str]) -> Iterator[Database]:
    """The analytics database under a schema of its own, so that nothing else sees what is written here."""
    settings.cache_clear()
    schema = f"test_{uuid4().hex}"
    dsn = settings().migration_dsn("analytics")
    admin = sa.create_engine(dsn)
    with admin.begin() as connection:
        connection.execute(sa.text(f"CREATE SCHEMA {schema}"))
    scratch = database_of(schema)
    metadata.create_all(scratch.engine)
    yield scratch
    scratch.close()
    with admin.begin() as connection:
        connection.execute(sa.text(f"DROP SCHEMA {schema} CASCADE"))
    admin.dispose()


@pytest.fixture
def running() -> Iterator[Callable[..., None]]:
    """Run a relay or consumer on a thread until the test ends."""
    stops: list[tuple[threading.Event, threading.Thread]] = []

    def start(make: Callable[[threading.Event, Health], Relay | EventConsumer]) -> None:
        stop = threading.Event()
        thread = threading.Thread(target=make(stop, Health("test")).run, daemon=True)
        thread.start()
        stops.append((stop, thread))

    yield start
    for stop, _ in stops:
        stop.set()
    for _, thread in stops:
        thread.join(timeout=10)


@contextmanager
def declared(subscription: Subscription) -> Iterator[None]:
    """The subscription's queue, while inside."""
    with connect() as connection:
        channel = connection.channel()
        queue = subscription.declaration()(channel)
        queue.declare()
        try:
            yield
        finally:
            connection.channel().queue_delete(subscription.queue)
