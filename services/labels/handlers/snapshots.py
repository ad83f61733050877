"""Snapshots that were asked for and are not wanted any more (the others: workers/snapshot.py)."""

from datetime import timedelta
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis.database import Database
from contracts.events import SnapshotCanceled
from services.labels.models import CanceledSnapshot

REMEMBERED = timedelta(days=30)
"""By then nobody is asked for a snapshot any more that somebody canceled."""


def canceled(session: Session, event: SnapshotCanceled) -> None:
    """Remember that a snapshot is not wanted, for whoever writes it or is yet to be asked."""
    session.execute(insert(CanceledSnapshot).values(snapshot_id=event.snapshot_id).on_conflict_do_nothing())


def is_canceled(database: Database, snapshot_id: UUID) -> bool:
    """Whether it is not wanted any more."""
    with database.reading() as session:
        return session.get(CanceledSnapshot, snapshot_id) is not None


def forget(database: Database) -> None:
    """Forget those of long ago."""
    with database.session() as session:
        session.execute(sa.delete(CanceledSnapshot).where(CanceledSnapshot.canceled_at < sa.func.now() - REMEMBERED))
