"""A label's life: who may do what to it, and where it stands then."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum, auto
from typing import Final
from uuid import UUID

from contracts.enums import SEGMENTS, LabelAction, Review, Status
from contracts.errors import Problem
from contracts.permissions import MANAGERS, Role
from contracts.rpc.labels import Actor


@dataclass(frozen=True)
class Standing:
    """Where a label stands: everything that an action of the life table reads or changes, except its body.

    `submitter` and `submitted_at` tell of the submission or skip that stands, or that was rejected last; both
    are None once a label was reopened, reassigned or initialized. `reviewed_at`: of the review that stands.
    """

    status: Status = Status.IN_PROGRESS
    review: Review = Review.NOT_SUBMITTED
    round: int = 0
    assignee: UUID | None = None
    reviewer: UUID | None = None
    submitter: UUID | None = None
    submitted_at: datetime | None = None
    reviewed_at: datetime | None = None

    @property
    def segment(self) -> tuple[Status, Review]:
        """Status and review."""
        return self.status, self.review


class Who(Enum):
    """Whom, beside managers, admins and owners, the life table lets act."""

    ASSIGNEE = auto()
    REVIEWER = auto()  # its reviewer
    ANY_REVIEWER = auto()  # its reviewer, or any reviewer if none is set
    SUBMITTER = auto()
    NOBODY = auto()


class Round(Enum):
    """What an action makes of the round."""

    SAME = auto()
    NEXT = auto()
    ZERO = auto()


@dataclass(frozen=True)
class Transition:
    """A line of the life table. `status` or `review` None: stays as it is."""

    sources: frozenset[tuple[Status, Review]]
    action: LabelAction
    who: Who
    status: Status | None = None
    review: Review | None = None
    round: Round = Round.SAME


def _from(statuses: Iterable[Status] = Status, reviews: Iterable[Review] = Review) -> frozenset[tuple[Status, Review]]:
    return frozenset(pair for pair in SEGMENTS if pair[0] in set(statuses) and pair[1] in set(reviews))


_WORKING = _from([Status.IN_PROGRESS])
_FINISHED = _from([Status.SUBMITTED, Status.SKIPPED])
_PENDING = _from(reviews=[Review.PENDING_REVIEW])
_APPROVED = _from(reviews=[Review.APPROVED])
_PENDING_REVIEW: Final = Review.PENDING_REVIEW
_AGAIN: Final = (Status.IN_PROGRESS, Review.NOT_SUBMITTED)

LIFE: Final[tuple[Transition, ...]] = (
    Transition(_WORKING, LabelAction.EDIT_BODY, Who.ASSIGNEE),
    Transition(_PENDING, LabelAction.EDIT_BODY, Who.REVIEWER),
    Transition(_WORKING, LabelAction.SUBMIT, Who.ASSIGNEE, Status.SUBMITTED, _PENDING_REVIEW, Round.NEXT),
    Transition(_WORKING, LabelAction.SKIP, Who.ASSIGNEE, Status.SKIPPED, _PENDING_REVIEW, Round.NEXT),
    Transition(_PENDING, LabelAction.APPROVE, Who.ANY_REVIEWER, None, Review.APPROVED),
    Transition(_FINISHED, LabelAction.REJECT, Who.ANY_REVIEWER, Status.IN_PROGRESS, Review.REJECTED),
    Transition(_PENDING, LabelAction.REOPEN, Who.SUBMITTER, *_AGAIN),
    Transition(_APPROVED, LabelAction.REOPEN, Who.NOBODY, *_AGAIN),
    Transition(_WORKING, LabelAction.ASSIGN_LABELER, Who.NOBODY),
    Transition(_FINISHED, LabelAction.ASSIGN_LABELER, Who.NOBODY, *_AGAIN),
    Transition(_from(), LabelAction.UNASSIGN_LABELER, Who.NOBODY),
    Transition(_from(), LabelAction.ASSIGN_REVIEWER, Who.NOBODY),
    Transition(_from(), LabelAction.UNASSIGN_REVIEWER, Who.NOBODY),
    Transition(_from(), LabelAction.INITIALIZE, Who.NOBODY, *_AGAIN, Round.ZERO),
)
"""The life table (vocabulary: a label's life), line by line."""

_LINES: Final = {(line.action, segment): line for line in LIFE for segment in line.sources}
"""The line of an action from a status and review: there is one at most."""

_REVIEWING: Final = frozenset({LabelAction.APPROVE, LabelAction.REJECT})
_ASSIGNING: Final = frozenset({LabelAction.ASSIGN_LABELER, LabelAction.ASSIGN_REVIEWER})


def decide(
    label: Standing,
    action: LabelAction,
    actor: Actor,
    *,
    at: datetime,
    user_id: UUID | None = None,
    comment: str | None = None,
) -> Standing:
    """Where `label` stands after `actor` did `action` at the moment `at`.

    `user_id`: whom an assigning action assigns; `comment`: why, which rejecting requires. Raises Problem
    `illegal_transition` when the present state does not allow the action to anybody (with the `state`
    and what is `allowed` to this actor now), then `forbidden`, `self_review`, `validation_failed` (nobody to
    assign is named), `comment_required`.
    """
    transition = _transition(label, action)
    if transition is None:
        raise Problem(
            "illegal_transition",
            f"{action} is not possible while the label is {label.status}/{label.review}.",
            state={"status": label.status.value, "review": label.review.value},
            allowed=[allowed.value for allowed in allowed_actions(label, actor)],
        )
    if not _may(label, transition, actor):
        raise Problem("forbidden", f"{action} of this label is up to others.")
    if _is_self_review(label, action, actor):
        raise Problem("self_review")
    if action in _ASSIGNING and user_id is None:
        raise Problem("validation_failed", f"{action} needs a user_id.")
    if action is LabelAction.REJECT and not (comment or "").strip():
        raise Problem("comment_required")
    return _moved(label, transition, actor, at, user_id)


def assigned(label: Standing, user_id: UUID) -> Standing:
    """Where a label of the pool stands after somebody took it."""
    return replace(label, assignee=user_id)


def without(label: Standing, action: LabelAction) -> Standing:
    """Where a label stands after it lost its labeler or its reviewer, who has left: `action` says which."""
    return replace(label, assignee=None) if action is LabelAction.UNASSIGN_LABELER else replace(label, reviewer=None)


def allowed_actions(label: Standing, actor: Actor) -> list[LabelAction]:
    """The actions that the life table allows this actor on this label now."""
    return [
        transition.action
        for transition in LIFE
        if label.segment in transition.sources
        and _may(label, transition, actor)
        and not _is_self_review(label, transition.action, actor)
    ]


def is_possible(action: LabelAction, status: Status, review: Review) -> bool:
    """Whether there is anybody who may do `action` to a label of that status and review."""
    return (action, (status, review)) in _LINES


def _transition(label: Standing, action: LabelAction) -> Transition | None:
    return _LINES.get((action, label.segment))


def _may(label: Standing, transition: Transition, actor: Actor) -> bool:
    if actor.role in MANAGERS:
        return True
    match transition.who:
        case Who.ASSIGNEE:
            return label.assignee == actor.user_id
        case Who.SUBMITTER:
            return label.submitter == actor.user_id
        case Who.REVIEWER:
            return actor.role is Role.REVIEWER and label.reviewer == actor.user_id
        case Who.ANY_REVIEWER:
            return actor.role is Role.REVIEWER and label.reviewer in (actor.user_id, None)
        case Who.NOBODY:
            return False


def _is_self_review(label: Standing, action: LabelAction, actor: Actor) -> bool:
    return action in _REVIEWING and actor.role not in MANAGERS and label.submitter == actor.user_id


def _moved(label: Standing, transition: Transition, actor: Actor, at: datetime, user_id: UUID | None) -> Standing:
    rounds = {Round.SAME: label.round, Round.NEXT: label.round + 1, Round.ZERO: 0}
    moved = replace(
        label,
        status=transition.status or label.status,
        review=transition.review or label.review,
        round=rounds[transition.round],
    )
    match transition.action:
        case LabelAction.SUBMIT | LabelAction.SKIP:
            return replace(moved, submitter=actor.user_id, submitted_at=at, reviewed_at=None)
        case LabelAction.APPROVE | LabelAction.REJECT:
            return replace(moved, reviewed_at=at)
        case LabelAction.ASSIGN_REVIEWER | LabelAction.UNASSIGN_REVIEWER:
            return replace(moved, reviewer=user_id if transition.action in _ASSIGNING else None)
        case LabelAction.ASSIGN_LABELER | LabelAction.UNASSIGN_LABELER:
            moved = replace(moved, assignee=user_id if transition.action in _ASSIGNING else None)
    if (transition.status, transition.review) == _AGAIN:
        return replace(moved, submitter=None, submitted_at=None, reviewed_at=None)
    return moved
