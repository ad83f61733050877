"""Events that the analytics service takes, but for those of labels (workers/projector.py)."""

from chassis.consumer import Subscription
from contracts.events import ProjectPurgeRequested
from services.analytics import handlers

SUBSCRIPTIONS = (Subscription("analytics.events.v1", {ProjectPurgeRequested: handlers.forget_project}),)
