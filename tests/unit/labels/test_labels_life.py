"""The life table against a second, plain writing of it."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.enums import SEGMENTS, LabelAction, Review, Status
from contracts.errors import Problem
from contracts.permissions import Role
from contracts.rpc.labels import Actor
from services.labels.domain.life import Standing, allowed_actions, decide

NOW = datetime(2026, 5, 17, 12, tzinfo=UTC)
EARLIER = datetime(2026, 5, 1, tzinfo=UTC)
PEOPLE = [UUID(int=number) for number in range(1, 5)]

people = st.sampled_from(PEOPLE)
actors = st.builds(Actor, user_id=people, role=st.sampled_from([role for role in Role if role is not Role.VISITOR]))
moments = st.none() | st.just(EARLIER)
labels = st.builds(
    lambda segment, **rest: Standing(*segment, **rest),
    st.sampled_from(SEGMENTS),
    round=st.integers(0, 5),
    assignee=st.none() | people,
    reviewer=st.none() | people,
    submitter=st.none() | people,
    submitted_at=moments,
    reviewed_at=moments,
)


def expected(label: Standing, action: str, actor: Actor) -> tuple[str, str, str, int] | str:
    """What the table of the vocabulary says: the code of a refusal, or status, review and round afterwards."""
    manager = actor.role in ("manager", "admin", "owner")
    me = actor.user_id
    now = (label.status, label.review, label.round)
    working = label.status == "in_progress"
    finished = label.status in ("submitted", "skipped")
    pending = label.review == "pending_review"
    approved = label.review == "approved"

    if action == "edit_body":
        if working:
            return ("ok", *now) if manager or label.assignee == me else "forbidden"
        if pending:
            mine = actor.role == "reviewer" and label.reviewer == me
            return ("ok", *now) if manager or mine else "forbidden"
        return "illegal_transition"
    if action in ("submit", "skip"):
        if not working:
            return "illegal_transition"
        if not (manager or label.assignee == me):
            return "forbidden"
        return ("ok", "submitted" if action == "submit" else "skipped", "pending_review", label.round + 1)
    if action in ("approve", "reject"):
        if not (pending if action == "approve" else finished):
            return "illegal_transition"
        if not manager:
            if actor.role != "reviewer" or (label.reviewer is not None and label.reviewer != me):
                return "forbidden"
            if label.submitter == me:
                return "self_review"
        if action == "approve":
            return "ok", label.status, "approved", label.round
        return "ok", "in_progress", "rejected", label.round
    if action == "reopen":
        if pending:
            return (
                ("ok", "in_progress", "not_submitted", label.round) if manager or label.submitter == me else "forbidden"
            )
        if approved:
            return ("ok", "in_progress", "not_submitted", label.round) if manager else "forbidden"
        return "illegal_transition"
    if not manager:
        return "forbidden"
    if action == "assign_labeler" and finished:
        return "ok", "in_progress", "not_submitted", label.round
    if action == "initialize":
        return "ok", "in_progress", "not_submitted", 0
    return "ok", *now


def attempt(label: Standing, action: LabelAction, actor: Actor) -> tuple[str, str, str, int] | str:
    try:
        after = decide(label, action, actor, at=NOW, user_id=PEOPLE[0], comment="because")
    except Problem as problem:
        return problem.code
    return "ok", after.status, after.review, after.round


@given(labels, st.sampled_from(LabelAction), actors)
def test_every_decision_is_the_tables(label: Standing, action: LabelAction, actor: Actor) -> None:
    assert attempt(label, action, actor) == expected(label, action.value, actor)


@given(labels, actors)
def test_what_is_named_as_allowed_is_what_succeeds(label: Standing, actor: Actor) -> None:
    succeeds = {action for action in LabelAction if attempt(label, action, actor)[0] == "ok"}
    assert set(allowed_actions(label, actor)) == succeeds


@given(labels, st.sampled_from(LabelAction), actors)
def test_an_illegal_transition_names_state_and_allowed_actions(
    label: Standing, action: LabelAction, actor: Actor
) -> None:
    try:
        decide(label, action, actor, at=NOW, user_id=PEOPLE[0], comment="because")
    except Problem as problem:
        if problem.code == "illegal_transition":
            assert problem.extra == {
                "state": {"status": label.status, "review": label.review},
                "allowed": [allowed.value for allowed in allowed_actions(label, actor)],
            }


@given(labels, st.sampled_from(LabelAction), actors)
def test_a_label_is_always_in_one_of_the_six_segments(label: Standing, action: LabelAction, actor: Actor) -> None:
    try:
        after = decide(label, action, actor, at=NOW, user_id=PEOPLE[0], comment="because")
    except Problem:
        return
    assert after.segment in SEGMENTS


@pytest.mark.parametrize("role", [Role.VISITOR, Role.LABELER, Role.REVIEWER])
def test_who_has_nothing_to_do_with_a_label_may_do_nothing(role: Role) -> None:
    stranger = Actor(user_id=UUID(int=9), role=role)
    for segment in SEGMENTS:
        label = Standing(*segment, assignee=PEOPLE[0], reviewer=PEOPLE[1], submitter=PEOPLE[0])
        assert allowed_actions(label, stranger) == []


MANAGER = Actor(user_id=PEOPLE[3], role=Role.MANAGER)
PENDING = Standing(
    Status.SUBMITTED, Review.PENDING_REVIEW, 2, assignee=PEOPLE[0], submitter=PEOPLE[0], submitted_at=EARLIER
)


def test_submitting_says_who_and_when_and_forgets_the_last_review() -> None:
    label = Standing(Status.IN_PROGRESS, Review.REJECTED, 1, assignee=PEOPLE[0], reviewed_at=EARLIER)
    labeler = Actor(user_id=PEOPLE[0], role=Role.LABELER)
    for action in (LabelAction.SUBMIT, LabelAction.SKIP):
        after = decide(label, action, labeler, at=NOW)
        assert (after.submitter, after.submitted_at, after.reviewed_at) == (PEOPLE[0], NOW, None)


def test_a_review_keeps_who_submitted() -> None:
    for action in (LabelAction.APPROVE, LabelAction.REJECT):
        after = decide(PENDING, action, MANAGER, at=NOW, comment="blurred")
        assert (after.submitter, after.submitted_at, after.reviewed_at) == (PEOPLE[0], EARLIER, NOW)


@pytest.mark.parametrize("action", [LabelAction.REOPEN, LabelAction.ASSIGN_LABELER, LabelAction.INITIALIZE])
def test_beginning_again_forgets_submission_and_review(action: LabelAction) -> None:
    approved = replace(PENDING, review=Review.APPROVED, reviewed_at=EARLIER)
    after = decide(approved, action, MANAGER, at=NOW, user_id=PEOPLE[1])
    assert (after.submitter, after.submitted_at, after.reviewed_at) == (None, None, None)


def test_assigning_and_unassigning() -> None:
    after = decide(PENDING, LabelAction.ASSIGN_REVIEWER, MANAGER, at=NOW, user_id=PEOPLE[1])
    assert after == replace(PENDING, reviewer=PEOPLE[1])
    assert decide(after, LabelAction.UNASSIGN_REVIEWER, MANAGER, at=NOW) == PENDING
    after = decide(PENDING, LabelAction.ASSIGN_LABELER, MANAGER, at=NOW, user_id=PEOPLE[2])
    assert after.assignee == PEOPLE[2]
    assert decide(after, LabelAction.UNASSIGN_LABELER, MANAGER, at=NOW).assignee is None


@pytest.mark.parametrize("action", [LabelAction.ASSIGN_LABELER, LabelAction.ASSIGN_REVIEWER])
def test_assigning_needs_somebody(action: LabelAction) -> None:
    with pytest.raises(Problem, match="validation_failed"):
        decide(PENDING, action, MANAGER, at=NOW)


@pytest.mark.parametrize("comment", [None, "", "  \n"])
def test_rejecting_needs_a_reason(comment: str | None) -> None:
    with pytest.raises(Problem, match="comment_required"):
        decide(PENDING, LabelAction.REJECT, MANAGER, at=NOW, comment=comment)
