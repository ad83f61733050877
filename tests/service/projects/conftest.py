"""The projects database."""

from collections.abc import Iterator

import pytest

from chassis.database import Database
from chassis.settings import settings


@pytest.fixture(scope="session")
def database(settings_environment: dict[str, str]) -> Iterator[Database]:
    """The migrated projects database, with connections enough for the tests that race."""
    settings.cache_clear()
    database = Database(settings().dsn("projects"), pool=25)
    yield database
    database.close()
