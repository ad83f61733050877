"""Which events this service takes."""

from chassis.consumer import Subscription
from contracts.events import ProjectDeleted, ProjectRestored
from services.members.handlers import memberships

SUBSCRIPTIONS = (
    Subscription(
        "members.events.v1",
        {ProjectDeleted: memberships.project_deleted, ProjectRestored: memberships.project_restored},
    ),
)
