"""Invitations by mail address: made, sent again, revoked, accepted once (docs/decisions: invitations).

A link's secret is made when it is handed out, to the mail server or to the inviter, and only its hash is stored: no
event, failed message or log has it.
"""

import math
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, timedelta
from html import escape
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from chassis import audit, mail, outbox, paging
from chassis.database import Database
from chassis.ids import new_id
from chassis.settings import settings
from contracts.enums import InvitationState, MailState, UserState
from contracts.errors import Problem
from contracts.events import InvitationMailRequested
from contracts.permissions import ProjectRole, Role, TeamRole
from contracts.rpc.members import (
    INVITATION_DAYS,
    Accepted,
    AcceptInvitation,
    Invitation,
    InvitationPage,
    Invite,
    ListInvitations,
    ResendInvitation,
    RevokeInvitation,
)
from services.members import domain
from services.members.handlers import guards, team
from services.members.handlers.memberships import create_or_find, get_role, join, require_giver
from services.members.handlers.users import find_by_email, to_user
from services.members.models import DeletedProject, InvitationRow, UserRow
from services.members.passwords import Passwords

PENDING, ACCEPTED, REVOKED, EXPIRED = InvitationState


def invite(session: Session, request: Invite) -> Invitation:
    """Invite whoever has an address; Problem `forbidden`, `already_member`, `already_invited`, `rate_limited`."""
    if (request.role.value in {role.value for role in TeamRole}) is not (request.project_id is None):
        raise Problem("validation_failed", f"{request.role} is no role there.")
    _require_inviter(session, request.actor, request.project_id, request.role)
    _refuse_member(session, request)
    now = datetime.now(UTC)
    ended = sa.update(InvitationRow).where(*_same(request), InvitationRow.expires_at <= now)
    session.execute(ended.values(state=EXPIRED, ended_at=InvitationRow.expires_at))
    row = InvitationRow(
        id=new_id(),
        project_id=request.project_id,
        project_name=request.project_name,
        role=request.role.value,
        email=request.email.strip(),
        email_key=domain.email_key(request.email),
        state=PENDING,
        round=0,
        mailed_round=0,
        mail_failed=False,
        created_by=request.actor,
        created_at=now,
        expires_at=now + timedelta(days=request.days),
    )
    try:
        with session.begin_nested():
            session.add(row)
            session.flush()
    except IntegrityError:
        there = session.scalar(sa.select(InvitationRow.id).where(*_same(request)))
        raise Problem("already_invited", "Send that invitation again, or revoke it.", invitation_id=there) from None
    audit.note("invitation", row.id, after={"email": row.email, "role": row.role, "expires_at": row.expires_at})
    return _hand_out(session, row)


def list_invitations(session: Session, request: ListInvitations) -> InvitationPage:
    """A project's invitations or the team's, newest first."""
    query = sa.select(InvitationRow).where(_of(request.project_id))
    now = datetime.now(UTC)
    match request.state:
        case InvitationState.PENDING:
            query = query.where(InvitationRow.state == PENDING, InvitationRow.expires_at > now)
        case InvitationState.EXPIRED:
            late = sa.and_(InvitationRow.state == PENDING, InvitationRow.expires_at <= now)
            query = query.where(sa.or_(InvitationRow.state == EXPIRED, late))
        case InvitationState.ACCEPTED | InvitationState.REVOKED:
            query = query.where(InvitationRow.state == request.state)
    if request.cursor:
        (last,) = paging.decode(request.cursor, UUID)
        query = query.where(InvitationRow.id < last)
    found = session.scalars(query.order_by(InvitationRow.id.desc()).limit(request.limit + 1))
    rows, more = paging.page(found, request.limit, lambda row: row.id)
    return InvitationPage(items=tuple(_to_invitation(row, now) for row in rows), next=more)


def resend(session: Session, request: ResendInvitation) -> Invitation:
    """Make a new link, which ends the old ones; Problem `forbidden`, `bad_link`, `already_invited`, `rate_limited`."""
    row = _locked(session, request.project_id, request.invitation_id)
    _require_inviter(session, request.actor, row.project_id, Role(row.role))
    if row.state in (ACCEPTED, REVOKED):
        raise Problem("bad_link", f"The invitation was {row.state}.")
    was_for = row.expires_at - row.created_at
    now = datetime.now(UTC)
    before = {"expires_at": row.expires_at}
    row.state, row.ended_at = PENDING, None
    row.expires_at = max(row.expires_at, now + min(was_for, timedelta(days=INVITATION_DAYS)))
    row.mail_failed = False
    try:
        with session.begin_nested():
            session.flush()
    except IntegrityError:
        raise Problem("already_invited", "There is a newer invitation for that address.") from None
    audit.note("invitation", row.id, before=before, after={"expires_at": row.expires_at, "link": row.round + 1})
    return _hand_out(session, row)


def revoke(session: Session, request: RevokeInvitation) -> Invitation:
    """End an invitation; Problem `forbidden`, `bad_link` once it was accepted."""
    row = _locked(session, request.project_id, request.invitation_id)
    _require_inviter(session, request.actor, row.project_id, Role(row.role))
    now = datetime.now(UTC)
    if row.state is ACCEPTED:
        raise Problem("bad_link", "The invitation was accepted; remove the member instead.")
    if row.state is not REVOKED:
        audit.note("invitation", row.id, before={"state": _state(row, now)}, after={"state": REVOKED})
        row.state, row.ended_at, row.secret_hash = REVOKED, now, None
    return _to_invitation(row, now)


def password_hash_for_accepting(database: Database, passwords: Passwords, request: AcceptInvitation) -> str | None:
    """The hash that `accept` needs where it has to make the account; Problem `rate_limited`, `bad_link`.

    Hashing belongs in no transaction, and whoever makes up links costs none. Only links that are none are counted: a
    whole office may come in by one address on one morning.
    """
    with _try(database, request.address), database.session() as session:
        row = _by_token(session, request.token)
        if request.user_id is not None or find_by_email(session, row.email) is not None:
            return None
    if request.name is None or request.password is None:
        raise Problem("validation_failed", "Choose a name and a password: the account is made with them.")
    return passwords.hash(request.password)


def accept(session: Session, request: AcceptInvitation, password_hash: str | None) -> Accepted:
    """Give whoever has the link the role; Problem `bad_link`, `account_exists`, `forbidden`, `not_found`."""
    row = _by_token(session, request.token, lock=True)
    user = _whose(session, row, request, password_hash)
    now = datetime.now(UTC)
    row.state, row.ended_at, row.accepted_by = ACCEPTED, now, user.id
    session.flush()
    if row.project_id is None:
        team.raise_role(session, user.id, TeamRole(row.role))
    elif get_role(session, row.project_id, user.id).role is None:
        join(session, row.project_id, user, ProjectRole(row.role), user.id)
    audit.note("invitation", row.id, project_id=row.project_id, after={"accepted_by": user.id, "role": row.role})
    session.refresh(user)
    return Accepted(user=to_user(user), project_id=row.project_id, role=Role(row.role))


def send(database: Database, event: InvitationMailRequested) -> None:
    """Make the link of an invitation and mail it; MailFailed if that can't be done now.

    Called again after a failure, it makes another: the one before may have been read on the way.
    """
    with database.session() as session:
        row = session.get(InvitationRow, event.invitation_id, with_for_update=True)
        if row is None or row.round != event.round or row.mailed_round >= event.round:
            return
        if _state(row, datetime.now(UTC)) is not PENDING:
            return
        secret = _arm(row)
        inviter = session.get_one(UserRow, row.created_by).name
    mail.send(row.email, f"{inviter} invites you to {_place(row)}", *_letter(row, inviter, _link(secret)))
    with database.session() as session:
        sent = sa.update(InvitationRow).where(InvitationRow.id == row.id, InvitationRow.round == event.round)
        session.execute(sent.values(mailed_round=event.round, mail_failed=False))


def give_up(session: Session, event: InvitationMailRequested) -> None:
    """Let the inviter see that a mail could not be sent: they may send it again."""
    failed = sa.update(InvitationRow).where(
        InvitationRow.id == event.invitation_id,
        InvitationRow.round == event.round,
        InvitationRow.mailed_round < event.round,
    )
    session.execute(failed.values(mail_failed=True))


def _hand_out(session: Session, row: InvitationRow) -> Invitation:
    """A new link: by mail, or in the answer."""
    guards.take(session, domain.invitation_guards(row.email_key), "There were too many mails to that address.")
    row.round += 1
    row.secret_hash = None
    if mail.configured():
        session.flush()
        outbox.add(session, InvitationMailRequested(invitation_id=row.id, round=row.round))
        return _to_invitation(row, datetime.now(UTC))
    link = _link(_arm(row))
    session.flush()
    return _to_invitation(row, datetime.now(UTC)).model_copy(update={"link": link})


def _arm(row: InvitationRow) -> str:
    secret = domain.new_secret()
    row.secret_hash = domain.hash_secret(secret)
    return secret


def _link(secret: str) -> str:
    # behind the sign that browsers keep to themselves: no server's log has it, and no Referer
    return f"{settings().public_url.rstrip('/')}/invitation#{secret}"


def _require_inviter(session: Session, actor: UUID, project_id: UUID | None, role: Role) -> None:
    """Problem `forbidden` unless the actor may invite as `role`, as they stand now."""
    if project_id is not None:
        require_giver(session, actor, project_id, role)
    elif not domain.may_give(team.require_manager(session, actor).team_role, None, role):
        raise Problem("forbidden", f"You may not invite anybody as {role}.")


def _refuse_member(session: Session, request: Invite) -> None:
    user = find_by_email(session, request.email)
    if user is None:
        return
    if user.state is not UserState.ACTIVE:
        raise Problem("already_member", "That account was deactivated; an owner or admin can reactivate it.")
    if request.project_id is not None:
        role = get_role(session, request.project_id, user.id).role
        has = role is not None
    else:
        has = domain.TEAM_RANK[user.team_role] >= domain.TEAM_RANK[TeamRole(request.role.value)]
    if has:
        raise Problem("already_member", "Change their role instead.", user_id=user.id)


def _whose(session: Session, row: InvitationRow, request: AcceptInvitation, password_hash: str | None) -> UserRow:
    """Whoever accepts: the account with the invited address, and none but that. It is made where there is none."""
    user = find_by_email(session, row.email)
    if request.user_id is not None:
        if user is None or user.id != request.user_id:
            raise Problem("forbidden", "The invitation is for another mail address than your account's: sign out.")
    elif user is not None:
        raise Problem("account_exists")
    if user is None:
        assert request.name is not None
        if password_hash is None:
            raise Problem("bad_link")
        user = create_or_find(session, row.email, request.name, password_hash)
        if user is None or user.password_hash != password_hash:
            raise Problem("account_exists")  # somebody made it a moment ago, with another password
    if user.state is not UserState.ACTIVE:
        raise Problem("forbidden", "The account was deactivated.")
    return user


def _by_token(session: Session, token: str, *, lock: bool = False) -> InvitationRow:
    """The invitation that a link accepts; Problem `bad_link`."""
    # looked up by the hash: how long that takes tells nothing of how near a guess is
    query = sa.select(InvitationRow).where(InvitationRow.secret_hash == domain.hash_secret(token))
    row = session.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise Problem("bad_link")
    state = _state(row, datetime.now(UTC))
    if state is not PENDING:
        raise Problem("bad_link", f"The invitation {'has' if state is EXPIRED else 'was'} {state}.")
    project = session.get(DeletedProject, row.project_id) if row.project_id is not None else None
    if project is not None and not project.restored:
        raise Problem("bad_link", "The project was deleted.")
    return row


def _try(database: Database, address: str | None) -> AbstractContextManager[None]:
    if address is None:
        return nullcontext()
    refusal = "There were too many wrong links from your network."
    return guards.guess(database, domain.accept_guards(address), "bad_link", refusal)


def _locked(session: Session, project_id: UUID | None, invitation_id: UUID) -> InvitationRow:
    row = session.get(InvitationRow, invitation_id, with_for_update=True)
    if row is None or row.project_id != project_id:
        raise Problem("not_found", "There is no such invitation.")
    return row


def _of(project_id: UUID | None) -> sa.ColumnElement[bool]:
    return InvitationRow.project_id.is_(None) if project_id is None else InvitationRow.project_id == project_id


def _same(request: Invite) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        _of(request.project_id),
        InvitationRow.email_key == domain.email_key(request.email),
        InvitationRow.state == PENDING,
    )


def _state(row: InvitationRow, now: datetime) -> InvitationState:
    return EXPIRED if row.state is PENDING and row.expires_at <= now else row.state


def _mail(row: InvitationRow) -> MailState:
    if row.mail_failed:
        return MailState.FAILED
    if row.mailed_round >= row.round:
        return MailState.SENT
    return MailState.WAITING if mail.configured() else MailState.OFF


def _to_invitation(row: InvitationRow, now: datetime) -> Invitation:
    state = _state(row, now)
    return Invitation(
        id=row.id,
        project_id=row.project_id,
        role=Role(row.role),
        email=row.email,
        state=state,
        mail=_mail(row),
        invited_by=row.created_by,
        created_at=row.created_at,
        expires_at=row.expires_at,
        ended_at=row.expires_at if state is EXPIRED else row.ended_at,
        accepted_by=row.accepted_by,
    )


def _place(row: InvitationRow) -> str:
    return f"the project {row.project_name}" if row.project_name else "the Labelyard team"


def _letter(row: InvitationRow, inviter: str, link: str) -> tuple[str, str]:
    """The mail, as plain text and as HTML."""
    what = f"{inviter} invites you to {_place(row)}, as {row.role}."
    days = max(1, math.floor((row.expires_at - datetime.now(UTC)) / timedelta(days=1) + 0.5))
    how = f"This link accepts the invitation. It works once, within {days} days, and only the newest one works:"
    otherwise = "If you do not know what this is about, there is nothing to do."
    program = "At a command line, `labelyard invite accept` takes the link, too."
    text = f"Hello,\n\n{what} {how}\n\n{link}\n\n{program}\n\n{otherwise}\n"
    html = (
        f"<p>Hello,</p><p>{escape(what)} {how}</p>"
        f'<p><a href="{escape(link)}">Accept the invitation</a></p><p>{program}</p><p>{otherwise}</p>'
    )
    return text, html
