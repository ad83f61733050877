"""Which events the labels service takes."""

from chassis.consumer import Subscription
from contracts.events import MembershipChanged, ProjectChanged, ProjectDeleted, ProjectRestored
from services.labels.handlers import copies

SUBSCRIPTIONS = (
    Subscription(
        "labels.events.v1",
        {
            ProjectChanged: copies.project_changed,
            ProjectDeleted: copies.project_deleted,
            ProjectRestored: copies.project_changed,
            MembershipChanged: copies.membership_changed,
        },
    ),
)
