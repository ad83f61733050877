"""The projector: folds what happens to labels into the counters, in batches."""

from chassis.consumer import Subscription
from contracts.events import LabelChanged
from services.analytics import handlers

SUBSCRIPTIONS = (
    Subscription(
        "analytics.projector.v1",
        {LabelChanged: handlers.fold_label_changes},
        batch=50,  # of at most 5,000 labels each: what one transaction holds in memory stays in the hundreds of MB
        after_commit=handlers.announce_counters,
    ),
)
