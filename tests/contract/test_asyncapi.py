"""The kept AsyncAPI document is current and valid, and tells truly who sends and who takes what."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, Draft202012Validator

from chassis.broker import dead_letters
from chassis.settings import SERVICES
from chassis.topology import subscriptions_of_service
from contracts import asyncapi
from contracts.events import EVENTS
from gateway.state import HEARD
from tests.npm import installed

HERE = Path(__file__).parent
Json = dict[str, Any]


@pytest.fixture(scope="module")
def document() -> Json:
    kept: Json = json.loads(asyncapi.PATH.read_text(encoding="utf-8"))
    return kept


@pytest.fixture(scope="module")
def official() -> Draft7Validator:
    """AsyncAPI's own schema of version 3.0, from its npm package (pinned in asyncapi/package-lock.json)."""
    schema = installed(HERE / "asyncapi") / "node_modules/@asyncapi/specs/schemas/3.0.0.json"
    return Draft7Validator(json.loads(schema.read_text(encoding="utf-8")))


def test_the_kept_document_is_current() -> None:
    assert asyncapi.main(["--check"]) == 0


def test_the_official_schema_accepts_the_document(document: Json, official: Draft7Validator) -> None:
    assert [f"{list(fault.path)}: {fault.message}" for fault in official.iter_errors(document)] == []


def test_the_official_schema_would_refuse_a_wrong_one(document: Json, official: Draft7Validator) -> None:
    wrong = json.loads(json.dumps(document))
    wrong["operations"]["labels.events.v1.receive"]["action"] = "take"
    assert not official.is_valid(wrong)


def test_every_reference_leads_somewhere(document: Json) -> None:
    for reference in _references(document):
        place: Any = document
        for step in reference.removeprefix("#/").split("/"):
            assert step in place, reference
            place = place[step]


def test_every_event_has_a_channel_a_message_and_a_sender(document: Json) -> None:
    assert set(document["components"]["messages"]) == set(EVENTS)
    for name, event in EVENTS.items():
        sent = document["operations"][f"{event.producer()}.send.{event.routing_key()}"]
        assert sent["channel"] == {"$ref": f"#/channels/{name}"}
        channel = document["channels"][name]
        assert channel["address"] == event.routing_key()
        assert channel["bindings"]["amqp"]["exchange"]["name"] == f"{event.producer()}.events"


def test_the_queues_are_those_of_the_services() -> None:
    subscriptions = [each for service in SERVICES for each in subscriptions_of_service(service)]
    assert {each.queue: set(each.handlers) for each in subscriptions} == {
        queue: set(events) for queue, events in asyncapi.QUEUES.items()
    }
    for each in subscriptions:
        assert each.declaration().queue_arguments == asyncapi.queue_arguments(each.queue)
        assert asyncapi.queue_arguments(each.queue)["x-dead-letter-routing-key"] == dead_letters(each.service)


def test_the_gateway_hears_what_the_document_says() -> None:
    assert set(HEARD) == set(asyncapi.HEARD)


@pytest.mark.parametrize("path", sorted((HERE / "events").glob("*.json")), ids=lambda path: path.stem)
def test_the_kept_events_fit_their_messages(document: Json, path: Path) -> None:
    event = json.loads(path.read_bytes())
    payload = document["components"]["messages"][event["type"]]["payload"]
    Draft202012Validator({"components": document["components"], **payload}).validate(event)


def _references(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*map(_references, value.values()))
    return set().union(*map(_references, value)) if isinstance(value, list) else set()
