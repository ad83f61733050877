"""What operators watch of exports."""

from datetime import UTC, datetime

import sqlalchemy as sa
from prometheus_client import Gauge
from sqlalchemy.orm import Session

from contracts.enums import JobState
from services.exports.domain import PartState
from services.exports.models import ArchiveRow, ExportRow, PartRow

open_exports = Gauge("labelyard_exports_open", "Exports that are asked for and not ended.", ["state"])
oldest = Gauge("labelyard_exports_oldest_seconds", "Age of the oldest export that is not ended.")

oldest_part = Gauge("labelyard_exports_oldest_part_seconds", "How long ago the oldest part was sent that is not done.")
storage = Gauge("labelyard_exports_storage_bytes", "Bytes of a project's files.", ["project", "kind"])


def observe(session: Session) -> None:
    """Set the gauges."""
    rows = session.execute(
        sa.select(ExportRow.state, sa.func.count(), sa.func.min(ExportRow.created_at))
        .where(ExportRow.state.in_([JobState.QUEUED, JobState.RUNNING]))
        .group_by(ExportRow.state)
    ).all()
    counts = {state: count for state, count, _ in rows}
    for state in (JobState.QUEUED, JobState.RUNNING):
        open_exports.labels(state).set(counts.get(state, 0))
    first = min((created for _, _, created in rows), default=None)
    oldest.set(_age(first))
    sent = sa.select(sa.func.min(PartRow.sent_at)).where(PartRow.state == PartState.SENT)
    oldest_part.set(_age(session.scalars(sent).one()))
    _observe_storage(session)


def _age(moment: datetime | None) -> float:
    return (datetime.now(UTC) - moment).total_seconds() if moment else 0.0


def _observe_storage(session: Session) -> None:
    files = (
        sa.select(ExportRow.project_id, sa.func.sum(ExportRow.size))
        .where(ExportRow.state == JobState.DONE, ExportRow.deleted_at.is_(None))
        .group_by(ExportRow.project_id)
    )
    size = sa.cast(ArchiveRow.report["size"].astext, sa.BigInteger)
    archives = sa.select(ArchiveRow.project_id, size).where(ArchiveRow.key.is_not(None))
    storage.clear()
    for kind, query in (("exports", files), ("archive", archives)):
        for project_id, total in session.execute(query):
            storage.labels(str(project_id), kind).set(total or 0)
