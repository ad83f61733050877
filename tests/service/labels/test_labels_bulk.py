"""Actions over many labels: what is chosen, who gets what, going on after a death, what is skipped and why."""

from collections import Counter
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from pydantic import ValidationError

from chassis.ids import new_id
from contracts.enums import BulkAction, JobState, LabelAction, Review, Status
from contracts.errors import Problem
from contracts.events import LabelChanged, MembershipChanged, TaskChanged, TaskDue
from contracts.permissions import ProjectRole, Role
from contracts.rpc.labels import (
    Actor,
    AddLabels,
    BulkOrder,
    BulkPreview,
    CancelTask,
    CommentOnIssue,
    CreateTag,
    EndTag,
    GetProjectHistory,
    ListSkipped,
    ListTags,
    ListTasks,
    LockLabel,
    OpenIssue,
    PreviewTask,
    RenameTag,
    SkippedLabel,
    StartTask,
    Tag,
    Task,
    Viewer,
)
from services.labels.handlers import copies, editing, issues, labels, leaving, tags
from services.labels.handlers.bulk import planning, tasks, work
from services.labels.models import EditLock, Issue, IssueComment, Label, LabelBody, PastBody, TaskPart
from tests.service.labels.conftest import MANAGER, Desk
from tests.service.labels.test_labels_actions import act, at_once, history, save


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "AT_ONCE", 3)


def start(desk: Desk, action: BulkAction, ids: list[UUID] | None = None, actor: Actor = MANAGER, **more: Any) -> Task:
    selection = {name: more.pop(name) for name in ("filter", "limit", "order", "seed") if name in more}
    if ids is not None:
        selection["ids"] = ids
    what = BulkOrder(selection=selection, action=action, **more)
    with desk.database.session() as session:
        return tasks.start_task(session, desk.owners, StartTask(project_id=desk.project_id, what=what, actor=actor))


def due(desk: Desk, task: Task) -> TaskDue:
    return TaskDue(project_id=desk.project_id, task_id=task.id)


def finish(desk: Desk, task: Task) -> Task:
    """Do a task, in as many slices as that takes."""
    while (found := look(desk, task)).state in tasks.UNFINISHED:
        work.run_task(desk.database, due(desk, task))
    return found


def look(desk: Desk, task: Task) -> Task:
    with desk.database.session() as session:
        return tasks.get_task(session, desk.project_id, task.id)


def done(desk: Desk, action: BulkAction, ids: list[UUID] | None = None, **more: Any) -> Task:
    return finish(desk, start(desk, action, ids, **more))


def skipped(desk: Desk, task: Task) -> list[SkippedLabel]:
    with desk.database.session() as session:
        request = ListSkipped(project_id=desk.project_id, task_id=task.id)
        return list(tasks.list_skipped(session, request).items)


def previewed(desk: Desk, action: BulkAction, **more: Any) -> BulkPreview:
    selection = {name: more.pop(name) for name in ("ids", "filter", "limit", "order", "seed") if name in more}
    what = BulkOrder(selection=selection, action=action, **more)
    with desk.database.session() as session:
        return tasks.preview_task(session, PreviewTask(project_id=desk.project_id, what=what))


def team(desk: Desk, number: int, role: ProjectRole = ProjectRole.LABELER) -> list[UUID]:
    people = sorted(new_id() for _ in range(number))
    for person in people:
        desk.owners.add_member(desk.project_id, person, role)
    return people


def cancel(desk: Desk, task: Task) -> Task:
    with desk.database.session() as session:
        return tasks.cancel_task(session, CancelTask(project_id=desk.project_id, task_id=task.id, actor=MANAGER))


def new_tag(desk: Desk, name: str) -> Tag:
    with desk.database.session() as session:
        return tags.create_tag(session, desk.owners, CreateTag(project_id=desk.project_id, name=name, actor=MANAGER))


def listed_tags(desk: Desk) -> dict[str, int]:
    with desk.database.session() as session:
        page = tags.list_tags(session, ListTags(project_id=desk.project_id))
    return {tag.name: tag.labels for tag in page.items}


def end_tag(desk: Desk, tag: Tag, into: Tag | None = None) -> Task:
    request = EndTag(project_id=desk.project_id, tag_id=tag.id, into=into and into.id, actor=MANAGER)
    with desk.database.session() as session:
        return tasks.end_tag(session, request)


# --- doing ---


def test_a_task_does_to_each_label_what_the_single_action_does(desk: Desk) -> None:
    ids = desk.labels(8)
    task = done(desk, BulkAction.SUBMIT, filter={"status": ["in_progress"]}, comment="all of them")
    assert (task.state, task.total, task.done, task.changed, task.skipped) == (JobState.DONE, 8, 8, 8, 0)
    for label_id in ids:
        label = desk.label(label_id)
        assert (label.status, label.review, label.round, label.version) == ("submitted", "pending_review", 1, 2)
        assert label.submitter == MANAGER.user_id and label.submitted_at is not None
        line = history(desk, label_id).items[0]
        assert (line.action, line.actor, line.comment) == ("submit", MANAGER.user_id, "all of them")
        assert (line.before["status"], line.after["status"]) == ("in_progress", "submitted")
    told = [(len(event.labels), event.cause) for event in desk.events(LabelChanged) if event.cause == "submit"]
    assert told == [(3, "submit"), (3, "submit"), (2, "submit")]
    progress = [(event.state, event.done, event.total) for event in desk.events(TaskChanged)]
    assert progress == [
        ("queued", 0, None),
        ("running", 0, 8),
        ("running", 3, 8),
        ("running", 6, 8),
        ("done", 8, 8),
    ]


def test_what_its_life_does_not_allow_is_skipped_with_the_reason(desk: Desk) -> None:
    ids = desk.labels(4)
    act(desk, ids[1], LabelAction.SUBMIT)
    stranger = new_id()
    task = done(desk, BulkAction.SKIP, [*ids, stranger])
    assert (task.state, task.changed, task.skipped) == (JobState.DONE, 3, 2)
    assert task.skipped_by_code == {"illegal_transition": 1, "not_found": 1}
    found = {each.label_id: (each.code, each.detail) for each in skipped(desk, task)}
    assert found == {
        ids[1]: ("illegal_transition", "skip is not possible while the label is submitted/pending_review."),
        stranger: ("not_found", "There is no such label in the project."),
    }
    assert desk.label(ids[1]).version == 2


def test_labels_of_another_project_are_none(desk: Desk) -> None:
    ids = desk.labels(1)
    with desk.database.session() as session:
        elsewhere = new_id()
        session.execute(sa.update(Label).where(Label.id == ids[0]).values(project_id=elsewhere))
    assert done(desk, BulkAction.SUBMIT, ids).skipped_by_code == {"not_found": 1}


def test_initializing_empties_bodies(desk: Desk) -> None:
    ids = desk.labels(4)
    for label_id in ids[:3]:
        save(desk, label_id, desk.body((1, 1, 5, 5)), version=1)
        act(desk, label_id, LabelAction.SUBMIT)
    assert done(desk, BulkAction.INITIALIZE, ids).changed == 4
    for label_id in ids:
        label = desk.label(label_id)
        assert (label.status, label.round, label.objects, label.body.objects) == ("in_progress", 0, {}, [])
    assert history(desk, ids[0]).items[0].after["body"]["removed"] == 1


def test_a_review_over_many(desk: Desk) -> None:
    ids = desk.labels(5)
    done(desk, BulkAction.SUBMIT, ids)
    assert done(desk, BulkAction.APPROVE, ids[:2]).changed == 2
    with pytest.raises(Problem, match="comment_required"):
        start(desk, BulkAction.REJECT, ids)
    assert done(desk, BulkAction.REJECT, ids, comment="blurred").changed == 5
    assert {desk.label(label_id).review for label_id in ids} == {Review.REJECTED}
    assert history(desk, ids[0]).items[0].comment == "blurred"
    done(desk, BulkAction.SUBMIT, ids)
    assert done(desk, BulkAction.REOPEN, ids).changed == 5
    assert {desk.label(label_id).status for label_id in ids} == {Status.IN_PROGRESS}


def test_an_empty_selection_is_done_at_once(desk: Desk) -> None:
    desk.labels(2)
    task = done(desk, BulkAction.SUBMIT, filter={"status": ["skipped"]})
    assert (task.state, task.total, task.done) == (JobState.DONE, 0, 0)


def test_the_first_of_an_order_are_taken(desk: Desk) -> None:
    ids = desk.labels(5)
    assert done(desk, BulkAction.SUBMIT, filter={}, limit=2).changed == 2
    assert done(desk, BulkAction.SKIP, filter={}, limit=2, order="newest").changed == 2
    assert [desk.label(label_id).status for label_id in ids] == [
        "submitted",
        "submitted",
        "in_progress",
        "skipped",
        "skipped",
    ]


def test_a_random_order_is_the_same_for_one_seed(desk: Desk) -> None:
    """So what a preview tells of is what a task then does."""
    ids, people = desk.labels(40), team(desk, 2)
    for label_id in ids[:20]:
        act(desk, label_id, LabelAction.SUBMIT)
    some: dict[str, Any] = {"filter": {}, "order": "random", "limit": 10, "users": people}
    preview = previewed(desk, BulkAction.ASSIGN_LABELER, **some)
    assert previewed(desk, BulkAction.ASSIGN_LABELER, **some) == preview
    done(desk, BulkAction.ASSIGN_LABELER, **some)
    chosen = [label_id for label_id in ids if desk.label(label_id).assignee is not None]
    assert (len({*chosen} & {*ids[:20]}), len(chosen)) == (preview.submitted, preview.selected)
    assert chosen != ids[:10]
    assert previewed(desk, BulkAction.ASSIGN_LABELER, **some).assigned == 10
    assert previewed(desk, BulkAction.ASSIGN_LABELER, **some, seed=1).assigned < 10


# --- assigning ---


def test_assigning_gives_everybody_the_same_number(desk: Desk) -> None:
    ids, people = desk.labels(8), team(desk, 3)
    preview = previewed(desk, BulkAction.ASSIGN_LABELER, filter={}, users=people)
    assert [(share.user_id, share.gets) for share in preview.shares] == list(zip(people, (3, 3, 2), strict=True))
    task = done(desk, BulkAction.ASSIGN_LABELER, filter={}, users=people)
    assert task.given == {str(person): number for person, number in zip(people, (3, 3, 2), strict=True)}
    assert Counter(desk.label(label_id).assignee for label_id in ids) == Counter(
        dict(zip(people, (3, 3, 2), strict=True))
    )


def test_a_proportional_distribution_levels_what_waits_for_each(desk: Desk) -> None:
    ids, people = desk.labels(12), team(desk, 3)
    done(desk, BulkAction.ASSIGN_LABELER, ids[:4], users=people[:1])
    done(desk, BulkAction.ASSIGN_LABELER, ids[4:5], users=people[1:2])
    # two of the selected wait for the first already: they are shared out anew
    chosen = {"ids": ids[2:4] + ids[5:], "users": people, "distribution": "proportional"}
    preview = previewed(desk, BulkAction.ASSIGN_LABELER, **chosen)
    assert (preview.selected, preview.possible, preview.in_progress, preview.assigned) == (9, 9, 9, 2)
    shares = [(share.load, share.has, share.gets) for share in preview.shares]
    assert shares == [(2, 2, 2), (1, 0, 3), (0, 0, 4)]
    task = done(desk, BulkAction.ASSIGN_LABELER, **chosen)
    assert [task.given[str(person)] for person in people] == [2, 3, 4]
    assert Counter(desk.label(label_id).assignee for label_id in ids) == Counter(dict.fromkeys(people, 4))


def test_a_preview_tells_what_is_submitted_already_and_changes_nothing(desk: Desk) -> None:
    ids, people = desk.labels(5), team(desk, 1)
    act(desk, ids[0], LabelAction.SUBMIT)
    act(desk, ids[1], LabelAction.SKIP)
    preview = previewed(desk, BulkAction.SUBMIT, filter={})
    assert (preview.selected, preview.possible, preview.submitted, preview.skipped) == (5, 3, 1, 1)
    assert previewed(desk, BulkAction.ASSIGN_LABELER, filter={}, users=people, limit=4).selected == 4
    assert previewed(desk, BulkAction.ASSIGN_REVIEWER, filter={}, users=people).possible == 5
    assert sum(desk.label(label_id).version for label_id in ids) == 7
    assert desk.events(TaskDue) == []


def test_reviewers_are_given_what_is_not_approved(desk: Desk) -> None:
    ids, people = desk.labels(6), team(desk, 2, ProjectRole.REVIEWER)
    done(desk, BulkAction.ASSIGN_REVIEWER, ids[:2], users=people[:1])
    assert previewed(desk, BulkAction.ASSIGN_REVIEWER, filter={}, users=people).assigned == 2
    task = done(desk, BulkAction.ASSIGN_REVIEWER, ids[2:], users=people, distribution="proportional")
    assert [task.given[str(person)] for person in people] == [1, 3]
    assert Counter(desk.label(label_id).reviewer for label_id in ids) == Counter(dict.fromkeys(people, 3))
    assert done(desk, BulkAction.UNASSIGN_REVIEWER, ids).changed == 6
    assert {desk.label(label_id).reviewer for label_id in ids} == {None}


def test_only_members_in_a_fitting_role_are_given_labels(desk: Desk) -> None:
    ids, people = desk.labels(1), team(desk, 1)
    for action, users in ((BulkAction.ASSIGN_LABELER, [new_id()]), (BulkAction.ASSIGN_REVIEWER, people)):
        with pytest.raises(Problem, match="not_a_member"):
            start(desk, action, ids, users=users)


def test_whoever_leaves_meanwhile_is_given_nothing_more(desk: Desk) -> None:
    ids, people = desk.labels(8), team(desk, 2)
    task = start(desk, BulkAction.ASSIGN_LABELER, ids, users=people)
    assert work.step(desk.database, due(desk, task)) and work.step(desk.database, due(desk, task))
    leave = MembershipChanged(project_id=desk.project_id, user_id=people[0], version=9, role=None)
    leaving.membership_changed(desk.database, leave)
    task = finish(desk, task)
    assert task.skipped_by_code == {"not_a_member": 2}
    assert people[0] not in {desk.label(label_id).assignee for label_id in ids}


# --- stopping, going on ---


def test_a_canceled_task_stops_between_two_parts(desk: Desk) -> None:
    ids = desk.labels(8)
    task = start(desk, BulkAction.SUBMIT, ids)
    for _ in range(2):
        assert work.step(desk.database, due(desk, task))
    assert cancel(desk, task).state is JobState.CANCELED
    assert not work.step(desk.database, due(desk, task))
    ended = look(desk, task)
    assert (ended.state, ended.done, ended.changed) == (JobState.CANCELED, 3, 3)
    assert cancel(desk, task) == ended
    assert sum(desk.label(label_id).status == "submitted" for label_id in ids) == 3
    with desk.database.session() as session:
        assert session.scalar(sa.select(TaskPart.part).where(TaskPart.task_id == task.id)) is None


def test_a_task_goes_on_where_it_was_when_its_worker_died(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = desk.labels(7)
    task = start(desk, BulkAction.SUBMIT, ids)
    for _ in range(2):
        work.step(desk.database, due(desk, task))

    def dies(*_: Any) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(work, "_count", dies)
        with pytest.raises(MemoryError):
            work.step(desk.database, due(desk, task))
    assert look(desk, task).done == 3
    ended = finish(desk, task)
    assert (ended.state, ended.done, ended.changed, ended.skipped) == (JobState.DONE, 7, 7, 0)
    assert [desk.label(label_id).version for label_id in ids] == [2] * 7


def test_of_many_workers_on_one_task_each_part_is_done_by_one(desk: Desk) -> None:
    ids = desk.labels(30)
    task = start(desk, BulkAction.SUBMIT, ids)
    at_once(6, lambda _: finish(desk, task))
    ended = finish(desk, task)
    assert (ended.state, ended.done, ended.changed, ended.skipped) == (JobState.DONE, 30, 30, 0)
    assert [desk.label(label_id).version for label_id in ids] == [2] * 30


def test_tasks_take_turns(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "SLICE_SECONDS", 0.0)
    ids = desk.labels(9)
    task = start(desk, BulkAction.SUBMIT, ids)
    deliveries = 0
    while look(desk, task).state in tasks.UNFINISHED:
        work.run_task(desk.database, due(desk, task))
        deliveries += 1
    assert deliveries > 2
    assert len([event for event in desk.events(TaskDue) if event.task_id == task.id]) == deliveries
    assert look(desk, task).changed == 9


def test_a_task_ends_when_whoever_started_it_manages_no_more(desk: Desk) -> None:
    ids = desk.labels(6)
    manager = Actor(user_id=new_id(), role=Role.MANAGER)
    task = start(desk, BulkAction.SUBMIT, ids, actor=manager)
    for _ in range(2):
        work.step(desk.database, due(desk, task))
    with desk.database.session() as session:
        demoted = MembershipChanged(
            project_id=desk.project_id, user_id=manager.user_id, version=2, role=ProjectRole.LABELER
        )
        copies.membership_changed(session, demoted)
    ended = finish(desk, task)
    assert (ended.state, ended.done) == (JobState.FAILED, 3)
    assert ended.failure is not None and ended.failure.startswith("forbidden")


def test_a_task_that_is_given_up_has_failed(desk: Desk) -> None:
    task = start(desk, BulkAction.SUBMIT, desk.labels(1))
    with desk.database.session() as session:
        tasks.give_up(session, due(desk, task))
    assert look(desk, task).state is JobState.FAILED
    with desk.database.session() as session:
        tasks.give_up(session, due(desk, task))
        page = tasks.list_tasks(session, ListTasks(project_id=desk.project_id, state=JobState.FAILED))
    assert [each.version for each in page.items] == [2]


@pytest.mark.parametrize(
    "order",
    [
        {"action": "submit", "selection": {}},
        {"action": "submit", "selection": {"ids": [new_id()], "filter": {}}},
        {"action": "submit", "selection": {"ids": []}},
        {"action": "submit", "selection": {"filter": {"colour": "red"}}},
        {"action": "submit", "selection": {"filter": {}, "limit": 0}},
        {"action": "submit", "selection": {"filter": {}}, "users": [new_id()]},
        {"action": "assign_labeler", "selection": {"filter": {}}},
        {"action": "assign_labeler", "selection": {"filter": {}}, "users": [UUID(int=1), UUID(int=1)]},
        {"action": "add_tags", "selection": {"filter": {}}},
        {"action": "edit_body", "selection": {"filter": {}}},
    ],
)
def test_an_order_that_says_too_much_or_too_little_is_refused(order: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        BulkOrder(**order)


# --- deleting ---


def test_what_is_deleted_is_gone_but_for_its_history(desk: Desk) -> None:
    ids = desk.labels(5)
    save(desk, ids[0], desk.body((1, 1, 5, 5)), version=1)
    save(desk, ids[0], desk.body((1, 1, 9, 9)), version=2)
    act(desk, ids[0], LabelAction.SUBMIT)
    tag = new_tag(desk, "odd")
    done(desk, BulkAction.ADD_TAGS, ids, tags=[tag.id])
    asked = OpenIssue(project_id=desk.project_id, label_id=ids[0], text="why?", actor=MANAGER)
    with desk.database.session() as session:
        issue = issues.open_issue(session, desk.owners, asked)
    with desk.database.session() as session:
        answer = CommentOnIssue(
            project_id=desk.project_id, label_id=ids[0], issue_id=issue.id, text="so", actor=MANAGER
        )
        issues.comment_on_issue(session, desk.owners, answer)
        editing.lock(session, LockLabel(project_id=desk.project_id, label_id=ids[0], actor=MANAGER))
    was = desk.label(ids[0])
    task = done(desk, BulkAction.DELETE, [*ids[:4], new_id()], comment="not ours")
    assert (task.state, task.changed, task.skipped_by_code) == (JobState.DONE, 4, {"not_found": 1})
    for label_id in ids[:4]:
        with pytest.raises(Problem, match="not_found"):
            desk.label(label_id)
    assert desk.label(ids[4]).version == 2
    assert listed_tags(desk) == {"odd": 1}
    with desk.database.session() as session:
        for table in (Label, LabelBody, PastBody, EditLock, Issue):
            count = sa.select(sa.func.count()).select_from(table).where(table.project_id == desk.project_id)
            assert session.scalar(count) == (1 if table is Label else 0), table
        comments = sa.select(sa.func.count()).where(IssueComment.issue_id == issue.id)
        assert session.scalar(comments) == 0
        asked_for = GetProjectHistory(project_id=desk.project_id, action="delete")
        lines = {line.label_id: line for line in labels.get_project_history(session, asked_for).items}
    assert lines.keys() == {*ids[:4]}
    line = lines[ids[0]]
    assert (line.version, line.actor, line.comment) == (was.version + 1, MANAGER.user_id, "not ours")
    assert line.before == {
        "dataset": was.dataset,
        "data_key": was.data_key,
        "status": "submitted",
        "review": was.review,
    }
    told = [each for event in desk.events(LabelChanged) if event.cause == "delete" for each in event.labels]
    assert [(each.label_id, each.deleted) for each in told] == [(label_id, True) for label_id in ids[:4]]
    assert told[0].version == was.version + 1
    assert done(desk, BulkAction.DELETE, ids[:1]).skipped_by_code == {"not_found": 1}  # and nothing twice


def test_an_image_whose_label_was_deleted_can_have_a_new_one(desk: Desk) -> None:
    [label_id] = desk.labels(1)
    asset = desk.label(label_id).asset_id
    done(desk, BulkAction.DELETE, [label_id])
    with desk.database.session() as session:
        again = AddLabels(project_id=desk.project_id, assets=(asset,), actor=MANAGER)
        added = labels.add_labels(session, desk.owners, again)
    assert added.created == 1 and added.ids is not None and added.ids[0] != label_id


def test_deleting_and_tagging_at_once_count_right(desk: Desk) -> None:
    ids, tag = desk.labels(30), new_tag(desk, "odd")
    done(desk, BulkAction.ADD_TAGS, ids[::2], tags=[tag.id])
    running = [start(desk, BulkAction.DELETE, ids[:20]), start(desk, BulkAction.ADD_TAGS, ids, tags=[tag.id])]

    def finished(task: Task) -> None:
        while look(desk, task).state in tasks.UNFINISHED:
            with suppress(sa.exc.OperationalError):  # a deadlock: it is tried again
                work.run_task(desk.database, due(desk, task))

    at_once(2, lambda number: finished(running[number]))
    assert [look(desk, task).state for task in running] == [JobState.DONE] * 2
    assert listed_tags(desk) == {"odd": 10}


# --- tags ---


def test_tags_are_put_on_and_taken_off_and_counted(desk: Desk) -> None:
    ids = desk.labels(5)
    good, odd = new_tag(desk, "good"), new_tag(desk, "odd")
    task = done(desk, BulkAction.ADD_TAGS, ids, tags=[good.id, odd.id])
    assert (task.changed, task.unchanged) == (5, 0)
    assert desk.label(ids[0]).tags == (good.id, odd.id)
    line = history(desk, ids[0]).items[0]
    assert (line.action, line.before, line.after) == (
        "add_tags",
        {"tags": []},
        {"tags": [str(good.id), str(odd.id)]},
    )
    assert desk.events()[-1].labels[0].tags == (good.id, odd.id)
    task = done(desk, BulkAction.ADD_TAGS, ids, tags=[good.id])
    assert (task.changed, task.unchanged) == (0, 5)
    assert done(desk, BulkAction.REMOVE_TAGS, ids[:2], tags=[odd.id]).changed == 2
    assert listed_tags(desk) == {"good": 5, "odd": 3}
    (person,) = team(desk, 1)
    done(desk, BulkAction.ASSIGN_LABELER, ids[:3], users=[person])
    with desk.database.session() as session:
        request = ListTags(project_id=desk.project_id, viewer=Viewer(only_assignee=person))
        assert [tag.labels for tag in tags.list_tags(session, request).items] == [3, 1]
    assert desk.label(ids[0]).version == 4


def test_merging_and_deleting_tags_leaves_none_behind(desk: Desk) -> None:
    ids = desk.labels(6)
    a, b, c = (new_tag(desk, name) for name in "abc")
    done(desk, BulkAction.ADD_TAGS, ids[:4], tags=[a.id])
    done(desk, BulkAction.ADD_TAGS, ids[2:], tags=[b.id, c.id])
    task = end_tag(desk, a, into=b)
    assert listed_tags(desk) == {"b": 4, "c": 4}
    with pytest.raises(Problem, match="unsupported"):
        cancel(desk, task)
    assert finish(desk, task).changed == 4
    assert listed_tags(desk) == {"b": 6, "c": 4}
    assert desk.label(ids[2]).tags == (b.id, c.id)
    assert finish(desk, end_tag(desk, b)).changed == 6
    assert listed_tags(desk) == {"c": 4}
    assert {desk.label(label_id).tags for label_id in ids} == {(), (c.id,)}
    with pytest.raises(Problem, match="not_found"):
        start(desk, BulkAction.ADD_TAGS, ids, tags=[b.id])
    assert new_tag(desk, "b").labels == 0


def test_a_tag_that_is_deleted_meanwhile_is_put_on_no_more(desk: Desk) -> None:
    ids, tag = desk.labels(6), new_tag(desk, "short-lived")
    adding = start(desk, BulkAction.ADD_TAGS, ids, tags=[tag.id])
    for _ in range(2):
        work.step(desk.database, due(desk, adding))
    ending = end_tag(desk, tag)
    assert finish(desk, adding).skipped_by_code == {"not_found": 3}
    assert finish(desk, ending).changed == 3
    assert {desk.label(label_id).tags for label_id in ids} == {()}


def test_names_of_tags_are_taken_once(desk: Desk) -> None:
    a = new_tag(desk, "a")
    new_tag(desk, "b")
    with pytest.raises(Problem, match="name_taken"):
        new_tag(desk, "a")
    with pytest.raises(Problem, match="name_taken"), desk.database.session() as session:
        tags.rename_tag(session, RenameTag(project_id=desk.project_id, tag_id=a.id, name="b", actor=MANAGER))
    with desk.database.session() as session:
        tags.rename_tag(session, RenameTag(project_id=desk.project_id, tag_id=a.id, name="c", actor=MANAGER))
    assert listed_tags(desk) == {"b": 0, "c": 0}
    with pytest.raises(Problem, match="validation_failed"):
        end_tag(desk, a, into=a)
