"""Failed messages over REST, on a whole running system: list, show, replay, drop."""

import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest

from chassis.settings import SERVICES
from deploy.local.system import System
from tests.team import Person, hire, new_admin, new_failed_message, new_project, owner_of

QUEUES = {"members": "members.events.v1", "projects": "projects.clearing.v1", "exports": "exports.events.v1"}


@pytest.fixture(scope="module")
def owner(system: System) -> Person:
    return owner_of(system)


@pytest.fixture
def kept(system: System, owner: Person) -> Iterator[dict[str, str]]:
    """The ids of two failed messages of each of QUEUES, as service -> first, and service + "2" -> second."""
    made = {}
    for service, queue in QUEUES.items():
        for name in (service, f"{service}2"):
            made[name] = new_failed_message(system, owner, queue)
    yield made
    for queue in QUEUES.values():
        owner.ok("POST", "/admin/failed:drop", json={"queue": queue})


def eventually(condition: Callable[[], Any]) -> None:
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until, "it never came to hold"
        time.sleep(0.1)


def listed(person: Person, **asked: Any) -> list[dict[str, Any]]:
    """Everything of the list, in parts of two."""
    items, cursor = [], None
    while True:
        page = person.ok("GET", "/admin/failed", params={"limit": 2, **asked, **({"cursor": cursor} if cursor else {})})
        assert page["unavailable"] == []
        items += page["items"]
        cursor = page["next"]
        if cursor is None:
            return items


def test_admins_see_them_service_by_service(system: System, owner: Person, kept: dict[str, str]) -> None:
    admin = new_admin(system, owner)
    found = listed(admin)
    assert [SERVICES.index(each["service"]) for each in found] == sorted(SERVICES.index(e["service"]) for e in found)
    assert {each["id"] for each in found} >= set(kept.values())
    assert [each["id"] for each in listed(admin, queue=QUEUES["exports"])] == [kept["exports"], kept["exports2"]]
    assert [each["id"] for each in listed(admin, service="members")] == [kept["members"], kept["members2"]]
    assert listed(admin, queue="nobody.events.v1") == listed(admin, service="members", state="given_up") == []
    one = admin.ok("GET", f"/admin/failed/exports/{kept['exports']}")
    assert (one["queue"], one["type"], one["state"], one["encoding"]) == (
        QUEUES["exports"], "unreadable", "waiting", "text",
    )  # fmt: skip
    assert one["body"].startswith("no event")
    for wrong in (f"exports/{uuid4()}", f"members/{kept['exports']}", f"nobody/{kept['exports']}"):
        assert admin.api.get(f"/admin/failed/{wrong}").json()["code"] == "not_found"
    assert admin.api.get("/admin/failed", params={"service": "nobody"}).status_code == 422
    assert admin.api.get("/admin/failed", params={"cursor": "x"}).json()["code"] == "bad_cursor"


def test_nobody_else_does(system: System, owner: Person) -> None:
    project_id = new_project(owner)
    for role in ("manager", "reviewer", "labeler"):
        person = hire(system, owner, project_id, role)
        assert person.api.get("/admin/failed").json()["code"] == "forbidden"
        assert person.api.post("/admin/failed:drop", json={"queue": "exports.events.v1"}).json()["code"] == "forbidden"


def test_replay_has_the_consumer_try_again(owner: Person, kept: dict[str, str]) -> None:
    address = f"/admin/failed/exports/{kept['exports']}"

    def tries() -> int:
        return int(owner.ok("GET", address)["attempts"])

    eventually(lambda: tries() > 2)  # from now on it would wait for seconds
    assert owner.ok("POST", f"{address}:replay", headers={"Idempotency-Key": "once"}) == {"count": 1}
    assert owner.ok("POST", f"{address}:replay", headers={"Idempotency-Key": "once"}) == {"count": 1}
    eventually(lambda: tries() <= 2)
    assert owner.ok("POST", "/admin/failed:replay", json={"queue": QUEUES["members"], "type": "unreadable"}) == {
        "count": 2
    }
    assert owner.ok("POST", "/admin/failed:replay", json={"queue": QUEUES["members"], "type": "x"}) == {"count": 0}


def test_what_is_dropped_is_gone(owner: Person, kept: dict[str, str]) -> None:
    address = f"/admin/failed/projects/{kept['projects']}"
    key = {"Idempotency-Key": str(uuid4())}
    assert owner.ok("POST", f"{address}:drop", headers=key) == owner.ok("POST", f"{address}:drop", headers=key)
    assert owner.api.post(f"{address}:drop").json()["code"] == "not_found"
    assert owner.api.post(f"{address}:replay").json()["code"] == "not_found"
    assert owner.ok("POST", "/admin/failed:drop", json={"queue": QUEUES["projects"]}) == {"count": 1}
    assert owner.api.post("/admin/failed:drop", json={}).status_code == 422
    assert owner.api.post("/admin/failed:drop", json={"queue": "nobody.events.v1"}).status_code == 422
    assert listed(owner, service="projects") == []


def test_a_service_that_is_away_is_named(system: System, owner: Person, kept: dict[str, str]) -> None:
    system.stop("projects")
    try:
        page = owner.ok("GET", "/admin/failed", params={"limit": 200})
        refused = owner.api.get("/admin/failed", params={"service": "projects"})
        others = owner.api.get("/admin/failed", params={"service": "exports"})
    finally:
        system.start("projects")
        # ready it is at once; its breaker lets it be asked again a moment later
        eventually(lambda: owner.api.get("/admin/failed", params={"service": "projects"}).is_success)
    assert page["unavailable"] == ["projects"]
    assert {each["id"] for each in page["items"]} >= {kept["members"], kept["exports"]}
    assert not {kept["projects"]} & {each["id"] for each in page["items"]}
    assert refused.status_code == 503
    assert refused.json()["code"] in ("unavailable", "deadline_exceeded", "busy")
    assert others.status_code == 200
