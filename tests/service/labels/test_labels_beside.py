"""Work on the same labels at the same time: beside a bulk delete, and by tasks that get in each other's way."""

import threading
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from chassis.broker import connect
from chassis.consumer import EventConsumer, Subscription
from chassis.database import Database
from chassis.failed import Policy
from chassis.health import Health
from chassis.tables import failed_messages
from chassis.tables import outbox as outbox_table
from contracts.enums import BulkAction, IssueState, JobState
from contracts.errors import Problem
from contracts.events import TaskDue
from contracts.rpc.labels import CommentOnIssue, GetProjectHistory, Task
from services.labels.handlers import issues, labels, storage
from services.labels.handlers.bulk import planning, work
from services.labels.handlers.importing import work as importing
from services.labels.models import Asset, Dataset, Issue, IssueComment, Label, Tag
from tests.service.chassis.conftest import declared
from tests.service.chassis.test_events_travel import eventually
from tests.service.labels.conftest import MANAGER, Desk
from tests.service.labels.test_labels_actions import at_once
from tests.service.labels.test_labels_bulk import done, finish, listed_tags, look, new_tag, start
from tests.service.labels.test_labels_import import (
    all_labels,
    archive,
    do_import,
    go_on,
    many,
    request_import,
    stored,
    voc,
)
from tests.service.labels.test_labels_issues import comment, listed, move, opened


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "AT_ONCE", 3)


def count(desk: Desk, *which: Any) -> int:
    with desk.database.reading() as session:
        return session.scalars(sa.select(sa.func.count()).where(*which)).one()


def waits(database: Database) -> bool:
    """Whether anybody waits for a row in this database."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with database.reading() as session:
        return bool(session.scalar(sa.text(query)))


def in_time(database: Database) -> None:
    eventually(lambda: waits(database))


# --- threads beside a delete ---


def test_a_comment_that_a_delete_waits_for_goes_with_its_label(desk: Desk) -> None:
    [label_id] = desk.labels(1)
    issue = opened(desk, label_id)
    task = start(desk, BulkAction.DELETE, [label_id])
    deleting = threading.Thread(target=finish, args=(desk, task))
    request = CommentOnIssue(
        project_id=desk.project_id, label_id=label_id, issue_id=issue.id, text="Wait.", actor=MANAGER
    )
    with desk.database.session() as session:
        issues.comment_on_issue(session, desk.owners, request)
        deleting.start()
        in_time(desk.database)
    deleting.join()
    assert (look(desk, task).state, look(desk, task).changed) == (JobState.DONE, 1)
    assert count(desk, IssueComment.issue_id == issue.id) == count(desk, Issue.id == issue.id) == 0
    with pytest.raises(Problem, match="not_found"):
        comment(desk, issue, "Too late.")


def test_of_threads_beside_a_delete_those_of_deleted_labels_go_and_the_others_are_counted(desk: Desk) -> None:
    ids = desk.labels(12)
    gone, kept = {*ids[:8]}, ids[8:]
    threads = [opened(desk, label_id) for label_id in ids]
    task = start(desk, BulkAction.DELETE, ids[:8])

    def talk(number: int) -> object:
        issue = threads[number % 12]
        if number == 0:
            return finish(desk, task)
        if number % 3 == 0:
            return opened(desk, issue.label_id, "And this?")
        if number % 3 == 1:
            return comment(desk, issue, f"No. {number}")
        return move(desk, issue, IssueState.RESOLVED)

    answers = at_once(37, talk)
    refused = [answer for answer in answers if isinstance(answer, Problem)]
    assert {answer.code for answer in refused} <= {"not_found"}
    assert look(desk, task).changed == 8
    of_gone = sa.and_(Issue.project_id == desk.project_id, Issue.label_id.in_(gone))
    assert count(desk, of_gone) == 0
    left = sa.select(Issue.id).where(Issue.project_id == desk.project_id)
    assert count(desk, IssueComment.project_id == desk.project_id, IssueComment.issue_id.not_in(left)) == 0
    for label_id in kept:
        there = listed(desk, label_id)
        assert desk.label(label_id).open_issues == sum(each.state is IssueState.OPEN for each in there)
        for each in there:
            assert each.comments == count(desk, IssueComment.issue_id == each.id)


# --- an import beside a delete ---


def sized(desk: Desk) -> None:
    """Lets every image be of one byte."""
    of_desk = sa.select(Dataset.id).where(Dataset.name == desk.dataset)
    with desk.database.session() as session:
        session.execute(sa.update(Asset).where(Asset.dataset_id.in_(of_desk)).values(size=1))


def used(desk: Desk) -> int:
    """What counts for the project's storage."""
    with desk.database.reading() as session:
        return storage.used(session, desk.project_id)


@pytest.mark.parametrize("moment", ["before the label is looked for", "before it is locked"])
def test_a_label_that_is_deleted_during_an_import(desk: Desk, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    """Before: the image has a new one. Afterwards: as if it had been deleted after the import."""
    stored(desk, "a.png")
    sized(desk)
    do_import(desk, archive({"a.xml": voc("a.png", ("cell", 1, 1, 5, 5))}))
    [old] = all_labels(desk).values()
    made = importing._Work._make

    def beside(*arguments: Any) -> Any:
        if moment == "before the label is looked for":
            done(desk, BulkAction.DELETE, [old.id])
        found = made(*arguments)
        if moment == "before it is locked":
            done(desk, BulkAction.DELETE, [old.id])
        return found

    monkeypatch.setattr(importing._Work, "_make", beside)
    ended = do_import(desk, archive({"a.xml": voc("a.png", ("cell", 2, 2, 6, 6))}))
    assert (ended.state, ended.report.error_count) == (JobState.DONE, 0)
    there = [*all_labels(desk).values()]
    if moment == "before it is locked":
        assert there == []
    else:
        [new] = there
        assert new.id != old.id and len(new.body.objects) == 1
    assert used(desk) == len(there)
    asked = GetProjectHistory(project_id=desk.project_id, action="delete")
    with desk.database.reading() as session:
        assert [each.label_id for each in labels.get_project_history(session, asked).items] == [old.id]


def test_an_import_and_a_delete_at_once_both_come_to_their_end(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "CHUNK", 4)
    content = many(desk, 24)
    sized(desk)
    do_import(desk, content)
    ids = [label.id for label in all_labels(desk).values()]
    again, deleting = request_import(desk, content), start(desk, BulkAction.DELETE, ids[::2])
    ended, deleted = at_once(2, lambda number: finish(desk, deleting) if number else go_on(desk, again))
    assert (ended.state, deleted.state, deleted.changed) == (JobState.DONE, JobState.DONE, 12)
    there = all_labels(desk)
    assert {*ids[1::2]} <= {label.id for label in there.values()}
    assert not {*ids[::2]} & {label.id for label in there.values()}
    assert {len(label.body.objects) for label in there.values()} == {1}
    assert used(desk) == len(there)


# --- tasks that wait for each other ---


def test_a_task_that_met_a_deadlock_is_tried_again_by_its_consumer(desk: Desk) -> None:
    """PostgreSQL ends one of two that wait for each other. It is made to meet somebody who takes a label, then its
    tag, where a task takes the tag first; until it is the task that is ended."""
    tag, failures = new_tag(desk, "odd"), []

    def run(database: Database, event: TaskDue) -> None:
        try:
            work.run_task(database, event)
        except sa.exc.OperationalError as error:
            failures.append(error)
            raise

    subscription = Subscription(f"labels.test-{uuid4().hex}.v1", {TaskDue: run}, prefetch=1, own_transactions=True)
    stop, policy = threading.Event(), Policy(delay=lambda _: 0.0, sweep=0.05)
    consumer = EventConsumer(subscription, desk.database, stop, Health("test"), policy)
    with declared(subscription):
        thread = threading.Thread(target=consumer.run, daemon=True)
        thread.start()
        try:
            for _ in range(5):
                ids = desk.labels(6)
                done(desk, BulkAction.ADD_TAGS, ids, tags=[tag.id])
                task = start(desk, BulkAction.DELETE, ids)
                _meet(desk, ids[0], tag.id, lambda task=task: _deliver(desk, task, subscription.queue))
                eventually(lambda task=task: look(desk, task).state is JobState.DONE)
                assert (look(desk, task).changed, look(desk, task).skipped) == (6, 0)
                assert count(desk, Label.id.in_(ids)) == 0
                assert listed_tags(desk) == {"odd": 0}
                if failures:
                    break
        finally:
            stop.set()
            thread.join()
    assert failures, "it was never the task that was ended"
    with desk.database.reading() as session:
        kept = sa.select(failed_messages.c.id).where(failed_messages.c.queue == subscription.queue)
        assert session.scalars(kept).all() == []


def _meet(desk: Desk, label_id: UUID, tag_id: UUID, deliver: Callable[[], None]) -> None:
    try:
        with desk.database.session() as session:
            session.execute(sa.select(Label.id).where(Label.id == label_id).with_for_update())
            deliver()
            in_time(desk.database)
            session.execute(sa.select(Tag.id).where(Tag.id == tag_id).with_for_update())
    except sa.exc.OperationalError:
        return  # it was not the task


def _deliver(desk: Desk, task: Task, queue: str) -> None:
    """What the relay does with the task's order."""
    orders = sa.select(outbox_table.c.envelope).where(outbox_table.c.type == TaskDue.type)
    with desk.database.reading() as session:
        found = [bytes(each) for each in session.scalars(orders) if str(task.id).encode() in bytes(each)]
    with connect() as connection:
        channel = connection.default_channel
        channel.basic_publish_confirm(channel.prepare_message(found[0]), "", queue)
