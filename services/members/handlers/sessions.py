"""Signing in and out, whom a session cookie stands for, and the password."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session as Transaction

from chassis import audit, paging
from chassis.database import Database
from chassis.ids import new_id
from chassis.settings import settings
from contracts.enums import UserState
from contracts.errors import Problem
from contracts.rpc import Nothing
from contracts.rpc.members import ChangePassword, Principal, Session, SessionEntry, SessionPage
from services.members import domain
from services.members.handlers import devices, guards
from services.members.handlers.users import find_by_email, seen, to_user, user_changed
from services.members.models import DeletedProject, MembershipRow, PasswordResetRow, SessionRow, UserRow
from services.members.passwords import Passwords


def passwords_are_taken() -> None:
    """Problem `password_sign_in_off` where only single sign-on lets people in."""
    if not settings().password_sign_in:
        raise Problem("password_sign_in_off")


def login(
    database: Database,
    passwords: Passwords,
    email: str,
    password: str,
    device: str = "",
    address: str | None = None,
    device_secret: str | None = None,
) -> Session:
    """Sign in; Problem `bad_credentials`, `rate_limited` or `busy`.

    No connection is held while the password is checked, so it may be another by the end of that: then it is checked
    once more. Nothing differs where nobody has the address.
    """
    with database.session() as session:
        user = _active(session, email)
        at_home = devices.users_of(session, device_secret)
    # what is no address may be a password that was typed into the wrong field
    audit.note("user", user.id if user else None, after={"email": email} if "@" in email else {})
    known = device_secret if user is not None and user.id in at_home else None
    with guards.guess(database, domain.sign_in_guards(domain.email_key(email), address, known)):
        while True:
            matches = passwords.matches(user.password_hash if user else None, password)
            if user is None or not matches:
                raise Problem("bad_credentials")
            renewed = passwords.hash(password) if passwords.outdated(user.password_hash) else None
            with database.session() as session:
                if _unchanged(session, user):
                    if renewed is not None:
                        _renew(session, user, renewed)
                    started = start_session(session, user, device, device_secret, address)
                    audit.settle(session, started)
                    return started
                user = _active(session, email)


def start_session(
    session: Transaction,
    user: UserRow,
    device: str,
    device_secret: str | None = None,
    address: str | None = None,
) -> Session:
    """A new session of somebody who has proved who they are; their device is known from now on."""
    now = datetime.now(UTC)
    # A user's ended sessions are swept whenever they make a new one: no sweeper of its own is needed.
    # Those that are just being ended by others are left to them: whoever ends one changes the user next, who is ours.
    ended = sa.select(SessionRow.id).where(SessionRow.user_id == user.id, SessionRow.expires_at <= now)
    session.execute(sa.delete(SessionRow).where(SessionRow.id.in_(ended.with_for_update(skip_locked=True))))
    secret = domain.new_secret()
    row = SessionRow(
        id=new_id(),
        user_id=user.id,
        secret_hash=domain.hash_secret(secret),
        device=device,
        created_at=now,
        last_used_at=now,
        address=address,
        expires_at=domain.session_end(now),
    )
    session.add(row)
    session.flush()
    audit.note("session", row.id, user_id=user.id, session_id=row.id, after={"expires_at": row.expires_at})
    manages = bool(session.scalar(sa.select(manages_any_project(user.id))))
    return Session(
        principal=_principal(user, row, secret, manages),
        secret=secret,
        device_secret=devices.remember(session, user.id, device_secret),
    )


def logout(session: Transaction, session_id: UUID) -> None:
    """End a session; ending it twice is no error."""
    ended = sa.delete(SessionRow).where(SessionRow.id == session_id).returning(SessionRow.user_id)
    user_id = session.scalar(ended)
    if user_id is not None:
        user_changed(session, user_id, revoked_sessions=(session_id,))


def list_sessions(
    session: Transaction, user_id: UUID, current: UUID | None, cursor: str | None, limit: int
) -> SessionPage:
    """A user's sessions that have not ended, newest first."""
    query = sa.select(SessionRow).where(SessionRow.user_id == user_id, SessionRow.expires_at > datetime.now(UTC))
    if cursor:
        (last,) = paging.decode(cursor, UUID)
        query = query.where(SessionRow.id < last)
    found = session.scalars(query.order_by(SessionRow.id.desc()).limit(limit + 1))
    rows, more = paging.page(found, limit, lambda row: row.id)
    return SessionPage(items=tuple(_to_entry(row, current) for row in rows), next=more)


def revoke_session(session: Transaction, user_id: UUID, session_id: UUID) -> None:
    """End a session of this user; Problem `not_found` if they have none such."""
    if not end_sessions(session, user_id, SessionRow.id == session_id):
        raise Problem("not_found", "You have no such session.")


@contextmanager
def password_change(
    database: Database, passwords: Passwords, request: ChangePassword
) -> Iterator[Callable[[Transaction], Nothing]]:
    """What is to be done in a transaction to change a password; Problem `bad_credentials`, `rate_limited`, `busy`.

    Hashing belongs in no transaction. A wrong password is refused in it all the same: a command that is sent again,
    when the password is another already, gets the answer that it got before.
    """
    with database.session() as session:
        user = session.get(UserRow, request.user_id)
    if user is None or user.state is not UserState.ACTIVE:
        raise Problem("unauthenticated")
    audit.note("user", user.id, after={"password": "another", "end_other_sessions": request.end_other_sessions})
    with guards.guess(database, domain.password_change_guards(str(user.id))):
        right = passwords.matches(user.password_hash, request.current_password)
        new = passwords.hash(request.new_password) if right else None

        def change(session: Transaction) -> Nothing:
            if new is None or not _renew(session, user, new):
                raise Problem("bad_credentials", "The present password is wrong.")
            session.execute(sa.delete(PasswordResetRow).where(PasswordResetRow.user_id == user.id))
            if request.end_other_sessions:
                others = SessionRow.id != request.session_id if request.session_id else sa.true()
                end_sessions(session, user.id, others)
                devices.forget(session, user.id, but=request.device_secret)
            return Nothing()

        yield change


def resolve_session(session: Transaction, secret: str, address: str | None = None) -> Principal:
    """Whom a cookie's secret stands for; Problem `unauthenticated`. Writes at most once an hour from one address."""
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
    seen(session, user, now)
    moved = address is not None and address != row.address
    if moved or domain.use_is_news(row.last_used_at, now):
        # not by the unit of work: that would fail if somebody signed out at this moment
        used = sa.update(SessionRow).where(SessionRow.id == row.id)
        session.execute(
            used.values(last_used_at=now, expires_at=domain.session_end(now), address=address or row.address)
        )
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


def _to_entry(row: SessionRow, current: UUID | None) -> SessionEntry:
    return SessionEntry(
        id=row.id,
        device=row.device,
        device_name=domain.device_name(row.device),
        address=row.address,
        created_at=row.created_at,
        last_used_at=row.last_used_at,
        expires_at=row.expires_at,
        current=row.id == current,
    )


def end_sessions(session: Transaction, user_id: UUID, which: sa.ColumnElement[bool]) -> bool:
    """End those of a user's sessions and tell the world; whether there were any."""
    ended = sa.delete(SessionRow).where(SessionRow.user_id == user_id, which).returning(SessionRow.id)
    ids = tuple(session.scalars(ended))
    if ids:
        user_changed(session, user_id, revoked_sessions=ids)
    return bool(ids)


def _active(session: Transaction, email: str) -> UserRow | None:
    """The user with that address, if they may sign in."""
    user = find_by_email(session, email)
    return user if user is not None and user.state is UserState.ACTIVE else None


def _unchanged(session: Transaction, user: UserRow) -> bool:
    """Whether the password is still the one that was checked; it stays so until the transaction ends."""
    query = sa.select(UserRow.id).where(*_as_checked(user))
    # not FOR SHARE: two that both go on to change the row would wait for each other
    return session.scalar(query.with_for_update(key_share=True)) is not None


def _as_checked(user: UserRow) -> tuple[sa.ColumnElement[bool], ...]:
    return UserRow.id == user.id, UserRow.password_hash == user.password_hash, UserRow.state == UserState.ACTIVE


def _renew(session: Transaction, user: UserRow, password_hash: str) -> bool:
    """Store another hash; whether the password was still the one that was checked."""
    stored = sa.update(UserRow).where(*_as_checked(user)).values(password_hash=password_hash)
    return session.scalar(stored.returning(UserRow.id)) is not None
