"""What this service sweeps (chassis.sweeper): guidelines that were never completed, and what was uploaded for any."""

from chassis import uploads
from chassis.database import Database
from chassis.objects import ObjectStore
from services.projects.handlers import guidelines


def sweep(database: Database) -> None:
    """Sweep once."""
    store = ObjectStore.shared()
    guidelines.forget_abandoned(database, store)
    uploads.sweep(database, store)
