"""The bulk worker: verification of uploads, and imports. Each has a queue of its own, so neither waits for the other."""

from chassis.consumer import Subscription
from contracts.events import AssetsCompleted
from services.labels.handlers.verification import verify_assets

SUBSCRIPTIONS = (
    Subscription("labels.verify.v1", {AssetsCompleted: verify_assets}, prefetch=2, own_transactions=True),
)
