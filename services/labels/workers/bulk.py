"""The bulk worker: verifies uploads and runs imports. Each has a queue of its own, so neither waits for the other."""

from chassis.consumer import Subscription
from contracts.events import AssetsCompleted, ImportRequested
from services.labels.handlers import imports
from services.labels.handlers.importing.work import run_import
from services.labels.handlers.verification import verify_assets

SUBSCRIPTIONS = (
    Subscription("labels.verify.v1", {AssetsCompleted: verify_assets}, prefetch=2, own_transactions=True),
    Subscription(
        "labels.import.v1",
        {ImportRequested: run_import},
        prefetch=1,
        own_transactions=True,
        given_up={ImportRequested: imports.give_up},
    ),
)
