"""The moment that a backup shows is one: of two things that happened in turn it never shows the second only."""

import threading
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import make_url

from chassis.ids import new_id
from chassis.settings import settings
from deploy.backup.databases import one_moment

KIND = "test.of.moments"


def address(service: str) -> str:
    """Of a service's database, as psycopg takes it."""
    return make_url(settings().dsn(service)).set(drivername="postgresql").render_as_string(hide_password=False)


@pytest.fixture
def writer(settings_environment: dict[str, str]) -> Iterator[threading.Thread]:
    """Writes an event into one outbox, then one into another, and so on."""
    settings.cache_clear()
    stop = threading.Event()

    def write() -> None:
        with psycopg.connect(address("members")) as first, psycopg.connect(address("labels")) as second:
            while not stop.is_set():
                for connection in (first, second):
                    row = (new_id(), KIND)
                    connection.execute("INSERT INTO outbox (id, type, envelope) VALUES (%s, %s, '')", row)
                    connection.commit()

    thread = threading.Thread(target=write)
    thread.start()
    yield thread
    stop.set()
    thread.join(30)
    for service in ("members", "labels"):
        with psycopg.connect(address(service)) as connection:
            connection.execute("DELETE FROM outbox WHERE type = %s", (KIND,))


def test_what_came_first_is_never_missing(writer: threading.Thread) -> None:
    counts = []
    for _ in range(10):
        with one_moment() as moment:
            found = {}
            for service in ("members", "labels"):
                with psycopg.connect(address(service)) as connection:
                    connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                    connection.execute(f"SET TRANSACTION SNAPSHOT '{moment.snapshots[service]}'".encode())
                    row = connection.execute("SELECT count(*) FROM outbox WHERE type = %s", (KIND,)).fetchone()
                    assert row is not None
                    found[service] = row[0]
        assert found["members"] - found["labels"] in (0, 1)
        counts.append(found["labels"])
    assert writer.is_alive()
    assert counts[0] < counts[-1]  # it went on between the moments
