"""Tasks as they are asked for and looked at; `work` does them."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis import audit, failed, outbox, paging
from chassis.ids import new_id
from contracts.enums import BulkAction, JobState, LabelAction, TaskKind
from contracts.errors import Problem
from contracts.events import TaskChanged, TaskDue
from contracts.rpc import Owners
from contracts.rpc.labels import (
    Actor,
    BulkPreview,
    CancelTask,
    EndTag,
    ListSkipped,
    ListTasks,
    PreviewTask,
    SkippedLabel,
    SkippedPage,
    StartTask,
    Task,
    TaskPage,
)
from services.labels.handlers import copies, tags
from services.labels.handlers.actions import ASSIGNABLE
from services.labels.handlers.bulk import planning
from services.labels.models import SkippedLabel as SkippedRow
from services.labels.models import Task as TaskRow
from services.labels.models import TaskPart

UNFINISHED = (JobState.QUEUED, JobState.RUNNING)
"""States that a task does not stay in."""


def start_task(session: Session, owners: Owners, request: StartTask) -> Task:
    """Have an action done over a selection; see `StartTask`."""
    order = request.what
    copies.require_project(session, owners, request.project_id)
    if order.action is BulkAction.REJECT and not (order.comment or "").strip():
        raise Problem("comment_required")
    if order.users:
        for user_id in sorted(order.users):
            copies.require_role(session, owners, request.project_id, user_id, ASSIGNABLE[LabelAction(order.action)])
    for tag_id in order.tags:
        tags.find(session, request.project_id, tag_id)
    kind = TaskKind(order.action.value)
    return begin(session, request.project_id, kind, order.model_dump(mode="json", exclude_defaults=True), request.actor)


def begin(session: Session, project_id: UUID, kind: TaskKind, order: dict[str, Any], actor: Actor) -> Task:
    """A new task, which the worker is told of."""
    row = TaskRow(
        project_id=project_id,
        id=new_id(),
        kind=kind,
        order=order,
        role=actor.role,
        state=JobState.QUEUED,
        part=0,
        done=0,
        total=None,
        changed=0,
        unchanged=0,
        skipped={},
        given={},
        version=1,
        created_by=actor.user_id,
        created_at=datetime.now(UTC),
    )
    session.add(row)
    outbox.add(session, TaskDue(project_id=project_id, task_id=row.id), changed(row))
    asked = {name: value for name, value in order.items() if name != "selection"}
    audit.note("task", row.id, after={"kind": kind, **asked})
    return to_task(row)


def end_tag(session: Session, request: EndTag) -> Task:
    """End a tag, and have its labels follow; Problem `not_found`, `validation_failed`."""
    tags.end_tag(session, request)
    order = {"tag": str(request.tag_id)}
    if request.into is not None:
        order["into"] = str(request.into)
    kind = TaskKind.DELETE_TAG if request.into is None else TaskKind.MERGE_TAG
    return begin(session, request.project_id, kind, order, request.actor)


def preview_task(session: Session, request: PreviewTask) -> BulkPreview:
    """What a task would meet now."""
    return planning.preview(session, request.project_id, request.what)


def get_task(session: Session, project_id: UUID, task_id: UUID) -> Task:
    """A task; Problem `not_found`."""
    return to_task(_row(session, project_id, task_id))


def list_tasks(session: Session, request: ListTasks) -> TaskPage:
    """A project's tasks, newest first."""
    query = sa.select(TaskRow).where(TaskRow.project_id == request.project_id)
    if request.state is not None:
        query = query.where(TaskRow.state == request.state)
    if request.cursor:
        query = query.where(TaskRow.id < paging.decode(request.cursor, UUID)[0])
    found = session.scalars(query.order_by(TaskRow.id.desc()).limit(request.limit + 1))
    rows, following = paging.page(found, request.limit, lambda row: row.id)
    return TaskPage(items=tuple(map(to_task, rows)), next=following)


def list_skipped(session: Session, request: ListSkipped) -> SkippedPage:
    """What a task left as it was; Problem `not_found`."""
    _row(session, request.project_id, request.task_id)
    query = sa.select(SkippedRow).where(
        SkippedRow.project_id == request.project_id, SkippedRow.task_id == request.task_id
    )
    if request.cursor:
        query = query.where(SkippedRow.label_id > paging.decode(request.cursor, UUID)[0])
    found = session.scalars(query.order_by(SkippedRow.label_id).limit(request.limit + 1))
    rows, following = paging.page(found, request.limit, lambda row: row.label_id)
    items = tuple(SkippedLabel(label_id=row.label_id, code=row.code, detail=row.detail) for row in rows)
    return SkippedPage(items=items, next=following)


def cancel_task(session: Session, request: CancelTask) -> Task:
    """End a task; of the part that is being done, all is done or nothing."""
    row = _row(session, request.project_id, request.task_id, lock=True)
    if row.kind in (TaskKind.MERGE_TAG, TaskKind.DELETE_TAG):
        raise Problem("unsupported", "The tag is gone: what is left of it on labels can't stay.")
    was = row.state
    if row.state in UNFINISHED:
        end(session, row, JobState.CANCELED)
    audit.note("task", row.id, before={"state": was}, after={"state": row.state, "done": row.done})
    return to_task(row)


def give_up(session: Session, event: TaskDue) -> None:
    """End a task that is not tried any more; one that has ended stays as it is."""
    row = _row(session, event.project_id, event.task_id, lock=True)
    if row.state in UNFINISHED:
        end(session, row, JobState.FAILED, failed.NOT_TRIED)


def end(session: Session, row: TaskRow, state: JobState, failure: str | None = None) -> None:
    """End a locked task, and tell."""
    row.state, row.failure, row.ended_at = state, failure, datetime.now(UTC)
    row.version += 1
    session.execute(sa.delete(TaskPart).where(TaskPart.project_id == row.project_id, TaskPart.task_id == row.id))
    outbox.add(session, changed(row))
    audit.write(
        session,
        "labels.end_task",
        "task",
        row.id,
        issuer="labels",
        user_id=row.created_by,
        project_id=row.project_id,
        after={
            "kind": row.kind,
            "state": row.state,
            "failure": row.failure,
            "changed": row.changed,
            "unchanged": row.unchanged,
            "skipped": row.skipped,
        },
    )


def changed(row: TaskRow) -> TaskChanged:
    """What an event says of a task."""
    return TaskChanged(
        project_id=row.project_id,
        task_id=row.id,
        kind=row.kind,
        version=row.version,
        state=JobState(row.state),
        done=row.done,
        total=row.total,
    )


def to_task(row: TaskRow) -> Task:
    """What others may know of a task."""
    return Task(
        id=row.id,
        project_id=row.project_id,
        action=TaskKind(row.kind),
        state=JobState(row.state),
        done=row.done,
        total=row.total,
        changed=row.changed,
        unchanged=row.unchanged,
        skipped=sum(row.skipped.values()),
        skipped_by_code=row.skipped,
        given=row.given,
        created_by=row.created_by,
        created_at=row.created_at,
        ended_at=row.ended_at,
        failure=row.failure,
        version=row.version,
    )


def _row(session: Session, project_id: UUID, task_id: UUID, *, lock: bool = False) -> TaskRow:
    row = session.get(TaskRow, (project_id, task_id), with_for_update=lock or None, populate_existing=True)
    if row is None:
        raise Problem("not_found", f"There is no task {task_id}.")
    return row
