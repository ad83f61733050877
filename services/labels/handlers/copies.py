"""What this service knows of projects and members: versioned copies, fed by events, asked for when they fall short.

A copy that would make a command fail may only be late, so its owner is asked before anything is refused.
"""

from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis.copies import take_newer
from contracts.body import Specification
from contracts.enums import UserState
from contracts.errors import UNANSWERED, Problem
from contracts.events import MembershipChanged, PrincipalChanged, ProjectChanged, ProjectDeleted
from contracts.permissions import ProjectRole, TeamRole
from contracts.rpc import Owners
from contracts.rpc.members import GetRole
from contracts.rpc.projects import GetProject
from services.labels.models import MembershipCopy, ProjectCopy, UserCopy

DEADLINE = 2.0
"""Seconds to wait for an owner's answer."""

WORKERS = frozenset(ProjectRole)
"""Who can be given labels to work on."""

_TEAM_MANAGERS = frozenset({TeamRole.OWNER, TeamRole.ADMIN})

REVIEWERS = frozenset({ProjectRole.REVIEWER, ProjectRole.MANAGER})
"""Who can be given labels to review."""


def project_changed(session: Session, event: ProjectChanged) -> None:
    """Take a project's newer state; a restored one is told of in the same way."""
    _take_project(session, event.project_id, event.version, event.specification, event.deleted)


def project_deleted(session: Session, event: ProjectDeleted) -> None:
    """Remember that a project is deleted, so that a late event does not revive it."""
    _take_project(session, event.project_id, event.version, Specification(), True)


def membership_changed(session: Session, event: MembershipChanged) -> None:
    """Take a member's newer role. What waits for whoever has left is another handler's matter (leaving)."""
    _take_membership(session, event.project_id, event.user_id, event.version, event.role)


def user_changed(session: Session, event: PrincipalChanged) -> None:
    """Take what a user is in the team now. Who was an owner or admin, or may have been, has labels anywhere."""
    manages = event.team_role in _TEAM_MANAGERS
    statement = insert(UserCopy).values(
        user_id=event.user_id,
        version=event.version,
        active=event.state is UserState.ACTIVE,
        team_role=event.team_role.value,
        everywhere=manages or event.version > 1,
    )
    new = statement.excluded
    session.execute(
        statement.on_conflict_do_update(
            index_elements=[UserCopy.user_id],
            set_={
                "version": new.version,
                "active": new.active,
                "team_role": new.team_role,
                "everywhere": UserCopy.everywhere | sa.literal(manages),
            },
            where=new.version > UserCopy.version,
        )
    )


def has_left(session: Session, project_id: UUID, user_id: UUID) -> bool:
    """Whether somebody is known to have been in a project, or in the team, and to be so no longer.

    That stays so until the transaction ends: whoever takes labels off somebody who leaves comes before, or after. (Not
    by a lock that several share: two that both learned of something newer would wait for each other.)
    """
    user = session.get(UserCopy, user_id, with_for_update={"key_share": True}, populate_existing=True)
    if user is not None and not (user.active and user.team_role not in _TEAM_MANAGERS):
        return not user.active
    key = (project_id, user_id)
    membership = session.get(MembershipCopy, key, with_for_update={"key_share": True}, populate_existing=True)
    return membership is not None and membership.role is None


def manages_no_more(session: Session, project_id: UUID, user_id: UUID) -> bool:
    """Whether somebody who was a project's manager, or an owner or admin, is known not to be either any more."""
    user = session.get(UserCopy, user_id, populate_existing=True)
    if user is not None and (not user.active or user.team_role in _TEAM_MANAGERS):
        return not user.active
    membership = session.get(MembershipCopy, (project_id, user_id), populate_existing=True)
    if membership is not None:
        return membership.role != ProjectRole.MANAGER
    return user is not None


def specification(session: Session, owners: Owners, project_id: UUID, *, ask: bool = False) -> Specification:
    """What is labeled in a project; Problem `not_found` where there is none, `unavailable` if it can't be known.

    With `ask`, the projects service is asked even if there is a copy, which then only stands in for its absence.
    """
    copy = session.get(ProjectCopy, project_id, populate_existing=True)
    if copy is not None and not copy.deleted and not ask:
        return Specification.model_validate(copy.specification)
    try:
        project = owners.call(GetProject(project_id=project_id), DEADLINE)
    except Problem as problem:
        if problem.code not in UNANSWERED:
            raise
        if copy is None:
            raise Problem("unavailable", "The projects service does not answer.") from problem
        if copy.deleted:
            raise Problem("not_found", "The project was deleted.") from problem
        return Specification.model_validate(copy.specification)
    _take_project(session, project_id, project.version, project.specification, False)
    return project.specification


def require_project(session: Session, owners: Owners, project_id: UUID) -> None:
    """Problem `not_found` unless there is such a project, `unavailable` if that can't be known."""
    if session.scalar(sa.select(ProjectCopy.deleted).where(ProjectCopy.project_id == project_id)) is not False:
        specification(session, owners, project_id)


def require_role(
    session: Session, owners: Owners, project_id: UUID, user_id: UUID, roles: frozenset[ProjectRole]
) -> None:
    """Problem `not_a_member` unless the user has one of `roles` in the project, or is an owner or admin."""
    if _has_role(session, project_id, user_id, roles):
        return
    try:
        found = owners.call(GetRole(project_id=project_id, user_id=user_id), DEADLINE)
    except Problem as problem:
        if problem.code in UNANSWERED:
            raise Problem("unavailable", "The members service does not answer.") from problem
        raise
    if found.version:
        _take_membership(session, project_id, user_id, found.version, found.role)
    fits = found.role in roles or found.team_role in (TeamRole.OWNER, TeamRole.ADMIN)
    if found.state is not UserState.ACTIVE or not fits:
        raise Problem("not_a_member", f"{user_id} needs to be one of: {', '.join(sorted(roles))}.")


def _has_role(session: Session, project_id: UUID, user_id: UUID, roles: frozenset[ProjectRole]) -> bool:
    """Whether the copies say so, and somebody has not left; both stay as they are then, as `has_left` tells."""
    copy = session.get(MembershipCopy, (project_id, user_id), populate_existing=True)
    if copy is None or copy.role not in roles or has_left(session, project_id, user_id):
        return False
    return copy.role in roles


def _take_project(
    session: Session, project_id: UUID, version: int, specification: Specification, deleted: bool
) -> None:
    plain = specification.model_dump(mode="json")
    take_newer(session, ProjectCopy, project_id=project_id, version=version, deleted=deleted, specification=plain)


def _take_membership(session: Session, project_id: UUID, user_id: UUID, version: int, role: ProjectRole | None) -> None:
    take_newer(session, MembershipCopy, project_id=project_id, user_id=user_id, version=version, role=role)
