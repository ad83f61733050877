"""The projector: folds what happens to labels into the counters, in batches."""

from chassis.consumer import Subscription
from contracts.events import LabelChanged
from services.analytics import handlers

SUBSCRIPTIONS = (
    Subscription(
        "analytics.projector.v1",
        {LabelChanged: handlers.fold_label_changes},
        batch=100,
        after_commit=handlers.announce_counters,
    ),
)
