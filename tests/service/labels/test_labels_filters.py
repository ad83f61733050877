"""The filter language: PostgreSQL's answer is held against a plain reading of the language, label by label."""

import fnmatch
import operator
import re
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.ids import new_id
from contracts.enums import AnnotationType, Review, Status
from contracts.rpc.labels import Viewer
from services.labels.models import Issue
from tests.service.labels.shelf import BEGINNING, CATEGORIES, CLASSES, DATASETS, KEYS, PEOPLE, TAGS, Shelf

COMPARED = {name: getattr(operator, name) for name in ("eq", "ne", "lt", "le", "gt", "ge")}


# --- the language, read plainly ---


def holds(node: dict[str, Any], label: dict[str, Any]) -> bool:
    """Whether a filter's node, as JSON, is true of a label."""
    if "and" in node:
        return all(holds(each, label) for each in node["and"])
    if "or" in node:
        return any(holds(each, label) for each in node["or"])
    if "not" in node:
        return not holds(node["not"], label)
    of, op, value = node["field"], node["op"], node["value"]
    if of == "objects":
        return bool(COMPARED[op](_count(node, label), value))
    if of == "answer":
        return _set(op, {*label["categories"].get(node["category_id"], [])}, value)
    held = label[of]
    if of == "tags":
        return _set(op, {str(each) for each in held}, value)
    if op == "exists":
        return (held is not None) is value
    if op in ("in", "not_in"):
        return (held is not None and str(held) in value) is (op == "in")
    if op in ("since", "until"):
        moment = datetime.fromisoformat(value)
        return held is not None and (held >= moment if op == "since" else held < moment)
    if of in ("dataset", "data_key"):
        return _text(op, held, value)
    return bool(COMPARED[op](held, value))


def _count(node: dict[str, Any], label: dict[str, Any]) -> int:
    kinds = {str(each.id): each.annotation_type for each in CLASSES}
    return sum(
        number
        for class_id, number in label["objects"].items()
        if node.get("class_id") in (None, class_id) and node.get("annotation_type") in (None, kinds[class_id])
    )


def _set(op: str, held: set[str], value: Any) -> bool:
    match op:
        case "any":
            return bool(held & {*value})
        case "all":
            return held >= {*value}
        case "only":
            return bool(held) and held <= {*value}
        case "none":
            return not held & {*value}
    return bool(held) is value


def _text(op: str, held: str, value: str) -> bool:
    match op:
        case "contains":
            return value in held
        case "starts":
            return held.startswith(value)
        case "ends":
            return held.endswith(value)
        case "like":
            escaped = re.sub(r"\[", "[[]", value)
            return fnmatch.fnmatchcase(held, escaped)
    return bool(COMPARED[op](held, value))


# --- filters of all kinds ---

texts = st.sampled_from([*KEYS, *DATASETS]).flatmap(
    lambda text: st.integers(0, len(text) - 1).map(lambda start: text[start:])
) | st.sampled_from(["a*", "*1*", "?", "*.png", "é\\*", "b?1*", "[ab]*", "\\", "%", "_"])
moments = st.integers(-1, 97).map(lambda hours: (BEGINNING + timedelta(hours=hours)).isoformat())
comparisons = st.sampled_from([*COMPARED])
figures = st.integers(0, 5)


def some(values: Any) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from([*map(str, values), str(UUID(int=1))]), min_size=1, max_size=4)


def condition(of: str | list[str], op: Any, value: st.SearchStrategy[Any], **more: Any) -> st.SearchStrategy[Any]:
    fields = st.sampled_from([of] if isinstance(of, str) else of)
    return st.fixed_dictionaries({"field": fields, "op": op, "value": value, **more})


listed = st.sampled_from(["in", "not_in"])
sets = st.sampled_from(["any", "all", "none"])
categories = st.sampled_from([*map(str, CATEGORIES)])
conditions = st.one_of(
    condition("status", listed, st.lists(st.sampled_from([*Status]), min_size=1, max_size=3)),
    condition("review", listed, st.lists(st.sampled_from([*Review]), min_size=1, max_size=4)),
    condition(["assignee", "reviewer", "submitter"], listed, some(PEOPLE)),
    condition(["round", "open_issues", "resolved_issues"], comparisons, figures),
    condition(
        ["assignee", "reviewer", "submitter", "tags", "submitted_at", "reviewed_at"], st.just("exists"), st.booleans()
    ),
    condition("tags", sets | st.just("only"), some(TAGS)),
    condition(["dataset", "data_key"], st.sampled_from(["eq", "ne", "contains", "starts", "ends", "like"]), texts),
    condition(["dataset", "data_key"], listed, st.lists(texts, min_size=1, max_size=3)),
    condition(
        ["created_at", "updated_at", "submitted_at", "reviewed_at"], st.sampled_from(["since", "until"]), moments
    ),
    condition("objects", comparisons, figures),
    condition("objects", comparisons, figures, class_id=st.sampled_from([str(each.id) for each in CLASSES])),
    condition("objects", comparisons, figures, annotation_type=st.sampled_from([*AnnotationType])),
    condition(
        "answer", sets, some(each for options in CATEGORIES.values() for each in options), category_id=categories
    ),
    condition("answer", st.just("exists"), st.booleans(), category_id=categories),
)
filters = st.recursive(
    conditions,
    lambda inner: (
        st.fixed_dictionaries({"not": inner})
        | st.fixed_dictionaries({"and": st.lists(inner, min_size=1, max_size=3)})
        | st.fixed_dictionaries({"or": st.lists(inner, min_size=1, max_size=3)})
    ),
    max_leaves=6,
)


@settings(max_examples=400, deadline=None)
@given(where=filters)
def test_the_database_finds_what_the_language_says(shelf: Shelf, where: dict[str, Any]) -> None:
    wanted = {label_id for label_id, label in shelf.labels.items() if holds(where, label)}
    assert shelf.found({"where": where}) == wanted


@settings(max_examples=60, deadline=None)
@given(where=filters, person=st.sampled_from(PEOPLE))
def test_labelers_find_among_their_own(shelf: Shelf, where: dict[str, Any], person: UUID) -> None:
    found = shelf.found({"where": where}, Viewer(only_assignee=person))
    own = {label_id for label_id, label in shelf.labels.items() if label["assignee"] == person}
    assert found == {label_id for label_id in own if holds(where, shelf.labels[label_id])}


_SINCE = (BEGINNING + timedelta(hours=40)).isoformat()

PLAIN: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"status": ["submitted"]}, {"field": "status", "op": "in", "value": ["submitted"]}),
    ({"review": ["approved"]}, {"field": "review", "op": "in", "value": ["approved"]}),
    ({"round": [1]}, {"field": "round", "op": "eq", "value": 1}),
    ({"assignee": [str(PEOPLE[0])]}, {"field": "assignee", "op": "in", "value": [str(PEOPLE[0])]}),
    ({"reviewer": [str(PEOPLE[1])]}, {"field": "reviewer", "op": "in", "value": [str(PEOPLE[1])]}),
    ({"has_assignee": False}, {"field": "assignee", "op": "exists", "value": False}),
    ({"has_reviewer": True}, {"field": "reviewer", "op": "exists", "value": True}),
    ({"tag": [str(TAGS[0])]}, {"field": "tags", "op": "any", "value": [str(TAGS[0])]}),
    ({"has_tags": True}, {"field": "tags", "op": "exists", "value": True}),
    ({"dataset": "blood"}, {"field": "dataset", "op": "eq", "value": "blood"}),
    ({"data_key": "%"}, {"field": "data_key", "op": "contains", "value": "%"}),
    (
        {"object_class": [str(CLASSES[0].id)]},
        {"field": "objects", "op": "ge", "value": 1, "class_id": str(CLASSES[0].id)},
    ),
    (
        {"annotation_type": ["polygon"]},
        {"field": "objects", "op": "ge", "value": 1, "annotation_type": "polygon"},
    ),
    (
        {"answer": [str(CATEGORIES[next(iter(CATEGORIES))][0])]},
        {
            "field": "answer",
            "op": "any",
            "value": [str(CATEGORIES[next(iter(CATEGORIES))][0])],
            "category_id": str(next(iter(CATEGORIES))),
        },
    ),
    ({"has_open_issues": True}, {"field": "open_issues", "op": "ge", "value": 1}),
    ({"has_resolved_issues": False}, {"field": "resolved_issues", "op": "eq", "value": 0}),
    *(
        ({f"{name}_{op}": _SINCE}, {"field": f"{name}_at", "op": op, "value": _SINCE})
        for name in ("created", "updated", "submitted", "reviewed")
        for op in ("since", "until")
    ),
]


@pytest.mark.parametrize(("plain", "node"), PLAIN, ids=[next(iter(plain)) for plain, _ in PLAIN])
def test_the_plain_fields_mean_what_the_nodes_mean(shelf: Shelf, plain: dict[str, Any], node: dict[str, Any]) -> None:
    wanted = {label_id for label_id, label in shelf.labels.items() if holds(node, label)}
    assert 0 < len(wanted) < len(shelf.labels)
    assert shelf.found(plain) == wanted


def test_plain_fields_and_nodes_hold_together(shelf: Shelf) -> None:
    node = {"field": "round", "op": "ge", "value": 2}
    wanted = {key for key, label in shelf.labels.items() if label["status"] == "submitted" and holds(node, label)}
    assert shelf.found({"status": ["submitted"], "where": node}) == wanted


def test_labels_by_their_ids_are_those_of_this_project(shelf: Shelf) -> None:
    ids = [*shelf.labels][:3]
    assert shelf.found({"where": {"field": "id", "op": "in", "value": [*ids, new_id()]}}) == {*ids}


def test_resolved_issues_are_counted_wherever_they_are_moved(shelf: Shelf) -> None:
    label_id = min(shelf.found({"has_resolved_issues": True}))
    of_label = sa.and_(Issue.project_id == shelf.project_id, Issue.label_id == label_id)
    many = shelf.labels[label_id]["resolved_issues"]
    for state, count in (("open", 0), ("resolved", many)):
        with shelf.database.session() as session:
            session.execute(sa.update(Issue).where(of_label).values(state=state))
        assert (label_id in shelf.found({"where": _resolved(count)})) and (
            label_id not in shelf.found({"where": _resolved(count + 1)})
        )


def _resolved(count: int) -> dict[str, Any]:
    return {"field": "resolved_issues", "op": "eq", "value": count}
