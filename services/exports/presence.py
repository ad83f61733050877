"""Whose presence this service watches (chassis.presence)."""

from services.exports.handlers.exports import ASSEMBLIES, SNAPSHOTS, watch_workers

QUEUES = (SNAPSHOTS, ASSEMBLIES)
heard = watch_workers
