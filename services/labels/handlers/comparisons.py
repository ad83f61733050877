"""Comparisons of two versions as they are asked for and looked at; `comparing` makes them.

Versions do not change, so two of them are compared once.
"""

from datetime import UTC, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis import audit, failed, outbox, paging
from chassis.database import Database
from chassis.ids import new_id
from contracts.enums import JobState, LabelChange
from contracts.errors import Problem
from contracts.events import ComparisonDue, TaskChanged
from contracts.rpc.labels import (
    CompareVersions,
    Comparison,
    DifferencePage,
    DifferingLabel,
    ListDifferences,
    ObjectChanges,
)
from services.labels.handlers import versions
from services.labels.models import Comparison as ComparisonRow
from services.labels.models import Difference

UNFINISHED = (JobState.QUEUED, JobState.RUNNING)
"""States that a comparison does not stay in."""

FORGOTTEN_AT_ONCE = 10_000
"""Labels of a comparison that are deleted in one transaction."""


def compare_versions(session: Session, request: CompareVersions) -> Comparison:
    """Have two versions compared, or the comparison that there is; Problem `not_found`, `gone`, `not_ready`."""
    sizes = [
        versions.get_manifest(session, request.project_id, version_id).labels
        for version_id in (request.before, request.after)
    ]
    pair = {"project_id": request.project_id, "before_id": request.before, "after_id": request.after}
    insertion = insert(ComparisonRow).values(
        **pair,
        id=new_id(),
        state=JobState.QUEUED,
        total=sum(sizes),
        objects={},
        version=1,
        created_by=request.actor.user_id,
        created_at=datetime.now(UTC),
    )
    made = session.scalars(
        insertion.on_conflict_do_nothing(index_elements=list(pair)).returning(ComparisonRow.id)
    ).one_or_none()
    row = session.scalars(sa.select(ComparisonRow).filter_by(**pair).with_for_update()).one()
    if row.state == JobState.FAILED:  # it goes on where it came to nothing
        row.state, row.failure, row.ended_at = JobState.QUEUED, None, None
        row.version += 1
    if made is not None or row.state == JobState.QUEUED:
        outbox.add(session, ComparisonDue(project_id=row.project_id, comparison_id=row.id), changed(row))
    audit.note("comparison", row.id, after={"before": row.before_id, "after": row.after_id})
    return to_comparison(row)


def get_comparison(session: Session, project_id: UUID, comparison_id: UUID) -> Comparison:
    """A comparison; Problem `not_found`."""
    return to_comparison(_find(session, project_id, comparison_id))


def list_differences(session: Session, request: ListDifferences) -> DifferencePage:
    """The labels that differ, by id: as many as have been found so far. Problem `not_found`."""
    _find(session, request.project_id, request.comparison_id)
    query = sa.select(Difference).where(
        Difference.project_id == request.project_id, Difference.comparison_id == request.comparison_id
    )
    if request.change is not None:
        query = query.where(Difference.change == request.change)
    if request.cursor:
        query = query.where(Difference.label_id > paging.decode(request.cursor, UUID)[0])
    found = session.scalars(query.order_by(Difference.label_id).limit(request.limit + 1))
    rows, following = paging.page(found, request.limit, lambda row: row.label_id)
    items = tuple(
        DifferingLabel(
            label_id=row.label_id,
            dataset=row.dataset,
            data_key=row.data_key,
            change=LabelChange(row.change),
            fields=tuple(row.fields),
            objects_added=tuple(row.objects_added),
            objects_removed=tuple(row.objects_removed),
            objects_changed=tuple(row.objects_changed),
        )
        for row in rows
    )
    return DifferencePage(items=items, next=following)


def give_up(session: Session, event: ComparisonDue) -> None:
    """End a comparison that is not tried any more; one that has ended stays as it is."""
    row = session.get(ComparisonRow, (event.project_id, event.comparison_id), with_for_update=True)
    if row is not None and row.state in UNFINISHED:
        end(session, row, JobState.FAILED, failed.NOT_TRIED)


def end(session: Session, row: ComparisonRow, state: JobState, failure: str | None = None) -> None:
    """End a locked comparison, and tell."""
    row.state, row.failure, row.ended_at = state, failure, datetime.now(UTC)
    row.version += 1
    outbox.add(session, changed(row))


def forget(database: Database, project_id: UUID, version_id: UUID) -> None:
    """Delete the comparisons of a version that was deleted."""
    of_version = (
        ComparisonRow.project_id == project_id,
        (ComparisonRow.before_id == version_id) | (ComparisonRow.after_id == version_id),
    )
    with database.session() as session:  # first, so that nobody goes on with them
        ids = session.scalars(sa.select(ComparisonRow.id).where(*of_version).with_for_update()).all()
        for row in session.scalars(sa.select(ComparisonRow).where(*of_version)):
            if row.state in UNFINISHED:
                end(session, row, JobState.CANCELED)
    some = sa.select(Difference.project_id, Difference.comparison_id, Difference.label_id).where(
        Difference.project_id == project_id, Difference.comparison_id.in_(ids)
    )
    key = sa.tuple_(Difference.project_id, Difference.comparison_id, Difference.label_id)
    deleted = FORGOTTEN_AT_ONCE
    while deleted == FORGOTTEN_AT_ONCE:
        with database.session() as session:
            gone = sa.delete(Difference).where(key.in_(some.limit(FORGOTTEN_AT_ONCE)))
            deleted = len(session.scalars(gone.returning(Difference.label_id)).all())
    with database.session() as session:
        session.execute(sa.delete(ComparisonRow).where(*of_version))


def changed(row: ComparisonRow) -> TaskChanged:
    """What an event says of a comparison."""
    return TaskChanged(
        project_id=row.project_id,
        task_id=row.id,
        kind="comparison",
        version=row.version,
        state=JobState(row.state),
        done=row.done,
        total=row.total,
    )


def to_comparison(row: ComparisonRow) -> Comparison:
    """What others may know of a comparison."""
    by_class = {
        class_id: ObjectChanges(added=added, removed=removed, changed=changed)
        for class_id, (added, removed, changed) in sorted(row.objects.items())
    }
    return Comparison(
        id=row.id,
        project_id=row.project_id,
        before=row.before_id,
        after=row.after_id,
        state=JobState(row.state),
        done=row.done,
        total=row.total,
        added=row.added,
        removed=row.removed,
        changed=row.changed,
        unchanged=row.unchanged,
        objects=ObjectChanges(
            added=sum(each.added for each in by_class.values()),
            removed=sum(each.removed for each in by_class.values()),
            changed=sum(each.changed for each in by_class.values()),
        ),
        by_class=by_class,
        created_by=row.created_by,
        created_at=row.created_at,
        ended_at=row.ended_at,
        failure=row.failure,
        version=row.version,
    )


def _find(session: Session, project_id: UUID, comparison_id: UUID) -> ComparisonRow:
    row = session.get(ComparisonRow, (project_id, comparison_id))
    if row is None:
        raise Problem("not_found", f"There is no comparison {comparison_id}.")
    return row
