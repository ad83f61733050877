"""Nobody who relies on the released API, events or export file is broken; each kind of break would be seen."""

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import pytest

from contracts import compatibility
from contracts.compatibility import DOCUMENTS, api_breaks, event_breaks, file_breaks

Json = dict[str, Any]

API: Json = {
    "paths": {
        "/labels/{id}": {
            "get": {
                "security": [{"token": []}, {}],
                "parameters": [
                    {"name": "id", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}},
                    {"name": "limit", "in": "query", "required": False, "schema": {"type": "integer", "maximum": 100}},
                ],
                "responses": {
                    "200": {
                        "headers": {"ETag": {"schema": {"type": "string"}}},
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Label"}}},
                    }
                },
            },
            "put": {
                "security": [{"token": []}],
                "requestBody": {
                    "required": False,
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Draft"}}},
                },
                "responses": {"204": {}},
            },
        }
    },
    "components": {
        "schemas": {
            "Label": {
                "type": "object",
                "required": ["id", "status", "score"],
                "properties": {
                    "id": {"type": "string"},
                    "status": {"type": "string", "enum": ["in_progress", "submitted"]},
                    "score": {"type": "integer"},
                    "parts": {"type": "array", "items": {"$ref": "#/components/schemas/Label"}},
                    "reviewer": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                },
            },
            "Draft": {
                "type": "object",
                "additionalProperties": False,
                "required": ["name"],
                "properties": {
                    "name": {"type": "string", "maxLength": 200},
                    "kind": {"type": "string", "enum": ["box", "polygon"]},
                    "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                    "size": {"type": "number", "minimum": 0},
                    "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 10},
                },
            },
        }
    },
}


def _get(api: Json) -> Json:
    found: Json = api["paths"]["/labels/{id}"]["get"]
    return found


def _put(api: Json) -> Json:
    found: Json = api["paths"]["/labels/{id}"]["put"]
    return found


def _label(api: Json) -> Json:
    found: Json = api["components"]["schemas"]["Label"]
    return found


def _draft(api: Json) -> Json:
    found: Json = api["components"]["schemas"]["Draft"]
    return found


def _new_parameter(required: bool) -> Json:
    return {"name": "tz", "in": "query", "required": required, "schema": {"type": "string"}}


BREAKING: dict[str, tuple[Callable[[Json], object], str]] = {
    "path removed": (lambda api: api["paths"].clear(), "GET /labels/{id}: removed"),
    "method removed": (lambda api: api["paths"]["/labels/{id}"].pop("put"), "PUT /labels/{id}: removed"),
    "parameter removed": (lambda api: _get(api)["parameters"].pop(), "query parameter limit: removed"),
    "parameter newly required": (
        lambda api: _get(api)["parameters"][1].update(required=True),
        "query parameter limit: newly required",
    ),
    "required parameter added": (
        lambda api: _get(api)["parameters"].append(_new_parameter(True)),
        "query parameter tz: newly required",
    ),
    "parameter's limit lowered": (
        lambda api: _get(api)["parameters"][1]["schema"].update(maximum=50),
        "maximum was 100, is 50",
    ),
    "sign-in newly asked for": (lambda api: _get(api)["security"].pop(), "no longer open to everybody"),
    "status removed": (lambda api: _put(api).update(responses={"200": {}}), "no longer answers 204"),
    "header removed": (lambda api: _get(api)["responses"]["200"].pop("headers"), "200 lost the header ETag"),
    "media type changed": (
        lambda api: _get(api)["responses"]["200"].update(content={"text/csv": {"schema": {}}}),
        "no longer application/json",
    ),
    "response field removed": (lambda api: _label(api)["properties"].pop("score"), "200.score: removed"),
    "response field may be absent": (lambda api: _label(api)["required"].pop(), "200.score: may be absent now"),
    "response type changed": (
        lambda api: _label(api)["properties"]["score"].update(type="string"),
        "200.score: was integer, is string",
    ),
    "response type widened": (
        lambda api: _label(api)["properties"]["score"].update(type="number"),
        "200.score: was integer, is number",
    ),
    "response may be null": (
        lambda api: _label(api)["properties"].update(id={"anyOf": [{"type": "string"}, {"type": "null"}]}),
        "200.id: was string, is null",
    ),
    "response's items changed": (
        lambda api: _label(api)["properties"]["parts"].update(items={"type": "string"}),
        "200.parts[]: was object, is string",
    ),
    "body removed": (lambda api: _put(api).pop("requestBody"), "body: removed"),
    "body newly required": (lambda api: _put(api)["requestBody"].update(required=True), "body: newly required"),
    "request field removed": (lambda api: _draft(api)["properties"].pop("note"), "body.note: removed"),
    "request field newly required": (lambda api: _draft(api)["required"].append("kind"), "body.kind: newly required"),
    "request type narrowed": (
        lambda api: _draft(api)["properties"]["size"].update(type="integer"),
        "body.size: was number, is integer",
    ),
    "request no longer null": (
        lambda api: _draft(api)["properties"].update(note={"type": "string"}),
        "body.note: was null, is string",
    ),
    "enumeration narrowed": (
        lambda api: _draft(api)["properties"]["kind"]["enum"].pop(),
        "body.kind: no longer takes polygon",
    ),
    "enumeration instead of text": (
        lambda api: _draft(api)["properties"]["name"].update(enum=["a"]),
        "body.name: only a now",
    ),
    "text shortened": (
        lambda api: _draft(api)["properties"]["name"].update(maxLength=20),
        "body.name: maxLength was 200, is 20",
    ),
    "text lengthened from below": (
        lambda api: _draft(api)["properties"]["name"].update(minLength=1),
        "body.name: minLength was free, is 1",
    ),
    "pattern asked for": (
        lambda api: _draft(api)["properties"]["name"].update(pattern="^a"),
        "body.name: pattern was free, is ^a",
    ),
    "request's items changed": (
        lambda api: _draft(api)["properties"]["tags"].update(items={"type": "integer"}),
        "body.tags[]: was string, is integer",
    ),
}

HARMLESS: dict[str, Callable[[Json], object]] = {
    "nothing": lambda api: None,
    "path added": lambda api: api["paths"].update({"/new": {"get": {"responses": {"200": {}}}}}),
    "parameter added": lambda api: _get(api)["parameters"].append(_new_parameter(False)),
    "limit raised": lambda api: _get(api)["parameters"][1]["schema"].update(maximum=500),
    "opened to everybody": lambda api: _put(api).update(security=[]),
    "response field added": lambda api: _label(api)["properties"].update(colour={"type": "string"}),
    "response value added": lambda api: _label(api)["properties"]["status"]["enum"].append("skipped"),
    "request field added": lambda api: _draft(api)["properties"].update(colour={"type": "string"}),
    "request value added": lambda api: _draft(api)["properties"]["kind"]["enum"].append("rbox"),
    "request field no longer required": lambda api: _draft(api)["required"].clear(),
    "request type widened": lambda api: _draft(api)["properties"]["kind"].pop("enum"),
    "request may be null": lambda api: _draft(api)["properties"].update(
        size={"anyOf": [{"type": "number", "minimum": 0}, {"type": "null"}]}
    ),
}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.current.name)
def test_nothing_that_was_released_is_broken(document: compatibility.Document) -> None:
    assert document.breaks() == []


@pytest.mark.parametrize("name", BREAKING)
def test_a_break_is_seen(name: str) -> None:
    change, said = BREAKING[name]
    new = deepcopy(API)
    change(new)
    found = api_breaks(API, new)
    assert any(said in each for each in found), found


@pytest.mark.parametrize("name", HARMLESS)
def test_an_addition_is_none(name: str) -> None:
    new = deepcopy(API)
    HARMLESS[name](new)
    assert api_breaks(API, new) == []


def _real(name: str) -> Json:
    path = next(document.current for document in DOCUMENTS if document.current.name == name)
    kept: Json = json.loads(path.read_text(encoding="utf-8"))
    return kept


def _properties(schemas: Json) -> Iterator[tuple[str, str]]:
    return ((name, field) for name, schema in schemas.items() for field in schema.get("properties", {}))


def test_every_operation_is_missed() -> None:
    api = _real("openapi.json")
    for path, operations in api["paths"].items():
        for method in operations:
            new = deepcopy(api)
            del new["paths"][path][method]
            assert api_breaks(api, new) == [f"{method.upper()} {path}: removed"]


def test_a_field_of_each_schema_of_the_api_is_missed() -> None:
    api = _real("openapi.json")
    for schema, field in dict(_properties(api["components"]["schemas"])).items():
        new = deepcopy(api)
        del new["components"]["schemas"][schema]["properties"][field]
        assert api_breaks(api, new), f"{schema}.{field}"


def test_every_field_of_an_event_is_missed_and_none_may_be_added_without_a_default() -> None:
    events = _real("events.json")
    for schema, field in _properties(events["$defs"]):
        new = deepcopy(events)
        del new["$defs"][schema]["properties"][field]
        assert any(f".{field}: removed" in each for each in event_breaks(events, new)), f"{schema}.{field}"
    for schema in (name for name, each in events["$defs"].items() if "properties" in each):
        new = deepcopy(events)
        new["$defs"][schema]["properties"]["added"] = {"type": "string"}
        assert event_breaks(events, new) == []
        new["$defs"][schema].setdefault("required", []).append("added")
        assert event_breaks(events, new), schema


def test_a_lost_event_type_is_missed() -> None:
    events = _real("events.json")
    new = deepcopy(events)
    name = next(iter(new["messages"]))
    del new["messages"][name]
    assert event_breaks(events, new) == [f"{name}: removed"]


def test_every_field_of_the_export_file_is_missed() -> None:
    schema = _real("native.schema.json")
    for definition, field in _properties(schema["$defs"]):
        new = deepcopy(schema)
        for place in (new["$defs"][definition], *new["$defs"][definition].get("oneOf", ())):
            place["properties"].pop(field, None)
        assert file_breaks(schema, new), f"{definition}.{field}"
