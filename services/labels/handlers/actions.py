"""Acting on one label: the life table, its body, the pool."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import sqlalchemy as sa
from pydantic_core import to_json
from sqlalchemy.orm import Session

from contracts.body import Body
from contracts.enums import LabelAction, Review, Status
from contracts.errors import Problem
from contracts.permissions import MANAGERS, Role
from contracts.rpc import Owners
from contracts.rpc.labels import ActOnLabel, Actor, Label, RestoreBody, SaveBody, TakeNext, TakeReview, Viewer
from services.labels.domain import life
from services.labels.domain.bodies import checked_body
from services.labels.handlers import changes, copies, editing
from services.labels.handlers.labels import to_label, visible
from services.labels.models import Label as LabelRow

ASSIGNABLE = {LabelAction.ASSIGN_LABELER: copies.WORKERS, LabelAction.ASSIGN_REVIEWER: copies.REVIEWERS}
"""Who can be given labels, by the action that gives them."""

OPENING = frozenset({LabelAction.REJECT, LabelAction.REOPEN, LabelAction.INITIALIZE})
"""Actions after which a label waits for its assignee or reviewer again."""

SHOWN_BYTES = 1_000_000
"""JSON of the two bodies that a conflict shows, at most; of larger ones it tells the versions only."""

REVIEWING = frozenset({Role.REVIEWER}) | MANAGERS
"""Who reviews."""

EVERYWHERE = frozenset({Role.OWNER, Role.ADMIN})
"""Who works in projects without being a member."""


def act(session: Session, owners: Owners, request: ActOnLabel) -> Label:
    """One action of the life table, except editing the body, which needs one."""
    if request.action is LabelAction.EDIT_BODY:
        raise Problem("validation_failed", "Save a body to edit it.")
    copies.require_project(session, owners, request.project_id)
    now = datetime.now(UTC)
    if request.action in ASSIGNABLE:
        # Asking who somebody is may take a while: not under the lock, and not for what is refused anyway.
        _decided(_open(session, request), request, now)
        assert request.user_id is not None
        roles = ASSIGNABLE[request.action]
        copies.require_role(session, owners, request.project_id, request.user_id, roles)
    left: set[UUID] = set()
    if request.action in OPENING:
        label = _open(session, request)
        left = who_has_left(session, request.project_id, (label.assignee, label.reviewer))
    label = _open(session, request, lock=True)
    moved = without(left, changes.standing(label), _decided(label, request, now))
    changes.apply(
        session,
        label,
        moved,
        action=request.action.value,
        actor=request.actor.user_id,
        at=now,
        comment=request.comment,
        body=changes.Stored.of(changes.EMPTY) if request.action is LabelAction.INITIALIZE else None,
    )
    return to_label(label, eyes(request.actor))


def save_body(session: Session, owners: Owners, request: SaveBody, comment: str | None = None) -> Label:
    """Replace a label's body."""
    label = _open(session, request)
    life.decide(changes.standing(label), LabelAction.EDIT_BODY, request.actor, at=datetime.now(UTC))
    body = changes.Stored.of(_checked(session, owners, request, label))
    label = _open(session, request, lock=True)
    now = datetime.now(UTC)
    moved = life.decide(changes.standing(label), LabelAction.EDIT_BODY, request.actor, at=now)
    changes.apply(
        session,
        label,
        moved,
        action=LabelAction.EDIT_BODY.value,
        actor=request.actor.user_id,
        at=now,
        comment=comment,
        body=body,
    )
    return to_label(label, eyes(request.actor))


def restore_body(session: Session, owners: Owners, request: RestoreBody) -> Label:
    """Save an earlier body again; Problem `not_found` for a version that was not, `gone`."""
    label = _open(session, request)
    life.decide(changes.standing(label), LabelAction.EDIT_BODY, request.actor, at=datetime.now(UTC))
    if not 1 <= request.version <= label.version:
        raise Problem("not_found", f"The label had no version {request.version}.")
    body = editing.body_at(session, label, request.version)
    if body is None:
        raise Problem("gone", f"The body of version {request.version} was not kept.")
    again = SaveBody(
        project_id=request.project_id,
        label_id=request.label_id,
        expected_version=request.expected_version,
        body=Body.model_validate(body),
        actor=request.actor,
    )
    return save_body(session, owners, again, comment=f"as in version {request.version}")


def take_review(session: Session, owners: Owners, request: TakeReview) -> Label:
    """The next label that waits for the actor's review; nobody else gets the same."""
    copies.require_project(session, owners, request.project_id)
    actor, now = request.actor, datetime.now(UTC)
    if actor.role not in REVIEWING:
        raise Problem("forbidden", "Reviewing is up to others.")
    if actor.role not in EVERYWHERE and copies.has_left(session, request.project_id, actor.user_id):
        raise Problem("forbidden", "You are no member of the project any more.")
    waiting = (
        sa.select(LabelRow)
        .where(LabelRow.project_id == request.project_id, LabelRow.review == Review.PENDING_REVIEW)
        .where(LabelRow.status.in_((Status.SUBMITTED, Status.SKIPPED)))
        .order_by(LabelRow.id)
        .limit(1)
    )
    if request.after is not None:
        waiting = waiting.where(LabelRow.id > request.after)
    if actor.role is Role.REVIEWER:
        waiting = waiting.where(LabelRow.submitter.is_distinct_from(actor.user_id))
    mine = session.scalars(waiting.where(LabelRow.reviewer == actor.user_id)).one_or_none()
    if mine is not None:
        return to_label(mine, Viewer())
    free = waiting.where(LabelRow.reviewer.is_(None)).with_for_update(skip_locked=True)
    label = session.scalars(free).one_or_none()
    if label is None:
        raise Problem("not_found", "No label waits for your review.")
    moved = replace(changes.standing(label), reviewer=actor.user_id)
    changes.apply(session, label, moved, action="take_review", actor=actor.user_id, at=now)
    return to_label(label, Viewer())


def take_next(session: Session, owners: Owners, request: TakeNext) -> Label:
    """Assign the oldest label that nobody has to the actor; nobody else gets the same."""
    copies.require_project(session, owners, request.project_id)
    if request.actor.role not in EVERYWHERE and copies.has_left(session, request.project_id, request.actor.user_id):
        raise Problem("forbidden", "You are no member of the project any more.")
    label = session.scalars(
        sa.select(LabelRow)
        .where(
            LabelRow.project_id == request.project_id,
            LabelRow.status == Status.IN_PROGRESS,
            LabelRow.assignee.is_(None),
        )
        .order_by(LabelRow.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).one_or_none()
    if label is None:
        raise Problem("not_found", "No label waits for somebody to work on it.")
    actor, now = request.actor.user_id, datetime.now(UTC)
    moved = life.assigned(changes.standing(label), actor)
    changes.apply(session, label, moved, action="take_next", actor=actor, at=now)
    return to_label(label, Viewer())


def _open(session: Session, request: ActOnLabel | SaveBody | RestoreBody, *, lock: bool = False) -> LabelRow:
    """The label that somebody wants to change, at the version that they expect."""
    label = visible(session, request.project_id, request.label_id, eyes(request.actor), lock=lock)
    if request.expected_version is not None and request.expected_version != label.version:
        raise _conflict(session, label, request.expected_version, eyes(request.actor))
    return label


def _conflict(session: Session, label: LabelRow, expected: int, viewer: Viewer) -> Problem:
    """With the label as it was read, as far as that was kept, and as it is now: what the loser needs to merge."""
    bodies = {
        version: editing.body_at(session, label, version) if version <= label.version else None
        for version in (expected, label.version)
    }
    size = sum(len(to_json(body)) for body in bodies.values())
    shown = {version: body if size <= SHOWN_BYTES else None for version, body in bodies.items()}
    present = to_label(label, viewer).model_dump(mode="json")
    return Problem(
        "stale_version",
        f"The label is at version {label.version}.",
        version=label.version,
        expected={"version": expected, "body": shown[expected]},
        present={**present, "body": shown[label.version]},
    )


def who_has_left(session: Session, project_id: UUID, people: Iterable[UUID | None]) -> set[UUID]:
    """Whom an action that opens labels again must not leave them to, of their assignees and reviewers."""
    known = sorted({person for person in people if person is not None})
    return {person for person in known if copies.has_left(session, project_id, person)}


def without(left: set[UUID], was: life.Standing, moved: life.Standing) -> life.Standing:
    """`moved`, without those who have left where it waits for them again."""
    if moved.assignee in left and was.status is not Status.IN_PROGRESS and moved.status is Status.IN_PROGRESS:
        moved = life.without(moved, LabelAction.UNASSIGN_LABELER)
    if moved.reviewer in left and was.review is Review.APPROVED and moved.review is not Review.APPROVED:
        moved = life.without(moved, LabelAction.UNASSIGN_REVIEWER)
    return moved


def _decided(label: LabelRow, request: ActOnLabel, at: datetime) -> life.Standing:
    return life.decide(
        changes.standing(label),
        request.action,
        request.actor,
        at=at,
        user_id=request.user_id,
        comment=request.comment,
    )


def _checked(session: Session, owners: Owners, request: SaveBody, label: LabelRow) -> Body:
    """The body as it is stored. What the project's copy does not know may only be newer than the copy, or was there
    before it was removed from the project."""
    known = copies.specification(session, owners, request.project_id)
    try:
        return checked_body(request.body, known, label.width, label.height)
    except Problem as problem:
        if problem.code not in ("unknown_class", "unknown_category"):
            raise
    known = copies.specification(session, owners, request.project_id, ask=True)
    present = Body.model_validate(changes.bodies(session, [label]).get(label.id, {}))
    return checked_body(request.body, known, label.width, label.height, present)


def eyes(actor: Actor) -> Viewer:
    """Labelers see, and so act on, what is assigned to them."""
    return Viewer(only_assignee=actor.user_id if actor.role is Role.LABELER else None)
