"""Errors as RFC 9457 problem documents, with the stable codes of contracts.errors."""

from collections.abc import Iterable
from typing import Any

from flask import Flask, Response
from gunicorn.http.errors import ParseException
from pydantic import BaseModel, Field, ValidationError
from pydantic_core import ErrorDetails, to_json
from werkzeug.exceptions import HTTPException

from chassis import context
from chassis.context import correlation_id
from chassis.logs import get_logger
from contracts import errors
from contracts.errors import CODES, Problem
from contracts.filters import MARK

log = get_logger()

MEDIA_TYPE = "application/problem+json"

AWAY = errors.AWAY | {"counters_incomplete"}
"""Codes that say "not now" to people: the question itself was fine."""

_RETRY_AFTER = {"busy": 1, "unavailable": 2, "deadline_exceeded": 2, "counters_incomplete": 5, "rate_limited": 5}

_CODE_OF_STATUS = {
    400: "bad_request",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
}


class Fault(BaseModel):
    """One fault of a request: where (`body.items.0.size`, and as a JSON pointer into it), which kind, what is wrong."""

    place: str
    pointer: str
    kind: str
    detail: str


class ProblemDocument(BaseModel):
    """What every refusal looks like. `code` is stable; further members depend on it. `retry_after` in seconds."""

    type: str = Field(examples=["urn:labelyard:problem:not_found"])
    title: str
    status: int
    detail: str
    code: str = Field(json_schema_extra={"enum": [*CODES]})
    correlation_id: str
    retry_after: int | None = Field(default=None, exclude_if=lambda seconds: seconds is None)
    errors: list[Fault] | None = Field(default=None, exclude_if=lambda errors: errors is None)


def answer(problem: Problem, headers: Iterable[tuple[str, str]] = ()) -> Response:
    """The response that says `problem`."""
    document: dict[str, Any] = {
        "type": f"urn:labelyard:problem:{problem.code}",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail or problem.title,
        "code": problem.code,
        "correlation_id": correlation_id(),
    }
    response = Response(
        to_json({**problem.extra, **document}), status=problem.status, content_type=MEDIA_TYPE, headers=list(headers)
    )
    if problem.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    if problem.code in _RETRY_AFTER:
        response.headers["Retry-After"] = str(problem.extra.get("retry_after", _RETRY_AFTER[problem.code]))
    return response


def unread(app: Flask, code: str) -> bytes:
    """The whole HTTP response to what was no request that could be read; the connection ends with it."""
    with app.test_request_context(), context.correlated(None) as correlation_id:
        response = answer(Problem(code))
        response.headers.update({**app.extensions["safe headers"], "Connection": "close"})
        response.headers["X-Correlation-Id"] = correlation_id
        return f"HTTP/1.1 {response.status}\r\n{response.headers}".encode("latin-1") + response.get_data()


def invalid(part: str, error: ValidationError) -> Problem:
    """The refusal of a request whose `part` (body, query) does not fit its schema; names every place.

    Where a filter is at fault (contracts.filters), `pointer` is the first node that is.
    """
    found = error.errors(include_url=False, include_input=False)
    deeper = {fault["loc"][:length] for fault in found for length in range(len(fault["loc"]))}
    found = [fault for fault in found if fault["type"] != "too_short" or fault["loc"] not in deeper]
    faults = [_fault(part, fault) for fault in found]
    said, first = f"{faults[0].place}: {faults[0].detail}", found[0]
    code = "validation_failed"
    extra: dict[str, Any] = {"errors": [fault.model_dump() for fault in faults]}
    if first["type"] == "filter_too_large":
        code, extra["pointer"] = "filter_too_large", faults[0].pointer
    elif any(str(step).startswith(MARK) for step in first["loc"]) or first["type"] == "filter_node":
        code = "filter_too_large" if first["type"] == "too_long" else "bad_filter"
        extra["pointer"] = faults[0].pointer
    return Problem(code, said, **extra)


def _fault(part: str, fault: ErrorDetails) -> Fault:
    steps = [str(step) for step in fault["loc"] if not str(step).startswith(MARK)]
    pointer = "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)
    pointer += fault.get("ctx", {}).get("at", "")
    return Fault(place=".".join([part, *steps]), pointer=pointer, kind=fault["type"], detail=fault["msg"])


def register(app: Flask) -> None:
    """Make every error of `app` a problem document."""

    @app.errorhandler(Problem)
    def _problem(problem: Problem) -> Response:
        if problem.status >= 500:
            log.warning("answered with a problem", code=problem.code, detail=problem.detail)
        return answer(problem)

    @app.errorhandler(ParseException)
    def _unread(_: ParseException) -> Response:
        return answer(Problem("bad_request", "The body is not what its headers say."))

    @app.errorhandler(HTTPException)
    def _http(error: HTTPException) -> Response:
        code = _CODE_OF_STATUS.get(error.code or 500, "bad_request" if (error.code or 500) < 500 else "internal")
        kept = [(name, value) for name, value in error.get_headers() if name in ("Allow", "Location")]
        return answer(Problem(code), kept)

    @app.errorhandler(Exception)
    def _internal(error: Exception) -> Response:
        # What went wrong inside is for the log, under the correlation id that the answer carries.
        log.error("unexpected error", exc_info=error)
        return answer(Problem("internal"))
