"""Signing in and out, and whom a session cookie stands for."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session as Transaction

from chassis.database import Database
from chassis.ids import new_id
from contracts.enums import UserState
from contracts.errors import Problem
from contracts.rpc.members import Principal, Session
from services.members import domain
from services.members.handlers.users import find_by_email, to_user, user_changed
from services.members.models import DeletedProject, MembershipRow, SessionRow, UserRow
from services.members.passwords import Passwords


def login(database: Database, passwords: Passwords, email: str, password: str, device: str) -> Session:
    """Sign in; Problem `bad_credentials`, or `busy`. No connection is held while the password is checked."""
    with database.session() as session:
        found = find_by_email(session, email)
        user = found if found is not None and found.state is UserState.ACTIVE else None
    matches = passwords.matches(user.password_hash if user else None, password)
    if user is None or not matches:
        raise Problem("bad_credentials")
    renewed = passwords.hash(password) if passwords.outdated(user.password_hash) else None
    with database.session() as session:
        if renewed is not None:
            _renew(session, user, renewed)
        return start_session(session, user, device)


def start_session(session: Transaction, user: UserRow, device: str) -> Session:
    """A new session of somebody who has proved who they are."""
    now = datetime.now(UTC)
    # A user's ended sessions are swept whenever they make a new one: no sweeper of its own is needed.
    session.execute(sa.delete(SessionRow).where(SessionRow.user_id == user.id, SessionRow.expires_at <= now))
    secret = domain.new_session_secret()
    row = SessionRow(
        id=new_id(),
        user_id=user.id,
        secret_hash=domain.hash_secret(secret),
        device=device,
        created_at=now,
        last_used_at=now,
        expires_at=domain.session_end(now),
    )
    session.add(row)
    session.flush()
    manages = bool(session.scalar(sa.select(manages_any_project(user.id))))
    return Session(principal=_principal(user, row, secret, manages), secret=secret)


def logout(session: Transaction, session_id: UUID) -> None:
    """End a session; ending it twice is no error."""
    ended = sa.delete(SessionRow).where(SessionRow.id == session_id).returning(SessionRow.user_id)
    user_id = session.scalar(ended)
    if user_id is not None:
        user_changed(session, user_id, revoked_sessions=(session_id,))


def resolve_session(session: Transaction, secret: str) -> Principal:
    """Whom a cookie's secret stands for; Problem `unauthenticated`. Writes at most once an hour."""
    now = datetime.now(UTC)
    found = session.execute(
        sa.select(SessionRow, UserRow, manages_any_project(UserRow.id))
        .join(UserRow, UserRow.id == SessionRow.user_id)
        .where(SessionRow.secret_hash == domain.hash_secret(secret), SessionRow.expires_at > now)
        .where(UserRow.state == UserState.ACTIVE)
    ).one_or_none()
    if found is None:
        raise Problem("unauthenticated", "The session has ended; sign in again.")
    row, user, manages = found
    if domain.use_is_news(row.last_used_at, now):
        # not by the unit of work: that would fail if somebody signed out at this moment
        used = sa.update(SessionRow).where(SessionRow.id == row.id)
        session.execute(used.values(last_used_at=now, expires_at=domain.session_end(now)))
    return _principal(user, row, secret, manages)


def manages_any_project(user_id: Any) -> sa.Exists:
    """SQL: whether that user (an id or a column) is a manager of a project that is still there."""
    gone = sa.exists().where(DeletedProject.project_id == MembershipRow.project_id, ~DeletedProject.restored)
    return sa.exists().where(MembershipRow.user_id == user_id, MembershipRow.role == "manager", ~gone)


def _principal(user: UserRow, row: SessionRow, secret: str, manages: bool) -> Principal:
    return Principal(
        user=to_user(user),
        session_id=row.id,
        csrf_token=domain.csrf_token(secret),
        manages_any_project=manages,
        expires_at=row.expires_at,
    )


def _renew(session: Transaction, user: UserRow, password_hash: str) -> None:
    # only where the password is still the one that was checked
    session.execute(
        sa.update(UserRow)
        .where(UserRow.id == user.id, UserRow.password_hash == user.password_hash)
        .values(password_hash=password_hash)
    )
