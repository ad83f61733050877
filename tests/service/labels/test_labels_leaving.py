"""Who leaves a project or the team leaves open labels to others, and keeps what they did."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis.database import Database
from chassis.ids import new_id
from contracts.enums import LabelAction, Review, Status, UserState
from contracts.errors import Problem
from contracts.events import LabelChanged, MembershipChanged, PrincipalChanged
from contracts.permissions import ProjectRole, Role, TeamRole
from contracts.rpc.labels import ActOnLabel, Actor, GetHistory, GetLoads, HistoryEntry, Label, Load, TakeNext
from contracts.rpc.members import RoleAnswer
from services.labels.handlers import actions, copies, labels, leaving, states
from services.labels.models import Label as LabelRow
from tests.service.labels.conftest import MANAGER, Desk

WHO_REMOVED = UUID(int=77)


class Killed(BaseException):
    """The process ends here."""


class Dying:
    """A database whose process is killed before it begins its next transaction but `left`."""

    def __init__(self, database: Database, left: int) -> None:
        self._database = database
        self._left = left

    @contextmanager
    def session(self) -> Iterator[Session]:
        if self._left == 0:
            raise Killed
        self._left -= 1
        with self._database.session() as session:
            yield session


def act(desk: Desk, label_id: UUID, action: LabelAction, actor: Actor = MANAGER, **more: Any) -> Label:
    request = ActOnLabel(project_id=desk.project_id, label_id=label_id, action=action, actor=actor, **more)
    with desk.database.session() as session:
        return actions.act(session, desk.owners, request)


def member(desk: Desk, role: ProjectRole, version: int = 1, user_id: UUID | None = None) -> Actor:
    """A member, as the service hears of it and as members would answer."""
    user_id = user_id or new_id()
    desk.owners.roles[desk.project_id, user_id] = RoleAnswer(
        role=role, version=version, state=UserState.ACTIVE, team_role=TeamRole.MEMBER
    )
    with desk.database.session() as session:
        copies.membership_changed(session, changed(desk, user_id, role, version))
    return Actor(user_id=user_id, role=Role(role.value))


def changed(desk: Desk, user_id: UUID, role: ProjectRole | None, version: int) -> MembershipChanged:
    return MembershipChanged(project_id=desk.project_id, user_id=user_id, version=version, role=role, actor=WHO_REMOVED)


def removed(desk: Desk, user_id: UUID, version: int = 2) -> MembershipChanged:
    desk.owners.roles[desk.project_id, user_id] = RoleAnswer(
        role=None, version=version, state=UserState.ACTIVE, team_role=TeamRole.MEMBER
    )
    return changed(desk, user_id, None, version)


def principal(user_id: UUID, version: int, **fields: Any) -> PrincipalChanged:
    values = {"state": UserState.ACTIVE, "team_role": TeamRole.MEMBER, "actor": WHO_REMOVED, **fields}
    return PrincipalChanged.model_validate({"user_id": user_id, "version": version, **values})


def assigned(desk: Desk, person: Actor, count: int) -> list[UUID]:
    ids = desk.labels(count)
    for label_id in ids:
        act(desk, label_id, LabelAction.ASSIGN_LABELER, user_id=person.user_id)
    return ids


def newest(desk: Desk, label_id: UUID) -> HistoryEntry:
    with desk.database.session() as session:
        request = GetHistory(project_id=desk.project_id, label_id=label_id, limit=1)
        return labels.get_history(session, request).items[0]


def load(desk: Desk, *people: Actor) -> list[Load]:
    with desk.database.session() as session:
        request = GetLoads(project_id=desk.project_id, user_ids=tuple(person.user_id for person in people))
        loads = states.get_loads(session, request).loads
    return [loads[str(person.user_id)] for person in people]


def test_open_labels_of_a_removed_member_wait_for_anybody(desk: Desk) -> None:
    gone, stays = member(desk, ProjectRole.LABELER), member(desk, ProjectRole.LABELER)
    *open_ones, submitted, rejected = assigned(desk, gone, 4)
    [of_other] = assigned(desk, stays, 1)
    act(desk, submitted, LabelAction.SUBMIT, gone)
    act(desk, rejected, LabelAction.SUBMIT, gone)
    act(desk, rejected, LabelAction.REJECT, comment="once more")
    before = {label_id: desk.label(label_id) for label_id in (submitted, of_other)}

    leaving.membership_changed(desk.database, removed(desk, gone.user_id))
    for label_id in (*open_ones, rejected):
        label, line = desk.label(label_id), newest(desk, label_id)
        assert (label.assignee, label.status) == (None, Status.IN_PROGRESS)
        assert (line.version, line.action, line.actor) == (label.version, "unassign_labeler", WHO_REMOVED)
        assert (line.before, line.after) == ({"assignee": str(gone.user_id)}, {"assignee": None})
    assert desk.label(rejected).review is Review.REJECTED
    assert {label_id: desk.label(label_id) for label_id in before} == before
    told = desk.events(LabelChanged)[-1]
    assert {state.label_id for state in told.labels} == {*open_ones, rejected}
    assert (told.actor, told.cause) == (WHO_REMOVED, "unassign_labeler")

    count = len(desk.events(LabelChanged))
    leaving.membership_changed(desk.database, removed(desk, gone.user_id))
    assert len(desk.events(LabelChanged)) == count


def test_reviews_that_wait_for_a_removed_member_wait_for_anybody(desk: Desk) -> None:
    gone, worker = member(desk, ProjectRole.REVIEWER), member(desk, ProjectRole.LABELER)
    pending, approved, early = assigned(desk, worker, 3)
    for label_id in (pending, approved, early):
        act(desk, label_id, LabelAction.ASSIGN_REVIEWER, user_id=gone.user_id)
    for label_id in (pending, approved):
        act(desk, label_id, LabelAction.SUBMIT, worker)
    act(desk, approved, LabelAction.APPROVE, gone)
    leaving.membership_changed(desk.database, removed(desk, gone.user_id))
    assert [desk.label(each).reviewer for each in (pending, approved, early)] == [None, gone.user_id, None]
    assert [desk.label(each).assignee for each in (pending, approved, early)] == [worker.user_id] * 3
    assert newest(desk, pending).action == "unassign_reviewer"


def test_who_is_made_a_labeler_keeps_their_labels_and_loses_their_reviews(desk: Desk) -> None:
    person = member(desk, ProjectRole.REVIEWER)
    [label_id] = assigned(desk, person, 1)
    act(desk, label_id, LabelAction.ASSIGN_REVIEWER, user_id=person.user_id)
    leaving.membership_changed(desk.database, changed(desk, person.user_id, ProjectRole.MANAGER, 2))
    assert desk.label(label_id).reviewer == person.user_id
    leaving.membership_changed(desk.database, changed(desk, person.user_id, ProjectRole.LABELER, 3))
    label = desk.label(label_id)
    assert (label.assignee, label.reviewer) == (person.user_id, None)


def test_who_was_added_again_keeps_their_labels(desk: Desk) -> None:
    person = member(desk, ProjectRole.LABELER)
    ids = assigned(desk, person, 2)
    gone = removed(desk, person.user_id)
    member(desk, ProjectRole.LABELER, version=3, user_id=person.user_id)  # heard of before the removal
    leaving.membership_changed(desk.database, gone)
    assert {desk.label(label_id).assignee for label_id in ids} == {person.user_id}


def test_who_is_added_again_on_the_way_keeps_the_rest(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaving, "AT_ONCE", 2)
    person = member(desk, ProjectRole.LABELER)
    ids = assigned(desk, person, 5)
    gone = removed(desk, person.user_id)
    with pytest.raises(Killed):
        leaving.membership_changed(Dying(desk.database, 2), gone)  # type: ignore[arg-type]
    member(desk, ProjectRole.LABELER, version=3, user_id=person.user_id)
    leaving.membership_changed(desk.database, gone)
    assert [desk.label(each).assignee for each in ids] == [None, None, *[person.user_id] * 3]


@pytest.mark.parametrize("transactions", [1, 2, 3, 4])
def test_whoever_is_killed_goes_on_where_they_were(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, transactions: int
) -> None:
    monkeypatch.setattr(leaving, "AT_ONCE", 2)
    person = member(desk, ProjectRole.LABELER)
    ids = assigned(desk, person, 5)
    versions = [desk.label(label_id).version for label_id in ids]
    gone = removed(desk, person.user_id)
    with pytest.raises(Killed):
        leaving.membership_changed(Dying(desk.database, transactions), gone)  # type: ignore[arg-type]
    leaving.membership_changed(desk.database, gone)
    assert [(desk.label(each).assignee, desk.label(each).version) for each in ids] == [
        (None, version + 1) for version in versions
    ]


def test_who_is_deactivated_loses_open_labels_in_all_projects(desk: Desk) -> None:
    person = member(desk, ProjectRole.REVIEWER)
    ids = assigned(desk, person, 3)
    act(desk, ids[1], LabelAction.ASSIGN_REVIEWER, user_id=person.user_id)
    elsewhere = new_id()
    with desk.database.session() as session:  # the same labels in a second project
        row = session.get_one(LabelRow, (desk.project_id, ids[0]))
        plain = {column.name: getattr(row, column.name) for column in LabelRow.__table__.columns}
        session.execute(sa.insert(LabelRow).values({**plain, "project_id": elsewhere}))
    leaving.principal_changed(desk.database, principal(person.user_id, 5))
    assert {desk.label(label_id).assignee for label_id in ids} == {person.user_id}
    out = principal(person.user_id, 6, state=UserState.DELETED)
    leaving.principal_changed(desk.database, out)
    assert {(desk.label(label_id).assignee, desk.label(label_id).reviewer) for label_id in ids} == {(None, None)}
    with desk.database.session() as session:
        assert session.get_one(LabelRow, (elsewhere, ids[0])).assignee is None
    with pytest.raises(Problem, match="not_a_member"):  # whatever the membership says
        desk.owners.roles[desk.project_id, person.user_id] = RoleAnswer(
            role=ProjectRole.REVIEWER, version=1, state=UserState.DELETED
        )
        act(desk, ids[0], LabelAction.ASSIGN_LABELER, user_id=person.user_id)

    leaving.principal_changed(desk.database, principal(person.user_id, 7))
    act(desk, ids[0], LabelAction.ASSIGN_LABELER, user_id=person.user_id)
    leaving.principal_changed(desk.database, out)  # late
    assert desk.label(ids[0]).assignee == person.user_id


def test_who_is_no_admin_any_more_keeps_labels_of_their_own_projects_only(desk: Desk) -> None:
    person, own = new_id(), member(desk, ProjectRole.LABELER)
    desk.owners.add_admin(desk.project_id, person)
    [label_id] = desk.labels(1)
    [kept] = assigned(desk, own, 1)
    leaving.principal_changed(desk.database, principal(person, 1, team_role=TeamRole.ADMIN))
    leaving.principal_changed(desk.database, principal(own.user_id, 1, team_role=TeamRole.ADMIN))
    act(desk, label_id, LabelAction.ASSIGN_LABELER, user_id=person)
    demoted = principal(person, 2)
    with pytest.raises(Killed):
        leaving.principal_changed(Dying(desk.database, 1), demoted)  # type: ignore[arg-type]
    leaving.principal_changed(desk.database, demoted)
    leaving.principal_changed(desk.database, principal(own.user_id, 2))
    assert (desk.label(label_id).assignee, desk.label(kept).assignee) == (None, own.user_id)


def test_nobody_is_given_labels_while_they_leave(desk: Desk) -> None:
    """Assigning, taking and removing at once: nothing stays with who has left."""
    for _ in range(8):
        person = member(desk, ProjectRole.LABELER)
        ids = desk.labels(4)
        gone = removed(desk, person.user_id)

        def give(label_id: UUID, person: Actor = person) -> None:
            try:
                act(desk, label_id, LabelAction.ASSIGN_LABELER, user_id=person.user_id)
            except Problem as problem:
                assert problem.code == "not_a_member"

        def take(_: UUID, person: Actor = person) -> None:
            try:
                with desk.database.session() as session:
                    actions.take_next(session, desk.owners, TakeNext(project_id=desk.project_id, actor=person))
            except Problem as problem:
                assert problem.code in ("forbidden", "not_found")

        with ThreadPoolExecutor(9) as threads:
            work = [threads.submit(each, label_id) for label_id in ids for each in (give, take)]
            work.append(threads.submit(leaving.membership_changed, desk.database, gone))
            for each in work:
                each.result()
        with desk.database.session() as session:
            mine = sa.select(sa.func.count()).where(LabelRow.assignee == person.user_id)
            assert session.scalar(mine) == 0


def test_a_label_that_opens_again_does_not_wait_for_who_has_left(desk: Desk) -> None:
    worker, judge = member(desk, ProjectRole.LABELER), member(desk, ProjectRole.REVIEWER)
    first, second = assigned(desk, worker, 2)
    for label_id in (first, second):
        act(desk, label_id, LabelAction.ASSIGN_REVIEWER, user_id=judge.user_id)
        act(desk, label_id, LabelAction.SUBMIT, worker)
    act(desk, second, LabelAction.APPROVE, judge)
    for person in (worker, judge):
        leaving.membership_changed(desk.database, removed(desk, person.user_id))
    assert (desk.label(second).assignee, desk.label(second).reviewer) == (worker.user_id, judge.user_id)
    rejected = act(desk, first, LabelAction.REJECT, comment="no")
    assert (rejected.assignee, rejected.submitter) == (None, worker.user_id)
    reopened = act(desk, second, LabelAction.REOPEN)
    assert (reopened.assignee, reopened.reviewer) == (None, None)
    assert newest(desk, second).before["reviewer"] == str(judge.user_id)


def test_loads_are_what_waits_for_whom(desk: Desk) -> None:
    worker, judge, idle = (
        member(desk, role) for role in (ProjectRole.LABELER, ProjectRole.REVIEWER, ProjectRole.LABELER)
    )
    ids = assigned(desk, worker, 4)
    assigned(desk, judge, 1)
    for label_id in ids[:3]:
        act(desk, label_id, LabelAction.ASSIGN_REVIEWER, user_id=judge.user_id)
    for label_id in ids[:2]:
        act(desk, label_id, LabelAction.SUBMIT, worker)
    act(desk, ids[0], LabelAction.APPROVE, judge)
    assert load(desk, worker, judge, idle) == [
        Load(to_label=2, to_review=0),
        Load(to_label=1, to_review=1),
        Load(to_label=0, to_review=0),
    ]


def test_loads_are_read_from_their_indexes(desk: Desk) -> None:
    person = member(desk, ProjectRole.LABELER)
    assigned(desk, person, 1)
    plans: list[str] = []
    with desk.database.session() as session:
        for way in ("seqscan", "bitmapscan"):
            session.execute(sa.text(f"SET LOCAL enable_{way} = off"))

        @sa.event.listens_for(session.connection(), "before_cursor_execute")
        def explain(_: Any, cursor: Any, statement: str, parameters: Any, *__: Any) -> None:
            cursor.execute(f"EXPLAIN {statement}", parameters)
            plans.append("\n".join(line for (line,) in cursor.fetchall()))

        states.get_loads(session, GetLoads(project_id=desk.project_id, user_ids=(person.user_id,)))
    assert "Index Only Scan using labels_to_do" in plans[0], plans[0]
    assert "Index Only Scan using labels_to_review" in plans[0], plans[0]
