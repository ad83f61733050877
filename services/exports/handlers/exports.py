"""Use cases of the exports service.

An export is a row and then events: labels writes its snapshot (SnapshotRequested, SnapshotCompleted), unless it is of a
version, which has one; export workers write the file from that (ExportReady, PartReady: handlers/parts.py,
workers/export.py), and what is needed no longer is cleared away (ExportChanged, `clear_away`).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis import audit, failed, outbox, paging, quotas
from chassis.copies import take_newer
from chassis.database import Database
from chassis.ids import new_id
from chassis.multiparts import Uploads
from chassis.objects import ObjectStore
from chassis.settings import settings
from contracts.body import Specification
from contracts.enums import ExportFormat, ExportStep, JobState
from contracts.errors import Problem
from contracts.events import (
    ExportChanged,
    ExportReady,
    PartReady,
    ProjectChanged,
    ProjectDeleted,
    SnapshotCanceled,
    SnapshotCompleted,
    SnapshotFailed,
    SnapshotProgressed,
    SnapshotRequested,
)
from contracts.rpc import Nothing, Owners
from contracts.rpc.exports import (
    CreateExport,
    Export,
    ExportOptions,
    ExportPage,
    ExportReport,
    ListExports,
    RenameExport,
    RepeatExport,
    SetExportQuota,
    ShareLink,
)
from contracts.rpc.labels import GetVersionManifest, LabelFilter, Link, Quota
from contracts.rpc.projects import GetProject
from formats.writers import WRITERS
from services.exports import domain
from services.exports.models import ExportRow, PartRow, ProjectCopy, ShareLinkRow

LINK_SECONDS = 60
"""How long the address of a file holds."""

SNAPSHOTS = "labels.snapshot.v1"
"""The queue in which an export waits for its snapshot."""

ASSEMBLIES = "exports.export.v1"
"""The queue in which it waits for its next step."""

PARTS = "exports.part.v1"
"""The queue of its parts."""

CONTENT_TYPES = {
    ".json": "application/json",
    ".jsonl": "application/x-ndjson",
    ".csv": "text/csv",
    ".zip": "application/zip",
}
"""What a file is called to those who download it, by its extension."""

DEADLINE = 2.0
"""Seconds to wait for an owner's answer."""


# --- commands and queries ---


def create_export(session: Session, owners: Owners, request: CreateExport) -> Export:
    """Ask for an export; Problem `not_found` where the project is known to be deleted, `quota_exceeded`, and why there
    is none of that version."""
    copy = session.get(ProjectCopy, request.project_id)
    if copy is not None and copy.deleted:
        require_project(session, owners, request.project_id)  # it may just have been restored
    frozen = None
    if request.version_id is not None:
        question = GetVersionManifest(project_id=request.project_id, version_id=request.version_id)
        frozen = owners.call(question, DEADLINE)
    if (limit := quotas.hold(session, request.project_id, settings().quota_exports)) is not None:
        quotas.refuse_beyond(limit, _kept(session, request.project_id), 1, "exports")
    now = datetime.now(UTC)
    row = ExportRow(
        project_id=request.project_id,
        id=new_id(),
        name=request.name or domain.default_name(request.format, now),
        format=request.format,
        filter=request.filter.model_dump(mode="json", exclude_none=True),
        options=request.options.model_dump(mode="json"),
        state=JobState.QUEUED,
        step=ExportStep.SNAPSHOT,
        step_began_at=now,
        attempt=0,
        done=0,
        waiting_for_worker=False,
        version=1,
        created_by=request.actor,
        created_at=now,
    )
    session.add(row)
    if frozen is None:
        outbox.add(session, snapshot_request(row), changed(row))
    else:
        row.version_id, row.version_name = request.version_id, frozen.name
        _stands(session, row, frozen.manifest, frozen.labels, frozen.objects)
        outbox.add(session, changed(row))
    return _told(session, row)[0]


def get_quota(session: Session, project_id: UUID) -> Quota:
    """How many exports a project keeps, and what limits them."""
    limit = quotas.limit_of(session, project_id)
    return Quota(limit=limit, default=settings().quota_exports, used=_kept(session, project_id))


def set_quota(session: Session, request: SetExportQuota) -> Quota:
    """Limit how many exports a project keeps."""
    before = quotas.limit_of(session, request.project_id)
    audit.note("export_quota", request.project_id, before={"limit": before}, after={"limit": request.limit})
    quotas.put(session, request.project_id, request.limit)
    return get_quota(session, request.project_id)


def get_export(session: Session, project_id: UUID, export_id: UUID) -> Export:
    """One export; Problem `not_found`, `gone`."""
    return _told(session, require_export(session, project_id, export_id))[0]


def list_exports(session: Session, request: ListExports) -> ExportPage:
    """A project's exports, newest first."""
    query = sa.select(ExportRow).where(ExportRow.project_id == request.project_id, ExportRow.deleted_at.is_(None))
    for column, wanted in ((ExportRow.state, request.state), (ExportRow.format, request.format)):
        if wanted is not None:
            query = query.where(column == wanted)
    if request.name is not None:
        query = query.where(ExportRow.name.icontains(request.name, autoescape=True))
    if request.cursor:
        (last,) = paging.decode(request.cursor, UUID)
        query = query.where(ExportRow.id < last)
    found = session.scalars(query.order_by(ExportRow.id.desc()).limit(request.limit + 1))
    rows, more = paging.page(found, request.limit, lambda row: row.id)
    return ExportPage(items=_told(session, *rows), next=more)


def rename_export(session: Session, request: RenameExport) -> Export:
    """Give an export another name; Problem `not_found`, `gone`."""
    row = require_export(session, request.project_id, request.export_id, lock=True)
    audit.note("export", row.id, before={"name": row.name}, after={"name": request.name})
    row.name = request.name
    change(session, row)
    return _told(session, row)[0]


def cancel_export(session: Session, project_id: UUID, export_id: UUID) -> Export:
    """Stop an export that is under way, and have what there is of it cleared away; Problem `not_found`, `gone`."""
    row = require_export(session, project_id, export_id, lock=True)
    if row.state not in domain.ENDED:
        audit.note("export", row.id, before={"state": row.state}, after={"state": JobState.CANCELED})
        _end(session, row, JobState.CANCELED)
    return _told(session, row)[0]


def repeat_export(session: Session, owners: Owners, request: RepeatExport) -> Export:
    """Another export as this one was asked for; Problem `not_found`, `gone`."""
    row = require_export(session, request.project_id, request.export_id)
    again = CreateExport(
        project_id=row.project_id,
        name=row.name,
        format=ExportFormat(row.format),
        filter=LabelFilter.model_validate(row.filter),
        version_id=row.version_id,
        options=ExportOptions.model_validate(row.options),
        actor=request.actor,
    )
    return create_export(session, owners, again)


def delete_export(session: Session, project_id: UUID, export_id: UUID) -> Nothing:
    """Delete an export; its file follows (`clear_away`). Problem `not_found`, `gone`."""
    row = require_export(session, project_id, export_id, lock=True)
    audit.note("export", row.id, before={"name": row.name, "format": row.format, "state": row.state})
    delete(session, row)
    return Nothing()


def delete(session: Session, row: ExportRow) -> None:
    """Make an export a tombstone."""
    if row.state == JobState.QUEUED:
        outbox.add(session, SnapshotCanceled(project_id=row.project_id, snapshot_id=row.id))
    row.deleted_at = datetime.now(UTC)
    change(session, row)


def link_export(
    session: Session, store: ObjectStore, project_id: UUID, export_id: UUID, method: Literal["GET", "HEAD"] = "GET"
) -> Link:
    """An address to download an export's file; Problem `not_found`, `gone`, `not_ready`."""
    row = require_export(session, project_id, export_id)
    if row.state != JobState.DONE:
        raise Problem("not_ready", row.failure or f"The export is {row.state}.", state=row.state)
    return store.link(
        file_key(row.id, row.attempt),
        LINK_SECONDS,
        domain.file_name(row.name, extension(row)),
        CONTENT_TYPES[extension(row)],
        method,
    )


# --- events ---


def snapshot_progressed(session: Session, event: SnapshotProgressed) -> None:
    """So many labels of an export are frozen."""
    row = _find(session, event.project_id, event.snapshot_id, lock=True)
    if row is not None and row.state == JobState.QUEUED and row.deleted_at is None and row.done < event.labels:
        row.done, row.total = event.labels, max(event.labels, event.total)
        change(session, row)


def snapshot_completed(session: Session, event: SnapshotCompleted) -> None:
    """The labels of an export stand: an export worker may take the next step."""
    row = _find(session, event.project_id, event.snapshot_id, lock=True)
    if row is None:
        return
    if row.state == JobState.QUEUED and row.deleted_at is None:
        _stands(session, row, event.manifest, event.labels, event.objects)
        change(session, row)
    elif row.state != JobState.RUNNING:
        outbox.add(session, changed(row))  # nobody waits for it any more: it is cleared away


def _stands(session: Session, row: ExportRow, manifest: str, labels: int, objects: int) -> None:
    """The labels of an export are frozen: an export worker may take the next step."""
    row.state = JobState.RUNNING
    row.started_at = datetime.now(UTC)
    row.waiting_for_worker = False
    row.manifest = manifest
    row.labels, row.objects = labels, objects
    begin_step(row, ExportStep.FORMAT)
    outbox.add(session, ExportReady(project_id=row.project_id, export_id=row.id))


def snapshot_failed(session: Session, event: SnapshotFailed) -> None:
    """The labels of an export could not be had."""
    row = _find(session, event.project_id, event.snapshot_id, lock=True)
    if row is not None and row.state == JobState.QUEUED:
        _end(session, row, JobState.FAILED, failure=event.detail or event.code)


def give_up(session: Session, event: SnapshotCompleted | SnapshotFailed | ExportReady | PartReady) -> None:
    """End an export of which a step is not tried any more; one that has ended stays as it is."""
    export_id = event.export_id if isinstance(event, ExportReady | PartReady) else event.snapshot_id
    row = _find(session, event.project_id, export_id, lock=True)
    if row is not None and row.state not in domain.ENDED:
        _end(session, row, JobState.FAILED, failure=failed.NOT_TRIED)


def project_changed(session: Session, event: ProjectChanged) -> None:
    """Take a project's newer state; a restored one is told of in the same way."""
    _take_project(
        session,
        event.project_id,
        event.version,
        name=event.name,
        specification=event.specification,
        deleted=event.deleted,
    )


def project_deleted(session: Session, event: ProjectDeleted) -> None:
    """Remember that a project is deleted, so that a late event does not revive it."""
    _take_project(session, event.project_id, event.version, name="", specification=Specification(), deleted=True)


def clear_away(database: Database, event: ExportChanged | ExportReady) -> None:
    """Remove the objects that an export needs no longer: once it has ended its snapshot and the files of attempts that
    came to nothing, and all once it is deleted. A version's snapshot is the version's."""
    with database.session() as session:
        row = _find(session, event.project_id, event.export_id)
    if row is None or (row.deleted_at is None and row.state not in domain.ENDED):
        return
    with database.session() as session:
        parts = sa.delete(PartRow).where(PartRow.project_id == row.project_id, PartRow.export_id == row.id)
        session.execute(parts)
    store = ObjectStore.shared()
    Uploads(database).abort(store, f"exports/{row.id}/")
    store.delete_prefix(f"snapshots/{row.id}/")
    if row.deleted_at is not None:
        store.delete_prefix(f"exports/{row.id}/")
    else:
        store.delete_prefix(parts_prefix(row.id))
        for attempt in range(1, row.attempt + (row.state != JobState.DONE)):
            store.delete(file_key(row.id, attempt))


# --- assembly, as the export worker does it ---


@dataclass(frozen=True)
class Assembly:
    """One attempt to assemble an export. `attempt` is its fencing token."""

    project_id: UUID
    export_id: UUID
    attempt: int
    manifest: str
    format: ExportFormat
    options: ExportOptions
    content_type: str
    project_name: str

    @property
    def key(self) -> str:
        """Where its file goes."""
        return file_key(self.export_id, self.attempt)


@dataclass(frozen=True)
class Assembled:
    """A file that stands: its size in bytes, and what is in it."""

    size: int
    sha256: str | None
    crc32: int | None
    labels: int
    objects: int
    report: dict[str, Any] | None = None


def file_key(export_id: UUID, attempt: int) -> str:
    """Where an attempt writes the file of an export: each its own, so that none spoils another's."""
    return f"exports/{export_id}/{attempt}"


def parts_prefix(export_id: UUID) -> str:
    """Where the outcomes of an export's parts go, until its file stands."""
    return f"exports/{export_id}/parts/"


def begin_assembly(session: Session, project_id: UUID, export_id: UUID) -> Assembly | None:
    """A new attempt, which makes earlier ones void; None if the export has ended or is deleted."""
    row = find_running(session, project_id, export_id)
    if row is None:
        return None
    assert row.manifest is not None and row.project_name is not None
    row.attempt += 1
    if row.step != ExportStep.ASSEMBLY:
        begin_step(row, ExportStep.ASSEMBLY)
    return Assembly(
        project_id,
        export_id,
        row.attempt,
        row.manifest,
        ExportFormat(row.format),
        ExportOptions.model_validate(row.options),
        CONTENT_TYPES[extension(row)],
        row.project_name,
    )


def wanted(session: Session, assembly: Assembly) -> bool:
    """Whether `assembly` is still the export's newest attempt, and the export neither canceled nor deleted."""
    row = _find(session, assembly.project_id, assembly.export_id)
    return (
        row is not None and row.attempt == assembly.attempt and row.state == JobState.RUNNING and row.deleted_at is None
    )


def finish_assembly(session: Session, assembly: Assembly, outcome: Assembled | Problem) -> bool:
    """End the export if `assembly` is still its newest attempt; whether it was."""
    row = _find(session, assembly.project_id, assembly.export_id, lock=True)
    assert row is not None
    if row.attempt != assembly.attempt or row.state != JobState.RUNNING or row.deleted_at is not None:
        return False
    if isinstance(outcome, Problem):
        fail(session, row, outcome)
    else:
        row.size, row.sha256, row.crc32 = outcome.size, outcome.sha256, outcome.crc32
        row.labels, row.objects = outcome.labels, outcome.objects
        row.report = outcome.report
        _end(session, row, JobState.DONE)
    return True


def watch_workers(session: Session, consumers: Mapping[str, int]) -> None:
    """Note for each export that is under way whether anybody is there to go on with it. `consumers`: of each queue."""
    workers = min(consumers[ASSEMBLIES], consumers[PARTS])
    there = {JobState.QUEUED: consumers[SNAPSHOTS], JobState.RUNNING: workers}
    for state, count in there.items():
        changing = sa.select(ExportRow).where(
            ExportRow.state == state, ExportRow.deleted_at.is_(None), ExportRow.waiting_for_worker == (count > 0)
        )
        for row in session.scalars(changing.with_for_update(skip_locked=True)):
            row.waiting_for_worker = count == 0
            change(session, row)


def extension(row: ExportRow) -> str:
    """Of the export's file."""
    writer = WRITERS[row.format]
    zipped = row.options.get("split") or row.options.get("images") or not writer.single
    return ".zip" if zipped else writer.extension


def snapshot_request(row: ExportRow) -> SnapshotRequested:
    """What labels is asked for."""
    names = extension(row) == ".zip"
    images = bool(row.options.get("images"))
    return SnapshotRequested(
        project_id=row.project_id, snapshot_id=row.id, filter=row.filter, names=names, images=images
    )


def require_project(session: Session, owners: Owners, project_id: UUID) -> ProjectCopy:
    """What is known of a project, asked for where that is nothing, or that it is deleted.

    Problem `not_found`, or why its owner did not answer.
    """
    copy = session.get(ProjectCopy, project_id)
    if copy is None or copy.deleted:
        project = owners.call(GetProject(project_id=project_id), DEADLINE)
        _take_project(
            session,
            project_id,
            project.version,
            name=project.name,
            specification=project.specification,
            deleted=False,
        )
        copy = session.get_one(ProjectCopy, project_id, populate_existing=True)
    if copy.deleted:
        raise Problem("not_found", "The project was deleted.")
    return copy


# --- rows ---


def _kept(session: Session, project_id: UUID) -> int:
    """How many exports of a project are not deleted, whatever became of them."""
    query = sa.select(sa.func.count()).where(ExportRow.project_id == project_id, ExportRow.deleted_at.is_(None))
    return session.scalars(query).one()


def _find(session: Session, project_id: UUID, export_id: UUID, *, lock: bool = False) -> ExportRow | None:
    return session.get(ExportRow, (project_id, export_id), with_for_update=lock or None)


def find_running(session: Session, project_id: UUID, export_id: UUID) -> ExportRow | None:
    """An export that workers go on with, locked; None if it has ended or is deleted."""
    row = _find(session, project_id, export_id, lock=True)
    return row if row is not None and row.state == JobState.RUNNING and row.deleted_at is None else None


def require_export(session: Session, project_id: UUID, export_id: UUID, *, lock: bool = False) -> ExportRow:
    """An export that is not deleted; Problem `not_found`, `gone`."""
    row = _find(session, project_id, export_id, lock=lock)
    if row is None:
        raise Problem("not_found", f"There is no export {export_id}.")
    if row.deleted_at is not None:
        raise Problem("gone", "The export was deleted.")
    return row


def begin_step(row: ExportRow, step: ExportStep) -> None:
    """The export's next step, of which nothing is done."""
    row.step, row.step_began_at, row.done, row.total = step, datetime.now(UTC), 0, row.labels


def fail(session: Session, row: ExportRow, problem: Problem) -> None:
    """End an export that can't be made."""
    _end(session, row, JobState.FAILED, failure=problem.detail or problem.title)


def _end(session: Session, row: ExportRow, state: JobState, *, failure: str | None = None) -> None:
    if row.state == JobState.QUEUED:  # whoever freezes its labels stops
        outbox.add(session, SnapshotCanceled(project_id=row.project_id, snapshot_id=row.id))
    row.state = state
    row.step = row.step_began_at = None
    row.failure = failure
    row.ended_at = datetime.now(UTC)
    row.waiting_for_worker = False
    change(session, row)


def change(session: Session, row: ExportRow) -> None:
    """Count the change, and tell of it."""
    row.version += 1
    outbox.add(session, changed(row))


def changed(row: ExportRow) -> ExportChanged:
    """What an event says of an export."""
    return ExportChanged(
        project_id=row.project_id,
        export_id=row.id,
        version=row.version,
        state=JobState(row.state),
        deleted=row.deleted_at is not None,
        waiting_for_worker=row.waiting_for_worker,
        **_progress(row),
    )


def _progress(row: ExportRow) -> dict[str, Any]:
    """How far an export is, as events and answers tell it."""
    if row.state == JobState.DONE:
        return {"done": row.labels or 0, "total": row.labels}
    rate = left = None
    if row.step is not None and row.step_began_at is not None and row.done and row.total:
        rate = row.done / max(0.001, (datetime.now(UTC) - row.step_began_at).total_seconds())
        left = round(max(0, row.total - row.done) / rate, 1)
        rate = round(rate, 1)
    return {
        "step": None if row.step is None else ExportStep(row.step),
        "done": row.done,
        "total": row.total,
        "labels_per_second": rate,
        "remaining_seconds": left,
    }


def _told(session: Session, *rows: ExportRow) -> tuple[Export, ...]:
    """These exports of one project, as answers."""
    if not rows:
        return ()
    links = links_of(session, rows[0].project_id, [row.id for row in rows])
    copy = session.get(ProjectCopy, rows[0].project_id)
    specification = Specification() if copy is None else Specification.model_validate(copy.specification)
    return tuple(_to_export(row, links.get(row.id), specification) for row in rows)


def links_of(session: Session, project_id: UUID, target_ids: Collection[UUID]) -> Mapping[UUID, ShareLink]:
    """The share links that stand, by what they are for."""
    query = sa.select(ShareLinkRow).where(
        ShareLinkRow.project_id == project_id,
        ShareLinkRow.target_id.in_(target_ids),
        ShareLinkRow.revoked_at.is_(None),
    )
    return {row.target_id: ShareLink.model_validate(row, from_attributes=True) for row in session.scalars(query)}


def _to_export(row: ExportRow, link: ShareLink | None, specification: Specification) -> Export:
    chosen = LabelFilter.model_validate(row.filter)
    return Export(
        id=row.id,
        project_id=row.project_id,
        name=row.name,
        format=ExportFormat(row.format),
        filter=chosen,
        state=JobState(row.state),
        labels=row.labels,
        objects=row.objects,
        size=row.size,
        sha256=row.sha256,
        crc32=None if row.crc32 is None else f"{row.crc32:08x}",
        failure=row.failure,
        created_by=row.created_by,
        created_at=row.created_at,
        ended_at=row.ended_at,
        version=row.version,
        link=link,
        **_progress(row),
        waiting_for_worker=row.waiting_for_worker,
        options=ExportOptions.model_validate(row.options),
        report=None if row.report is None else ExportReport.model_validate(row.report),
        version_id=row.version_id,
        version_name=row.version_name,
        selection=domain.in_words(chosen, specification)
        if row.version_id is None
        else f"the version {row.version_name}",
        seconds=None if row.ended_at is None else round((row.ended_at - row.created_at).total_seconds(), 1),
    )


def _take_project(
    session: Session, project_id: UUID, version: int, *, name: str, specification: Specification, deleted: bool
) -> None:
    plain = specification.model_dump(mode="json")
    take_newer(
        session, ProjectCopy, project_id=project_id, version=version, deleted=deleted, name=name, specification=plain
    )
