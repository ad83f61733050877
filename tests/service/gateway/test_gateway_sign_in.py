"""Sessions, tokens and roles: what signs in, and that what no longer does is refused everywhere."""

import json
import subprocess
import sys
import time
from collections.abc import Callable

import httpx

from deploy.local.state import REPOSITORY
from deploy.local.system import System
from gateway.cookies import SESSION
from tests.team import PASSWORD, Person, client, hire, new_project, owner_of, sign_in

PATIENCE = 30.0
"""Seconds after which a test gives up waiting."""


def refused(response: httpx.Response, status: int, code: str) -> None:
    assert (response.status_code, response.json()["code"]) == (status, code), response.text


def eventually(true: Callable[[], bool]) -> None:
    """Wait until `true`."""
    until = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < until, "it does not happen"
        time.sleep(0.05)


def test_a_session_lasts_until_it_is_ended(system: System) -> None:
    email, password = system.owner
    with client(system) as session:
        answer = session.post("/auth/login", json={"email": email, "password": password})
        cookie = answer.headers["Set-Cookie"]
        assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Secure" not in cookie
        assert "secret" not in answer.text
        assert session.get("/me").json()["csrf_token"] == answer.json()["csrf_token"]
        kept = dict(session.cookies)
        csrf = {"X-CSRF-Token": answer.json()["csrf_token"]}
        assert session.post("/auth/logout", headers=csrf).status_code == 204
        assert SESSION.name not in session.cookies  # the device stays known
        refused(
            session.get("/me", headers={"Cookie": "; ".join(f"{k}={v}" for k, v in kept.items())}),
            401,
            "unauthenticated",
        )


def test_a_wrong_password_does_not_sign_in(system: System) -> None:
    email, _ = system.owner
    with client(system) as session:
        for who in (email, "nobody@example.org"):
            refused(session.post("/auth/login", json={"email": who, "password": "wrong"}), 401, "bad_credentials")
        assert dict(session.cookies) == {}


def test_a_token_is_told_once_and_can_be_ended(system: System) -> None:
    owner = owner_of(system)
    key = {"Idempotency-Key": "one token"}
    made = owner.ok("POST", "/me/tokens", json={"name": "for a while"}, headers=key)
    again = owner.ok("POST", "/me/tokens", json={"name": "for a while"}, headers=key)
    assert (again["id"], again["secret"]) == (made["id"], None)
    listed = {token["id"]: token for token in owner.ok("GET", "/me/tokens?limit=200")["items"]}
    assert listed[made["id"]]["secret"] is None
    with client(system, headers={"Authorization": f"Bearer {made['secret']}"}) as program:
        assert program.get("/me").json()["token_id"] == made["id"]
        owner.ok("DELETE", f"/me/tokens/{made['id']}")
        refused(program.get("/me"), 401, "unauthenticated")


def test_a_role_that_changes_holds_from_the_next_request(system: System) -> None:
    owner = owner_of(system)
    project = f"/projects/{(project_id := new_project(owner))}"
    person = hire(system, owner, project_id, "labeler")
    assert person.api.get(f"{project}/members").status_code == 403
    assert person.api.get("/datasets").status_code == 403
    owner.ok("PATCH", f"{project}/members/{person.id}", json={"role": "manager"})
    assert person.api.get(f"{project}/members").status_code == 200
    assert person.api.get("/datasets").status_code == 200
    owner.ok("DELETE", f"{project}/members/{person.id}")
    assert person.api.get(f"{project}/members").status_code == 404
    assert person.api.get("/datasets").status_code == 403


def test_what_another_gateway_changed_is_heard_of(system: System) -> None:
    """The change reaches the services past this gateway, so only events can tell it."""
    owner = owner_of(system)
    project_id = new_project(owner)
    person = hire(system, owner, project_id, "manager")
    assert person.ok("GET", f"/projects/{project_id}/overview")["viewer"]["role"] == "manager"
    _past_the_gateway(system, "RemoveMember", project_id=project_id, user_id=person.id)
    eventually(lambda: person.api.get(f"/projects/{project_id}/overview").status_code == 404)


def _past_the_gateway(system: System, command: str, **fields: str | None) -> None:
    code = (
        "import sys, contracts.rpc.members as m; from tests.service.signing import SigningClient;"
        "SigningClient.shared().call(getattr(m, sys.argv[1]).model_validate_json(sys.argv[2]), 20)"
    )
    arguments = [sys.executable, "-c", code, command, json.dumps(fields)]
    subprocess.run(arguments, check=True, cwd=REPOSITORY, env=system.process_environment(), timeout=60)


def test_the_first_owner_and_a_member_are_who_they_are(system: System) -> None:
    owner = owner_of(system)
    member = hire(system, owner, new_project(owner), "reviewer")
    again: Person = sign_in(system, str(member.email), PASSWORD)
    for person, role in ((owner, "owner"), (again, "member")):
        principal = person.ok("GET", "/me")
        assert principal["user"]["team_role"] == role
        assert (principal["csrf_token"], principal["session_id"]) == (None, None)
