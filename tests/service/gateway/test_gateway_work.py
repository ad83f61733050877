"""A project's work through the gateway: created once, versioned, paged, listed with its figures."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from deploy.local.system import System
from tests.team import Person, hire, new_labels, new_project, owner_of, stored_assets


@pytest.fixture(scope="module")
def owner(system: System) -> Person:
    return owner_of(system)


def test_the_same_call_again_does_nothing_twice(system: System, owner: Person) -> None:
    key = {"Idempotency-Key": uuid4().hex}
    draft = {"name": f"once {uuid4().hex}"}
    first = owner.api.post("/projects", json=draft, headers=key)
    again = owner.api.post("/projects", json=draft, headers=key)
    assert (first.status_code, first.json()) == (again.status_code, again.json())
    assert first.headers["Location"] == f"/api/v1/projects/{first.json()['id']}"
    other = owner.api.post("/projects", json={"name": f"another {uuid4().hex}"}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
    taken = owner.api.post("/projects", json=draft)
    assert (taken.status_code, taken.json()["code"]) == (409, "name_taken")


def test_a_key_is_its_users_own(system: System, owner: Person) -> None:
    projects = [new_project(owner) for _ in range(2)]
    key = {"Idempotency-Key": uuid4().hex}
    for project_id in projects:
        manager = hire(system, owner, project_id, "manager")
        made = manager.ok("POST", f"/projects/{project_id}/exports", json={}, headers=key)
        assert (made["project_id"], made["created_by"]) == (project_id, manager.id)


def test_a_body_is_saved_on_the_version_that_was_read(owner: Person) -> None:
    project_id = new_project(owner)
    [label_id] = new_labels(owner, project_id, stored_assets(owner, 1))
    path = f"/projects/{project_id}/labels/{label_id}"
    read = owner.api.get(path)
    assert read.headers["ETag"] == f'"{read.json()["version"]}"'
    body: dict[str, Any] = {"objects": []}
    saved = owner.api.put(f"{path}/body", json=body, headers={"If-Match": read.headers["ETag"]})
    assert saved.headers["ETag"] == f'"{saved.json()["version"]}"' != read.headers["ETag"]
    stale = owner.api.put(f"{path}/body", json=body, headers={"If-Match": read.headers["ETag"]})
    assert (stale.status_code, stale.json()["code"]) == (412, "stale_version")
    submitted = owner.api.post(f"{path}:submit", headers={"If-Match": saved.headers["ETag"]})
    assert submitted.json()["status"] == "submitted"
    refused = owner.api.post(f"{path}:submit")
    assert refused.json()["state"] == {"status": "submitted", "review": "pending_review"}
    assert "approve" in refused.json()["allowed"]


def test_a_specification_is_changed_on_the_version_that_was_read(owner: Person) -> None:
    path = f"/projects/{new_project(owner)}"
    read = owner.api.get(path)
    classes = {"object_classes": [*read.json()["specification"]["object_classes"]]}
    classes["object_classes"].append({"name": "nucleus", "annotation_type": "polygon"})
    change = {"specification": classes}
    assert owner.api.patch(path, json=change).status_code == 428
    changed = owner.api.patch(path, json=change, headers={"If-Match": read.headers["ETag"]})
    assert [each["name"] for each in changed.json()["specification"]["object_classes"]] == ["cell", "nucleus"]
    assert owner.api.patch(path, json=change, headers={"If-Match": read.headers["ETag"]}).status_code == 412
    assert owner.ok("PATCH", path, json={"description": "of blood"})["description"] == "of blood"


def test_assets_that_are_no_images_are_rejected_with_the_answer(owner: Person) -> None:
    draft = {"data_key": "no.png", "size": 3}
    path = f"/datasets/data-{uuid4().hex}/assets"
    [item] = owner.ok("POST", path, json={"items": [draft]})["items"]
    httpx.post(item["upload"]["url"], data=item["upload"]["fields"], files={"file": b"abc"}).raise_for_status()
    answer = owner.ok("POST", f"{path}:complete", json={"ids": [item["asset"]["id"]], "wait": 20})
    assert [asset["state"] for asset in answer["items"]] == ["rejected"]
    never = owner.ok("POST", path, json={"items": [{"data_key": "never.png", "size": 3}]})["items"][0]["asset"]
    answer = owner.ok("POST", f"{path}:complete", json={"ids": [never["id"]], "wait": 0})
    assert answer["items"][0]["id"] == never["id"]


def test_labels_come_in_parts(owner: Person) -> None:
    project_id = new_project(owner)
    labels = new_labels(owner, project_id, stored_assets(owner, 5))
    seen: list[str] = []
    cursor = None
    while True:
        page = owner.ok(
            "GET", f"/projects/{project_id}/labels", params={"limit": 2} | ({"cursor": cursor} if cursor else {})
        )
        seen += [label["id"] for label in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert sorted(seen) == sorted(labels) and len(set(seen)) == 5
    bad = owner.api.get(f"/projects/{project_id}/labels?cursor=no")
    assert (bad.status_code, bad.json()["code"]) == (400, "bad_cursor")


def test_projects_are_listed_with_ones_role_and_figures(system: System, owner: Person) -> None:
    project_id, hidden = new_project(owner), new_project(owner)
    public = new_project(owner, "public")
    labeler = hire(system, owner, project_id, "labeler")
    listed = {each["id"]: each for each in labeler.ok("GET", "/projects?limit=200")["items"]}
    assert hidden not in listed
    assert (listed[project_id]["role"], listed[project_id]["counters"]["scope"]) == ("labeler", "mine")
    assert (listed[public]["role"], listed[public]["created_by"]) == ("visitor", None)
    name = owner.ok("GET", f"/projects/{project_id}")["name"]
    assert [each["id"] for each in labeler.ok("GET", "/projects", params={"name": name})["items"]] == [project_id]
    system.stop("analytics")
    try:
        [entry] = owner.ok("GET", "/projects", params={"name": name})["items"]
        assert entry["counters"] is None
    finally:
        system.start("analytics")


def test_the_pool_gives_each_label_to_one(system: System, owner: Person) -> None:
    project_id = new_project(owner)
    labels = new_labels(owner, project_id, stored_assets(owner, 3))
    people = [hire(system, owner, project_id, "labeler") for _ in range(2)]
    taken = [person.ok("POST", f"/projects/{project_id}/labels:next")["id"] for person in (*people, people[0])]
    assert sorted(taken) == sorted(labels)
    empty = people[1].api.post(f"/projects/{project_id}/labels:next")
    assert (empty.status_code, empty.json()["code"]) == (404, "not_found")


def test_updated_today_is_the_askers_today(owner: Person) -> None:
    project_id = new_project(owner)
    unknown = owner.api.get(f"/projects/{project_id}/overview?tz=Nowhere/City")
    assert (unknown.status_code, unknown.json()["errors"][0]["place"]) == (422, "query.tz")
    cards = owner.ok("GET", f"/projects/{project_id}/overview?tz=Asia/Kathmandu")["cards"]
    assert cards["quick_actions"]["data"]["items"][1]["query"].endswith(":15:00Z")
