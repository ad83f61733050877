"""Which events the labels service takes."""

from chassis.consumer import Subscription
from contracts.events import MembershipChanged, ProjectChanged, ProjectDeleted
from services.labels.handlers import copies

SUBSCRIPTIONS = (
    Subscription(
        "labels.events.v1",
        {
            ProjectChanged: copies.project_changed,
            ProjectDeleted: copies.project_deleted,
            MembershipChanged: copies.membership_changed,
        },
    ),
)
