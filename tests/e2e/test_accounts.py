"""One's own account through the running system: sessions, password, tokens, and wrong passwords.

A second gateway runs beside the system's own. It believes one proxy, so that tests can come from anywhere.
"""

import os
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from uuid import uuid4

import httpx
import pytest

from deploy.local.system import System
from gateway.cookies import DEVICE, SESSION
from services.members import domain
from tests.beside import Gateway, gateway_beside
from tests.e2e.support import eventually
from tests.team import PASSWORD, Person, client, hire, new_project, new_token, owner_of

AT_ONCE = 10  # seconds: less than any memory or heartbeat of a gateway lasts


@pytest.fixture(scope="module")
def beside(system: System, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway_beside(system, "gateway beside", tmp_path_factory.mktemp("gateway"), {}) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def owner(system: System) -> Person:
    return owner_of(system)


@pytest.fixture(scope="module")
def project(owner: Person) -> str:
    return new_project(owner)


@pytest.fixture
def person(system: System, owner: Person, project: str) -> Person:
    """A manager of the project, by a token."""
    return hire(system, owner, project, "manager")


def new_address() -> str:
    """An address that no test has come from, written as logs write it."""
    return str(ip_address(f"2001:db8:{os.urandom(2).hex()}:{os.urandom(2).hex()}::1"))


def log_in(api: httpx.Client, email: str | None, password: str = PASSWORD) -> httpx.Response:
    """Sign in; the client goes on with the session, if that worked."""
    response = api.post("/auth/login", json={"email": email, "password": password})
    if response.is_success:
        api.headers["X-CSRF-Token"] = response.json()["csrf_token"]
    return response


def session_of(person: Person, api: httpx.Client) -> httpx.Client:
    assert log_in(api, person.email).is_success
    return api


class Watching:
    """Reads a live stream until it ends."""

    def __init__(self, api: httpx.Client, project: str) -> None:
        self.opened, self.ended = threading.Event(), threading.Event()
        self._api, self._path = api, f"/projects/{project}/live"
        threading.Thread(target=self._read, daemon=True).start()
        assert self.opened.wait(30), "the stream did not open"

    def _read(self) -> None:
        with self._api.stream("GET", self._path) as response:
            for line in response.iter_lines():
                if line.startswith("data:"):
                    self.opened.set()
        self.ended.set()


# --- Sessions ---------------------------------------------------------------------------------------


def test_a_revoked_session_is_refused_everywhere_and_its_streams_end(
    system: System, beside: Gateway, person: Person, project: str
) -> None:
    here = session_of(person, client(system))
    away = session_of(person, client(system, headers={"User-Agent": "a lost laptop"}))
    away_beside = beside.client(cookies={SESSION.name: away.cookies[SESSION.name]})
    streams = [Watching(away, project), Watching(away_beside, project)]
    staying = Watching(here, project)

    lost, mine = here.get("/me/sessions", params={"limit": 2}).json()["items"]
    assert (lost["device"], lost["current"], mine["current"]) == ("a lost laptop", False, True)
    assert (lost["device_name"], mine["device_name"]) == ("a lost laptop", "a Python program")
    assert mine["id"] == here.get("/me").json()["session_id"]
    assert here.delete(f"/me/sessions/{lost['id']}").status_code == 204

    assert away.get("/me").json()["code"] == "unauthenticated"
    eventually(lambda: _refused(away_beside), AT_ONCE)
    assert all(stream.ended.wait(AT_ONCE) for stream in streams)
    assert not staying.ended.is_set()
    assert lost["id"] not in [each["id"] for each in here.get("/me/sessions").json()["items"]]
    assert here.delete(f"/me/sessions/{lost['id']}").status_code == 404
    here.delete(f"/me/sessions/{mine['id']}")
    assert here.get("/me").status_code == 401
    assert staying.ended.wait(AT_ONCE)


def test_a_session_says_where_it_was_used_last(system: System, beside: Gateway, person: Person) -> None:
    phone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1 Version/18.0 Safari/604.1"
    home = new_address()
    here = session_of(person, beside.client(home, headers={"User-Agent": phone}))
    [mine] = here.get("/me/sessions", params={"limit": 1}).json()["items"]
    assert (mine["device_name"], mine["address"]) == ("Safari on an iPhone", home)
    away = client(system, cookies={SESSION.name: here.cookies[SESSION.name]})  # by the gateway that has not seen it yet
    [mine] = away.get("/me/sessions", params={"limit": 1}).json()["items"]
    assert (mine["device_name"], mine["address"]) == ("Safari on an iPhone", "127.0.0.1")


def _refused(api: httpx.Client) -> None:
    assert api.get("/me").status_code == 401


# --- The password -----------------------------------------------------------------------------------


def test_a_changed_password_ends_other_sessions_if_so_asked(system: System, beside: Gateway, person: Person) -> None:
    here, away = (session_of(person, client(system)) for _ in range(2))
    away_beside = beside.client(cookies={SESSION.name: away.cookies[SESSION.name]})
    assert away_beside.get("/me").is_success
    new = {"current_password": PASSWORD, "new_password": "another password"}
    assert here.post("/me/password", json={**new, "current_password": "x"}).json()["code"] == "bad_credentials"
    assert here.post("/me/password", json={**new, "new_password": "short"}).json()["code"] == "validation_failed"
    assert away.get("/me").is_success

    assert here.post("/me/password", json={**new, "end_other_sessions": True}).status_code == 204
    assert here.get("/me").is_success
    assert away.get("/me").status_code == 401
    eventually(lambda: _refused(away_beside), AT_ONCE)
    assert person.api.get("/me").is_success  # a token is no session
    with client(system) as afterwards:
        assert log_in(afterwards, person.email).json()["code"] == "bad_credentials"
        assert log_in(afterwards, person.email, "another password").is_success


# --- Tokens -----------------------------------------------------------------------------------------


def test_a_token_shows_and_keeps_its_limits(system: System, person: Person, project: str) -> None:
    reader = new_token(system, person, scope="read", project_id=project)
    told = reader.ok("GET", "/me")
    assert (told["scope"], told["project_id"]) == ("read", project)
    listed = person.ok("GET", "/me/tokens")["items"][0]
    assert (listed["scope"], listed["project_id"]) == ("read", project)
    assert reader.ok("GET", f"/projects/{project}")["id"] == project
    assert reader.api.post(f"/projects/{project}/exports", json={}).status_code == 403
    nowhere = person.api.post("/me/tokens", json={"name": "x", "project_id": str(uuid4())})
    assert nowhere.status_code == 404


def test_a_token_makes_none_that_may_do_more_or_lasts_longer(system: System, person: Person, project: str) -> None:
    for limits in ({"scope": "read"}, {"scope": "write"}, {"project_id": project}):
        limited = new_token(system, person, **limits)
        assert limited.api.post("/me/tokens", json={"name": "more", **limits}).status_code == 403
    end = datetime.now(UTC) + timedelta(hours=1)
    brief = new_token(system, person, expires_at=end.isoformat())
    longer = {"name": "longer", "expires_at": (end + timedelta(seconds=1)).isoformat()}
    assert brief.api.post("/me/tokens", json=longer).json()["code"] == "forbidden"
    child = brief.ok("POST", "/me/tokens", json={"name": "child"})
    assert datetime.fromisoformat(child["expires_at"]) == end


def test_an_expired_or_revoked_token_is_refused(system: System, beside: Gateway, person: Person) -> None:
    def by_token(secret: str) -> list[httpx.Client]:
        headers = {"Authorization": f"Bearer {secret}"}
        return [client(system, headers=headers), beside.client(headers=headers)]

    end = datetime.now(UTC) + timedelta(seconds=3)
    brief = person.ok("POST", "/me/tokens", json={"name": "brief", "expires_at": end.isoformat()})
    ways = by_token(brief["secret"])
    while datetime.now(UTC) < end:
        for way in ways:
            way.get("/me")
        time.sleep(0.1)
    assert [way.get("/me").status_code for way in ways] == [401, 401]

    made = person.ok("POST", "/me/tokens", json={"name": "made"})
    here, elsewhere = by_token(made["secret"])
    assert here.get("/me").is_success and elsewhere.get("/me").is_success
    person.ok("DELETE", f"/me/tokens/{made['id']}")
    assert here.get("/me").status_code == 401
    eventually(lambda: _refused(elsewhere), AT_ONCE)


# --- Wrong passwords --------------------------------------------------------------------------------


def test_wrong_passwords_are_held_up_on_every_gateway_and_nobody_is_locked_out(beside: Gateway, person: Person) -> None:
    office = new_address()
    browser = session_of(person, beside.client(office))
    with beside.client(office) as attacker:
        held_up = _wrong_until_held_up(attacker, person.email)
        assert int(held_up.headers["Retry-After"]) == held_up.json()["retry_after"] > 0
        assert log_in(attacker, person.email).json()["code"] == "rate_limited"  # be it the right one
    with beside.client(office) as somebody:
        assert log_in(somebody, f"{uuid4().hex}@example.org").json()["code"] == "bad_credentials"
    with beside.client(new_address()) as traveller:
        assert log_in(traveller, person.email).is_success
    assert log_in(browser, person.email).is_success
    log = beside.log.read_text()
    assert f'"address": "{office}"' in log
    assert PASSWORD not in log
    assert browser.cookies[DEVICE.name] not in log


def test_what_one_gateway_counted_the_other_knows(system: System, beside: Gateway, person: Person) -> None:
    with beside.client("127.0.0.1") as there, client(system) as here:
        _wrong_until_held_up(there, person.email)
        assert log_in(here, person.email).json()["code"] == "rate_limited"


def test_it_does_not_show_who_has_an_account(beside: Gateway, person: Person) -> None:
    def answers(email: str | None) -> list[tuple[int, str, str]]:
        with beside.client(new_address()) as api:
            tried = [log_in(api, email, "wrong") for _ in range(domain.BY_ADDRESS_AND_ACCOUNT.burst + 1)]
        return [(each.status_code, each.json()["code"], each.json()["detail"]) for each in tried]

    assert answers(person.email) == answers(f"{uuid4().hex}@example.org")


def test_the_present_password_is_not_guessed_with_a_stolen_session(system: System, person: Person) -> None:
    stolen = session_of(person, client(system))
    guess = {"current_password": "wrong", "new_password": "another password"}
    tried = [stolen.post("/me/password", json=guess) for _ in range(domain.BY_PASSWORD_CHANGE.burst + 1)]
    codes = [response.json()["code"] for response in tried]
    assert codes == ["bad_credentials"] * domain.BY_PASSWORD_CHANGE.burst + ["rate_limited"]
    with client(system) as owner:
        assert log_in(owner, person.email).is_success


def _wrong_until_held_up(api: httpx.Client, email: str | None) -> httpx.Response:
    for _ in range(100):
        response = log_in(api, email, "wrong")
        if response.status_code != 401:
            assert (response.status_code, response.json()["code"]) == (429, "rate_limited")
            return response
    raise AssertionError("never held up")
