"""Several people at the same labels: reviews that go round, conflicts, who is editing, bodies to go back to."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from chassis.ids import new_id
from contracts.enums import LabelAction
from contracts.errors import Problem
from contracts.permissions import ProjectRole
from contracts.rpc.labels import (
    Actor,
    Editor,
    GetProjectHistory,
    Label,
    LockLabel,
    RestoreBody,
    TakeReview,
    UnlockLabel,
    Viewer,
)
from services.labels.handlers import actions, editing, labels
from services.labels.models import EditLock, PastBody
from tests.service.labels.conftest import MANAGER, Desk
from tests.service.labels.test_labels_actions import act, assign, at_once, history, labeler, reviewer, save


def take(desk: Desk, actor: Actor, after: UUID | None = None) -> Label:
    with desk.database.session() as session:
        request = TakeReview(project_id=desk.project_id, after=after, actor=actor)
        return actions.take_review(session, desk.owners, request)


def submitted(desk: Desk, number: int) -> list[UUID]:
    ids = desk.labels(number)
    for label_id in ids:
        act(desk, label_id, LabelAction.SUBMIT)
    return ids


def lock(desk: Desk, label_id: UUID, actor: Actor) -> Editor:
    with desk.database.session() as session:
        return editing.lock(session, LockLabel(project_id=desk.project_id, label_id=label_id, actor=actor))


def unlock(desk: Desk, label_id: UUID, actor: Actor) -> None:
    with desk.database.session() as session:
        editing.unlock(session, UnlockLabel(project_id=desk.project_id, label_id=label_id, actor=actor))


def restore(desk: Desk, label_id: UUID, version: int, expected: int, actor: Actor = MANAGER) -> Label:
    request = RestoreBody(
        project_id=desk.project_id, label_id=label_id, version=version, expected_version=expected, actor=actor
    )
    with desk.database.session() as session:
        return actions.restore_body(session, desk.owners, request)


# --- reviews ---


def test_a_reviewers_next_is_theirs_first_and_then_one_that_nobody_has(desk: Desk) -> None:
    first, second, third = submitted(desk, 3)
    me, other = reviewer(), reviewer()
    for person in (me, other):
        desk.owners.add_member(desk.project_id, person.user_id, ProjectRole.REVIEWER)
    act(desk, second, LabelAction.ASSIGN_REVIEWER, user_id=me.user_id)
    act(desk, first, LabelAction.ASSIGN_REVIEWER, user_id=other.user_id)
    assert take(desk, me).id == second
    assert take(desk, me).id == second
    assert take(desk, me, after=second).id == third
    assert desk.label(third).reviewer == me.user_id
    assert history(desk, third).items[0].action == "take_review"
    with pytest.raises(Problem, match="not_found"):
        take(desk, me, after=third)
    act(desk, second, LabelAction.APPROVE, me)
    assert take(desk, me).id == third


def test_nobody_is_given_a_review_of_what_they_submitted(desk: Desk) -> None:
    (label_id,) = desk.labels(1)
    me = reviewer()
    assign(desk, label_id, me)
    act(desk, label_id, LabelAction.SUBMIT, me)
    with pytest.raises(Problem, match="not_found"):
        take(desk, me)
    with pytest.raises(Problem, match="forbidden"):
        take(desk, labeler())


def test_fifty_reviewers_at_once_never_get_the_same(desk: Desk) -> None:
    ids, people = submitted(desk, 40), [reviewer() for _ in range(50)]
    answers = at_once(50, lambda n: take(desk, people[n]))
    taken = [answer.id for answer in answers if not isinstance(answer, Problem)]
    assert sorted(taken) == sorted(ids)
    assert {answer.code for answer in answers if isinstance(answer, Problem)} == {"not_found"}


# --- conflicts ---


def test_the_loser_is_shown_both_versions(desk: Desk) -> None:
    (label_id,) = desk.labels(1)
    read, theirs = desk.body((1, 1, 5, 5)), desk.body((2, 2, 6, 6))
    save(desk, label_id, read, version=1)
    save(desk, label_id, theirs, version=2)
    with pytest.raises(Problem) as caught:
        save(desk, label_id, desk.body((3, 3, 7, 7)), version=2)
    extra = caught.value.extra
    assert (caught.value.code, extra["version"]) == ("stale_version", 3)
    assert extra["expected"] == {"version": 2, "body": read.model_dump(mode="json")}
    assert (extra["present"]["version"], extra["present"]["body"]) == (3, theirs.model_dump(mode="json"))
    with pytest.raises(Problem) as caught:
        act(desk, label_id, LabelAction.SUBMIT, expected_version=9)
    assert caught.value.extra["expected"] == {"version": 9, "body": None}


def test_bodies_that_are_too_large_are_not_shown_in_a_conflict(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "SHOWN_BYTES", 100)
    (label_id,) = desk.labels(1)
    save(desk, label_id, desk.body((1, 1, 5, 5)), version=1)
    with pytest.raises(Problem) as caught:
        save(desk, label_id, desk.body(), version=1)
    assert (caught.value.extra["present"]["body"], caught.value.extra["expected"]["body"]) == (None, None)


def test_whoever_edits_says_so_and_others_see_it(desk: Desk) -> None:
    (label_id,) = desk.labels(1)
    me, other = reviewer(), reviewer()
    assert desk.label(label_id).editor is None
    mine = lock(desk, label_id, me)
    assert mine.user_id == me.user_id
    assert lock(desk, label_id, other) == mine == desk.label(label_id).editor
    assert desk.label(label_id, Viewer(anonymous=True)).editor is None
    assert lock(desk, label_id, me).until > mine.until
    unlock(desk, label_id, other)
    assert desk.label(label_id).editor is not None
    save(desk, label_id, desk.body((1, 1, 5, 5)), version=1)  # it keeps nobody from saving
    with desk.database.session() as session:
        session.execute(sa.update(EditLock).values(until=datetime.now(UTC) - timedelta(seconds=1)))
    assert desk.label(label_id).editor is None
    assert lock(desk, label_id, other).user_id == other.user_id
    unlock(desk, label_id, other)
    assert desk.label(label_id).editor is None
    with pytest.raises(Problem, match="not_found"):
        lock(desk, label_id, labeler())


# --- going back ---


def test_an_earlier_body_is_saved_again(desk: Desk) -> None:
    (label_id,) = desk.labels(1)
    first, second = desk.body((1, 1, 5, 5)), desk.body((2, 2, 6, 6), (8, 8, 9, 9))
    save(desk, label_id, first, version=1)
    save(desk, label_id, second, version=2)
    assert restore(desk, label_id, 2, expected=3).version == 4
    assert desk.label(label_id).body == first
    line = history(desk, label_id).items[0]
    assert (line.action, line.comment) == ("edit_body", "as in version 2")
    assert (line.before["body"]["objects"], line.after["body"]["objects"]) == (
        {str(desk.box.id): 2},
        {str(desk.box.id): 1},
    )
    assert restore(desk, label_id, 1, expected=4).objects == {}
    assert restore(desk, label_id, 3, expected=5).objects == {str(desk.box.id): 2}
    assert desk.label(label_id).body == second


def test_what_initializing_emptied_can_be_brought_back(desk: Desk) -> None:
    (label_id,) = desk.labels(1)
    body = desk.body((1, 1, 5, 5))
    save(desk, label_id, body, version=1)
    act(desk, label_id, LabelAction.INITIALIZE)
    restore(desk, label_id, 2, expected=3)
    assert desk.label(label_id).body == body


def test_going_back_keeps_the_rules_of_saving(desk: Desk) -> None:
    (label_id,) = desk.labels(1)
    save(desk, label_id, desk.body((1, 1, 5, 5)), version=1)
    save(desk, label_id, desk.body((2, 2, 5, 5)), version=2)

    def refused(version: int, expected: int, **more: Any) -> str:
        with pytest.raises(Problem) as caught:
            restore(desk, label_id, version, expected, **more)
        return caught.value.code

    assert refused(1, 2) == "stale_version"
    assert refused(4, 3) == "not_found"
    assert refused(0, 3) == "not_found"
    assert refused(1, 3, actor=reviewer()) == "forbidden"
    with desk.database.session() as session:
        session.execute(sa.delete(PastBody).where(PastBody.label_id == label_id))
    assert refused(2, 3) == "gone"
    act(desk, label_id, LabelAction.SUBMIT)
    act(desk, label_id, LabelAction.APPROVE)
    assert refused(1, 5) == "illegal_transition"
    assert desk.label(label_id).version == 5


def test_a_projects_history_is_that_of_its_labels(desk: Desk) -> None:
    first, second = desk.labels(2)
    save(desk, first, desk.body((1, 1, 5, 5)), version=1)
    act(desk, second, LabelAction.SKIP, comment="dark")
    someone = Actor(user_id=new_id(), role=MANAGER.role)
    act(desk, first, LabelAction.SUBMIT, someone)

    def listed(**by: Any) -> list[tuple[UUID, str]]:
        found, cursor = [], None
        while True:
            with desk.database.session() as session:
                request = GetProjectHistory(project_id=desk.project_id, cursor=cursor, limit=2, **by)
                page = labels.get_project_history(session, request)
            found += [(entry.label_id, entry.action) for entry in page.items]
            cursor = page.next
            if cursor is None:
                return found

    added = [(label_id, "add") for label_id in sorted((first, second), reverse=True)]
    assert listed() == [(first, "submit"), (second, "skip"), (first, "edit_body"), *added]
    assert listed(action="skip") == [(second, "skip")]
    assert listed(by=someone.user_id) == [(first, "submit")]
    assert listed(since=datetime.now(UTC)) == []
