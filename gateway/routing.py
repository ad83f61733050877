"""Routes: an address, who may use it, and a typed function; validation, answers and the OpenAPI document follow.

A handler's parameters say what it takes. By name: the address's `{parameters}`; `asker`; `query` and `body`, pydantic
models that refuse unknown fields; `if_match`, the version of a strong ETag; `key`, an idempotency key. Its return
annotation says what it answers: a model (JSON), None (204), or a Flask response that it made itself.
Who may use a route is decided before its query and body are read. (docs/decisions: own routing)
"""

import hashlib
import inspect
import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints
from uuid import UUID

from flask import Response, request
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json
from werkzeug.exceptions import RequestEntityTooLarge

from chassis.ids import new_id
from contracts.errors import Problem
from contracts.message import Strict
from contracts.permissions import Permission, TokenScope, token_scope_for
from gateway.asker import Asker
from gateway.problems import invalid

PREFIX = "/api/v1"

KIB = 1024
MIB = 1024 * KIB

LINGERING = 4 * MIB
"""What is taken in of a body beyond what it may have."""


class Access(StrEnum):
    """Who may use a route that is not about one project's permission."""

    PUBLIC = "public"
    SELF = "self"  # every session and every token: who it stands for
    ACCOUNT = "account"  # one's own account: every session, tokens of full scope that are for all projects
    SIGNED_IN = "signed_in"
    DATA_LIBRARY = "manage_any_project"  # owners, admins, and managers of any project
    ASSET = "read_asset"  # as the data library; with ?project_id=, whoever may read labels there


def least_scope(access: Access | Permission, *, reading: bool) -> TokenScope:
    """The least scope that a token needs for `access`."""
    if access is Access.ACCOUNT:
        return TokenScope.FULL
    if isinstance(access, Permission):
        return token_scope_for(access, reading=reading)
    return TokenScope.READ if reading else TokenScope.WRITE


Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Handler = TypeVar("Handler", bound=Callable[..., Any])


class NoQuery(Strict):
    """No query parameters."""


class NoBody(Strict):
    """An empty object, or no body at all."""


@dataclass(frozen=True)
class Route:
    """One method of one address. `location` and `etag`: answer headers, made from the answer's fields."""

    method: Method
    path: str
    access: Access | Permission
    handler: Callable[..., Any]
    tag: str
    status: int
    parameters: dict[str, type]
    query: type[BaseModel]
    body: type[BaseModel] | None
    answer: type[BaseModel] | None
    media_type: str
    location: str | None
    etag: bool
    if_match: Literal["required", "optional"] | None
    takes_asker: bool
    takes_key: bool
    max_body: int
    many: frozenset[str] = field(default=frozenset())  # query fields that may be repeated
    deleted: bool = False  # whether the project of the address may be a deleted one

    @property
    def name(self) -> str:
        """The operation's name, the handler's."""
        return self.handler.__name__

    @property
    def rule(self) -> str:
        """The address in Flask's form."""
        kinds = {UUID: "uuid", str: "string"}
        return PREFIX + re.sub(
            r"\{(\w+)\}", lambda match: f"<{kinds[self.parameters[match[1]]]}:{match[1]}>", self.path
        )

    def call(self, asker: Asker, values: dict[str, Any]) -> Response:
        """Validate what the request carries, call the handler with it, and make the response of its answer."""
        arguments: dict[str, Any] = dict(values)
        if self.takes_asker:
            arguments["asker"] = asker
        query = self._read_query()
        if self.query is not NoQuery:
            arguments["query"] = query
        if self.body is not None:
            body = self._read_body(self.body)
            if self.body is not NoBody:
                arguments["body"] = body
        if self.if_match is not None:
            arguments["if_match"] = self._read_version()
        if self.takes_key:
            arguments["key"] = self._read_key(asker)
        return self._respond(self.handler(**arguments), values)

    def _read_query(self) -> BaseModel:
        if any("\0" in value for values in request.args.listvalues() for value in values):
            raise Problem("bad_request", "Text can't have null characters.")
        given = {
            name: values if name in self.many or len(values) > 1 else values[0] for name, values in request.args.lists()
        }
        try:
            return self.query.model_validate(given)
        except ValidationError as error:
            raise invalid("query", error) from None

    def _read_body(self, model: type[BaseModel]) -> BaseModel:
        # One byte more than allowed is let through: werkzeug silently cuts a chunked body off at its limit.
        request.max_content_length = self.max_body + 1
        try:
            raw = request.get_data(cache=False)
            too_large = len(raw) > self.max_body
        except RequestEntityTooLarge:
            too_large = True
        if too_large:
            _linger()
            raise Problem("too_large", f"The body may have {self.max_body:,} bytes.")
        if raw and not request.is_json:
            raise Problem("unsupported_media_type")
        try:
            value = from_json(raw or b"{}", allow_inf_nan=False)
            json.loads(raw or b"{}", object_pairs_hook=_refuse_repeated, parse_int=str, parse_float=str)
        except ValueError as error:
            raise Problem("bad_request", f"The body is not JSON: {error}") from None
        if b"\\u0000" in raw and _has_nul(value):
            raise Problem("bad_request", "Text can't have null characters.")
        try:
            return model.model_validate_json(raw or b"{}", strict=True)  # text is no number, and 1 is not true
        except ValidationError as error:
            raise invalid("body", error) from None

    def _read_version(self) -> int | None:
        tag = request.headers.get("If-Match")
        if tag is None or tag.strip() == "*":
            if self.if_match == "required":
                raise Problem("version_required")
            return None
        match = re.fullmatch(r'\s*"(\d{1,15})"\s*', tag)
        if match is None:  # a tag that we never gave out can't match
            raise Problem("stale_version", "If-Match is not an ETag of this resource.")
        return int(match[1])

    def _read_key(self, asker: Asker) -> str:
        # Namespaced, so that nobody meets another's key; without one, a redelivered command still works only once.
        given = request.headers.get("Idempotency-Key")
        if given is not None and not 1 <= len(given) <= 100:
            raise Problem("bad_request", "Idempotency-Key has 1 to 100 characters.")
        place = hashlib.sha256(f"{self.method} {request.path}".encode()).hexdigest()[:16]
        return f"{asker.user_id}:{self.name}:{place}:{given or new_id()}"

    def _respond(self, answer: Any, values: dict[str, Any]) -> Response:
        if isinstance(answer, Response):
            return answer
        if answer is None:
            return Response(status=204)
        assert isinstance(answer, BaseModel)
        response = Response(answer.model_dump_json(), status=self.status, content_type="application/json")
        if self.location is not None:
            fields = {name: getattr(answer, name) for name in type(answer).model_fields}
            response.headers["Location"] = PREFIX + self.location.format(**{**fields, **values})
        if self.etag:
            response.headers["ETag"] = f'"{answer.version}"'  # type: ignore[attr-defined]
        return response


class Group:
    """Routes that belong together: a tag of the OpenAPI document."""

    def __init__(self, tag: str, description: str) -> None:
        self.tag = tag
        self.description = description
        self.routes: list[Route] = []

    def __iter__(self) -> Iterator[Route]:
        return iter(self.routes)

    def route(
        self,
        method: Method,
        path: str,
        access: Access | Permission,
        *,
        status: int = 200,
        location: str | None = None,
        etag: bool = False,
        media_type: str = "application/json",
        max_body: int = MIB,
        deleted: bool = False,
    ) -> Callable[[Handler], Handler]:
        """Register a handler for `method` and `path` (OpenAPI's form, below /api/v1).

        `access` is who may use it; a Permission is one in the project of the path, where there is one.
        `status` of a good answer; `location`, a path template over the answer's fields and the path's values;
        `deleted`: the project may be a deleted one.
        """
        if not isinstance(access, Access | Permission):
            raise TypeError(f"{method} {path} must say who may use it")

        def register(handler: Handler) -> Handler:
            hints = get_type_hints(handler)
            answer = hints.pop("return")
            names = re.findall(r"\{(\w+)\}", path)
            if wrong := {*names} - {*hints} | {*hints} - {*names, "asker", "query", "body", "if_match", "key"}:
                raise TypeError(f"{method} {path}: {', '.join(sorted(wrong))}")
            query = hints.get("query", NoQuery)
            writes = method in ("POST", "PUT", "PATCH")
            self.routes.append(
                Route(
                    method=method,
                    path=path,
                    access=access,
                    handler=handler,
                    tag=self.tag,
                    status=204 if answer is type(None) else status,
                    parameters={name: hints[name] for name in names},
                    query=query,
                    body=hints.get("body", NoBody) if writes else None,
                    answer=answer if inspect.isclass(answer) and issubclass(answer, BaseModel) else None,
                    media_type=media_type,
                    location=location,
                    etag=etag,
                    if_match=_demand(hints.get("if_match")),
                    takes_asker="asker" in hints,
                    takes_key="key" in hints,
                    max_body=max_body if writes else 64 * KIB,
                    many=frozenset(name for name, each in query.model_fields.items() if _repeats(each.annotation)),
                    deleted=deleted,
                )
            )
            return handler

        return register


def _demand(version: Any) -> Literal["required", "optional"] | None:
    if version is None:
        return None
    return "required" if version is int else "optional"


def _linger() -> None:
    """Take in some of what is left of a body that is too large: whoever is cut off while sending does not hear why."""
    left, source = LINGERING, request.environ["wsgi.input"]
    with suppress(OSError):
        while left > 0 and (block := source.read(min(left, 64 * KIB))):
            left -= len(block)


def _refuse_repeated(members: list[tuple[str, Any]]) -> None:
    """ValueError for a JSON object that has a name twice: readers differ in which of the two they take."""
    names = [name for name, _ in members]
    if len({*names}) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"an object has the name {twice[:100]!r} twice")


def _has_nul(value: Any) -> bool:
    """Whether a JSON value has the one character in it that no database takes."""
    if isinstance(value, dict):
        return any("\0" in key or _has_nul(each) for key, each in value.items())
    if isinstance(value, list):
        return any(_has_nul(each) for each in value)
    return isinstance(value, str) and "\0" in value


def _repeats(annotation: Any) -> bool:
    options = [annotation, *get_args(annotation)]
    return any(get_origin(option) in (tuple, list, set) for option in options)
