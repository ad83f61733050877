"""Whether counters are right, and putting them right: for those who look after the installation."""

from uuid import UUID

from contracts.enums import CheckKind
from contracts.permissions import Permission
from contracts.rpc.analytics import (
    CounterCheck,
    CounterCheckPage,
    GetCounterCheck,
    ListCounterChecks,
    StartCounterCheck,
)
from contracts.rpc.projects import GetProject
from gateway.asker import Asker
from gateway.routing import Group
from gateway.schemas import CounterCheckBody, PageQuery
from gateway.state import gateway

group = Group("counters", "Verifying and rebuilding counters")


@group.route("POST", "/admin/counters:verify", Permission.OPERATE, status=202, location="/admin/counters/checks/{id}")
def verify_counters(asker: Asker, body: CounterCheckBody, key: str) -> CounterCheck:
    """Compare the counters of a project, or of all, with their labels. Changes nothing."""
    return _start(CheckKind.VERIFY, asker, body, key)


@group.route("POST", "/admin/counters:rebuild", Permission.OPERATE, status=202, location="/admin/counters/checks/{id}")
def rebuild_counters(asker: Asker, body: CounterCheckBody, key: str) -> CounterCheck:
    """Bring the counters of a project, or of all, to what their labels add up to, while work goes on."""
    return _start(CheckKind.REBUILD, asker, body, key)


@group.route("GET", "/admin/counters/checks", Permission.OPERATE)
def list_counter_checks(query: PageQuery) -> CounterCheckPage:
    """Verifications and rebuilds of counters, newest first."""
    return gateway().calls(ListCounterChecks(cursor=query.cursor, limit=query.limit))


@group.route("GET", "/admin/counters/checks/{check_id}", Permission.OPERATE)
def get_counter_check(check_id: UUID) -> CounterCheck:
    """A verification or rebuild of counters, with its report so far."""
    return gateway().calls(GetCounterCheck(check_id=check_id))


def _start(kind: CheckKind, asker: Asker, body: CounterCheckBody, key: str) -> CounterCheck:
    if body.project is not None:
        gateway().calls(GetProject(project_id=body.project, deleted=True))  # or not_found
    command = StartCounterCheck(kind=kind, project_id=body.project, actor=asker.user_id, idempotency_key=key)
    return gateway().calls(command)
