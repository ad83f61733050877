"""Events that the analytics service takes, but for those of labels (workers/projector.py)."""

from chassis.consumer import Subscription
from contracts.events import ProjectDeleted
from services.analytics import handlers

SUBSCRIPTIONS = (Subscription("analytics.events.v1", {ProjectDeleted: handlers.forget_project}),)
