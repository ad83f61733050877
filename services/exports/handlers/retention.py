"""Retention: how long a project's exports and its archive are kept."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis import audit
from chassis.database import Database
from contracts.rpc.exports import Retention, SetRetention
from services.exports import domain
from services.exports.handlers import archives, exports
from services.exports.models import ArchiveRow, ExportRow, RetentionRow

AT_A_TIME = 100
"""Exports that are deleted in one transaction."""


def get_retention(session: Session, project_id: UUID) -> Retention:
    """How long; for ever where nobody has said anything."""
    row = session.get(RetentionRow, project_id)
    return Retention() if row is None else Retention(days=row.days, version=row.version)


def set_retention(session: Session, request: SetRetention) -> Retention:
    """Say how long."""
    before = get_retention(session, request.project_id)
    insertion = insert(RetentionRow).values(project_id=request.project_id, days=request.days, version=1)
    newer = {"days": insertion.excluded.days, "version": RetentionRow.version + 1}
    session.execute(insertion.on_conflict_do_update(index_elements=["project_id"], set_=newer))
    audit.note("retention", request.project_id, before={"days": before.days}, after={"days": request.days})
    return get_retention(session, request.project_id)


def delete_old(database: Database) -> int:
    """Delete exports and archives that are older than their project keeps them; how many. Their links answer `gone`."""
    deleted = 0
    with database.session() as session:
        limited = session.execute(
            sa.select(RetentionRow.project_id, sa.func.coalesce(RetentionRow.days, 0)).where(
                RetentionRow.days.is_not(None)
            )
        ).all()
    for project_id, days in limited:
        before = datetime.now(UTC) - timedelta(days=days)
        while found := _delete_exports(database, project_id, before):
            deleted += found
        deleted += _delete_archive(database, project_id, before)
    return deleted


def _delete_exports(database: Database, project_id: UUID, before: datetime) -> int:
    old = (
        sa.select(ExportRow)
        .where(
            ExportRow.project_id == project_id,
            ExportRow.state.in_(domain.ENDED),
            ExportRow.ended_at < before,
            ExportRow.deleted_at.is_(None),
        )
        .limit(AT_A_TIME)
        .with_for_update(skip_locked=True)
    )
    with database.session() as session:
        rows = list(session.scalars(old))
        for row in rows:
            exports.delete(session, row)
        return len(rows)


def _delete_archive(database: Database, project_id: UUID, before: datetime) -> int:
    """One that is being brought up to date is not old."""
    old = sa.select(ArchiveRow).where(
        ArchiveRow.project_id == project_id,
        ArchiveRow.key.is_not(None),
        ArchiveRow.taken_at < before,
        ArchiveRow.state.not_in(archives.OPEN),
    )
    with database.session() as session:
        row = session.scalars(old.with_for_update(skip_locked=True)).one_or_none()
        if row is None:
            return 0
        archives.delete(session, row)
        return 1
