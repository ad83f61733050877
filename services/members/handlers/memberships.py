"""Who is what in which project, and how many of each role there are."""

from datetime import UTC, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis import audit, outbox, paging
from chassis.database import Database
from contracts.enums import UserState
from contracts.errors import Problem
from contracts.events import MembershipChanged, ProjectDeleted, ProjectRestored
from contracts.permissions import ProjectRole, Role
from contracts.rpc.members import (
    AddMember,
    ChangeMember,
    ListMembers,
    Member,
    MemberPage,
    ProjectRoles,
    RemoveMember,
    RoleAnswer,
    RoleCounts,
)
from services.members import domain
from services.members.handlers.users import create_user, find_by_email, found_by, to_user
from services.members.models import DeletedProject, MembershipRow, ProjectRoleCounts, TeamRoleCounts, UserRow
from services.members.passwords import Passwords

ROLES_LISTED = 10_000
"""How many projects of one user `list_project_roles` names at most."""


def get_role(session: Session, project_id: UUID, user_id: UUID) -> RoleAnswer:
    """A user's role in a project. Version 0: never was a member; no state: no such user."""
    found = session.execute(
        sa.select(UserRow.state, UserRow.team_role, MembershipRow.role, MembershipRow.version)
        .outerjoin(MembershipRow, (MembershipRow.user_id == UserRow.id) & (MembershipRow.project_id == project_id))
        .where(UserRow.id == user_id)
    ).one_or_none()
    if found is None:
        return RoleAnswer(role=None)
    state, team_role, role, version = found
    return RoleAnswer(role=role, version=version or 0, state=state, team_role=team_role)


def list_project_roles(session: Session, user_id: UUID) -> ProjectRoles:
    """A user's role in each project, the newest projects first if there are too many."""
    rows = session.execute(
        sa.select(MembershipRow.project_id, MembershipRow.role)
        .where(MembershipRow.user_id == user_id, MembershipRow.role.is_not(None))
        .order_by(MembershipRow.project_id.desc())
        .limit(ROLES_LISTED)
    )
    return ProjectRoles(roles={str(project_id): role for project_id, role in rows if role is not None})


def count_roles(session: Session, project_id: UUID) -> RoleCounts:
    """How many people have each role, read from the counters."""
    team, project = session.execute(
        sa.select(TeamRoleCounts, ProjectRoleCounts).outerjoin(
            ProjectRoleCounts, ProjectRoleCounts.project_id == project_id
        )
    ).one()
    counts = RoleCounts(owner=team.owner, admin=team.admin)
    if project is None:  # nobody has joined it yet
        return counts
    return counts.model_copy(
        update={"manager": project.manager, "reviewer": project.reviewer, "labeler": project.labeler}
    )


def list_members(session: Session, request: ListMembers) -> MemberPage:
    """A project's members who can sign in, by user id: all, those of one role, those whom a text finds."""
    role = request.role
    chosen = MembershipRow.role.is_not(None) if role is None else MembershipRow.role == role
    query = (
        sa.select(MembershipRow, UserRow)
        .join(UserRow, UserRow.id == MembershipRow.user_id)
        .where(MembershipRow.project_id == request.project_id, chosen, UserRow.state == UserState.ACTIVE)
    )
    if request.search is not None:
        query = query.where(found_by(request.search))
    if request.cursor:
        (last,) = paging.decode(request.cursor, UUID)
        query = query.where(MembershipRow.user_id > last)
    found = session.execute(query.order_by(MembershipRow.user_id).limit(request.limit + 1))
    rows, more = paging.page(found, request.limit, lambda row: row[1].id)
    return MemberPage(items=tuple(_to_member(row, user) for row, user in rows), next=more)


def password_hash_for_new_user(database: Database, passwords: Passwords, request: AddMember) -> str | None:
    """The hash that `add_member` needs where it has to make the user: hashing belongs in no transaction."""
    if request.name is None or request.password is None:
        return None
    with database.session() as session:
        if find_by_email(session, request.email) is not None:
            return None
    return passwords.hash(request.password)


def add_member(session: Session, request: AddMember, password_hash: str | None) -> Member:
    """Give a user a role in a project; without such a user and a `password_hash`, Problem `not_found`."""
    require_giver(session, request.actor, request.project_id, Role(request.role.value))
    user = find_by_email(session, request.email)
    if user is None and request.name is not None and password_hash is not None:
        user = create_or_find(session, request.email, request.name, password_hash)
    if user is None or user.state is not UserState.ACTIVE:
        raise Problem("not_found", f"There is no user with the address {request.email}.")
    return join(session, request.project_id, user, request.role, request.actor)


def join(session: Session, project_id: UUID, user: UserRow, role: ProjectRole, actor: UUID | None) -> Member:
    """Give a user a role in a project; Problem `not_found` if they were just deactivated."""
    if not _stays_active(session, user.id):
        raise Problem("not_found", f"There is no user with the address {user.email}.")
    session.execute(
        insert(MembershipRow)
        .values(project_id=project_id, user_id=user.id, role=None, version=0, since=datetime.now(UTC))
        .on_conflict_do_nothing()
    )
    row = session.get_one(MembershipRow, (project_id, user.id), with_for_update=True)
    audit.note("user", user.id)
    _set_role(session, row, role, actor)
    return _to_member(row, user)


def change_member(session: Session, request: ChangeMember) -> Member:
    """Give a member another role; Problem `not_found` for somebody who is none."""
    require_giver(session, request.actor, request.project_id, Role(request.role.value))
    active = _stays_active(session, request.user_id)
    row = session.get(MembershipRow, (request.project_id, request.user_id), with_for_update=True)
    if row is None or row.role is None or not active:
        raise Problem("not_found", "That user is not a member of the project.")
    _set_role(session, row, request.role, request.actor)
    return _to_member(row, session.get_one(UserRow, request.user_id))


def remove_member(session: Session, request: RemoveMember) -> None:
    """End a membership, if there is one."""
    active = _stays_active(session, request.user_id)
    row = session.get(MembershipRow, (request.project_id, request.user_id), with_for_update=True)
    if row is not None and row.role is not None:
        require_giver(session, request.actor, request.project_id, Role(row.role.value))
        _set_role(session, row, None, request.actor, counted=active)


def require_giver(session: Session, actor: UUID | None, project_id: UUID, role: Role) -> None:
    """Problem `forbidden` unless the actor may give `role` in the project, as they stand now; None: nobody asks."""
    if actor is None:
        return
    mine = get_role(session, project_id, actor)
    active = mine.state is UserState.ACTIVE and mine.team_role is not None
    if not active or mine.team_role is None or not domain.may_give(mine.team_role, mine.role, role):
        raise Problem("forbidden", f"You may not make anybody {role} there, or unmake them.")


def count_user(session: Session, user_id: UUID, change: int) -> None:
    """Count a locked user in the roles that they have in projects, or no longer."""
    rows = session.execute(
        sa.select(MembershipRow.project_id, MembershipRow.role)
        .where(MembershipRow.user_id == user_id, MembershipRow.role.is_not(None))
        .order_by(MembershipRow.project_id)
    ).all()
    for project_id, role in rows:
        if role is not None:
            _count(session, project_id, {role: change})


def project_deleted(session: Session, event: ProjectDeleted) -> None:
    """Remember that a project is deleted; its memberships stay, for its owners may restore it."""
    _take_project(session, event.project_id, event.version, restored=False)


def project_restored(session: Session, event: ProjectRestored) -> None:
    """Remember that a project is back."""
    _take_project(session, event.project_id, event.version, restored=True)


def _take_project(session: Session, project_id: UUID, version: int, *, restored: bool) -> None:
    remembered = insert(DeletedProject).values(project_id=project_id, version=version, restored=restored)
    new = remembered.excluded
    session.execute(
        remembered.on_conflict_do_update(
            index_elements=[DeletedProject.project_id],
            set_={"version": new.version, "restored": new.restored},
            where=new.version > DeletedProject.version,
        )
    )


def create_or_find(session: Session, email: str, name: str, password_hash: str) -> UserRow | None:
    """Make a user, unless somebody else has just done that."""
    try:
        user = create_user(session, email, name, password_hash)
        audit.note("user", user.id, after={"email": user.email, "name": user.name})
        return user
    except Problem as problem:
        if problem.code != "email_taken":
            raise
        return find_by_email(session, email)  # somebody else was quicker by a moment


def _stays_active(session: Session, user_id: UUID) -> bool:
    """Whether a user can sign in; that stays so until the transaction ends: they are counted, or are not."""
    state = sa.select(UserRow.state).where(UserRow.id == user_id).with_for_update(read=True)
    return session.scalar(state) is UserState.ACTIVE


def _set_role(
    session: Session, row: MembershipRow, role: ProjectRole | None, actor: UUID | None, *, counted: bool = True
) -> None:
    # The row is locked: of two changes at once, the second sees the first one's role and counts from there.
    changes = domain.moved(row.role, role)
    if not changes:
        return
    if row.role is None:
        row.since = datetime.now(UTC)
    audit.note("user", row.user_id, project_id=row.project_id, before={"role": row.role}, after={"role": role})
    row.role = role
    row.version += 1
    session.flush()
    if counted:
        _count(session, row.project_id, changes)
    outbox.add(
        session,
        MembershipChanged(project_id=row.project_id, user_id=row.user_id, version=row.version, role=role, actor=actor),
    )


def _count(session: Session, project_id: UUID, changes: dict[ProjectRole, int]) -> None:
    # inserted for a project's first member, added to what is there for all others
    first = insert(ProjectRoleCounts).values(
        project_id=project_id, **{role.value: changes.get(role, 0) for role in ProjectRole}
    )
    session.execute(
        first.on_conflict_do_update(
            index_elements=[ProjectRoleCounts.project_id],
            set_={
                role.value: getattr(ProjectRoleCounts, role.value) + first.excluded[role.value] for role in ProjectRole
            },
        )
    )


def _to_member(row: MembershipRow, user: UserRow) -> Member:
    assert row.role is not None
    return Member(
        project_id=row.project_id,
        user=to_user(user),
        role=row.role,
        version=row.version,
        since=row.since,
        last_active_at=user.last_active_at,
    )
