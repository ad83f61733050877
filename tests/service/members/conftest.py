"""The members database, and what the tests of its handlers need again and again."""

from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest
import sqlalchemy as sa

from chassis.database import Database
from chassis.settings import settings
from contracts.permissions import TeamRole
from services.members.handlers.users import create_user
from services.members.models import Base, TeamRoleCounts, UserRow
from services.members.passwords import Passwords
from tests.service.members.support import CHEAP, PASSWORD, new_email


@pytest.fixture(scope="session")
def database(settings_environment: dict[str, str]) -> Iterator[Database]:
    """The migrated members database, with connections enough for the tests that race."""
    settings.cache_clear()
    database = Database(settings().dsn("members"), pool=25)
    yield database
    database.close()


@pytest.fixture
def empty_database(settings_environment: dict[str, str]) -> Iterator[Database]:
    """The tables of the members service in a schema of their own: a team with nobody in it."""
    settings.cache_clear()
    schema = f"test_{uuid4().hex}"
    scratch = Database(settings().migration_dsn("members"))

    @sa.event.listens_for(scratch.engine, "begin")
    def use_schema(connection: sa.Connection) -> None:
        connection.exec_driver_sql(f"SET LOCAL search_path TO {schema}, public")

    with scratch.engine.begin() as connection:
        connection.execute(sa.text(f"CREATE SCHEMA {schema}"))
        Base.metadata.create_all(connection, checkfirst=False)
        connection.execute(sa.insert(TeamRoleCounts).values(only=True, owner=0, admin=0))
    yield scratch
    with scratch.engine.begin() as connection:
        connection.execute(sa.text(f"DROP SCHEMA {schema} CASCADE"))
    scratch.close()


@pytest.fixture
def passwords() -> Passwords:
    """Quick hashes: how dear they are is no matter here."""
    return Passwords(hasher=CHEAP, at_once=4, waiting=100)


@pytest.fixture
def new_user(database: Database) -> Callable[..., UserRow]:
    """Makes a user with the password PASSWORD."""

    def make(team_role: TeamRole = TeamRole.MEMBER, email: str | None = None) -> UserRow:
        with database.session() as session:
            return create_user(session, email or new_email(), "Somebody", CHEAP.hash(PASSWORD), team_role)

    return make
