"""Labelyard's own processes: the one list of them.

Each is `python -m chassis` with these arguments, and answers /readyz on a port of its own.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Process:
    """A process of the system; `arguments` are those of `python -m chassis`."""

    name: str
    arguments: tuple[str, ...]

    @property
    def issuers(self) -> tuple[str, ...]:
        """As whom it signs: the services it works for, or the gateway."""
        return tuple(each.partition(".")[0] for each in self.arguments[1:]) or self.arguments


PROCESSES = (
    Process("members", ("rpc", "members")),
    Process("projects", ("rpc", "projects")),
    Process("labels", ("rpc", "labels")),
    Process("analytics", ("rpc", "analytics")),
    Process("exports", ("rpc", "exports")),
    # relays and consumers: the three quiet services share a process
    Process("events", ("events", "members", "projects", "exports")),
    Process("events-labels", ("events", "labels", "analytics")),
    Process("projector", ("worker", "analytics.projector")),
    Process("labels-bulk", ("worker", "labels.bulk")),
    Process("labels-snapshot", ("worker", "labels.snapshot")),
    Process("export-worker", ("worker", "exports.export")),
    Process("gateway", ("gateway",)),
)
