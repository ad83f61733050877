"""Every message has a schema and a kept example; what was once published can still be read."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from chassis.outbox import decode, encode
from chassis.settings import settings
from contracts import schemas
from contracts.events import EVENTS
from deploy import keys

FIXTURES = Path(__file__).with_name("events")


def test_schemas_stand_as_the_code_says() -> None:
    assert schemas.main(["--check"]) == 0


@pytest.mark.parametrize("event_type", sorted(EVENTS))
def test_every_kept_event_is_still_read(event_type: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABELYARD_SIGNING_KEY", keys.listed({each: keys.new_private_key() for each in keys.ISSUERS}))
    settings.cache_clear()
    kept = sorted(FIXTURES.glob(f"{event_type}*.json"))
    assert kept, f"keep an example of {event_type} in {FIXTURES.name}/"
    document = json.loads(schemas.documents()["events.json"])
    schema = {"$defs": document["$defs"], **document["messages"][event_type]}
    for path in kept:
        envelope = decode(path.read_bytes())
        assert envelope.type == event_type
        Draft202012Validator(schema).validate(json.loads(path.read_bytes())["data"])
        assert decode(encode(envelope.data)).data == envelope.data
    settings.cache_clear()


def test_no_example_without_its_type() -> None:
    assert {json.loads(path.read_bytes())["type"] for path in FIXTURES.glob("*.json")} == set(EVENTS)


def test_each_method_names_its_answer() -> None:
    for service, methods in schemas.methods().items():
        assert methods, service
        for name, request in methods.items():
            assert request.answer is not None, name
