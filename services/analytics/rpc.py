"""RPC of the analytics service."""

from sqlalchemy.orm import Session

from chassis.rpc.server import Service, rpc
from contracts.rpc.analytics import Counters, CountersList, GetCounters, ListCounters
from services.analytics import handlers


class Analytics(Service):
    """Aggregate counters."""

    name = "analytics"

    @rpc
    def get_counters(self, session: Session, request: GetCounters) -> Counters:
        """The counters of a project or of one user's labels in it."""
        return handlers.get_counters(session, request)

    @rpc
    def list_counters(self, session: Session, request: ListCounters) -> CountersList:
        """The counters of several projects."""
        return handlers.list_counters(session, request)
