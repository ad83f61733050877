"""What this service sweeps (chassis.sweeper): what was uploaded and is not needed, and uploads that never came; what
nobody asks about any more."""

from chassis import uploads
from chassis.database import Database
from chassis.logs import get_logger
from chassis.objects import ObjectStore
from services.labels.handlers import data_library, snapshots, storage

log = get_logger()


def sweep(database: Database) -> None:
    """Sweep once."""
    swept = uploads.sweep(database, ObjectStore.shared())
    snapshots.forget(database)
    storage.gather(database)
    rejected = data_library.reject_abandoned(database)
    if swept or rejected:
        log.info("uploads swept", policies=swept, rejected=rejected)
