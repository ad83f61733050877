"""The bulk worker: verifies uploads, runs imports and tasks, freezes and compares versions. Each has a queue of its
own, so none waits for another."""

from chassis.consumer import Subscription
from contracts.events import AssetsCompleted, ComparisonDue, ImportRequested, TaskDue, VersionDue
from services.labels.handlers import comparing, comparisons, freezing, imports, versions
from services.labels.handlers.bulk import tasks
from services.labels.handlers.bulk.work import run_task
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
    Subscription(
        "labels.tasks.v1",
        {TaskDue: run_task},
        prefetch=1,
        own_transactions=True,
        given_up={TaskDue: tasks.give_up},
        threads=2,  # a small one does not wait for a slice of a large one
    ),
    Subscription(
        "labels.versions.v1",
        {VersionDue: freezing.freeze},
        prefetch=1,
        own_transactions=True,
        given_up={VersionDue: versions.give_up},
        threads=2,  # a small one does not wait for a large one
    ),
    Subscription(
        "labels.comparisons.v1",
        {ComparisonDue: comparing.compare},
        prefetch=1,
        own_transactions=True,
        given_up={ComparisonDue: comparisons.give_up},
    ),
)
