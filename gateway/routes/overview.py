"""The Projects Overview and its live stream."""

import time
from datetime import UTC, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from flask import Response, g, request

from contracts.errors import Problem
from contracts.permissions import Permission
from gateway.asker import Asker
from gateway.live import Topic, limit_patience, messages, reader_gone
from gateway.overview import Overview, compose, counters_scope, day_of, gather, questions
from gateway.routing import Group
from gateway.schemas import OverviewQuery
from gateway.state import Gateway, gateway

group = Group("overview", "The composed page of a project, and its live stream")

LEAST = 0.1
"""Seconds that the services get at least, however long it took to find out who asks."""

RESERVE = 0.05
"""Seconds of the deadline that are kept for composing and sending."""


@group.route("GET", "/projects/{project_id}/overview", Permission.READ_PROJECT)
def get_overview(asker: Asker, project_id: UUID, query: OverviewQuery) -> Overview:
    """The cards that one's role sees. A card whose service did not answer in time says so."""
    assert asker.role is not None and asker.project is not None
    user_id = asker.principal.user.id if asker.principal else None
    day = day_of(datetime.now(UTC), UTC if query.tz == "UTC" else ZoneInfo(query.tz))
    asked = questions(asker.role, project_id, user_id, day)
    left = gateway().settings.rpc_deadline - (time.monotonic() - g.started) - RESERVE
    try:
        parts = gather(asked, gateway().calls.send, max(LEAST, left))
    except Problem:
        gateway().security.drop_project(project_id)  # it is gone
        raise
    return compose(asker.project, asker.role, parts, day)


@group.route("GET", "/projects/{project_id}/live", Permission.READ_PROJECT, media_type="text/event-stream")
def watch(asker: Asker, project_id: UUID) -> Response:
    """Server-sent events: `cards` with `{"version", "cards"}`, first the present state, then every change.

    The cards are those of the overview that move: labeling_status, and review where one's role sees it. `changed` with
    `{"cards"}` names others that are no longer true: ask for the overview again. `export`, to those who may export,
    says where an export is now: its export_id, version, state, how many labels of how many are done, and whether it
    waits for a worker; `archive` the same of the raw-data archive, in bytes. `task`, to those who manage data, says
    where a bulk task or an import is now: its task_id, kind, version, state, and how many labels of how many are done.
    """
    assert asker.role is not None
    hub = gateway().hub
    user_id = asker.principal.user.id if asker.principal else None
    stream = hub.open(Topic(project_id, counters_scope(asker.role, user_id)), asker.role, user_id)
    connection = request.environ.get("gunicorn.socket")
    limit_patience(connection, gateway().settings.stream_patience)
    right = _Right(gateway(), asker, project_id)
    seen = _version_seen(request.headers.get("Last-Event-ID", ""))
    response = Response(
        messages(hub, stream, right.holds, lambda: reader_gone(connection), seen, right.until),
        content_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )
    response.call_on_close(lambda: hub.close(stream))
    return response


def _version_seen(last_event_id: str) -> int:
    """The version that a reader who comes back has seen last; 0 for one who has seen none."""
    fits = last_event_id.isascii() and last_event_id.isdecimal() and len(last_event_id) < 19
    return int(last_event_id) if fits else 0


class _Right:
    """The right to go on reading a stream, looked at again and again."""

    def __init__(self, parts: Gateway, asker: Asker, project_id: UUID) -> None:
        self._parts = parts
        self._asker = asker
        self._project_id = project_id
        self._principal = asker.principal

    def holds(self) -> bool:
        """Whether the reader may read what they began with."""
        security, credentials = self._parts.security, self._asker.credentials
        try:
            if credentials is not None:
                self._principal = security.principal(credentials, reading=True)
            now = security.in_project(
                self._principal, credentials, self._project_id, Permission.READ_PROJECT, reading=True
            )
        except Problem:
            return False
        return now.role is self._asker.role

    def until(self) -> datetime | None:
        """When the sign-in expires, as far as is known."""
        return self._principal.expires_at if self._principal is not None else None
