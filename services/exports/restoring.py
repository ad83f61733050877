"""What this service tells again after a restore, and the objects that its rows promise (chassis.restoring)."""

from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis.restoring import Kept
from contracts.enums import JobState
from contracts.events import EventData, ExportReady
from services.exports.handlers.exports import changed, file_key, snapshot_request
from services.exports.models import ExportRow


def present(session: Session) -> Iterator[EventData]:
    """The next step of each export that is under way, and of the others that they have ended."""
    for row in session.scalars(sa.select(ExportRow).execution_options(yield_per=1000)):
        if row.deleted_at is not None or row.state not in (JobState.QUEUED, JobState.RUNNING):
            yield changed(row)  # what it leaves behind is cleared away
        elif row.state == JobState.QUEUED:
            yield snapshot_request(row)
        else:
            yield ExportReady(project_id=row.project_id, export_id=row.id)


def objects(session: Session) -> Iterator[Kept]:
    """The files of exports that are done."""
    done = sa.select(ExportRow).where(ExportRow.state == JobState.DONE, ExportRow.deleted_at.is_(None))
    for row in session.scalars(done.execution_options(yield_per=1000)):
        yield Kept(f"export {row.id}", file_key(row.id, row.attempt), row.size, row.sha256)
