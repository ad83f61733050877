"""Making labels, acting on them, reading them."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest

from chassis.ids import new_id
from contracts.body import Body, ObjectClass, Specification
from contracts.enums import AnnotationType, LabelAction, Review, Status
from contracts.errors import Problem
from contracts.events import MembershipChanged, ProjectDeleted
from contracts.permissions import ProjectRole, Role
from contracts.rpc.labels import (
    ActOnLabel,
    Actor,
    AddLabels,
    AssetDraft,
    GetHistory,
    HistoryPage,
    Label,
    LabelFilter,
    LabelPage,
    LabelsAdded,
    LinkAsset,
    ListLabels,
    SaveBody,
    TakeNext,
    Viewer,
)
from services.labels.handlers import actions, copies, data_library, labels, search
from tests.service.labels.conftest import MANAGER, Desk


def labeler() -> Actor:
    return Actor(user_id=new_id(), role=Role.LABELER)


def reviewer() -> Actor:
    return Actor(user_id=new_id(), role=Role.REVIEWER)


def act(desk: Desk, label_id: UUID, action: LabelAction, actor: Actor = MANAGER, **more: Any) -> Label:
    request = ActOnLabel(project_id=desk.project_id, label_id=label_id, action=action, actor=actor, **more)
    with desk.database.session() as session:
        return actions.act(session, desk.owners, request)


def assign(desk: Desk, label_id: UUID, actor: Actor) -> Label:
    desk.owners.add_member(desk.project_id, actor.user_id, ProjectRole(actor.role.value))
    return act(desk, label_id, LabelAction.ASSIGN_LABELER, user_id=actor.user_id)


def save(desk: Desk, label_id: UUID, body: Any, version: int, actor: Actor = MANAGER) -> Label:
    request = SaveBody(project_id=desk.project_id, label_id=label_id, expected_version=version, body=body, actor=actor)
    with desk.database.session() as session:
        return actions.save_body(session, desk.owners, request)


def add(desk: Desk, **chosen: Any) -> LabelsAdded:
    with desk.database.session() as session:
        return labels.add_labels(session, desk.owners, AddLabels(project_id=desk.project_id, actor=MANAGER, **chosen))


def listed(
    desk: Desk, viewer: Viewer | None = None, cursor: str | None = None, limit: int = 50, **by: Any
) -> LabelPage:
    request = ListLabels(
        project_id=desk.project_id,
        filter=LabelFilter(**by),
        viewer=viewer or Viewer(),
        cursor=cursor,
        limit=limit,
    )
    with desk.database.session() as session:
        return search.list_labels(session, request)


def history(desk: Desk, label_id: UUID, viewer: Viewer | None = None, **more: Any) -> HistoryPage:
    request = GetHistory(project_id=desk.project_id, label_id=label_id, viewer=viewer or Viewer(), **more)
    with desk.database.session() as session:
        return labels.get_history(session, request)


def at_once(number: int, work: Callable[[int], Any]) -> list[Any]:
    """What `work` returned or refused in so many threads that start together."""
    start = Barrier(number)

    def one(index: int) -> Any:
        start.wait()
        try:
            return work(index)
        except Problem as problem:
            return problem

    with ThreadPoolExecutor(number) as threads:
        return list(threads.map(one, range(number)))


# --- making ---


def test_labels_of_assets_are_made_once(desk: Desk) -> None:
    assets = desk.stored(3)
    first = add(desk, assets=tuple(assets[:2]))
    assert (first.created, first.existing) == (2, 0)
    second = add(desk, assets=tuple(reversed(assets)))
    assert (second.created, second.existing) == (1, 2)
    assert second.ids is not None and first.ids is not None
    assert list(reversed(second.ids))[:2] == list(first.ids)
    states = [state for event in desk.events() for state in event.labels]
    assert sorted(state.label_id for state in states) == sorted(second.ids)
    assert {(state.version, state.status) for state in states} == {(1, Status.IN_PROGRESS)}
    assert [(entry.version, entry.action) for entry in history(desk, second.ids[0]).items] == [(1, "add")]


def test_labels_of_a_dataset(desk: Desk) -> None:
    desk.stored(3)
    with desk.database.session() as session:
        data_library.register_assets(session, desk.store, desk.dataset, [AssetDraft(data_key="expected", size=1)])
    assert add(desk, dataset=desk.dataset).created == 3
    keys = sorted(label.data_key for label in listed(desk).items)
    again = add(desk, dataset=desk.dataset, data_keys=(keys[0],))
    assert (again.created, again.existing, again.ids) == (0, 1, None)


def test_what_is_not_stored_gets_no_label_and_nothing_else_does(desk: Desk) -> None:
    (good,) = desk.stored(1)
    with desk.database.session() as session:
        drafts = [AssetDraft(data_key="expected", size=1)]
        (item,) = data_library.register_assets(session, desk.store, desk.dataset, drafts).items
    with pytest.raises(Problem) as caught:
        add(desk, assets=(good, item.asset.id))
    assert caught.value.code == "asset_not_stored"
    assert caught.value.extra["assets"] == [{"id": str(item.asset.id), "data_key": "expected", "state": "registered"}]
    unknown = new_id()
    with pytest.raises(Problem) as caught:
        add(desk, assets=(good, unknown))
    assert (caught.value.code, caught.value.extra) == ("unknown_asset", {"assets": [str(unknown)]})
    with pytest.raises(Problem, match="unknown_asset"):
        add(desk, dataset=desk.dataset, data_keys=("nowhere",))
    with pytest.raises(Problem, match="asset_not_stored"):
        add(desk, dataset=desk.dataset, data_keys=("expected",))
    with pytest.raises(Problem, match="not_found"):
        add(desk, dataset="no such dataset")
    for both_or_none in ({}, {"assets": (good,), "dataset": desk.dataset}):
        with pytest.raises(Problem, match="validation_failed"):
            add(desk, **both_or_none)
    assert listed(desk).items == ()


def test_many_clients_that_add_the_same_assets_make_each_label_once(desk: Desk) -> None:
    assets = tuple(desk.stored(40))
    answers = at_once(8, lambda n: add(desk, assets=assets if n % 2 else tuple(reversed(assets))))
    assert sum(answer.created for answer in answers) == len(assets)
    assert len(listed(desk).items) == len(assets)


# --- the life of a label ---


def test_a_label_from_assignment_to_approval(desk: Desk) -> None:
    (label_id,) = desk.labels(1)
    worker, judge = labeler(), reviewer()
    assign(desk, label_id, worker)
    saved = save(desk, label_id, desk.body((1, 1, 5, 5)), version=2, actor=worker)
    assert saved.objects == {str(desk.box.id): 1}
    submitted = act(desk, label_id, LabelAction.SUBMIT, worker)
    assert (submitted.status, submitted.review, submitted.round) == (Status.SUBMITTED, Review.PENDING_REVIEW, 1)
    rejected = act(desk, label_id, LabelAction.REJECT, judge, comment="the left edge")
    assert (rejected.status, rejected.review) == (Status.IN_PROGRESS, Review.REJECTED)
    act(desk, label_id, LabelAction.SUBMIT, worker)
    approved = act(desk, label_id, LabelAction.APPROVE, judge)
    assert (approved.review, approved.round, approved.version) == (Review.APPROVED, 2, 7)

    lines = history(desk, label_id).items
    assert [line.version for line in lines] == [7, 6, 5, 4, 3, 2, 1]
    assert [line.action for line in reversed(lines)] == [
        "add", "assign_labeler", "edit_body", "submit", "reject", "submit", "approve",
    ]  # fmt: skip
    assert lines[2].comment == "the left edge"
    assert lines[2].before == {"status": "submitted", "review": "pending_review"}
    assert lines[2].after == {"status": "in_progress", "review": "rejected"}
    assert lines[4].after["body"]["objects"] == {str(desk.box.id): 1}
    assert lines[5].after == {"assignee": str(worker.user_id)}

    states = [state for event in desk.events() for state in event.labels]
    assert [state.version for state in states] == [1, 2, 3, 4, 5, 6, 7]
    last = states[-1]
    assert (last.status, last.review, last.assignee) == (Status.SUBMITTED, Review.APPROVED, worker.user_id)
    assert (last.submitter, last.objects) == (worker.user_id, {str(desk.box.id): 1})
    assert [event.cause for event in desk.events()] == [line.action for line in reversed(lines)]


def test_initializing_empties_the_body(desk: Desk) -> None:
    (label_id,) = desk.labels(1)
    save(desk, label_id, desk.body((1, 1, 5, 5)), version=1)
    act(desk, label_id, LabelAction.SUBMIT)
    fresh = act(desk, label_id, LabelAction.INITIALIZE)
    assert (fresh.round, fresh.objects, fresh.status) == (0, {}, Status.IN_PROGRESS)
    assert desk.label(label_id).body.objects == []
    assert history(desk, label_id).items[0].after["body"]["removed"] == 1


def test_a_refusal_changes_nothing(desk: Desk) -> None:
    (label_id,) = desk.labels(1)
    before, told = desk.label(label_id), len(desk.events())
    with pytest.raises(Problem) as caught:
        act(desk, label_id, LabelAction.APPROVE)
    assert caught.value.code == "illegal_transition"
    with pytest.raises(Problem, match="forbidden"):
        act(desk, label_id, LabelAction.INITIALIZE, reviewer())
    with pytest.raises(Problem, match="validation_failed"):
        act(desk, label_id, LabelAction.EDIT_BODY)
    with pytest.raises(Problem, match="stale_version") as caught:
        act(desk, label_id, LabelAction.SUBMIT, expected_version=7)
    assert (caught.value.extra["version"], caught.value.extra["expected"]) == (1, {"version": 7, "body": None})
    with pytest.raises(Problem, match="not_found"):
        act(desk, new_id(), LabelAction.SUBMIT)
    assert desk.label(label_id) == before
    assert len(desk.events()) == told
    assert len(history(desk, label_id).items) == 1


def test_labelers_see_and_act_on_their_own_labels_only(desk: Desk) -> None:
    mine, other = desk.labels(2)
    worker = labeler()
    assign(desk, mine, worker)
    for action in (LabelAction.SUBMIT, LabelAction.APPROVE, LabelAction.ASSIGN_LABELER):
        with pytest.raises(Problem, match="not_found"):
            act(desk, other, action, worker, user_id=worker.user_id)
    with pytest.raises(Problem, match="not_found"):
        save(desk, other, desk.body(), 1, worker)
    eyes = Viewer(only_assignee=worker.user_id)
    assert [label.id for label in listed(desk, eyes).items] == [mine]
    for read in (desk.label, lambda label_id, viewer: history(desk, label_id, viewer)):
        read(mine, eyes)
        with pytest.raises(Problem, match="not_found"):
            read(other, eyes)


def test_nobody_reaches_a_label_through_another_project(desk: Desk) -> None:
    (label_id,) = desk.labels(1)
    elsewhere = new_id()
    request = ActOnLabel(project_id=elsewhere, label_id=label_id, action=LabelAction.SUBMIT, actor=MANAGER)
    with pytest.raises(Problem, match="not_found"), desk.database.session() as session:
        actions.act(session, desk.owners, request)
    with pytest.raises(Problem, match="not_found"), desk.database.session() as session:
        labels.get_label(session, elsewhere, label_id, Viewer())


def test_visitors_see_no_people(desk: Desk) -> None:
    (label_id,) = desk.labels(1)
    assign(desk, label_id, labeler())
    act(desk, label_id, LabelAction.SUBMIT)
    act(desk, label_id, LabelAction.REJECT, comment="ask Ann")
    visitor = Viewer(anonymous=True)
    for label in (*listed(desk, visitor).items, desk.label(label_id, visitor)):
        assert (label.assignee, label.reviewer, label.submitter) == (None, None, None)
    for line in history(desk, label_id, visitor).items:
        assert (line.actor, line.comment) == (None, None)
        assert not {"assignee", "reviewer", "submitter"} & (line.before.keys() | line.after.keys())
    with pytest.raises(Problem, match="forbidden"):
        listed(desk, visitor, assignee=(MANAGER.user_id,))


# --- assigning ---


def test_whom_a_label_is_assigned_to_is_asked_for_once_and_remembered(desk: Desk) -> None:
    first, second = desk.labels(2)
    worker = labeler()
    with pytest.raises(Problem, match="not_a_member"):
        act(desk, first, LabelAction.ASSIGN_LABELER, user_id=worker.user_id)
    assert assign(desk, first, worker).assignee == worker.user_id
    desk.owners.away = True
    assert act(desk, second, LabelAction.ASSIGN_LABELER, user_id=worker.user_id).assignee == worker.user_id
    with pytest.raises(Problem, match="unavailable"):
        act(desk, second, LabelAction.ASSIGN_LABELER, user_id=new_id())


def test_a_labeler_reviews_nothing_and_an_admin_anything(desk: Desk) -> None:
    (label_id,) = desk.labels(1)
    worker, admin = labeler(), new_id()
    desk.owners.add_member(desk.project_id, worker.user_id, ProjectRole.LABELER)
    with pytest.raises(Problem, match="not_a_member"):
        act(desk, label_id, LabelAction.ASSIGN_REVIEWER, user_id=worker.user_id)
    desk.owners.add_admin(desk.project_id, admin)
    assert act(desk, label_id, LabelAction.ASSIGN_REVIEWER, user_id=admin).reviewer == admin
    assert act(desk, label_id, LabelAction.UNASSIGN_REVIEWER).reviewer is None


def test_memberships_are_taken_in_any_order(desk: Desk) -> None:
    (label_id,) = desk.labels(1)
    user = new_id()

    def tell(version: int, role: ProjectRole | None) -> None:
        event = MembershipChanged(project_id=desk.project_id, user_id=user, version=version, role=role)
        with desk.database.session() as session:
            copies.membership_changed(session, event)

    tell(3, None)
    tell(2, ProjectRole.LABELER)
    with pytest.raises(Problem, match="not_a_member"):
        act(desk, label_id, LabelAction.ASSIGN_LABELER, user_id=user)
    tell(4, ProjectRole.LABELER)
    desk.owners.away = True
    assert act(desk, label_id, LabelAction.ASSIGN_LABELER, user_id=user).assignee == user


# --- bodies ---


def test_a_class_that_is_newer_than_the_copy_is_asked_for(desk: Desk) -> None:
    (label_id,) = desk.labels(1)
    new = ObjectClass(id=new_id(), name="new", annotation_type=AnnotationType.BOX, color="#000000")
    body = desk.body((1, 1, 5, 5), class_id=new.id)
    with pytest.raises(Problem, match="unknown_class"):
        save(desk, label_id, body, 1)
    project = desk.owners.projects[desk.project_id]
    desk.owners.projects[project.id] = project.model_copy(
        update={"specification": Specification(object_classes=(desk.box, new)), "version": 2}
    )
    assert save(desk, label_id, body, 1).objects == {str(new.id): 1}
    desk.owners.away = True
    assert save(desk, label_id, body, 2).version == 3


def test_a_body_with_an_object_of_a_removed_class_can_be_saved_on(desk: Desk) -> None:
    (label_id,) = desk.labels(1)
    body = desk.body((1, 1, 5, 5))
    save(desk, label_id, body, 1)
    project = desk.owners.projects[desk.project_id]
    new = ObjectClass(id=new_id(), name="new", annotation_type=AnnotationType.BOX, color="#000000")
    removed = project.model_copy(update={"specification": Specification(object_classes=(new,)), "version": 2})
    desk.owners.projects[project.id] = removed
    with pytest.raises(Problem, match="unknown_class"):  # a copy that is newer than the removal
        save(desk, label_id, Body(objects=[*desk.body((2, 2, 5, 5), class_id=new_id()).objects]), 2)
    more = Body(objects=[*body.objects, *desk.body((2, 2, 5, 5), class_id=new.id).objects])
    assert save(desk, label_id, more, 2).objects == {str(desk.box.id): 1, str(new.id): 1}
    with pytest.raises(Problem, match="unknown_class"):
        save(desk, label_id, desk.body((3, 3, 5, 5)), 3)


def test_a_restored_project_is_worked_on_at_once(desk: Desk) -> None:
    """Whether the event of its return has come or not; what comes late changes nothing."""
    (label_id,) = desk.labels(1)
    project = desk.owners.projects[desk.project_id]
    with desk.database.session() as session:
        copies.project_deleted(session, ProjectDeleted(project_id=desk.project_id, version=5))
    desk.owners.projects[desk.project_id] = project.model_copy(update={"version": 6})
    assert act(desk, label_id, LabelAction.SUBMIT).version == 2
    with desk.database.session() as session:
        copies.project_deleted(session, ProjectDeleted(project_id=desk.project_id, version=5))
    desk.owners.away = True
    assert act(desk, label_id, LabelAction.REOPEN).version == 3


def test_objects_are_counted_by_class(desk: Desk) -> None:
    first, second, _ = desk.labels(3)
    save(desk, first, desk.body((1, 1, 5, 5), (2, 2, 5, 5)), 1)
    save(desk, second, desk.body((1, 1, 5, 5)), 1)
    unused = new_id()
    with desk.database.session() as session:
        assert labels.count_objects(session, desk.project_id, [desk.box.id, unused]).objects == {str(desk.box.id): 3}
        assert labels.count_objects(session, desk.project_id, [unused]).objects == {}
        assert labels.count_objects(session, new_id(), [desk.box.id]).objects == {}


def test_a_project_that_is_gone_stays_gone(desk: Desk) -> None:
    (label_id,) = desk.labels(1)
    with desk.database.session() as session:
        copies.project_deleted(session, ProjectDeleted(project_id=desk.project_id, version=5))
    del desk.owners.projects[desk.project_id]
    for owners_away in (False, True):
        desk.owners.away = owners_away
        with pytest.raises(Problem, match="not_found"):
            save(desk, label_id, desk.body((1, 1, 5, 5)), 1)
        with pytest.raises(Problem, match="not_found"):
            act(desk, label_id, LabelAction.SUBMIT)
    with desk.database.session() as session, pytest.raises(Problem, match="unavailable"):
        copies.require_project(session, desk.owners, new_id())


def test_a_body_comes_back_as_it_is_stored(desk: Desk) -> None:
    (label_id,) = desk.labels(1)
    body = desk.body((-0.5, 1, 20.25, 30), (5, 5, 5, 5))
    saved = save(desk, label_id, body, 1)
    found = desk.label(label_id)
    assert found.body.objects[0].annotation.coord == {"x": 0, "y": 1, "width": 19.75, "height": 30}
    assert found.body.objects[1] == body.objects[1]
    assert found.version == saved.version == 2
    save(desk, label_id, found.body, 2)
    edits = history(desk, label_id).items[0]
    assert {name: edits.after["body"][name] for name in ("added", "removed", "changed")} == {
        "added": 0, "removed": 0, "changed": 0,
    }  # fmt: skip
    with pytest.raises(Problem, match="bad_geometry"):
        save(desk, label_id, desk.body((90, 1, 20, 20)), 3)


# --- lists ---


def test_labels_are_listed_newest_first_in_pages_and_by_filter(desk: Desk) -> None:
    ids = desk.labels(5)
    worker = labeler()
    assign(desk, ids[1], worker)
    act(desk, ids[2], LabelAction.SUBMIT)
    act(desk, ids[3], LabelAction.SKIP)
    newest_first = sorted(ids, reverse=True)
    seen: list[UUID] = []
    cursor = None
    while True:
        page = listed(desk, cursor=cursor, limit=2)
        seen += [label.id for label in page.items]
        cursor = page.next
        if cursor is None:
            break
    assert seen == newest_first

    def which(**by: Any) -> set[UUID]:
        return {label.id for label in listed(desk, **by).items}

    assert which(status=(Status.SUBMITTED,)) == {ids[2]}
    assert which(status=(Status.SUBMITTED, Status.SKIPPED), review=(Review.PENDING_REVIEW,)) == {ids[2], ids[3]}
    assert which(assignee=(worker.user_id,)) == {ids[1]}
    assert which(dataset=desk.dataset) == set(ids)
    assert which(dataset="another") == set()
    assert which(data_key=desk.label(ids[4]).data_key[3:]) == {ids[4]}
    assert which(data_key="%") == set()
    assert which(has_open_issues=True) == set()
    assert which(has_open_issues=False) == set(ids)
    since = desk.label(ids[2]).updated_at
    assert which(updated_since=since) == {ids[2], ids[3]}
    assert which(updated_since=datetime.now(UTC)) == set()
    with pytest.raises(Problem, match="bad_cursor"):
        listed(desk, cursor="x")


def test_history_is_paged(desk: Desk) -> None:
    (label_id,) = desk.labels(1)
    for _ in range(4):
        act(desk, label_id, LabelAction.UNASSIGN_LABELER)
    first = history(desk, label_id, limit=3)
    rest = history(desk, label_id, limit=3, cursor=first.next)
    assert [line.version for line in (*first.items, *rest.items)] == [5, 4, 3, 2, 1]
    assert rest.next is None


def test_the_overview_learns_whether_there_is_data(desk: Desk) -> None:
    with desk.database.session() as session:
        assert not labels.get_cards(session, desk.project_id).has_data
    desk.labels(1)
    with desk.database.session() as session:
        assert labels.get_cards(session, desk.project_id).has_data


def test_an_asset_is_linked_where_its_label_may_be_seen(desk: Desk, picture: Callable[..., bytes]) -> None:
    (asset,) = desk.upload({"a.png": picture()})
    ids = add(desk, assets=(asset.id,)).ids
    assert ids is not None
    worker = labeler()

    def link(project_id: UUID, viewer: Viewer) -> None:
        request = LinkAsset(asset_id=asset.id, variant="content", project_id=project_id, viewer=viewer)
        with desk.database.session() as session:
            data_library.link_asset(session, desk.store, request)

    eyes = Viewer(only_assignee=worker.user_id)
    link(desk.project_id, Viewer())
    for project_id, viewer in ((desk.project_id, eyes), (new_id(), Viewer())):
        with pytest.raises(Problem, match="not_found"):
            link(project_id, viewer)
    assign(desk, ids[0], worker)
    link(desk.project_id, eyes)


# --- at once ---


def test_of_two_clients_at_once_exactly_one_wins(desk: Desk) -> None:
    submit_or_skip = [LabelAction.SUBMIT, LabelAction.SKIP]
    for label_id in desk.labels(10):
        answers = at_once(2, lambda n, label_id=label_id: act(desk, label_id, submit_or_skip[n]))
        assert sorted(isinstance(answer, Problem) for answer in answers) == [False, True]
        (refused,) = [answer for answer in answers if isinstance(answer, Problem)]
        assert refused.code == "illegal_transition"
        assert [line.version for line in history(desk, label_id).items] == [2, 1]
        assert desk.label(label_id).version == 2


def test_versions_and_history_have_no_gaps_when_many_act_at_once(desk: Desk) -> None:
    (label_id,) = desk.labels(1)
    kinds = [LabelAction.UNASSIGN_LABELER, LabelAction.SUBMIT, LabelAction.REOPEN, LabelAction.APPROVE]
    answers = at_once(32, lambda n: act(desk, label_id, kinds[n % len(kinds)]))
    done = [answer for answer in answers if not isinstance(answer, Problem)]
    last = 1 + len(done)
    assert sorted(answer.version for answer in done) == list(range(2, last + 1))
    assert [line.version for line in history(desk, label_id).items] == list(range(last, 0, -1))
    states = [state for event in desk.events() for state in event.labels]
    assert sorted(state.version for state in states) == list(range(1, last + 1))
    assert desk.label(label_id).version == last


def test_of_many_bodies_saved_on_one_version_one_is_stored(desk: Desk) -> None:
    (label_id,) = desk.labels(1)
    bodies = [desk.body(*[(1, 1, 5, 5)] * (n + 1)) for n in range(12)]
    answers = at_once(12, lambda n: save(desk, label_id, bodies[n], version=1))
    (winner,) = [n for n, answer in enumerate(answers) if not isinstance(answer, Problem)]
    assert {answer.code for answer in answers if isinstance(answer, Problem)} == {"stale_version"}
    found = desk.label(label_id)
    assert found.body == bodies[winner]
    assert found.objects == {str(desk.box.id): winner + 1}


def test_nobody_takes_a_label_that_somebody_else_took(desk: Desk) -> None:
    ids = desk.labels(40)
    takers = [labeler() for _ in range(50)]

    def take(n: int) -> Label:
        with desk.database.session() as session:
            return actions.take_next(session, desk.owners, TakeNext(project_id=desk.project_id, actor=takers[n]))

    answers = at_once(len(takers), take)
    taken = [answer for answer in answers if not isinstance(answer, Problem)]
    assert sorted(label.id for label in taken) == sorted(ids)
    assert {answer.code for answer in answers if isinstance(answer, Problem)} == {"not_found"}
    for taker, answer in zip(takers, answers, strict=True):
        if not isinstance(answer, Problem):
            assert answer.assignee == taker.user_id == desk.label(answer.id).assignee
            assert history(desk, answer.id).items[0].action == "take_next"
