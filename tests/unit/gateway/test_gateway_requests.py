"""Requests and refusals at the gateway's door: nothing here reaches a service."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from chassis.ids import new_id
from chassis.settings import Settings
from contracts.errors import Problem
from contracts.message import Strict
from contracts.permissions import Permission
from contracts.rpc.labels import Dataset, DatasetPage
from gateway.app import create_app
from gateway.asker import Asker
from gateway.routing import Access, Group, Route
from gateway.schemas import LabelsQuery
from gateway.state import build

ID = new_id()


class Draft(Strict):
    """A body to try."""

    name: str
    sizes: tuple[int, ...] = ()


class Answer(Strict):
    """What was understood."""

    id: UUID
    version: int
    said: str


group = Group("trial", "Routes to try the door with")


@group.route("POST", "/things/{thing_id}", Access.PUBLIC, status=201, location="/things/{id}", etag=True, max_body=200)
def change_thing(thing_id: UUID, body: Draft, if_match: int | None) -> Answer:
    """Change."""
    return Answer(id=thing_id, version=7, said=f"{body.name} {sum(body.sizes)} {if_match}")


@group.route("PUT", "/things/{thing_id}", Access.PUBLIC)
def replace_thing(thing_id: UUID, if_match: int) -> Answer:
    """Replace."""
    return Answer(id=thing_id, version=if_match, said="")


@group.route("GET", "/things", Access.PUBLIC)
def list_things(query: LabelsQuery) -> Answer:
    """List."""
    return Answer(id=ID, version=query.limit, said=repr(query.filter.status))


@group.route("DELETE", "/things/{thing_id}", Access.PUBLIC)
def delete_thing(thing_id: UUID) -> None:
    """Delete."""


@group.route("GET", "/broken", Access.PUBLIC)
def break_down() -> Answer:
    """Fails."""
    raise RuntimeError("a secret detail")


@group.route("POST", "/slow-down", Access.PUBLIC)
def slow_down() -> Answer:
    """Refuses."""
    raise Problem("rate_limited", retry_after=90)


@pytest.fixture
def client() -> Iterator[FlaskClient]:
    parts = build(Settings(amqp_url="amqp://nobody@nowhere.invalid"))
    app = create_app(parts)
    for route in group:
        _add(app, route)
    with app.test_client() as client:
        yield client


def _add(app: Flask, route: Route) -> None:
    def view(**values: Any) -> Any:
        return route.call(Asker(), values)

    app.add_url_rule(route.rule, route.name, view, methods=[route.method])


def refused(response: TestResponse, status: int, code: str) -> dict[str, Any]:
    """The problem document of a refusal."""
    assert response.content_type == "application/problem+json"
    document: dict[str, Any] = response.get_json()
    assert (response.status_code, document["status"], document["code"]) == (status, status, code)
    assert document["type"] == f"urn:labelyard:problem:{code}"
    assert document["title"] and document["detail"]
    assert document["correlation_id"] == response.headers["X-Correlation-Id"]
    return document


THING = f"/api/v1/things/{ID}"


def test_a_good_request_is_answered_with_its_headers(client: FlaskClient) -> None:
    response = client.post(THING, json={"name": "a", "sizes": [1, 2]}, headers={"If-Match": '"6"'})
    assert (response.status_code, response.get_json()) == (201, {"id": str(ID), "version": 7, "said": "a 3 6"})
    assert response.headers["Location"] == THING
    assert response.headers["ETag"] == '"7"'


def test_a_correlation_id_is_taken_and_given_back(client: FlaskClient) -> None:
    assert client.get("/api/v1/x", headers={"X-Correlation-Id": "abc-1"}).headers["X-Correlation-Id"] == "abc-1"
    assert client.get("/api/v1/x", headers={"X-Correlation-Id": "no spaces"}).headers["X-Correlation-Id"] != "no spaces"


def test_every_fault_of_a_body_is_named_with_its_place(client: FlaskClient) -> None:
    document = refused(client.post(THING, json={"sizes": [1, "x"], "color": 1}), 422, "validation_failed")
    assert [(fault["place"], fault["kind"]) for fault in document["errors"]] == [
        ("body.name", "missing"),
        ("body.sizes.1", "int_type"),
        ("body.color", "extra_forbidden"),
    ]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "bad_request"),
        (b'{"name": NaN}', "bad_request"),
        (b'{"name": "a", "sizes": [], "name": "b"}', "bad_request"),
        (b'{"name": "a", "sizes": [{"a": {"b": 1, "\\u0062": 2}}]}', "bad_request"),
        (b'{"name": "\\ud800"}', "bad_request"),
        (b"\xff", "bad_request"),
        (b'{"name": "a\\u0000b"}', "bad_request"),
        (b"[]", "validation_failed"),
        (b'"{}"', "validation_failed"),
        (b"", "validation_failed"),
    ],
)
def test_what_is_not_such_json_is_refused(client: FlaskClient, body: bytes, code: str) -> None:
    response = client.post(THING, data=body, content_type="application/json")
    refused(response, 422 if code == "validation_failed" else 400, code)


def test_an_escaped_backslash_is_no_null_character(client: FlaskClient) -> None:
    response = client.post(THING, data=b'{"name": "a\\\\u0000"}', content_type="application/json")
    assert response.get_json()["said"] == "a\\u0000 0 None"


def test_another_media_type_is_refused(client: FlaskClient) -> None:
    refused(client.post(THING, data={"name": "a"}), 415, "unsupported_media_type")


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_beyond_the_limit_is_refused(client: FlaskClient, chunked: bool) -> None:
    draft = b'{"name": "' + b"x" * 188 + b'"}'
    how: dict[str, Any] = {"content_type": "application/json"}
    if chunked:
        how |= {"headers": {"Transfer-Encoding": "chunked"}, "environ_overrides": {"wsgi.input_terminated": True}}
    assert client.post(THING, data=draft, **how).status_code == 201
    refused(client.post(THING, data=draft + b" ", **how), 413, "too_large")


def test_versions_are_strong_tags(client: FlaskClient) -> None:
    assert client.put(THING, headers={"If-Match": '"12"'}).get_json()["version"] == 12
    refused(client.put(THING), 428, "version_required")
    refused(client.put(THING, headers={"If-Match": "*"}), 428, "version_required")
    for tag in ('W/"12"', "12", '"x"'):
        refused(client.put(THING, headers={"If-Match": tag}), 412, "stale_version")


def test_queries_may_repeat_what_is_a_list_and_nothing_else(client: FlaskClient) -> None:
    response = client.get("/api/v1/things?status=submitted&status=skipped&limit=3")
    assert response.get_json()["said"] == "(<Status.SUBMITTED: 'submitted'>, <Status.SKIPPED: 'skipped'>)"
    assert response.get_json()["version"] == 3
    refused(client.get("/api/v1/things?limit=3&limit=4"), 422, "validation_failed")
    refused(client.get("/api/v1/things?statsu=submitted"), 422, "validation_failed")
    refused(client.get("/api/v1/things?data_key=%00"), 400, "bad_request")


def test_nothing_to_say_is_204(client: FlaskClient) -> None:
    response = client.delete(THING)
    assert (response.status_code, response.data) == (204, b"")


def test_a_refusal_may_say_for_how_long(client: FlaskClient) -> None:
    response = client.post("/api/v1/slow-down")
    assert refused(response, 429, "rate_limited")["retry_after"] == 90
    assert response.headers["Retry-After"] == "90"


def test_what_flask_refuses_is_a_problem_too(client: FlaskClient) -> None:
    refused(client.get("/nowhere"), 404, "not_found")
    refused(client.get("/api/v1/projects/not-a-uuid"), 404, "not_found")
    refused(client.get("/api/v1/datasets/%00/assets"), 404, "not_found")
    response = client.delete("/api/v1/me")
    refused(response, 405, "method_not_allowed")
    assert "GET" in response.headers["Allow"]


def test_an_unexpected_error_tells_nothing(client: FlaskClient) -> None:
    document = refused(client.get("/api/v1/broken"), 500, "internal")
    assert "secret" not in str(document)


def test_who_signs_in_with_nothing_valid_is_told_how(client: FlaskClient) -> None:
    for headers in ({}, {"Authorization": "Basic abc"}, {"Authorization": "Bearer "}):
        response = client.get("/api/v1/me", headers=headers)
        refused(response, 401, "unauthenticated")
        assert response.headers["WWW-Authenticate"] == "Bearer"


def test_the_document_and_its_page_are_served(client: FlaskClient) -> None:
    assert client.get("/api/v1/openapi.json").get_json()["openapi"] == "3.1.0"
    page = client.get("/api/v1/docs")
    assert page.content_type == "text/html"
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "//" not in page.get_data(as_text=True)
    assert client.get("/api/v1/docs/scalar.js").content_type.startswith("text/javascript")


def test_a_route_must_say_who_may_use_it() -> None:
    with pytest.raises(TypeError):
        Group("t", "").route("GET", "/x")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="who may use it"):
        Group("t", "").route("GET", "/x", "anybody")  # type: ignore[arg-type]


def test_a_handler_takes_what_its_route_gives() -> None:
    def handler(asker: Asker, wrong: int) -> Dataset:
        raise AssertionError("it is refused before it is ever called")

    with pytest.raises(TypeError, match="wrong"):
        Group("t", "").route("GET", "/x", Permission.EXPORT)(handler)

    def other() -> DatasetPage:
        raise AssertionError("it is refused before it is ever called")

    with pytest.raises(TypeError, match="thing_id"):
        Group("t", "").route("GET", "/x/{thing_id}", Permission.EXPORT)(other)
