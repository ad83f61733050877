"""The gateway as it is, and beside it, in the same process, two floors to compare its overview with.

`/bare/{project_id}` asks the four questions of a manager's overview at once, waits for the answers and says so. It
knows neither who asks nor what is answered: no sign-in, no routing, nothing composed. `/empty/…` does the same with
four questions that are answered with nothing (see `empty`): messaging alone, without services and databases.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from benchmarks.overview.ping import Ping
from chassis import context
from chassis.rpc.client import RpcClient
from contracts.permissions import Role
from contracts.principals import Claims
from contracts.rpc import Request
from gateway.overview import day_of, questions
from gateway.wsgi import app as gateway

QUESTIONS = 4
DEADLINE = 2.0


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """WSGI, for gunicorn with the gateway's own configuration."""
    _, kind, *rest = environ["PATH_INFO"].split("/")
    asked: list[Request[Any]]
    manager = Claims()
    if kind == "bare":
        project_id = UUID(rest[0])
        manager = Claims(project_id=project_id, role=Role.MANAGER)
        asked = list(questions(Role.MANAGER, project_id, None, day_of(datetime.now(UTC), UTC)).values())
    elif kind == "empty":
        asked = [Ping()] * QUESTIONS
    else:
        answer: Iterable[bytes] = gateway(environ, start_response)
        return answer
    assert len(asked) == QUESTIONS
    with context.acting_for(manager):
        calls = [RpcClient.shared().send(question, DEADLINE) for question in asked]
    for call in calls:
        call.result()
    body = b'{"answers":4}'
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
