"""Signing in by an identity provider: whom its word stands for here.

The gateway has checked that word before (gateway.sign_on). A user is found by issuer and subject, which a provider
never gives to anybody else; by mail address only the first time.
"""

from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session as Transaction

from chassis import audit
from contracts.enums import UserState
from contracts.errors import Problem
from contracts.rpc.members import Session, SignOn
from services.members import domain
from services.members.handlers.sessions import start_session
from services.members.handlers.users import create_user, find_by_email
from services.members.models import IdentityRow, UserRow


def sign_on(session: Transaction, request: SignOn, provision: bool, domains: frozenset[str]) -> Session:
    """A new session of the user whom the provider named; Problem `no_account` or `email_unverified`.

    With `provision`, somebody whom nobody knows becomes a plain member, if the domain of their mail address is one of
    `domains` or there are none.
    """
    # two of the same identity at once: the second finds what the first has made
    alone = sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(f"sign-on {request.issuer} {request.subject}", 0))
    session.execute(sa.select(alone))
    known = session.get(IdentityRow, (request.issuer, request.subject))
    if known is not None:
        user = session.get_one(UserRow, known.user_id)
    else:
        user = _first_time(session, request, provision, domains)
    audit.note("user", user.id, after={"issuer": request.issuer, "subject": request.subject, "linked": known is None})
    # locked, so that nobody who is being deleted keeps a session made meanwhile
    session.refresh(user, with_for_update={"key_share": True})
    if user.state is not UserState.ACTIVE:
        raise Problem("no_account", "Your account here was closed.")
    return start_session(session, user, request.device, request.device_secret, request.address)


def _first_time(session: Transaction, request: SignOn, provision: bool, domains: frozenset[str]) -> UserRow:
    if request.email is None:
        raise Problem("no_account", "The identity provider does not tell a mail address to find your account by.")
    if not request.email_verified:
        raise Problem("email_unverified")
    user = find_by_email(session, request.email)
    if user is None:
        user = _new_user(session, request, request.email, provision, domains)
    taken = sa.exists().where(IdentityRow.user_id == user.id, IdentityRow.issuer == request.issuer)
    if session.scalar(sa.select(taken)):
        # an address that was given to somebody else there must not open what was its owner's here
        raise Problem("no_account", "The account with your mail address belongs to another identity.")
    session.add(
        IdentityRow(issuer=request.issuer, subject=request.subject, user_id=user.id, created_at=datetime.now(UTC))
    )
    session.flush()
    return user


def _new_user(session: Transaction, request: SignOn, email: str, provision: bool, domains: frozenset[str]) -> UserRow:
    if not provision:
        raise Problem("no_account")
    if domains and domain.email_key(email).rpartition("@")[2] not in domains:
        raise Problem("no_account", "Your mail address is not of a domain that accounts are made for.")
    return create_user(session, email, request.name or email.partition("@")[0], password_hash="")
