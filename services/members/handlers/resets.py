"""Setting a forgotten password by a link that works once (docs/decisions: links-that-set-a-password).

A link's secret is made when it is handed out, to the mail server or to an admin, and only its hash is stored: no
event, failed message or log has it.
"""

from datetime import UTC, datetime
from html import escape
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis import audit, mail, outbox
from chassis.database import Database
from chassis.ids import new_id
from chassis.logs import get_logger
from chassis.settings import settings
from contracts.enums import UserState
from contracts.errors import Problem
from contracts.events import PasswordResetRequested
from contracts.permissions import TeamRole
from contracts.rpc.members import PasswordReset
from services.members import domain
from services.members.handlers import devices, guards
from services.members.handlers.sessions import end_sessions
from services.members.handlers.users import find_by_email, to_user
from services.members.models import PasswordResetRow, UserRow

log = get_logger()

SWEPT = 20
"""How many rows that have ended each request sweeps away: more than it can add."""


def request(session: Session, email: str, address: str | None) -> None:
    """Have a link mailed to whoever has the address; Problem `rate_limited`.

    The same is done where nobody has it, so that neither the answer nor its time tells.
    """
    guards.take(session, domain.reset_guards(domain.email_key(email), address), "There were too many requests.")
    user = find_by_email(session, email)
    row = _new_row(session, user.id if user is not None and user.state is UserState.ACTIVE else None)
    audit.note("user", row.user_id)
    outbox.add(session, PasswordResetRequested(reset_id=row.id))


def send(database: Database, event: PasswordResetRequested) -> None:
    """Make the link of a request and mail it; MailFailed if that can't be done now.

    Called again after a failure, it makes another: the one before may have been read on the way.
    """
    with database.session() as session:
        row = session.get(PasswordResetRow, event.reset_id, with_for_update=True)
        user = session.get(UserRow, row.user_id) if row is not None and row.user_id is not None else None
        if row is None or user is None or user.state is not UserState.ACTIVE or row.sent_at is not None:
            return
        if row.expires_at <= datetime.now(UTC) or _is_replaced(session, row):
            return
        _forget_others(session, user.id, row.id)
        secret = _arm(row)
    mail.send(user.email, "Set a new password", *_letter(user.name, link_of(secret)))
    with database.session() as session:
        sent = sa.update(PasswordResetRow).where(PasswordResetRow.id == event.reset_id)
        session.execute(sent.values(sent_at=datetime.now(UTC)))


def create(session: Session, user_id: UUID, actor: UUID) -> PasswordReset:
    """Make a link for an admin to hand over; Problem `forbidden` for somebody above them, `not_found`."""
    people = {row.id: row for row in session.scalars(sa.select(UserRow).where(UserRow.id.in_({user_id, actor})))}
    user, maker = people.get(user_id), people.get(actor)
    if user is None or user.state is not UserState.ACTIVE:
        raise Problem("not_found", "There is no such user.")
    if maker is None or maker.team_role is TeamRole.MEMBER:
        raise Problem("forbidden")
    if user.team_role is TeamRole.OWNER and maker.team_role is not TeamRole.OWNER:
        raise Problem("forbidden", "Only owners make such a link for an owner.")
    audit.note("user", user.id)
    return new_link(session, user)


def new_link(session: Session, user: UserRow) -> PasswordReset:
    """Make a link for a user, in place of any that there are."""
    row = _new_row(session, user.id)
    secret = _arm(row)
    session.flush()
    _forget_others(session, user.id, row.id)
    return PasswordReset(user=to_user(user), expires_at=row.expires_at, secret=secret)


def link_of(secret: str) -> str:
    """Where a secret is used: a page of the gateway. It stands behind `#`, which browsers send nowhere."""
    return f"{settings().public_url.rstrip('/')}/reset#{secret}"


def check(session: Session, secret: str) -> UUID:
    """Whose password a link sets; Problem `bad_link`."""
    user_id = session.scalar(sa.select(PasswordResetRow.user_id).where(*_worth_something(secret)))
    if user_id is None:
        raise Problem("bad_link")
    return user_id


def complete(session: Session, secret: str, password_hash: str, end_all: bool) -> None:
    """Set the password of a link's user, once; Problem `bad_link`. With `end_all`, nobody stays signed in as them."""
    # the user first, as a change of password does: in another order the two would wait for each other
    of_link = sa.select(PasswordResetRow.user_id).where(*_worth_something(secret)).scalar_subquery()
    user = session.scalar(sa.select(UserRow).where(UserRow.id == of_link).with_for_update())
    if user is None or user.state is not UserState.ACTIVE:
        raise Problem("bad_link")
    used = sa.delete(PasswordResetRow).where(*_worth_something(secret)).returning(PasswordResetRow.id)
    if session.scalar(used) is None:
        raise Problem("bad_link")
    session.execute(sa.delete(PasswordResetRow).where(PasswordResetRow.user_id == user.id))
    user.password_hash = password_hash
    session.flush()
    audit.note("user", user.id, after={"end_sessions": end_all})
    if end_all:
        end_sessions(session, user.id, sa.true())
        devices.forget(session, user.id, but=None)


def _new_row(session: Session, user_id: UUID | None) -> PasswordResetRow:
    now = datetime.now(UTC)
    ended = sa.select(PasswordResetRow.id).where(PasswordResetRow.expires_at < now).limit(SWEPT)
    session.execute(sa.delete(PasswordResetRow).where(PasswordResetRow.id.in_(ended.with_for_update(skip_locked=True))))
    row = PasswordResetRow(id=new_id(), user_id=user_id, created_at=now, expires_at=now + domain.RESET_LIFE)
    session.add(row)
    session.flush()
    return row


def _arm(row: PasswordResetRow) -> str:
    """Give a row a new secret, worth something for RESET_LIFE."""
    secret = domain.new_secret()
    row.secret_hash = domain.hash_secret(secret)
    row.expires_at = datetime.now(UTC) + domain.RESET_LIFE
    return secret


def _worth_something(secret: str) -> tuple[sa.ColumnElement[bool], ...]:
    return PasswordResetRow.secret_hash == domain.hash_secret(secret), PasswordResetRow.expires_at > datetime.now(UTC)


def _is_replaced(session: Session, row: PasswordResetRow) -> bool:
    """Whether there is a newer one of the same user, which is to be sent, or was."""
    newer = sa.exists().where(PasswordResetRow.user_id == row.user_id, PasswordResetRow.id > row.id)
    return bool(session.scalar(sa.select(newer)))


def _forget_others(session: Session, user_id: UUID, but: UUID) -> None:
    session.execute(sa.delete(PasswordResetRow).where(PasswordResetRow.user_id == user_id, PasswordResetRow.id < but))


def _letter(name: str, link: str) -> tuple[str, str]:
    """The mail, as plain text and as HTML."""
    why = "Somebody, probably you, has asked to set a new password for your Labelyard account."
    how = "This link does it. It works once, within an hour, and only the newest one works:"
    otherwise = "If it was not you, there is nothing to do: your password stays as it is."
    text = f"Hello {name},\n\n{why} {how}\n\n{link}\n\n{otherwise}\n"
    html = (
        f"<p>Hello {escape(name)},</p><p>{why} {how}</p>"
        f'<p><a href="{escape(link)}">Set a new password</a></p><p>{otherwise}</p>'
    )
    return text, html
