"""Which events this service takes."""

from sqlalchemy.orm import Session

from chassis.consumer import Subscription
from contracts.events import (
    ArchiveChanged,
    ExportChanged,
    ProjectChanged,
    ProjectDeleted,
    ProjectRestored,
    SnapshotCompleted,
    SnapshotFailed,
    SnapshotProgressed,
)
from services.exports.handlers import archives, exports


def _snapshot_completed(session: Session, event: SnapshotCompleted) -> None:
    """It is an export's or an archive's; the other does not know it."""
    exports.snapshot_completed(session, event)
    archives.list_completed(session, event)


def _snapshot_failed(session: Session, event: SnapshotFailed) -> None:
    exports.snapshot_failed(session, event)
    archives.list_failed(session, event)


def _give_up(session: Session, event: SnapshotCompleted | SnapshotFailed) -> None:
    exports.give_up(session, event)
    archives.give_up(session, event)


SUBSCRIPTIONS = (
    Subscription(
        "exports.events.v1",
        {
            ProjectChanged: exports.project_changed,
            ProjectDeleted: exports.project_deleted,
            ProjectRestored: exports.project_changed,
            SnapshotProgressed: exports.snapshot_progressed,
            SnapshotCompleted: _snapshot_completed,
            SnapshotFailed: _snapshot_failed,
        },
        given_up={SnapshotCompleted: _give_up, SnapshotFailed: _give_up},
    ),
    Subscription(
        "exports.clearing.v1",
        {ExportChanged: exports.clear_away, ArchiveChanged: archives.clear_away},
        own_transactions=True,
    ),
)
