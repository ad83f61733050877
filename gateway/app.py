"""The Flask application: every route of gateway.routes, guarded, logged and measured."""

import re
import time
from collections.abc import Callable
from typing import Any

from flask import Flask, Response, current_app, g, request
from opentelemetry.trace import SpanKind
from werkzeug.exceptions import NotFound

from chassis import context, metrics, tracing
from chassis.logs import get_logger
from gateway import docs, headers, openapi, pages, problems
from gateway.address import behind_proxies, client_address
from gateway.asker import Asker
from gateway.calls import DEADLINE
from gateway.routes import GROUPS
from gateway.routing import Route
from gateway.shared import loggable, shared
from gateway.state import Gateway, gateway

log = get_logger()

CORRELATION_HEADER = "X-Correlation-Id"

AGENT_LENGTH = 200
"""Characters of what a program calls itself that are passed on."""

_FIT_FOR_LOGS = re.compile(r"[\w.:-]{1,100}", re.ASCII)


def create_app(parts: Gateway) -> Flask:
    """The application over `parts`; nothing is started or connected."""
    app = Flask("gateway", static_folder=None)
    app.extensions["labelyard"] = parts
    app.extensions["safe headers"] = headers.safe(parts.settings)
    app.url_map.merge_slashes = False  # or the answer would be a redirect, to whatever host was asked for
    app.wsgi_app = behind_proxies(app.wsgi_app, parts.settings)  # type: ignore[method-assign]
    problems.register(app)
    app.before_request(_begin)
    app.before_request(lambda: parts.security.origins.preflight(request))
    app.after_request(_finish)
    app.teardown_request(_end)
    for group in GROUPS:
        for route in group:
            app.add_url_rule(route.rule, route.name, _view(route, parts), methods=[route.method])
    app.register_blueprint(docs.blueprint(openapi.document(GROUPS)))
    app.register_blueprint(shared)
    app.register_blueprint(pages.blueprint())
    return app


def _view(route: Route, parts: Gateway) -> Callable[..., Response]:
    def view(**values: Any) -> Response:
        g.asker = parts.security.admit(request, route.access, values.get("project_id"), deleted=route.deleted)
        agent = request.headers.get("User-Agent", "")[:AGENT_LENGTH] or None
        with context.acting_for(g.asker.claims(client_address(request), agent)):
            return route.call(g.asker, values)

    return view


def _begin() -> None:
    g.started = time.monotonic()
    given = request.headers.get(CORRELATION_HEADER, "")
    g.correlation = context.correlated(given if _FIT_FOR_LOGS.fullmatch(given) else None)
    g.correlation_id = g.correlation.__enter__()
    g.due = context.due(time.time() + DEADLINE)
    g.due.__enter__()
    name = f"{request.method} {request.url_rule.rule if request.url_rule else loggable(request.path)}"
    g.span = tracing.span(name, SpanKind.SERVER, request.headers.get("traceparent"))
    g.span.__enter__().set_attribute("labelyard.correlation_id", g.correlation_id)
    if "\0" in request.path:
        raise NotFound  # no database takes that character


def _finish(response: Response) -> Response:
    response.headers[CORRELATION_HEADER] = g.correlation_id
    response.headers.setdefault("Cache-Control", "no-store" if request.method == "GET" else "no-cache")
    for name, value in current_app.extensions["safe headers"].items():
        response.headers.setdefault(name, value)
    gateway().security.origins.mark(request, response)
    if (allowance := g.get("allowance")) is not None:
        response.headers.update(allowance.headers)
    seconds = time.monotonic() - g.started
    name = request.endpoint or "none"
    metrics.handled.labels("http", name, str(response.status_code)).observe(seconds)
    asker: Asker | None = g.get("asker")
    log.info(
        "request",
        method=request.method,
        path=loggable(request.path),
        route=name,
        status=response.status_code,
        milliseconds=round(seconds * 1000, 1),
        user_id=str(asker.user_id) if asker is not None and asker.principal is not None else None,
    )
    return response


def _end(_: BaseException | None) -> None:
    if (span := g.pop("span", None)) is not None:
        span.__exit__(None, None, None)
    if (due := g.pop("due", None)) is not None:
        due.__exit__(None, None, None)
    if (correlation := g.pop("correlation", None)) is not None:
        correlation.__exit__(None, None, None)
