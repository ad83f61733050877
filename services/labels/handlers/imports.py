"""Imports as they are asked for and looked at; handlers/importing runs them."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis import audit, failed, outbox, uploads
from chassis.database import Database
from chassis.ids import new_id
from chassis.objects import ObjectStore
from contracts.enums import ImportFormat, JobState, OnError, Status
from contracts.errors import Problem
from contracts.events import ImportRequested, TaskChanged
from contracts.rpc import Owners
from contracts.rpc.labels import CreateUpload, Import, ImportReport, StartImport, Upload
from services.labels.handlers import copies
from services.labels.handlers.data_library import find_dataset
from services.labels.models import Import as ImportRow
from services.labels.models import Upload as UploadRow

UPLOAD_SECONDS = 6 * 3600
"""How long the policy of an upload holds."""

UNFINISHED = (JobState.QUEUED, JobState.RUNNING)
"""States that an import does not stay in."""


def upload_key(project_id: UUID, upload_id: UUID) -> str:
    """Where the file of an upload stands."""
    return f"imports/{project_id}/{upload_id}"


def create_upload(session: Session, owners: Owners, store: ObjectStore, request: CreateUpload) -> Upload:
    """A place for a file to import from."""
    copies.require_project(session, owners, request.project_id)
    row = UploadRow(
        project_id=request.project_id,
        id=new_id(),
        filename=request.filename,
        size=request.size,
        created_by=request.actor.user_id,
        created_at=datetime.now(UTC),
    )
    session.add(row)
    audit.note("upload", row.id, after={"filename": row.filename, "size": row.size})
    return _upload(session, store, row)


def upload_again(session: Session, store: ObjectStore, request: CreateUpload, kept: Any) -> Upload:
    """What `create_upload` has answered, with a new policy."""
    return _upload(session, store, session.get_one(UploadRow, (request.project_id, UUID(kept["upload"]))))


def _upload(session: Session, store: ObjectStore, row: UploadRow) -> Upload:
    key = upload_key(row.project_id, row.id)
    uploads.remember(session, [key], UPLOAD_SECONDS)
    policy = store.upload_policy(key, max_size=row.size, min_size=row.size, expires=UPLOAD_SECONDS)
    return Upload(upload=row.id, policy=policy)


def start_import(session: Session, owners: Owners, store: ObjectStore, request: StartImport) -> Import:
    """Have an uploaded file imported; Problem `not_found` (upload, dataset), `not_ready` (not uploaded yet), `gone`."""
    copies.require_project(session, owners, request.project_id)
    upload = session.get(UploadRow, (request.project_id, request.upload))
    if upload is None:
        raise Problem("not_found", f"There is no upload {request.upload}.")
    if store.size(upload_key(request.project_id, upload.id)) != upload.size:
        if session.scalar(sa.select(_imports_of(request.project_id, upload.id).exists())):
            raise Problem("gone", f"The file of upload {upload.id} was imported, and then deleted; upload it again.")
        raise Problem("not_ready", f"The file of upload {upload.id} has not arrived yet.")
    dataset = find_dataset(session, request.dataset)
    row = ImportRow(
        project_id=request.project_id,
        id=new_id(),
        upload_id=upload.id,
        format=request.format,
        dataset_id=dataset.id,
        dataset=dataset.name,
        status=request.status,
        on_error=request.on_error,
        create_classes=request.create_classes,
        state=JobState.QUEUED,
        done=0,
        total=None,
        report=ImportReport().model_dump(mode="json"),
        version=1,
        created_by=request.actor.user_id,
        created_at=datetime.now(UTC),
    )
    session.add(row)
    outbox.add(session, ImportRequested(project_id=row.project_id, import_id=row.id))
    return to_import(row)


def delete_file(database: Database, store: ObjectStore, project_id: UUID, upload_id: UUID) -> None:
    """Delete the file of an upload, unless an import that has not ended is to read it."""
    with database.session() as session:
        unfinished = _imports_of(project_id, upload_id).where(ImportRow.state.in_(UNFINISHED))
        wanted = session.scalar(sa.select(unfinished.exists()))
    if not wanted:
        store.delete(upload_key(project_id, upload_id))


def _imports_of(project_id: UUID, upload_id: UUID) -> sa.Select[UUID]:
    return sa.select(ImportRow.id).where(ImportRow.project_id == project_id, ImportRow.upload_id == upload_id)


def get_import(session: Session, project_id: UUID, import_id: UUID) -> Import:
    """An import; Problem `not_found`."""
    row = session.get(ImportRow, (project_id, import_id))
    if row is None:
        raise Problem("not_found", f"There is no import {import_id}.")
    return to_import(row)


def give_up(session: Session, event: ImportRequested) -> None:
    """End an import that is not tried any more; one that has ended stays as it is. Its file is swept in time."""
    row = session.get_one(ImportRow, (event.project_id, event.import_id), with_for_update=True, populate_existing=True)
    if row.state in UNFINISHED:
        row.state, row.failure, row.ended_at = JobState.FAILED, failed.NOT_TRIED, datetime.now(UTC)
        row.version += 1
        outbox.add(session, changed(row))


def changed(row: ImportRow) -> TaskChanged:
    """What an event says of an import."""
    return TaskChanged(
        project_id=row.project_id,
        task_id=row.id,
        kind="import",
        version=row.version,
        state=JobState(row.state),
        done=row.done,
        total=row.total,
    )


def to_import(row: ImportRow) -> Import:
    """What others may know of an import."""
    return Import(
        id=row.id,
        project_id=row.project_id,
        format=ImportFormat(row.format),
        dataset=row.dataset,
        status=Status(row.status),
        on_error=OnError(row.on_error),
        state=JobState(row.state),
        done=row.done,
        total=row.total,
        report=ImportReport.model_validate(row.report),
        created_by=row.created_by,
        created_at=row.created_at,
        ended_at=row.ended_at,
        failure=row.failure,
        version=row.version,
    )
