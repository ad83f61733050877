"""Personal access tokens."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import sqlalchemy as sa

from chassis.database import Database
from contracts.errors import Problem
from contracts.events import PrincipalChanged
from contracts.permissions import TokenScope
from contracts.rpc.members import Principal, Token
from services.members import domain
from services.members.handlers import tokens
from services.members.models import TokenRow, UserRow
from tests.service.support import waiting_events

NewUser = Callable[..., UserRow]


def make(database: Database, user: UserRow, name: str = "laptop", expires_at: datetime | None = None) -> Token:
    with database.session() as session:
        return tokens.create_token(session, user.id, name, expires_at)


def resolve(database: Database, secret: str | None) -> Principal:
    assert secret is not None
    with database.session() as session:
        return tokens.resolve_token(session, secret)


def test_a_token_stands_for_its_user(database: Database, new_user: NewUser) -> None:
    user = new_user()
    token = make(database, user)
    assert token.secret is not None
    assert token.secret.startswith("ly_")
    principal = resolve(database, token.secret)
    assert (principal.user.id, principal.token_id) == (user.id, token.id)
    assert (principal.session_id, principal.csrf_token, principal.expires_at) == (None, None, None)
    with database.session() as session:
        row = session.get_one(TokenRow, token.id)
    assert row.secret_hash == domain.hash_secret(token.secret)
    assert row.last_used_at is not None


def test_a_token_expires(database: Database, new_user: NewUser) -> None:
    user, now = new_user(), datetime.now(UTC)
    soon = make(database, user, expires_at=now + timedelta(days=1))
    assert resolve(database, soon.secret).expires_at == soon.expires_at
    with pytest.raises(Problem, match="unauthenticated"):
        resolve(database, make(database, user, expires_at=now).secret)


def test_a_token_knows_what_it_is_limited_to(database: Database, new_user: NewUser) -> None:
    user, project_id = new_user(), uuid4()
    assert resolve(database, make(database, user).secret).scope is TokenScope.FULL
    with database.session() as session:
        token = tokens.create_token(session, user.id, "robot", scope=TokenScope.READ, project_id=project_id)
        (kept, _) = tokens.list_tokens(session, user.id, None, 50).items
    principal = resolve(database, token.secret)
    for each in (token, kept, principal):
        assert (each.scope, each.project_id) == (TokenScope.READ, project_id)


def test_a_token_from_before_there_were_scopes_may_do_everything(database: Database, new_user: NewUser) -> None:
    user, secret = new_user(), domain.new_token_secret()
    old = {"id": uuid4(), "user_id": user.id, "name": "old", "secret_hash": domain.hash_secret(secret)}
    with database.session() as session:
        columns = ", ".join([*old, "created_at"])
        values = ", ".join([*(f":{name}" for name in old), "now()"])
        session.execute(sa.text(f"INSERT INTO tokens ({columns}) VALUES ({values})"), old)
    principal = resolve(database, secret)
    assert (principal.scope, principal.project_id) == (TokenScope.FULL, None)


def test_nobody_gets_no_token(database: Database) -> None:
    with pytest.raises(Problem, match="not_found"), database.session() as session:
        tokens.create_token(session, uuid4(), "laptop")


def test_tokens_are_listed_newest_first_without_their_secrets(database: Database, new_user: NewUser) -> None:
    user = new_user()
    made = [make(database, user, f"token {number}") for number in range(5)]
    make(database, new_user())
    names, cursor = [], None
    with database.session() as session:
        while True:
            page = tokens.list_tokens(session, user.id, cursor, 2)
            assert all(token.secret is None for token in page.items)
            names += [token.name for token in page.items]
            cursor = page.next
            if cursor is None:
                break
    assert names == [token.name for token in reversed(made)]


def test_a_revoked_token_is_nobody_and_the_world_hears_of_it(database: Database, new_user: NewUser) -> None:
    user = new_user()
    token, other = make(database, user), make(database, user)
    with database.session() as session:
        tokens.revoke_token(session, user.id, token.id)
        tokens.revoke_token(session, user.id, token.id)
        told = waiting_events(session, PrincipalChanged, user_id=user.id)
        assert [data.revoked_tokens for data in told] == [(), (token.id,)]
        assert [listed.id for listed in tokens.list_tokens(session, user.id, None, 50).items] == [other.id]
    with pytest.raises(Problem, match="unauthenticated"):
        resolve(database, token.secret)
    resolve(database, other.secret)


def test_somebody_elses_token_is_not_found(database: Database, new_user: NewUser) -> None:
    token = make(database, new_user())
    for token_id in (token.id, uuid4()):
        with pytest.raises(Problem, match="not_found"), database.session() as session:
            tokens.revoke_token(session, new_user().id, token_id)
    resolve(database, token.secret)
