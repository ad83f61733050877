"""Versions as they are asked for and looked at; `freezing` makes them."""

from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from chassis import audit, failed, outbox, paging
from chassis.ids import new_id
from contracts.enums import JobState
from contracts.errors import Problem
from contracts.events import TaskChanged, VersionDue
from contracts.filters import TagsFilter, walk
from contracts.rpc import Nothing, Owners
from contracts.rpc.labels import (
    ChangeVersion,
    CreateVersion,
    DeleteVersion,
    LabelFilter,
    ListVersions,
    Selection,
    Version,
    VersionManifest,
    VersionOf,
    VersionPage,
)
from services.labels.handlers import copies
from services.labels.models import Tag
from services.labels.models import Version as VersionRow

UNFINISHED = (JobState.QUEUED, JobState.RUNNING)
"""States that a version does not stay in."""


def create_version(session: Session, owners: Owners, request: CreateVersion) -> Version:
    """Have a selection frozen; Problem `name_taken`."""
    copies.require_project(session, owners, request.project_id)
    of = _described(session, request.project_id, request.selection)
    row = VersionRow(
        project_id=request.project_id,
        id=new_id(),
        name=request.name,
        note=request.note,
        selection=request.selection.model_dump(mode="json", exclude_defaults=True),
        of=of.model_dump(mode="json", exclude_defaults=True),
        state=JobState.QUEUED,
        done=0,
        version=1,
        created_by=request.actor.user_id,
        created_at=datetime.now(UTC),
    )
    session.add(row)
    _store(session, row.name)
    outbox.add(session, VersionDue(project_id=row.project_id, version_id=row.id), changed(row))
    audit.note("version", row.id, after={"name": row.name, "of": row.of})
    return to_version(row)


def list_versions(session: Session, request: ListVersions) -> VersionPage:
    """A project's versions, newest first."""
    query = sa.select(VersionRow).where(VersionRow.project_id == request.project_id, VersionRow.deleted_at.is_(None))
    if request.cursor:
        query = query.where(VersionRow.id < paging.decode(request.cursor, UUID)[0])
    found = session.scalars(query.order_by(VersionRow.id.desc()).limit(request.limit + 1))
    rows, following = paging.page(found, request.limit, lambda row: row.id)
    return VersionPage(items=tuple(map(to_version, rows)), next=following)


def get_version(session: Session, project_id: UUID, version_id: UUID) -> Version:
    """A version; Problem `not_found`, `gone`."""
    return to_version(find(session, project_id, version_id))


def get_manifest(session: Session, project_id: UUID, version_id: UUID) -> VersionManifest:
    """Where a version stands; Problem `not_found`, `gone`, `not_ready`."""
    row = find(session, project_id, version_id)
    if row.manifest is None or row.labels is None or row.objects is None:
        raise Problem("not_ready", row.failure or f"The version {row.name!r} is {row.state}.", state=row.state)
    return VersionManifest(name=row.name, manifest=row.manifest, labels=row.labels, objects=row.objects)


def change_version(session: Session, request: ChangeVersion) -> Version:
    """Give a version another name or note; Problem `not_found`, `gone`, `name_taken`."""
    row = find(session, request.project_id, request.version_id, lock=True)
    before = {"name": row.name, "note": row.note}
    after = {name: was if (value := getattr(request, name)) is None else value for name, was in before.items()}
    audit.note("version", row.id, before=before, after=after)
    if after != before:
        row.name, row.note, row.version = after["name"], after["note"], row.version + 1
        _store(session, row.name)
    return to_version(row)


def delete_version(session: Session, request: DeleteVersion) -> Nothing:
    """Make a version a tombstone; its objects follow (`freezing`). Problem `not_found`, `gone`."""
    row = find(session, request.project_id, request.version_id, lock=True)
    audit.note("version", row.id, before={"name": row.name, "state": row.state, "labels": row.labels})
    row.deleted_at = datetime.now(UTC)
    if row.state in UNFINISHED:
        end(session, row, JobState.CANCELED)
    outbox.add(session, VersionDue(project_id=row.project_id, version_id=row.id))
    return Nothing()


def give_up(session: Session, event: VersionDue) -> None:
    """End a version whose freezing is not tried any more, and have what there is of it cleared away."""
    row = session.get(VersionRow, (event.project_id, event.version_id), with_for_update=True)
    if row is not None and row.state in UNFINISHED:
        end(session, row, JobState.FAILED, failed.NOT_TRIED)
        outbox.add(session, VersionDue(project_id=row.project_id, version_id=row.id))


def end(session: Session, row: VersionRow, state: JobState, failure: str | None = None) -> None:
    """End the freezing of a locked version, and tell."""
    row.state, row.failure, row.ended_at = state, failure, datetime.now(UTC)
    row.version += 1
    outbox.add(session, changed(row))
    audit.write(
        session,
        "labels.end_version",
        "version",
        row.id,
        issuer="labels",
        user_id=row.created_by,
        project_id=row.project_id,
        after={name: getattr(row, name) for name in ("name", "state", "failure", "labels", "objects", "size")},
    )


def find(session: Session, project_id: UUID, version_id: UUID, *, lock: bool = False) -> VersionRow:
    """A version that is not deleted; Problem `not_found`, `gone`."""
    row = session.get(VersionRow, (project_id, version_id), with_for_update=lock or None, populate_existing=True)
    if row is None:
        raise Problem("not_found", f"There is no version {version_id}.")
    if row.deleted_at is not None:
        raise Problem("gone", f"The version {row.name!r} was deleted.")
    return row


def changed(row: VersionRow) -> TaskChanged:
    """What an event says of a version."""
    return TaskChanged(
        project_id=row.project_id,
        task_id=row.id,
        kind="version",
        version=row.version,
        state=JobState(row.state),
        done=row.done,
        total=row.total,
    )


def to_version(row: VersionRow) -> Version:
    """What others may know of a version."""
    return Version(
        id=row.id,
        project_id=row.project_id,
        name=row.name,
        note=row.note,
        of=VersionOf.model_validate(row.of),
        state=JobState(row.state),
        done=row.done,
        total=row.total,
        labels=row.labels,
        objects=row.objects,
        size=row.size,
        taken_at=row.taken_at,
        created_by=row.created_by,
        created_at=row.created_at,
        ended_at=row.ended_at,
        failure=row.failure,
        version=row.version,
    )


def _described(session: Session, project_id: UUID, selection: Selection) -> VersionOf:
    """A selection in few words: what its tags were called is not to be had when they are renamed or deleted."""
    named = set(_tags(selection.filter)) if selection.filter is not None else set()
    known = sa.select(Tag.id, Tag.name).where(Tag.project_id == project_id, Tag.id.in_(named), Tag.ended_at.is_(None))
    return VersionOf(
        ids=None if selection.ids is None else len(selection.ids),
        filter=selection.filter,
        order=selection.order,
        seed=selection.seed,
        limit=selection.limit,
        tags={str(row.id): row.name for row in session.execute(known)},
    )


def _tags(chosen: LabelFilter) -> Iterator[UUID]:
    yield from chosen.tag or ()
    for node, _, _ in walk(chosen.where) if chosen.where is not None else ():
        if isinstance(node, TagsFilter):
            yield from node.value


def _store(session: Session, name: str) -> None:
    try:
        session.flush()
    except IntegrityError as error:
        raise Problem("name_taken", f"There is a version {name!r}.") from error
