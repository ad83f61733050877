"""Filters that are refused: the code, and a JSON pointer to the node at fault."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from contracts.filters import DEPTH_MAX, NODES_MAX, VALUES_MAX
from contracts.rpc.labels import LabelFilter
from gateway.problems import invalid

GOOD = {"field": "round", "op": "ge", "value": 1}
ID = "018f4d2e-0000-7000-8000-000000000001"


def nested(depth: int) -> dict[str, Any]:
    node: dict[str, Any] = GOOD
    for _ in range(depth - 1):
        node = {"not": node}
    return node


def refusal(chosen: Any) -> tuple[str, str]:
    with pytest.raises(ValidationError) as caught:
        LabelFilter.model_validate_json(json.dumps(chosen), strict=True)
    problem = invalid("body", caught.value)
    assert problem.status == 422 and problem.detail and problem.extra["errors"]
    return problem.code, problem.extra["pointer"]


@pytest.mark.parametrize(
    ("where", "pointer"),
    [
        ({"field": "colour", "op": "in", "value": ["red"]}, ""),
        ({"field": ["status"], "op": "in", "value": ["submitted"]}, ""),
        ({}, ""),
        (3, ""),
        ([GOOD], ""),
        ({"field": "status", "op": "contains", "value": ["submitted"]}, "/op"),
        ({"field": "status", "op": ["in"], "value": ["submitted"]}, "/op"),
        ({"field": "status", "op": "in", "value": "submitted"}, "/value"),
        ({"field": "status", "op": "in", "value": ["submitted", "done"]}, "/value/1"),
        ({"field": "status", "op": "in", "value": []}, "/value"),
        ({"field": "status", "op": "in"}, "/value"),
        ({"field": "round", "op": "ge", "value": "1"}, "/value"),
        ({"field": "round", "op": "ge", "value": True}, "/value"),
        ({"field": "round", "op": "ge", "value": 1.5}, "/value"),
        ({"field": "round", "op": "ge", "value": -1}, "/value"),
        ({"field": "round", "op": "ge", "value": 2**31}, "/value"),
        ({"field": "assignee", "op": "in", "value": ["me"]}, "/value/0"),
        ({"field": "assignee", "op": "exists", "value": 1}, "/value"),
        ({"field": "updated_at", "op": "since", "value": 1_700_000_000}, "/value"),
        ({"field": "updated_at", "op": "since", "value": "yesterday"}, "/value"),
        ({"field": "data_key", "op": "contains", "value": ""}, "/value"),
        ({"field": "answer", "op": "any", "value": [ID]}, "/category_id"),
        ({"field": "objects", "op": "ge", "value": 1, "class_id": ID, "annotation_type": "box"}, ""),
        ({"field": "objects", "op": "ge", "value": 1, "annotation_type": "circle"}, "/annotation_type"),
        ({**GOOD, "colour": "red"}, "/colour"),
        ({"and": [GOOD], "or": [GOOD]}, "/or"),
        ({"and": []}, "/and"),
        ({"and": GOOD}, "/and"),
        ({"not": [GOOD]}, "/not"),
        ({"and": [GOOD, {"or": [GOOD, {"not": {"field": "x~y/z"}}]}]}, "/and/1/or/1/not"),
        ({"and": [GOOD, {"or": [GOOD, {**GOOD, "a~b/c": 1}]}]}, "/and/1/or/1/a~0b~1c"),
    ],
)
def test_the_node_at_fault_is_pointed_at(where: Any, pointer: str) -> None:
    assert refusal({"where": where}) == ("bad_filter", "/where" + pointer)


@pytest.mark.parametrize(
    ("where", "pointer"),
    [
        (nested(DEPTH_MAX + 1), "/not" * DEPTH_MAX),
        (nested(100), "/not" * DEPTH_MAX),
        ({"or": [GOOD] * NODES_MAX}, f"/or/{NODES_MAX - 1}"),
        ({"or": [GOOD] * (NODES_MAX + 1)}, "/or"),
        ({"or": [{"and": [GOOD] * (NODES_MAX // 2)}] * 2}, "/or/1/and/47"),
        ({"field": "assignee", "op": "in", "value": [ID] * (VALUES_MAX + 1)}, "/value"),
    ],
)
def test_what_is_too_deep_or_too_large_is_pointed_at(where: Any, pointer: str) -> None:
    assert refusal({"where": where}) == ("filter_too_large", "/where" + pointer)


def test_at_the_bounds_a_filter_is_good() -> None:
    for where in (nested(DEPTH_MAX), {"or": [GOOD] * (NODES_MAX - 1)}):
        chosen = LabelFilter.model_validate({"where": where})
        assert chosen.model_dump(mode="json", exclude_none=True) == {"where": where}


def test_only_faults_of_filters_have_their_codes() -> None:
    with pytest.raises(ValidationError) as caught:
        LabelFilter.model_validate({"status": ["done"], "colour": 1})
    problem = invalid("query", caught.value)
    assert problem.code == "validation_failed"
    assert [(fault["place"], fault["pointer"]) for fault in problem.extra["errors"]] == [
        ("query.status.0", "/status/0"),
        ("query.colour", "/colour"),
    ]


def test_a_filter_tells_whether_it_names_people() -> None:
    deep = {"or": [GOOD, {"not": {"field": "reviewer", "op": "exists", "value": True}}]}
    assert LabelFilter.model_validate({"where": deep}).names_people()
    assert LabelFilter(has_assignee=False).names_people()
    assert not LabelFilter.model_validate({"where": GOOD, "status": ["submitted"]}).names_people()
