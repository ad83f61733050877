"""What this service sweeps (chassis.sweeper)."""

from chassis.database import Database
from chassis.logs import get_logger
from chassis.multiparts import LONGEST, Uploads
from chassis.objects import ObjectStore
from services.exports.handlers import archives, retention, sharing

log = get_logger()


def sweep(database: Database) -> None:
    """Sweep once."""
    sharing.forget_visits(database)
    if deleted := retention.delete_old(database):
        log.info("older than they are to be kept", deleted=deleted)
    store = ObjectStore.shared()
    archives.delete_superseded(database, store)
    if aborted := Uploads(database).abort(store, older_than=LONGEST):
        log.info("uploads that nobody went on with", aborted=aborted)
