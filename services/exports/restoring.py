"""What this service tells again after a restore, and the objects that its rows promise (chassis.restoring)."""

from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis.restoring import Kept
from contracts.enums import JobState
from contracts.events import ArchiveReady, EventData, ExportReady
from services.exports.handlers.archives import INDEX, list_request
from services.exports.handlers.archives import changed as changed_archive
from services.exports.handlers.exports import changed, file_key, snapshot_request
from services.exports.models import ArchiveRow, ExportRow


def present(session: Session) -> Iterator[EventData]:
    """The next step of each export that is under way, and of the others that they have ended."""
    for row in session.scalars(sa.select(ExportRow).execution_options(yield_per=1000)):
        if row.deleted_at is not None or row.state not in (JobState.QUEUED, JobState.RUNNING):
            yield changed(row)  # what it leaves behind is cleared away
        elif row.state == JobState.QUEUED:
            yield snapshot_request(row)
        else:
            yield ExportReady(project_id=row.project_id, export_id=row.id)
    for archive in session.scalars(sa.select(ArchiveRow).execution_options(yield_per=1000)):
        yield changed_archive(archive)
        if archive.state == JobState.QUEUED:
            yield list_request(archive)
        elif archive.state == JobState.RUNNING and archive.build_id is not None:
            yield ArchiveReady(project_id=archive.project_id, build_id=archive.build_id)


def objects(session: Session) -> Iterator[Kept]:
    """The files of exports that are done, and the archives with their indexes."""
    done = sa.select(ExportRow).where(ExportRow.state == JobState.DONE, ExportRow.deleted_at.is_(None))
    for row in session.scalars(done.execution_options(yield_per=1000)):
        yield Kept(f"export {row.id}", file_key(row.id, row.attempt), row.size, row.sha256)
    built = sa.select(ArchiveRow).where(ArchiveRow.key.is_not(None))
    for archive in session.scalars(built.execution_options(yield_per=1000)):
        if archive.key is not None and archive.report is not None:
            yield Kept(f"archive {archive.project_id}", archive.key, archive.report["size"])
            yield Kept(f"index of archive {archive.project_id}", archive.key + INDEX)
