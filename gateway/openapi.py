"""The OpenAPI 3.1 document, made of the routes; `python -m gateway.openapi [--check]` keeps gateway/openapi.json.

Each operation says who may use it as `x-permission`: a permission of contracts.permissions, or a word of
gateway.routing.Access; and as `x-token-scope` the least scope of a token for it.
"""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any
from uuid import UUID

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, models_json_schema
from pydantic_core import core_schema

from contracts.permissions import PERMISSIONS, Permission, Role
from gateway.cookies import HOST, SESSION
from gateway.problems import MEDIA_TYPE, ProblemDocument
from gateway.routing import PREFIX, Access, Group, NoBody, NoQuery, Route, least_scope
from gateway.security import CSRF_HEADER

PATH = Path(__file__).with_name("openapi.json")

_Models = Mapping[Any, dict[str, Any]]
"""A reference to the schema of each (model, mode)."""

_DESCRIPTION = """\
Errors are problem documents (RFC 9457) with a stable `code`. Lists come in parts: ask again with `cursor`, the \
`next` of the part before. Creating calls take an `Idempotency-Key`: the same call again within 24 hours answers \
the same and does nothing twice. Updates of a specification or a body need `If-Match`. Times are RFC 3339, UTC. \
Text has no null characters, and whole numbers are written without a fraction."""


_HEADERS: Mapping[str, Any] = {
    "X-Correlation-Id": {
        "description": "Stands in every log line about this request",
        "required": True,
        "schema": {"type": "string"},
    },
    "RateLimit-Policy": {
        "description": "The limit that comes nearest: `q` requests in `w` seconds, counted by what it is named after",
        "schema": {"type": "string", "examples": ['"user";q=6000;w=60']},
    },
    "RateLimit": {
        "description": "What is left of it, `r`, for `t` seconds",
        "schema": {"type": "string", "examples": ['"user";r=5999;t=60']},
    },
}
"""Headers of every answer. Those of the limits are there where there are limits."""

_REFUSED_HEADERS = {
    **_HEADERS,
    "Retry-After": {"description": "Seconds, where asking again helps", "schema": {"type": "integer"}},
    "WWW-Authenticate": {"description": "With 401", "schema": {"type": "string"}},
}


class _Schemas(GenerateJsonSchema):
    """JSON schemas without made-up titles; in answers every field is there that is not left out on purpose."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def field_is_required(
        self,
        field: core_schema.ModelField | core_schema.DataclassField | core_schema.TypedDictField,
        total: bool,
    ) -> bool:
        if self.mode == "serialization" and field["type"] == "model-field":
            return "serialization_exclude_if" not in field
        return super().field_is_required(field, total)


def document(groups: Iterable[Group]) -> dict[str, Any]:
    """The OpenAPI document of all routes."""
    groups = tuple(groups)
    routes = [route for group in groups for route in group]
    wanted: dict[tuple[type[BaseModel], JsonSchemaMode], None] = {(ProblemDocument, "serialization"): None}
    for route in routes:
        wanted[route.query, "validation"] = None
        if _has_body(route):
            wanted[route.body, "validation"] = None  # type: ignore[index]
        if route.answer is not None:
            wanted[route.answer, "serialization"] = None
    models, definitions = models_json_schema(
        list(wanted), schema_generator=_Schemas, ref_template="#/components/schemas/{model}"
    )
    schemas: dict[str, Any] = definitions["$defs"]
    paths: dict[str, Any] = {}
    for route in routes:
        operation = _operation(route, models, schemas)
        paths.setdefault(route.path, {})[route.method.lower()] = operation
    for query in {route.query for route in routes}:  # they are spread out as parameters
        schemas.pop(_name(models[query, "validation"]), None)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Labelyard", "version": "1", "description": _DESCRIPTION},
        "servers": [{"url": PREFIX}],
        "tags": [{"name": group.tag, "description": group.description} for group in groups],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "responses": {
                "Problem": {
                    "description": "A problem document",
                    "headers": _REFUSED_HEADERS,
                    "content": {MEDIA_TYPE: {"schema": models[ProblemDocument, "serialization"]}},
                }
            },
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": SESSION.name,
                    "description": f"`{HOST}{SESSION.name}` where people come by https.",
                },
                "csrf": {"type": "apiKey", "in": "header", "name": CSRF_HEADER},
            },
        },
    }


def _operation(route: Route, models: _Models, schemas: dict[str, Any]) -> dict[str, Any]:
    summary, _, description = (route.handler.__doc__ or "").strip().partition("\n")
    operation: dict[str, Any] = {
        "operationId": route.name,
        "tags": [route.tag],
        "summary": summary,
        "x-permission": route.access.value,
        **_token_scope(route),
        "security": _security(route),
        "responses": _responses(route, models),
    }
    if description:
        operation["description"] = " ".join(description.split())
    parameters = _parameters(route, schemas[_name(models[route.query, "validation"])])
    if parameters:
        operation["parameters"] = parameters
    if _has_body(route):
        assert route.body is not None
        schema = models[route.body, "validation"]
        operation["requestBody"] = {
            "required": "required" in schemas[_name(schema)],
            "content": {"application/json": {"schema": schema}},
        }
    return operation


def _parameters(route: Route, query: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for name, kind in route.parameters.items():
        schema = {"type": "string", "format": "uuid"} if kind is UUID else {"type": "string"}
        found.append({"name": name, "in": "path", "required": True, "schema": schema})
    if route.query is not NoQuery:
        for name, schema in query["properties"].items():
            required = name in query.get("required", ())
            found.append({"name": name, "in": "query", "required": required, "schema": schema})
    if route.if_match is not None:
        found.append(
            {
                "name": "If-Match",
                "in": "header",
                "required": route.if_match == "required",
                "description": "The ETag that was read",
                "schema": {"type": "string", "examples": ['"7"']},
            }
        )
    if route.takes_key:
        key = {"type": "string", "minLength": 1, "maxLength": 100}
        found.append({"name": "Idempotency-Key", "in": "header", "required": False, "schema": key})
    return found


def _responses(route: Route, models: _Models) -> dict[str, Any]:
    good: dict[str, Any] = {"description": HTTPStatus(route.status).phrase}
    if route.answer is not None:
        good["content"] = {route.media_type: {"schema": models[route.answer, "serialization"]}}
    elif route.status == HTTPStatus.OK:
        good["content"] = {route.media_type: {"schema": {"type": "string"}}}
    headers: dict[str, Any] = {**_HEADERS}
    if route.location is not None or route.status == HTTPStatus.FOUND:
        headers["Location"] = {"required": True, "schema": {"type": "string", "format": "uri-reference"}}
    if route.etag:
        description = "The version, in quotes"
        headers["ETag"] = {"description": description, "required": True, "schema": {"type": "string"}}
    good["headers"] = headers
    problem = {"$ref": "#/components/responses/Problem"}
    return {str(route.status): good, "4XX": problem, "5XX": problem}


def _security(route: Route) -> list[dict[str, list[str]]]:
    if route.access is Access.PUBLIC:
        return []
    session: dict[str, list[str]] = {"session": []} if route.method == "GET" else {"session": [], "csrf": []}
    ways: list[dict[str, list[str]]] = [{"token": []}, session]
    visitors = isinstance(route.access, Permission) and Role.VISITOR in PERMISSIONS[route.access]
    return [*ways, {}] if visitors or route.access is Access.ASSET else ways


def _token_scope(route: Route) -> dict[str, str]:
    if route.access is Access.PUBLIC:
        return {}
    return {"x-token-scope": least_scope(route.access, reading=route.method == "GET")}


def _has_body(route: Route) -> bool:
    return route.body is not None and route.body is not NoBody


def _name(reference: dict[str, Any]) -> str:
    return str(reference["$ref"]).rsplit("/", 1)[1]


def text() -> str:
    """The document as it is kept in gateway/openapi.json."""
    from gateway.routes import GROUPS

    return json.dumps(document(GROUPS), indent=1, ensure_ascii=False) + "\n"


def main(arguments: Sequence[str]) -> None:
    """Write the document; with --check, exit 1 if the kept one differs or is not valid OpenAPI 3.1."""
    made = text()
    if "--check" not in arguments:
        PATH.write_text(made, encoding="utf-8")
        return
    from openapi_spec_validator import OpenAPIV31SpecValidator

    faults = [f"{'/'.join(map(str, each.path))}: {each.message}" for each in _faults(OpenAPIV31SpecValidator, made)]
    if not PATH.exists() or PATH.read_text(encoding="utf-8") != made:
        faults.append("gateway/openapi.json is not what the routes say: run python -m gateway.openapi")
    if faults:
        sys.exit("\n".join(faults))


def _faults(validator: Any, made: str) -> Iterable[Any]:
    faults: Iterable[Any] = validator(json.loads(made)).iter_errors()
    return faults


if __name__ == "__main__":
    main(sys.argv[1:])
