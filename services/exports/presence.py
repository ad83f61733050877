"""Whose presence this service watches (chassis.presence)."""

from collections.abc import Mapping

from sqlalchemy.orm import Session

from services.exports.handlers import archives, exports
from services.exports.handlers.archives import BUILDS
from services.exports.handlers.exports import ASSEMBLIES, PARTS, SNAPSHOTS

QUEUES = (SNAPSHOTS, ASSEMBLIES, PARTS, BUILDS)


def heard(session: Session, consumers: Mapping[str, int]) -> None:
    """How many consumers these queues have now."""
    exports.watch_workers(session, consumers)
    archives.watch_workers(session, consumers)
