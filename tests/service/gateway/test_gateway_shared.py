"""`/s/{token}`: outside the API, for anyone."""

import httpx
import pytest

from deploy.local.system import System
from tests.e2e.support import eventually
from tests.team import Person, new_project, owner_of


@pytest.fixture(scope="module")
def owner(system: System) -> Person:
    return owner_of(system)


@pytest.fixture(scope="module")
def export(owner: Person) -> str:
    """The address of an export that is done."""
    project = f"/projects/{new_project(owner)}/exports"
    export_id = owner.ok("POST", project, json={})["id"]

    def done() -> None:
        assert owner.ok("GET", f"{project}/{export_id}")["state"] == "done"

    eventually(done)
    return f"{project}/{export_id}"


def test_anyone_downloads_by_a_link_until_it_is_revoked(system: System, owner: Person, export: str) -> None:
    made = owner.ok("POST", f"{export}/link", json={"max_downloads": 3})
    url = made["url"]
    assert url.startswith(f"{system.url}/s/")
    led = httpx.get(url)
    assert (led.status_code, led.headers["cache-control"]) == (302, "no-store")
    assert httpx.get(led.headers["location"]).json()["format"] == "labelyard"
    broken = httpx.get(url, headers={"Range": "bytes=3-"}, follow_redirects=True)
    assert broken.status_code == 206
    assert httpx.head(url, follow_redirects=True).status_code == 200
    assert owner.ok("GET", export)["link"] == {key: made[key] for key in made if key != "url"} | {"downloads": 1}
    owner.ok("DELETE", f"{export}/link")
    assert owner.ok("GET", export)["link"] is None
    refused = httpx.get(url)
    assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
    token = url.rpartition("/")[2]
    assert token not in "".join(system.supervisor.last_lines("gateway"))


def test_the_same_call_again_answers_an_address_that_works(owner: Person, export: str) -> None:
    key = {"Idempotency-Key": "share once"}
    first, second = (owner.ok("POST", f"{export}/link", json={}, headers=key) for _ in range(2))
    assert first["created_at"] == second["created_at"]
    assert httpx.get(second["url"]).status_code == 302


@pytest.mark.parametrize("token", ["x", "x" * 32, "%00" * 30, "x" * 300])
def test_other_addresses_lead_nowhere(system: System, token: str) -> None:
    assert httpx.get(f"{system.url}/s/{token}").status_code == 404


def test_a_deleted_exports_link_is_gone(owner: Person) -> None:
    project = f"/projects/{new_project(owner)}/exports"
    export = f"{project}/{owner.ok('POST', project, json={})['id']}"
    url = owner.ok("POST", f"{export}/link", json={})["url"]
    owner.ok("DELETE", export)
    assert (httpx.get(url).status_code, httpx.get(url).json()["code"]) == (410, "gone")
