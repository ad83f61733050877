"""The dispatcher: an export as parts that many workers write.

A part is a row, and a message once it is sent. A few of each export are out at a time (`LABELYARD_EXPORT_PARTS`), so
that one with thousands does not stand in the way of another; each that ends lets the next go. The last one of a step
lets the export go on, once: whoever ends a part holds the lock of its export.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis import outbox
from chassis.settings import settings
from contracts.enums import ExportFormat, ExportStep, JobState
from contracts.errors import Problem
from contracts.events import ExportReady, PartReady
from contracts.rpc.exports import ExportOptions
from contracts.snapshots import Part
from services.exports.domain import PartState
from services.exports.handlers import exports
from services.exports.models import ExportRow, PartRow


@dataclass(frozen=True)
class Job:
    """What workers know of an export that is under way. `planned`: how many parts the present step has, and `left`:
    how many of them are not done."""

    project_id: UUID
    export_id: UUID
    manifest: str
    format: ExportFormat
    options: ExportOptions
    project_name: str
    step: ExportStep
    planned: int
    left: int


def begin(session: Session, project_id: UUID, export_id: UUID, project_name: str) -> Job | None:
    """An export whose next step may be taken; None if it has ended or is deleted. `project_name`: what all of its parts
    call the project, unless that is said already."""
    row = exports.find_running(session, project_id, export_id)
    if row is None:
        return None
    row.project_name = row.project_name or project_name
    if row.step is None:  # begun by a version that knew of no steps
        exports.begin_step(row, ExportStep.FORMAT)
    return _job(session, row)


def leased(session: Session, event: PartReady) -> Job | None:
    """The export of a part that is to be worked on; None if it has ended or is deleted, or goes on without."""
    row = session.get(ExportRow, (event.project_id, event.export_id))
    if row is None or row.state != JobState.RUNNING or row.deleted_at is not None or row.step != event.step:
        return None
    part = session.get(PartRow, (event.project_id, event.export_id, event.step, event.part))
    return None if part is None or part.state == PartState.DONE else _job(session, row)


def over(session: Session, project_id: UUID, export_id: UUID) -> bool:
    """Whether an export has ended or is deleted, so that nothing may be left of its parts."""
    row = session.get(ExportRow, (project_id, export_id))
    return row is None or row.state != JobState.RUNNING or row.deleted_at is not None


def plan(session: Session, job: Job, step: ExportStep, parts: Sequence[Part]) -> bool:
    """Make the parts of a step, and let the first go; False if nobody wants them any more. Again: those that are out
    are sent once more."""
    row = exports.find_running(session, job.project_id, job.export_id)
    if row is None:
        return False
    rows = [
        {"step": step, "number": number, "state": PartState.WAITING, "labels": part.labels}
        for number, part in enumerate(parts)
    ]
    key = {"project_id": job.project_id, "export_id": job.export_id}
    made = session.scalars(
        insert(PartRow).on_conflict_do_nothing().returning(PartRow.number), [key | each for each in rows]
    ).all()
    if made:
        exports.begin_step(row, step)
        exports.change(session, row)
    elif row.step == step:
        _send(session, row, [PartRow.state == PartState.SENT])
    else:
        return True  # it has gone on meanwhile
    _dispatch(session, row)
    return True


def finished(session: Session, event: PartReady) -> bool:
    """A part's outcome stands: the next may go; False if nobody wants it any more."""
    row = exports.find_running(session, event.project_id, event.export_id)
    if row is None:
        return False
    done = session.scalars(
        sa.update(PartRow)
        .where(*_of(row, event.step), PartRow.number == event.part, PartRow.state != PartState.DONE)
        .values(state=PartState.DONE)
        .returning(PartRow.labels)
    ).one_or_none()
    if done is not None and row.step == event.step:
        row.done += done
        exports.change(session, row)
        _dispatch(session, row)
    return True


def failed(session: Session, event: PartReady | ExportReady, problem: Problem) -> None:
    """A step can't be taken, so there is no export."""
    row = exports.find_running(session, event.project_id, event.export_id)
    if row is not None:
        exports.fail(session, row, problem)


def _dispatch(session: Session, row: ExportRow) -> None:
    """Let parts go as far as there is room; if all are done, the export."""
    counts = _counts(session, row)
    if not counts.get(PartState.WAITING) and not counts.get(PartState.SENT):
        outbox.add(session, ExportReady(project_id=row.project_id, export_id=row.id))
        return
    room = settings().export_parts - counts.get(PartState.SENT, 0)
    if room > 0 and counts.get(PartState.WAITING):
        first = sa.select(PartRow.number).where(*_of(row, row.step), PartRow.state == PartState.WAITING)
        _send(session, row, [PartRow.number.in_(first.order_by(PartRow.number).limit(room))])


def _send(session: Session, row: ExportRow, which: Sequence[sa.ColumnElement[bool]]) -> None:
    sent = session.scalars(
        sa.update(PartRow)
        .where(*_of(row, row.step), *which)
        .values(state=PartState.SENT, sent_at=datetime.now(UTC))
        .returning(PartRow.number)
    ).all()
    step = ExportStep(row.step or ExportStep.FORMAT)
    ready = [PartReady(project_id=row.project_id, export_id=row.id, step=step, part=number) for number in sorted(sent)]
    outbox.add(session, *ready)


def _counts(session: Session, row: ExportRow) -> dict[str, int]:
    query = sa.select(PartRow.state, sa.func.count()).where(*_of(row, row.step)).group_by(PartRow.state)
    return {row.state: row[1] for row in session.execute(query)}


def _of(row: ExportRow, step: str | None) -> tuple[sa.ColumnElement[bool], ...]:
    return PartRow.project_id == row.project_id, PartRow.export_id == row.id, PartRow.step == step


def _job(session: Session, row: ExportRow) -> Job:
    assert row.manifest is not None and row.project_name is not None and row.step is not None
    counts = _counts(session, row)
    return Job(
        row.project_id,
        row.id,
        row.manifest,
        ExportFormat(row.format),
        ExportOptions.model_validate(row.options),
        row.project_name,
        ExportStep(row.step),
        sum(counts.values()),
        sum(count for state, count in counts.items() if state != PartState.DONE),
    )
