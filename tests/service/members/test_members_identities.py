"""Whom an identity provider's word stands for: linking, provisioning, and who stays out."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
import sqlalchemy as sa

from chassis.database import Database
from chassis.settings import settings
from contracts.enums import UserState
from contracts.errors import Problem
from contracts.permissions import TeamRole
from contracts.rpc.members import Session, SignOn
from services.members.handlers import identities, sessions
from services.members.models import IdentityRow, UserRow
from services.members.passwords import Passwords
from tests.service.members.support import new_email

NewUser = Callable[..., UserRow]
ISSUER = "https://id.example.com"


def sign_on(
    database: Database, provision: bool = False, domains: frozenset[str] = frozenset(), **told: object
) -> Session:
    request = SignOn.model_validate(
        {"issuer": ISSUER, "subject": uuid4().hex, "email_verified": True, "device": "a browser", **told}
    )
    with database.session() as session:
        return identities.sign_on(session, request, provision, domains)


def refused(database: Database, code: str, **how: object) -> None:
    with pytest.raises(Problem) as caught:
        sign_on(database, **how)  # type: ignore[arg-type]
    assert caught.value.code == code


def test_the_first_time_by_mail_address_then_by_subject(database: Database, new_user: NewUser) -> None:
    user = new_user()
    first = sign_on(database, subject="s1", email=user.email.upper(), issuer=f"{ISSUER}/{user.id}")
    again = sign_on(database, subject="s1", email=new_email(), email_verified=False, issuer=f"{ISSUER}/{user.id}")
    assert first.principal.user.id == again.principal.user.id == user.id
    refused(database, "no_account", subject="s1", email=new_email())  # the same subject of another provider


def test_an_account_has_one_identity_at_a_provider(database: Database, new_user: NewUser) -> None:
    user = new_user()
    sign_on(database, email=user.email)
    refused(database, "no_account", email=user.email)
    sign_on(database, email=user.email, issuer="https://other.example.com")


def test_an_address_that_nobody_vouches_for_opens_nothing(database: Database, new_user: NewUser) -> None:
    user = new_user(TeamRole.OWNER)
    refused(database, "email_unverified", email=user.email, email_verified=False)
    refused(database, "email_unverified", email=new_email(), email_verified=False, provision=True)
    refused(database, "no_account", email=None, provision=True)


def test_nobody_is_made_unless_told_so(database: Database) -> None:
    email = new_email()
    refused(database, "no_account", email=email)
    refused(database, "no_account", email=email, provision=True, domains=frozenset({"example.org"}))
    refused(
        database, "no_account", email=f"x@sub.{email.partition('@')[2]}", provision=True, domains=frozenset({"com"})
    )
    made = sign_on(database, email=email, name="Mia", provision=True, domains=frozenset({"example.com"}))
    user = made.principal.user
    assert (user.email, user.name, user.team_role, user.state) == (email, "Mia", TeamRole.MEMBER, UserState.ACTIVE)


def test_who_is_made_so_has_no_password(database: Database, passwords: Passwords) -> None:
    email = new_email()
    sign_on(database, email=email, provision=True)
    for guess in ("", "password"):
        with pytest.raises(Problem, match="bad_credentials"):
            sessions.login(database, passwords, email, guess)


def test_a_deleted_user_stays_out_and_is_not_made_anew(database: Database, new_user: NewUser) -> None:
    known, unknown = new_user(), new_user()
    sign_on(database, subject=f"s-{known.id}", email=known.email)
    with database.session() as session:
        gone = sa.update(UserRow).where(UserRow.id.in_([known.id, unknown.id]))
        session.execute(gone.values(state=UserState.DELETED))
    refused(database, "no_account", subject=f"s-{known.id}", email=known.email, provision=True)
    refused(database, "no_account", email=unknown.email, provision=True)
    with database.session() as session:
        linked = sa.select(IdentityRow.subject).where(IdentityRow.user_id == unknown.id)
        assert session.scalars(linked).all() == []


def test_many_at_once_are_one_user(database: Database) -> None:
    email, subject = new_email(), uuid4().hex
    with ThreadPoolExecutor(8) as pool:
        signed_on = [*pool.map(lambda _: sign_on(database, subject=subject, email=email, provision=True), range(8))]
    assert len({each.principal.user.id for each in signed_on}) == 1
    assert len({each.principal.session_id for each in signed_on}) == 8


def test_passwords_can_be_turned_off(settings_environment: dict[str, str]) -> None:
    sessions.passwords_are_taken()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LABELYARD_PASSWORD_SIGN_IN", "false")
        settings.cache_clear()
        with pytest.raises(Problem, match="password_sign_in_off"):
            sessions.passwords_are_taken()
    settings.cache_clear()
    sessions.passwords_are_taken()
