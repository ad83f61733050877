"""Which events the labels service takes."""

from chassis.consumer import Subscription
from contracts.events import (
    MembershipChanged,
    PrincipalChanged,
    ProjectChanged,
    ProjectDeleted,
    ProjectRestored,
    SnapshotCanceled,
)
from services.labels.handlers import copies, leaving, snapshots

SUBSCRIPTIONS = (
    Subscription(
        "labels.events.v1",
        {
            ProjectChanged: copies.project_changed,
            ProjectDeleted: copies.project_deleted,
            ProjectRestored: copies.project_changed,
            MembershipChanged: copies.membership_changed,
            SnapshotCanceled: snapshots.canceled,
        },
    ),
    # many labels may wait for one person: nothing else waits for that
    Subscription(
        "labels.leaving.v1",
        {MembershipChanged: leaving.membership_changed, PrincipalChanged: leaving.principal_changed},
        prefetch=1,
        own_transactions=True,
    ),
)
