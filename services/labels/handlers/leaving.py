"""Who leaves a project, or the team: what waited for them waits for anybody.

Labels that they work on lose their assignee, labels that wait for their review lose the reviewer. What they submitted
or approved stays as it is, with their name. Each label changes as by anybody's action: a version, a line of history
with whoever removed them, an event. A part of the labels a transaction, so whoever is killed goes on where they were.

Somebody who is back by then keeps what is still theirs: each part looks again at the newest that is known.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import groupby
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis.database import Database
from contracts.enums import LabelAction, Review, Status, UserState
from contracts.events import MembershipChanged, PrincipalChanged
from contracts.permissions import TeamRole
from services.labels.domain import life
from services.labels.handlers import changes, copies
from services.labels.models import Label, MembershipCopy, UserCopy

AT_ONCE = 500
"""Labels in one transaction."""

_WAITING_FOR = {
    LabelAction.UNASSIGN_LABELER: (Label.assignee, Label.status == Status.IN_PROGRESS),
    LabelAction.UNASSIGN_REVIEWER: (Label.reviewer, Label.review != Review.APPROVED),
}
"""How a label loses somebody -> whom it names, and while it is open."""


def membership_changed(database: Database, event: MembershipChanged) -> None:
    """Give back what waits for somebody who is no member any more, or what they may not review any more."""
    with database.session() as session:
        copies.membership_changed(session, event)

    def left(session: Session) -> bool:
        return _as_it_stands(session, event) == ""

    def reviews_no_more(session: Session) -> bool:
        role = _as_it_stands(session, event)
        return role is not None and role not in copies.REVIEWERS

    here = Label.project_id == event.project_id
    _give_back(database, LabelAction.UNASSIGN_LABELER, event.user_id, event.actor, left, here)
    _give_back(database, LabelAction.UNASSIGN_REVIEWER, event.user_id, event.actor, reviews_no_more, here)


def principal_changed(database: Database, event: PrincipalChanged) -> None:
    """Give back what waits for somebody who can't sign in any more, or who is no owner or admin any more."""
    manages = event.team_role in (TeamRole.OWNER, TeamRole.ADMIN)
    with database.session() as session:
        copies.user_changed(session, event)
        if event.state is UserState.ACTIVE and manages:
            return

    def out(session: Session) -> bool:
        copy = _locked_user(session, event)
        return copy is not None and not copy.active

    def no_manager(session: Session) -> bool:
        copy = _locked_user(session, event)
        return copy is not None and copy.everywhere

    member_of = sa.select(MembershipCopy.project_id).where(
        MembershipCopy.user_id == event.user_id, MembershipCopy.role.is_not(None)
    )
    for action in _WAITING_FOR:
        _give_back(database, action, event.user_id, event.actor, out, sa.true())
        _give_back(database, action, event.user_id, event.actor, no_manager, Label.project_id.not_in(member_of))
    with database.session() as session:
        copy = _locked_user(session, event)
        if copy is not None:
            copy.everywhere = False


def _give_back(
    database: Database,
    action: LabelAction,
    user_id: UUID,
    actor: UUID | None,
    due: Callable[[Session], bool],
    which: sa.ColumnElement[bool],
) -> None:
    """Take somebody off their open labels, in parts, as long as that is `due`."""
    person, is_open = _WAITING_FOR[action]
    query = sa.select(Label).where(person == user_id, is_open, which).order_by(Label.project_id, Label.id)
    while True:
        with database.session() as session:
            if not due(session):
                return
            found = session.scalars(query.limit(AT_ONCE).with_for_update()).all()
            now = datetime.now(UTC)
            for _, of_project in groupby(found, key=lambda label: label.project_id):
                labels = list(of_project)
                lines = [
                    changes.change(
                        label,
                        life.without(changes.standing(label), action),
                        action=action.value,
                        actor=actor,
                        at=now,
                    )
                    for label in labels
                ]
                changes.write(session, lines)
                changes.publish(session, labels, actor, action.value)
        if len(found) < AT_ONCE:
            return


def _as_it_stands(session: Session, event: MembershipChanged) -> str | None:
    """The role that the event tells of, "" for none; None if something newer is known: that has an event of its own.

    The copy stays locked: whoever assigns a label to the user waits, and then sees it.
    """
    copy = session.get(MembershipCopy, (event.project_id, event.user_id), with_for_update=True)
    return None if copy is None or copy.version != event.version else copy.role or ""


def _locked_user(session: Session, event: PrincipalChanged) -> UserCopy | None:
    """What is known of the user, likewise."""
    copy = session.get(UserCopy, event.user_id, with_for_update=True)
    return copy if copy is not None and copy.version == event.version else None
