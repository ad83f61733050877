"""Who changed what: the audits of all services, as one."""

import csv
import heapq
import io
import json
import time
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any
from uuid import UUID

from flask import Response, stream_with_context

from chassis import context, paging
from chassis.settings import SERVICES
from contracts.audit import AuditEntry, AuditPage, ListAudit
from contracts.errors import Problem
from contracts.permissions import Permission
from contracts.principals import Claims
from gateway.asker import Asker, known_of
from gateway.problems import AWAY
from gateway.routing import Group
from gateway.schemas import AuditEntries, AuditFilter, AuditQuery
from gateway.state import Gateway, gateway

group = Group("audit", "Who changed what, when and from where, before and after")

PATIENCE = 3.0
"""Seconds that a service gets to add its part."""

AT_ONCE = 200
"""Rows of each service that an export holds at a time."""

TRIES = 5
"""How often an export asks a service that is away, one second apart, before it breaks off."""

COLUMNS = tuple(AuditEntry.model_fields)


@group.route("GET", "/admin/audit", Permission.OPERATE)
def list_audit(query: AuditQuery) -> AuditEntries:
    """Changes, newest first; all that is given must hold. `action` that ends with a dot: all that begin so.

    `unavailable` names services that were left out because they did not answer; with `service`, or with an `action`,
    which begins with it, that is refused as `unavailable` instead.
    """
    before = paging.decode(query.cursor, UUID)[0] if query.cursor is not None else None
    services = _services(query)
    asked = {
        service: gateway().calls.send(_question(service, query, before, query.limit), PATIENCE) for service in services
    }
    pages: list[AuditPage] = []
    away: list[str] = []
    for service, call in asked.items():
        try:
            pages.append(call.result())
        except Problem as problem:
            if len(services) == 1 or problem.code not in AWAY:
                raise
            away.append(service)
    found = sorted((entry for page in pages for entry in page.items), key=lambda entry: entry.id, reverse=True)
    shown = found[: query.limit]
    more = len(found) > len(shown) or any(page.more for page in pages)
    following = paging.encode(shown[-1].id) if more and shown else None
    return AuditEntries(items=tuple(shown), next=following, unavailable=tuple(away))


@group.route("GET", "/admin/audit/export", Permission.OPERATE, media_type="application/x-ndjson")
def export_audit(asker: Asker, query: AuditFilter) -> Response:
    """All that the filter keeps, newest first, a JSON object a line; whole, or it breaks off before its end.

    `unavailable` where a service is away.
    """
    entries = _all(asker, query)
    lines = (entry.model_dump_json() + "\n" for entry in entries)
    return _file(lines, "application/x-ndjson", "audit.jsonl")


@group.route("GET", "/admin/audit/export.csv", Permission.OPERATE, media_type="text/csv")
def export_audit_csv(asker: Asker, query: AuditFilter) -> Response:
    """The same as CSV with a head line; `before` and `after` are JSON.

    What a spreadsheet would compute has a `'` before it.
    """
    entries = _all(asker, query)
    lines = chain([_line(COLUMNS)], (_line(_cells(entry)) for entry in entries))
    return _file(lines, "text/csv", "audit.csv")


def _services(query: AuditFilter) -> tuple[str, ...]:
    """Those who may have what is asked for."""
    service = query.service or (query.action or "").partition(".")[0]
    if not service:
        return SERVICES
    return (service,) if service in SERVICES else ()


def _question(service: str, query: AuditFilter, before: UUID | None, limit: int) -> ListAudit:
    chosen = query.model_dump(exclude={"service", "cursor", "limit"})
    return ListAudit.of(service)(**chosen, before=before, limit=limit)


def _all(asker: Asker, query: AuditFilter) -> Iterator[AuditEntry]:
    """All services' rows, merged; each has answered once when this returns."""
    parts = [_rows(_Reader(gateway(), asker), service, query) for service in _services(query)]
    return heapq.merge(*parts, key=lambda entry: entry.id, reverse=True)


class _Reader:
    """Somebody who reads for long: each time it is looked at again whether they still may."""

    def __init__(self, parts: Gateway, asker: Asker) -> None:
        self._parts = parts
        self._credentials = asker.credentials
        self._claims = context.principal() or Claims()

    def ask(self, question: ListAudit) -> AuditPage:
        assert self._credentials is not None
        principal = self._parts.security.principal(self._credentials, reading=True)
        with context.acting_for(self._claims.model_copy(update=known_of(principal))):
            return self._parts.calls(question, PATIENCE)


def _rows(reader: _Reader, service: str, query: AuditFilter) -> Iterator[AuditEntry]:
    """One service's rows; those that are held are of one page."""

    def ask(before: UUID | None) -> AuditPage:
        return reader.ask(_question(service, query, before, AT_ONCE))

    def rest(page: AuditPage) -> Iterator[AuditEntry]:
        while True:
            yield from page.items
            if not page.more:
                return
            page = _patiently(ask, page.items[-1].id)

    return rest(ask(None))


def _patiently(ask: Callable[[UUID], AuditPage], before: UUID) -> AuditPage:
    for left in reversed(range(TRIES)):
        try:
            return ask(before)
        except Problem as problem:
            if problem.code not in AWAY or not left:
                raise
            time.sleep(1)
    raise AssertionError


def _file(lines: Iterator[str], media_type: str, name: str) -> Response:
    return Response(
        stream_with_context(lines),
        content_type=media_type,
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )


def _cells(entry: AuditEntry) -> Iterator[str]:
    for value in entry.model_dump(mode="json").values():
        yield _cell(value)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _line(cells: Any) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(cells)
    return out.getvalue()
