"""What is wrong with a request about labels has a code, through the whole system, and changes nothing."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from deploy.local.system import System
from tests.team import Person, hire, new_labels, new_project, owner_of, stored_assets

GOOD = {"field": "round", "op": "ge", "value": 1}


class Ground:
    """Two projects of one owner; what is asked about is `here`."""

    def __init__(self, system: System) -> None:
        self.owner = owner_of(system)
        self.here, self.elsewhere = (f"/projects/{new_project(self.owner)}" for _ in range(2))
        self.label, self.other = (self._label(project) for project in (self.here, self.elsewhere))
        self.class_id, self.other_class = (self._class(project) for project in (self.here, self.elsewhere))
        self.other_tag = self.owner.ok("POST", f"{self.elsewhere}/tags", json={"name": "odd"})["id"]
        self.other_person = str(hire(system, self.owner, self.elsewhere.rpartition("/")[2], "labeler").id)

    def _label(self, project: str) -> str:
        [label] = new_labels(self.owner, project.rpartition("/")[2], stored_assets(self.owner, 1))
        return label

    def _class(self, project: str) -> str:
        [cell] = self.owner.ok("GET", project)["specification"]["object_classes"]
        return str(cell["id"])

    def state(self) -> list[Any]:
        lists = ("labels", "history", "tags", "tasks", "filters", "exports")
        found: list[Any] = [
            self.owner.ok("GET", f"{project}/{name}")["items"]
            for project in (self.here, self.elsewhere)
            for name in lists
        ]
        return [*found, self.owner.ok("GET", f"{self.here}/labels/{self.label}")]

    def box(self, class_id: str | None = None, *, object_id: str | None = None, **coord: float) -> dict[str, Any]:
        place = {"x": 1, "y": 1, "width": 5, "height": 5} | coord
        return {
            "id": object_id or str(uuid4()),
            "class_id": class_id or self.class_id,
            "annotation_type": "box",
            "annotation": {"coord": place},
        }


@pytest.fixture(scope="module")
def ground(system: System) -> Ground:
    return Ground(system)


def _filters() -> Iterator[tuple[Any, str]]:
    """Filters, and the code that each is refused with wherever it stands."""
    deep: dict[str, Any] = GOOD
    for _ in range(10):
        deep = {"not": deep}
    yield {"colour": "red"}, "validation_failed"
    yield {"status": "submitted"}, "validation_failed"
    yield {"status": ["done"]}, "validation_failed"
    yield {"where": {"field": "colour", "op": "in", "value": ["red"]}}, "bad_filter"
    yield {"where": {"field": "round", "op": "ge", "value": "1"}}, "bad_filter"
    yield {"where": {"and": [GOOD, {**GOOD, "more": 1}]}}, "bad_filter"
    yield {"where": deep}, "filter_too_large"
    yield {"where": {"or": [GOOD] * 101}}, "filter_too_large"


FILTERED: dict[str, dict[str, Any]] = {
    "labels:search": {},
    "labels:count": {},
    "labels:group": {"by": ["status"]},
    "filters": {"name": "a"},
    "exports": {},
}


def test_a_bad_filter_is_refused_wherever_it_stands(ground: Ground) -> None:
    before = ground.state()
    vast = {"filter": {"data_key": "x" * 1_500_000}}
    assert ground.owner.api.post(f"{ground.here}/labels:search", json=vast).json()["code"] == "too_large"
    for chosen, code in _filters():
        for path, more in FILTERED.items():
            answer = ground.owner.api.post(f"{ground.here}/{path}", json={"filter": chosen, **more}).json()
            assert (answer["code"], answer["errors"][0]["pointer"][:7]) == (code, "/filter"), (path, chosen)
        for path in ("labels:bulk", "labels:preview"):
            order = {"selection": {"filter": chosen}, "action": "submit"}
            answer = ground.owner.api.post(f"{ground.here}/{path}", json=order).json()
            assert (answer["code"], answer["errors"][0]["pointer"][:17]) == (code, "/selection/filter"), (path, chosen)
    assert ground.state() == before


def test_a_bad_query_is_refused(ground: Ground) -> None:
    for params, code in (
        ({"colour": "red"}, "validation_failed"),
        ({"status": "done"}, "validation_failed"),
        ({"updated_since": "yesterday"}, "validation_failed"),
        ({"limit": "1000"}, "validation_failed"),
        ({"sort": "colour"}, "validation_failed"),
        ({"cursor": "x"}, "bad_cursor"),
        ({"saved": str(uuid4())}, "not_found"),
    ):
        assert ground.owner.api.get(f"{ground.here}/labels", params=params).json()["code"] == code, params


def test_a_bad_body_is_refused_and_the_label_stays_as_it_was(ground: Ground) -> None:
    twice, before = str(uuid4()), ground.state()
    path = f"{ground.here}/labels/{ground.label}/body"
    for objects, code in (
        ([ground.box(x=-5)], "bad_geometry"),
        ([ground.box(), ground.box(width=0)], "bad_geometry"),
        ([ground.box(x=63, width=10)], "bad_geometry"),
        ([ground.box(ground.other_class)], "unknown_class"),
        ([ground.box(object_id=twice), ground.box(object_id=twice)], "validation_failed"),
        ([ground.box() | {"colour": "red"}], "validation_failed"),
        ([ground.box() | {"annotation_type": "circle"}], "validation_failed"),
        ([ground.box(x="1")], "validation_failed"),  # type: ignore[arg-type]
    ):
        answer = ground.owner.api.put(path, json={"objects": objects}, headers={"If-Match": '"1"'})
        assert answer.json()["code"] == code, objects
    for raw in (b'{"objects": [], "objects": []}', b'{"objects": ['):
        headers = {"If-Match": '"1"', "Content-Type": "application/json"}
        assert ground.owner.api.put(path, content=raw, headers=headers).json()["code"] == "bad_request"
    assert ground.state() == before


def test_what_belongs_to_another_project_is_refused(ground: Ground) -> None:
    before, owner = ground.state(), ground.owner
    label, chosen = f"{ground.here}/labels/{ground.label}", {"selection": {"ids": [ground.label]}}
    for path, body, code in (
        (f"{ground.here}/labels/{ground.other}:submit", {}, "not_found"),
        (f"{label}:assign", {"user_id": ground.other_person}, "not_a_member"),
        (f"{label}/issues", {"text": "?", "mentions": [ground.other_person]}, "not_a_member"),
        (f"{label}/issues", {"text": "?", "object_id": str(uuid4())}, "validation_failed"),
        (f"{ground.here}/labels:bulk", {**chosen, "action": "add_tags", "tags": [ground.other_tag]}, "not_found"),
        (
            f"{ground.here}/labels:bulk",
            {**chosen, "action": "assign_labeler", "users": [ground.other_person]},
            "not_a_member",
        ),
        (f"{ground.here}/labels:add", {"assets": [str(uuid4())]}, "unknown_asset"),
    ):
        assert owner.api.post(path, json=body).json()["code"] == code, path
    found = owner.ok("GET", f"{ground.here}/labels", params={"tag": ground.other_tag})
    assert found["items"] == []
    assert ground.state() == before


def test_a_key_that_was_used_for_something_else_is_refused(ground: Ground) -> None:
    owner: Person = ground.owner
    headers = {"Idempotency-Key": uuid4().hex}
    tag = owner.api.post(f"{ground.here}/tags", json={"name": "a"}, headers=headers).json()
    before = ground.state()
    refused = owner.api.post(f"{ground.here}/tags", json={"name": "b"}, headers=headers)
    assert refused.json()["code"] == "idempotency_mismatch"
    assert owner.api.post(f"{ground.here}/tags", json={"name": "a"}, headers=headers).json() == tag
    assert owner.api.post(f"{ground.here}/tags", json={"name": "a"}).json()["code"] == "name_taken"
    assert ground.state() == before
