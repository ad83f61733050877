"""Which events this service takes."""

from chassis.consumer import Subscription
from contracts.events import (
    ExportChanged,
    ProjectChanged,
    ProjectDeleted,
    ProjectRestored,
    SnapshotCompleted,
    SnapshotFailed,
)
from services.exports import handlers

SUBSCRIPTIONS = (
    Subscription(
        "exports.events.v1",
        {
            ProjectChanged: handlers.project_changed,
            ProjectDeleted: handlers.project_deleted,
            ProjectRestored: handlers.project_changed,
            SnapshotCompleted: handlers.snapshot_completed,
            SnapshotFailed: handlers.snapshot_failed,
        },
        given_up={SnapshotCompleted: handlers.give_up, SnapshotFailed: handlers.give_up},
    ),
    Subscription("exports.clearing.v1", {ExportChanged: handlers.clear_away}, own_transactions=True),
)
