"""Users: finding and making them, what the world hears of them."""

from datetime import UTC, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis import outbox
from chassis.ids import new_id
from contracts.enums import UserState
from contracts.errors import Problem
from contracts.events import PrincipalChanged
from contracts.permissions import TeamRole
from contracts.rpc.members import User
from services.members import domain
from services.members.models import TeamRoleCounts, UserRow


def to_user(row: UserRow) -> User:
    """What others may know of a user."""
    return User(
        id=row.id,
        email=row.email,
        name=row.name,
        team_role=row.team_role,
        state=row.state,
        version=row.version,
        created_at=row.created_at,
    )


def find_by_email(session: Session, email: str) -> UserRow | None:
    """The user with that address, active or not."""
    return session.scalar(sa.select(UserRow).where(UserRow.email_key == domain.email_key(email)))


def create_user(
    session: Session, email: str, name: str, password_hash: str, team_role: TeamRole = TeamRole.MEMBER
) -> UserRow:
    """Make a user; Problem `email_taken` where there is one with that address, also if they were deleted."""
    values = {
        "id": new_id(),
        "email": email.strip(),
        "email_key": domain.email_key(email),
        "name": name,
        "password_hash": password_hash,
        "team_role": team_role,
        "state": UserState.ACTIVE,
        "version": 1,
        "created_at": datetime.now(UTC),
    }
    made = insert(UserRow).values(values).on_conflict_do_nothing(index_elements=[UserRow.email_key])
    row: UserRow | None = session.scalar(made.returning(UserRow))
    if row is None:
        raise Problem("email_taken", f"A user with the address {email.strip()} exists.")
    _count(session, team_role)
    _announce(session, row)
    return row


def user_changed(
    session: Session,
    user_id: UUID,
    *,
    revoked_sessions: tuple[UUID, ...] = (),
    revoked_tokens: tuple[UUID, ...] = (),
    actor: UUID | None = None,
) -> None:
    """Raise a user's version and tell the world, with what no longer signs in, and who changed role or state."""
    row = session.scalar(
        sa.update(UserRow).where(UserRow.id == user_id).values(version=UserRow.version + 1).returning(UserRow)
    )
    if row is not None:
        _announce(session, row, revoked_sessions, revoked_tokens, actor)


def found_by(search: str) -> sa.ColumnElement[bool]:
    """SQL: whether a user's name or address has that text in it, in capitals or not."""
    text = domain.email_key(search).translate({ord(sign): f"\\{sign}" for sign in "\\%_"})
    return UserRow.search_key.like(f"%{text}%")


def seen(session: Session, user: UserRow, now: datetime) -> None:
    """Write down that a user has just asked for something, at most once in a quarter hour."""
    if user.last_active_at is None or now - user.last_active_at >= domain.ACTIVITY_STEP:
        # not by the unit of work, whose row may be older than what others have written meanwhile
        session.execute(sa.update(UserRow).where(UserRow.id == user.id).values(last_active_at=now))


def _announce(
    session: Session,
    row: UserRow,
    sessions: tuple[UUID, ...] = (),
    tokens: tuple[UUID, ...] = (),
    actor: UUID | None = None,
) -> None:
    outbox.add(
        session,
        PrincipalChanged(
            user_id=row.id,
            version=row.version,
            state=row.state,
            team_role=row.team_role,
            revoked_sessions=sessions,
            revoked_tokens=tokens,
            actor=actor,
        ),
    )


def _count(session: Session, team_role: TeamRole) -> None:
    if team_role is TeamRole.OWNER:
        session.execute(sa.update(TeamRoleCounts).values(owner=TeamRoleCounts.owner + 1))
    elif team_role is TeamRole.ADMIN:
        session.execute(sa.update(TeamRoleCounts).values(admin=TeamRoleCounts.admin + 1))
