"""What this service sweeps (chassis.sweeper)."""

from chassis.database import Database
from services.exports.handlers import sharing


def sweep(database: Database) -> None:
    """Sweep once."""
    sharing.forget_visits(database)
