"""Which events this service takes."""

from chassis.consumer import Subscription
from contracts.events import ProjectDeleted
from services.members.handlers import memberships

SUBSCRIPTIONS = (Subscription("members.events.v1", {ProjectDeleted: memberships.project_deleted}),)
