"""The gateway as it is, and beside it, in the same process, `/bare/{project_id}`: the floor.

The floor asks the four questions of a manager's overview at once, waits for the four answers, and says so. It knows
neither who asks nor what is answered: no sign-in, no routing, nothing composed.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from chassis.rpc.client import RpcClient
from contracts.permissions import Role
from gateway.overview import day_of, questions
from gateway.wsgi import app as gateway

PREFIX = "/bare/"
DEADLINE = 2.0


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """WSGI, for gunicorn with the gateway's own configuration."""
    path: str = environ["PATH_INFO"]
    if not path.startswith(PREFIX):
        answer: Iterable[bytes] = gateway(environ, start_response)
        return answer
    asked = questions(Role.MANAGER, UUID(path.removeprefix(PREFIX)), None, day_of(datetime.now(UTC), UTC))
    assert len(asked) == 4
    calls = [RpcClient.shared().send(question, DEADLINE) for question in asked.values()]
    for call in calls:
        call.result()
    body = b'{"answers":4}'
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
