"""The team's users: who they are, what they are in the team, whether they may sign in.

Whatever may leave the team without an owner locks the row of TeamRoleCounts first: of two owners who demote each other
at once, the second sees that the first has.
"""

from datetime import UTC, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis import audit, paging
from contracts.enums import InvitationState, UserState
from contracts.errors import Problem
from contracts.permissions import TeamRole
from contracts.rpc.members import ChangeUser, DeactivateUser, ListUsers, ReactivateUser, TeamUser, TeamUserPage, User
from services.members import domain
from services.members.handlers.memberships import count_user
from services.members.handlers.users import found_by, to_user, user_changed
from services.members.models import InvitationRow, SessionRow, TeamRoleCounts, TokenRow, UserRow


def list_users(session: Session, request: ListUsers) -> TeamUserPage:
    """The team's users, the first ones first."""
    query = sa.select(UserRow)
    if request.team_role is not None:
        query = query.where(UserRow.team_role == request.team_role)
    if request.state is not None:
        query = query.where(UserRow.state == request.state)
    if request.search is not None:
        query = query.where(found_by(request.search))
    if request.cursor:
        (last,) = paging.decode(request.cursor, UUID)
        query = query.where(UserRow.id > last)
    found = session.scalars(query.order_by(UserRow.id).limit(request.limit + 1))
    rows, more = paging.page(found, request.limit, lambda row: row.id)
    return TeamUserPage(items=tuple(_to_team_user(row) for row in rows), next=more)


def change_user(session: Session, request: ChangeUser) -> User:
    """Give a user another role in the team; Problem `forbidden`, `last_owner`, `not_found`."""
    counts = _lock_counts(session)
    user = _locked(session, request.user_id)
    actor = require_manager(session, request.actor)
    if user.state is not UserState.ACTIVE:
        raise Problem("not_found", "That user can't sign in; reactivate them first.")
    for role in (user.team_role, request.team_role):
        if not domain.may_give_in_team(actor.team_role, role):
            raise Problem("forbidden", f"As {actor.team_role} you can neither make nor unmake an {role}.")
    if user.team_role is request.team_role:
        return to_user(user)
    before = user.team_role
    _count(counts, before, -1)
    _count(counts, request.team_role, 1)
    user.team_role = request.team_role
    return _changed(session, user, request.actor, {"team_role": before}, {"team_role": user.team_role})


def deactivate(session: Session, request: DeactivateUser) -> User:
    """End all that a user can sign in with, for now; Problem `forbidden`, `last_owner`, `not_found`."""
    counts = _lock_counts(session)
    user = _locked(session, request.user_id)
    actor = require_manager(session, request.actor)
    if not domain.may_give_in_team(actor.team_role, user.team_role):
        raise Problem("forbidden", f"As {actor.team_role} you can't deactivate an {user.team_role}.")
    if user.state is not UserState.ACTIVE:
        return to_user(user)
    _count(counts, user.team_role, -1)
    count_user(session, user.id, -1)
    user.state = UserState.DELETED
    now = datetime.now(UTC)
    sessions = session.scalars(sa.delete(SessionRow).where(SessionRow.user_id == user.id).returning(SessionRow.id))
    valid = sa.update(TokenRow).where(TokenRow.user_id == user.id, TokenRow.revoked_at.is_(None))
    tokens = session.scalars(valid.values(revoked_at=now).returning(TokenRow.id))
    pending = sa.update(InvitationRow).where(
        InvitationRow.created_by == user.id, InvitationRow.state == InvitationState.PENDING
    )
    session.execute(pending.values(state=InvitationState.REVOKED, ended_at=now))
    ended = {"sessions": tuple(sessions), "tokens": tuple(tokens)}
    return _changed(session, user, request.actor, {"state": UserState.ACTIVE}, {"state": user.state}, ended=ended)


def reactivate(session: Session, request: ReactivateUser) -> User:
    """Let a user sign in again, in the roles that they had; Problem `forbidden`, `not_found`."""
    counts = _lock_counts(session)
    user = _locked(session, request.user_id)
    actor = require_manager(session, request.actor)
    if not domain.may_give_in_team(actor.team_role, user.team_role):
        raise Problem("forbidden", f"As {actor.team_role} you can't reactivate an {user.team_role}.")
    if user.state is UserState.ACTIVE:
        return to_user(user)
    _count(counts, user.team_role, 1)
    count_user(session, user.id, 1)
    user.state = UserState.ACTIVE
    return _changed(session, user, request.actor, {"state": UserState.DELETED}, {"state": user.state})


def raise_role(session: Session, user_id: UUID, role: TeamRole) -> None:
    """Give an active user at least this role in the team."""
    counts = _lock_counts(session)
    user = _locked(session, user_id)
    if domain.TEAM_RANK[user.team_role] >= domain.TEAM_RANK[role]:
        return
    before = user.team_role
    _count(counts, before, -1)
    _count(counts, role, 1)
    user.team_role = role
    _changed(session, user, user_id, {"team_role": before}, {"team_role": role})


def require_manager(session: Session, user_id: UUID) -> UserRow:
    """An owner or admin who can sign in; Problem `forbidden`."""
    user = session.get(UserRow, user_id)
    if user is None or user.state is not UserState.ACTIVE or user.team_role is TeamRole.MEMBER:
        raise Problem("forbidden")
    return user


def _lock_counts(session: Session) -> TeamRoleCounts:
    return session.execute(
        sa.select(TeamRoleCounts).with_for_update().execution_options(populate_existing=True)
    ).scalar_one()


def _locked(session: Session, user_id: UUID) -> UserRow:
    user = session.get(UserRow, user_id, with_for_update=True, populate_existing=True)
    if user is None:
        raise Problem("not_found", "There is no such user.")
    return user


def _count(counts: TeamRoleCounts, role: TeamRole, change: int) -> None:
    """Move a counter of the locked row; Problem `last_owner` where that leaves none."""
    if role is TeamRole.OWNER:
        if counts.owner + change < 1:
            raise Problem("last_owner", "Make somebody else an owner first.")
        counts.owner += change
    elif role is TeamRole.ADMIN:
        counts.admin += change


def _changed(
    session: Session,
    user: UserRow,
    actor: UUID,
    before: dict[str, object],
    after: dict[str, object],
    ended: dict[str, tuple[UUID, ...]] | None = None,
) -> User:
    ended = ended or {"sessions": (), "tokens": ()}
    session.flush()
    user_changed(session, user.id, revoked_sessions=ended["sessions"], revoked_tokens=ended["tokens"], actor=actor)
    audit.note("user", user.id, before=before, after=after)
    session.refresh(user)
    return to_user(user)


def _to_team_user(row: UserRow) -> TeamUser:
    return TeamUser(**dict(to_user(row)), last_active_at=row.last_active_at)
