"""RPC of the analytics service."""

from sqlalchemy.orm import Session

from chassis.rpc.server import Service, rpc
from contracts.rpc.analytics import (
    CounterCheck,
    CounterCheckPage,
    Counters,
    CountersList,
    GetCounterCheck,
    GetCounters,
    ListCounterChecks,
    ListCounters,
    StartCounterCheck,
)
from services.analytics import checks, handlers


class Analytics(Service):
    """Aggregate counters, and whether they are right."""

    name = "analytics"

    @rpc
    def get_counters(self, session: Session, request: GetCounters) -> Counters:
        """The counters of a project or of one user's labels in it."""
        return handlers.get_counters(session, request)

    @rpc
    def list_counters(self, session: Session, request: ListCounters) -> CountersList:
        """The counters of several projects."""
        return handlers.list_counters(session, request)

    @rpc
    def start_counter_check(self, session: Session, request: StartCounterCheck) -> CounterCheck:
        """Begin to verify or rebuild counters."""
        return checks.start_check(session, request)

    @rpc
    def get_counter_check(self, session: Session, request: GetCounterCheck) -> CounterCheck:
        """A check with its report so far."""
        return checks.get_check(session, request.check_id)

    @rpc
    def list_counter_checks(self, session: Session, request: ListCounterChecks) -> CounterCheckPage:
        """All checks."""
        return checks.list_checks(session, request)
