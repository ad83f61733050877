"""Events that the analytics service takes, but for those of labels (workers/projector.py)."""

from chassis.consumer import Subscription
from contracts.events import CheckDue, ProjectPurgeRequested
from services.analytics import checks, handlers

SUBSCRIPTIONS = (
    Subscription("analytics.events.v1", {ProjectPurgeRequested: handlers.forget_project}),
    Subscription("analytics.checks.v1", {CheckDue: checks.work}, prefetch=1, own_transactions=True),
)
