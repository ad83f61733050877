"""Doing a task part by part.

Each part is one transaction: its labels, their history and events, and how far the task is. So a part is done or it is
not, and whoever goes on after a worker died begins with the first that is not. A delivery works for SLICE_SECONDS at
most and then queues up again, so that tasks take turns.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis import context, outbox, quotas
from chassis.database import Database
from chassis.logs import get_logger
from chassis.settings import settings
from contracts.enums import JobState, LabelAction, TaskKind
from contracts.errors import Problem
from contracts.events import TaskDue
from contracts.permissions import Role
from contracts.principals import Claims
from contracts.rpc.labels import Actor
from services.labels.domain import life
from services.labels.handlers import actions, changes, copies, label_rows, storage, tags
from services.labels.handlers.bulk import planning
from services.labels.handlers.bulk.tasks import UNFINISHED, changed, end
from services.labels.handlers.label_rows import LabelRow
from services.labels.models import Label, SkippedLabel, Tag, Task, TaskPart

log = get_logger()

SLICE_SECONDS = 2.0
"""How long one delivery of a task works, before other tasks have their turn."""

_TAGGING = frozenset({TaskKind.ADD_TAGS, TaskKind.REMOVE_TAGS, TaskKind.MERGE_TAG, TaskKind.DELETE_TAG})


def run_task(database: Database, event: TaskDue) -> None:
    """Do a slice of a task; one that has ended is left alone."""
    until = time.monotonic() + SLICE_SECONDS
    while step(database, event):
        if time.monotonic() > until:
            with database.session() as session:
                outbox.add(session, TaskDue(project_id=event.project_id, task_id=event.task_id))
            return


class _Overtaken(Exception):
    """The task was canceled meanwhile, or another worker has done this part."""


def step(database: Database, event: TaskDue) -> bool:
    """Plan a task, or do its next part; whether there is more to do."""
    try:
        with database.session() as session:
            task = session.get_one(Task, (event.project_id, event.task_id))
            if task.state not in UNFINISHED:
                return False
            with context.acting_for(_starter(task)):
                return _plan(session, task) if task.total is None else _next_part(session, task)
    except _Overtaken:
        log.info("task overtaken", task_id=str(event.task_id))
        return False


def _starter(task: Task) -> Claims:
    """For whom a task is done: who started it, as the order tells, or as its row does."""
    known = context.principal()
    return known if known is not None and known.user_id == task.created_by else Claims(user_id=task.created_by)


def _plan(session: Session, task: Task) -> bool:
    # locked first: of two workers, one plans
    session.refresh(task, with_for_update=True)
    if task.state not in UNFINISHED or task.total is not None:
        return task.state in UNFINISHED
    session.execute(sa.text("SET LOCAL statement_timeout = 0"))  # as long as a million labels take
    task.total = planning.plan(session, task)
    if task.total == 0:
        end(session, task, JobState.DONE)
        return False
    task.state, task.version = JobState.RUNNING, task.version + 1
    outbox.add(session, changed(task))
    return True


def _next_part(session: Session, task: Task) -> bool:
    number, outcome = task.part, Outcome()
    if copies.manages_no_more(session, task.project_id, task.created_by):
        _lock(session, task, number)
        end(session, task, JobState.FAILED, "forbidden: Whoever started it does not manage the project any more.")
        return False
    part = session.get(TaskPart, (task.project_id, task.id, number))
    if part is None:
        raise _Overtaken
    _apply(session, task, part, outcome)
    _lock(session, task, number)
    session.delete(part)
    _count(session, task, part, outcome)
    if task.done == task.total:
        end(session, task, JobState.DONE)
        return False
    task.version += 1
    outbox.add(session, changed(task))
    return True


def _lock(session: Session, task: Task, part: int) -> None:
    """Lock a task that still goes on with this part."""
    session.refresh(task, with_for_update=True)
    if task.state not in UNFINISHED or task.part != part:
        raise _Overtaken


@dataclass
class Outcome:
    """What became of a part's labels."""

    changed: list[LabelRow] = field(default_factory=list)
    lines: list[dict[str, Any]] = field(default_factory=list)
    bodies: list[tuple[LabelRow, changes.Stored]] = field(default_factory=list)
    unchanged: int = 0
    skipped: dict[UUID, Problem] = field(default_factory=dict)
    given: Counter[str] = field(default_factory=Counter)


def _count(session: Session, task: Task, part: TaskPart, outcome: Outcome) -> None:
    """Write how far the task is after a part."""
    task.part, task.done = part.part + 1, task.done + len(part.labels)
    task.changed += len(outcome.changed)
    task.unchanged += outcome.unchanged
    task.given = dict(Counter(task.given) + outcome.given)
    task.skipped = dict(Counter(task.skipped) + Counter(problem.code for problem in outcome.skipped.values()))
    if outcome.skipped:
        rows = [
            {
                "project_id": task.project_id,
                "task_id": task.id,
                "label_id": label_id,
                "code": problem.code,
                "detail": problem.detail or problem.title,
            }
            for label_id, problem in outcome.skipped.items()
        ]
        session.execute(sa.insert(SkippedLabel), rows)


def _apply(session: Session, task: Task, part: TaskPart, outcome: Outcome) -> None:
    """Change the labels of a part, and tell."""
    kind, now = TaskKind(task.kind), datetime.now(UTC)
    limit = None
    if kind is TaskKind.DELETE:
        limit = quotas.hold(session, task.project_id, settings().quota_bytes)  # before any label, against deadlocks
        change, found = _deleting(session, task, part, outcome, now)
    elif kind in _TAGGING:
        change, found = _tagging(session, task, kind, outcome), _labels(session, task, part)
    else:
        change, found = _acting(session, task, part, outcome, now)
    for label_id in part.labels:
        label = found.get(label_id)
        if label is None:
            outcome.skipped[label_id] = Problem("not_found", "There is no such label in the project.")
            continue
        try:
            change(label)
        except Problem as problem:
            outcome.skipped[label_id] = problem
    changes.write(session, outcome.lines, outcome.bodies, [] if kind is TaskKind.DELETE else outcome.changed)
    changes.publish(session, outcome.changed, task.created_by, kind.value, deleted=kind is TaskKind.DELETE)
    if kind is TaskKind.DELETE:
        ids = [label.id for label in outcome.changed]
        storage.give_back(session, task.project_id, ids, limit)
        changes.erase(session, task.project_id, ids)


def _labels(session: Session, task: Task, part: TaskPart) -> dict[UUID, LabelRow]:
    """The labels of a part, locked."""
    found = label_rows.read(session, Label.project_id == task.project_id, Label.id.in_(part.labels), lock=True)
    return {label.id: label for label in found}


Change = Callable[[LabelRow], None]
"""Changes a label, or raises the Problem that refuses it."""


def _acting(
    session: Session, task: Task, part: TaskPart, outcome: Outcome, now: datetime
) -> tuple[Change, dict[UUID, LabelRow]]:
    """An action of the life table."""
    action, actor = LabelAction(task.kind), Actor(user_id=task.created_by, role=Role(task.role))
    users = dict(zip(part.labels, part.users, strict=True)) if part.users is not None else {}
    gone = {each for each in sorted({*users.values()}) if copies.has_left(session, task.project_id, each)}
    left: set[UUID] = set()
    if action in actions.OPENING:
        of_part = (Label.project_id == task.project_id, Label.id.in_(part.labels))
        people = session.execute(sa.select(Label.assignee, Label.reviewer).where(*of_part))
        left = actions.who_has_left(session, task.project_id, chain.from_iterable(people))
    found = _labels(session, task, part)
    old: Mapping[UUID, dict[str, Any]] = {}
    body = None
    if action is LabelAction.INITIALIZE:
        old, body = changes.bodies(session, found.values()), changes.Stored.of(changes.EMPTY)
    comment = task.order.get("comment")

    def change(label: LabelRow) -> None:
        was, user_id = changes.standing(label), users.get(label.id)
        if user_id in gone:
            raise Problem("not_a_member", f"{user_id} is no member any more.")
        moved = life.decide(was, action, actor, at=now, user_id=user_id, comment=comment)
        moved = actions.without(left, was, moved)
        line = changes.change(
            label,
            moved,
            action=action.value,
            actor=actor.user_id,
            at=now,
            comment=comment,
            body=body,
            old=old.get(label.id),
        )
        outcome.changed.append(label)
        outcome.lines.append(line)
        if body is not None:
            outcome.bodies.append((label, body))
        if user_id is not None:
            outcome.given[str(user_id)] += 1

    return change, found


def _tagging(session: Session, task: Task, kind: TaskKind, outcome: Outcome) -> Change:
    """Putting tags on, and taking them off."""
    plus, minus = _plus_and_minus(kind, task.order)
    known = tags.locked(session, task.project_id, [*plus, *minus])
    plus = [tag_id for tag_id in plus if _lives(known, tag_id)]
    comment = task.order.get("comment")

    def change(label: LabelRow) -> None:
        kept = [tag_id for tag_id in label.tags if tag_id not in minus]
        new = [*kept, *(tag_id for tag_id in plus if tag_id not in kept)]
        if kind is TaskKind.MERGE_TAG and not {*minus} & {*label.tags}:
            new = label.tags
        if new == label.tags:
            if kind is TaskKind.ADD_TAGS and not plus:
                raise Problem("not_found", "The tags have been deleted.")
            outcome.unchanged += 1
            return
        for tag_id in {*new} - {*label.tags}:
            known[tag_id].labels += 1
        for tag_id in {*label.tags} - {*new}:
            known[tag_id].labels -= 1
        outcome.lines.append(
            changes.retag(label, new, action=kind.value, actor=task.created_by, at=datetime.now(UTC), comment=comment)
        )
        outcome.changed.append(label)

    return change


def _deleting(
    session: Session, task: Task, part: TaskPart, outcome: Outcome, now: datetime
) -> tuple[Change, dict[UUID, LabelRow]]:
    """Deleting labels, whatever their state."""
    of_part = (Label.project_id == task.project_id, Label.id.in_(part.labels))
    carried = session.scalars(sa.select(sa.func.unnest(Label.tags)).where(*of_part).distinct()).all()
    known = tags.locked(session, task.project_id, carried)
    found = _labels(session, task, part)

    def change(label: LabelRow) -> None:
        for tag_id in label.tags:
            if tag_id not in known:  # it was put on between the two locks
                known.update(tags.locked(session, task.project_id, [tag_id]))
            known[tag_id].labels -= 1
        outcome.lines.append(changes.bury(label, actor=task.created_by, at=now, comment=task.order.get("comment")))
        outcome.changed.append(label)

    return change, found


def _plus_and_minus(kind: TaskKind, order: Mapping[str, Any]) -> tuple[list[UUID], list[UUID]]:
    """The tags that a task puts on, and those that it takes off."""
    match kind:
        case TaskKind.ADD_TAGS:
            return list(map(UUID, order["tags"])), []
        case TaskKind.REMOVE_TAGS:
            return [], list(map(UUID, order["tags"]))
        case TaskKind.MERGE_TAG:
            return [UUID(order["into"])], [UUID(order["tag"])]
        case _:
            return [], [UUID(order["tag"])]


def _lives(known: Mapping[UUID, Tag], tag_id: UUID) -> bool:
    return tag_id in known and known[tag_id].ended_at is None
