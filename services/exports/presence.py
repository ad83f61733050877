"""Whose presence this service watches (chassis.presence)."""

from services.exports.handlers.exports import ASSEMBLIES, PARTS, SNAPSHOTS, watch_workers

QUEUES = (SNAPSHOTS, ASSEMBLIES, PARTS)
heard = watch_workers
