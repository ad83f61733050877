"""Which events this service takes."""

from chassis.consumer import Subscription
from contracts.events import (
    ExportChanged,
    ProjectChanged,
    ProjectDeleted,
    ProjectRestored,
    SnapshotCompleted,
    SnapshotFailed,
    SnapshotProgressed,
)
from services.exports.handlers import exports

SUBSCRIPTIONS = (
    Subscription(
        "exports.events.v1",
        {
            ProjectChanged: exports.project_changed,
            ProjectDeleted: exports.project_deleted,
            ProjectRestored: exports.project_changed,
            SnapshotProgressed: exports.snapshot_progressed,
            SnapshotCompleted: exports.snapshot_completed,
            SnapshotFailed: exports.snapshot_failed,
        },
        given_up={SnapshotCompleted: exports.give_up, SnapshotFailed: exports.give_up},
    ),
    Subscription("exports.clearing.v1", {ExportChanged: exports.clear_away}, own_transactions=True),
)
