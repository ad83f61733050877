"""The first owner."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from chassis.database import Database
from contracts.errors import Problem
from contracts.permissions import TeamRole
from deploy.local.system import System
from services.members import domain
from services.members.handlers import memberships, sessions, tokens
from services.members.models import TokenRow, UserRow
from services.members.passwords import Passwords
from services.members.setup import FirstOwner, NotSetUp, set_up
from tests.service.members.support import PASSWORD

EMAIL = "owner@example.com"


def first_owner(email: str | None = EMAIL, password: str | None = PASSWORD, token: str | None = None) -> FirstOwner:
    return FirstOwner(
        email=email,
        password=None if password is None else SecretStr(password),
        token=None if token is None else SecretStr(token),
    )


def run(database: Database, passwords: Passwords, first: FirstOwner) -> str:
    with database.session() as session:
        return set_up(session, passwords, first)


def test_the_first_owner_is_made_once(empty_database: Database, passwords: Passwords) -> None:
    run(empty_database, passwords, first_owner())
    signed_in = sessions.login(empty_database, passwords, EMAIL, PASSWORD, "")
    assert signed_in.principal.user.team_role is TeamRole.OWNER
    run(empty_database, passwords, first_owner(password="another password"))
    run(empty_database, passwords, first_owner(email="another@example.com"))
    run(empty_database, passwords, first_owner(email=None, password=None))
    with empty_database.session() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(UserRow)) == 1
        assert memberships.count_roles(session, signed_in.principal.user.id).owner == 1
    sessions.login(empty_database, passwords, EMAIL, PASSWORD, "")


@pytest.mark.parametrize("missing", [{"email": None}, {"password": None}])
def test_without_an_owner_it_says_what_to_set(
    empty_database: Database, passwords: Passwords, missing: dict[str, None]
) -> None:
    with pytest.raises(NotSetUp, match="LABELYARD_OWNER_EMAIL and LABELYARD_OWNER_PASSWORD"):
        run(empty_database, passwords, first_owner(**missing))


def test_of_many_at_once_one_makes_the_owner(empty_database: Database, passwords: Passwords) -> None:
    with ThreadPoolExecutor(5) as pool:
        said = list(pool.map(lambda _: run(empty_database, passwords, first_owner()), range(5)))
    assert len(set(said)) == 2
    with empty_database.session() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(UserRow)) == 1


def test_the_owners_own_token_is_made_once_and_stays_revoked(empty_database: Database, passwords: Passwords) -> None:
    secret = domain.new_token_secret()
    for _ in range(2):
        run(empty_database, passwords, first_owner(token=secret))
    with empty_database.session() as session:
        principal = tokens.resolve_token(session, secret)
        assert principal.user.email == EMAIL
        assert principal.token_id is not None
        tokens.revoke_token(session, principal.user.id, principal.token_id)
    run(empty_database, passwords, first_owner(token=secret))
    with pytest.raises(Problem, match="unauthenticated"), empty_database.session() as session:
        tokens.resolve_token(session, secret)
    with empty_database.session() as session:
        (row,) = session.scalars(sa.select(TokenRow)).all()
        assert row.revoked_at is not None
        assert row.revoked_at <= datetime.now(UTC)


def test_a_weak_token_is_refused_and_nothing_is_made(empty_database: Database, passwords: Passwords) -> None:
    with pytest.raises(NotSetUp, match="LABELYARD_OWNER_TOKEN"):
        run(empty_database, passwords, first_owner(token="secret"))
    with empty_database.session() as session:
        assert session.scalar(sa.select(UserRow)) is None


def test_the_command(servers: System, settings_environment: dict[str, str]) -> None:
    servers.run("services.members.setup")
    assert servers.run("services.members.setup") == "The team has an owner.\n"
