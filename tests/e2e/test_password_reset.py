"""A forgotten password, from the request to signing in again, through the running system."""

import re
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
import sqlalchemy as sa

from deploy.local.system import System
from tests.mails import MailServer
from tests.team import PASSWORD, Person, client, hire, new_admin, new_project, owner_of

NEW = "a new password"


@pytest.fixture(scope="module")
def owner(system: System) -> Person:
    return owner_of(system)


@pytest.fixture(scope="module")
def project(owner: Person) -> str:
    return new_project(owner)


@pytest.fixture
def person(system: System, owner: Person, project: str) -> Person:
    return hire(system, owner, project, "labeler")


def log_in(api: httpx.Client, email: str | None, password: str) -> httpx.Response:
    return api.post("/auth/login", json={"email": email, "password": password})


def complete(api: httpx.Client, token: str, **more: object) -> httpx.Response:
    return api.post("/auth/password-reset:complete", json={"token": token, "new_password": NEW, **more})


def test_a_forgotten_password_is_set_by_a_mailed_link(system: System, mails: MailServer, person: Person) -> None:
    with client(system) as away, client(system) as api:
        assert log_in(away, person.email, PASSWORD).is_success
        answers = [
            api.post("/auth/password-reset", json={"email": email})
            for email in (person.email, f"{uuid4().hex}@example.org")
        ]
        assert [(answer.status_code, answer.content) for answer in answers] == [(202, b"")] * 2
        link = mails.link_to(str(person.email))
        place, _, token = link.partition("#")
        assert place == f"{system.environment['LABELYARD_PUBLIC_URL']}/reset"

        short = api.post("/auth/password-reset:complete", json={"token": token, "new_password": "short"})
        assert short.json()["code"] == "validation_failed"
        assert complete(api, token).status_code == 204
        assert away.get("/me").status_code == 401
        assert log_in(api, person.email, PASSWORD).json()["code"] == "bad_credentials"
        assert log_in(api, person.email, NEW).is_success
        again = complete(api, token)
        assert (again.status_code, again.json()["code"]) == (410, "bad_link")
    _is_nowhere(system, token)


def _is_nowhere(system: System, token: str) -> None:
    """No log has it, and neither outbox, failed messages, commands that were kept, nor the audit."""
    logs = [file for file in Path(system.state.home).rglob("*.log*") if file.is_file()]
    assert any("password_reset" in file.read_text(errors="replace") for file in logs)
    assert [str(file) for file in logs if token in file.read_text(errors="replace")] == []
    engine = sa.create_engine(system.environment["LABELYARD_MEMBERS_DSN"])
    with engine.connect() as connection:
        for table in ("outbox", "failed_messages", "idempotency_keys", "audit", "password_resets"):
            rows = connection.execute(sa.text(f"SELECT row_to_json(t)::text FROM {table} AS t")).scalars()
            assert not any(token in row or token.encode().hex() in row for row in rows), table
    engine.dispose()


def test_an_admin_hands_a_link_over_but_not_above_them(system: System, owner: Person, person: Person) -> None:
    admin = new_admin(system, owner)
    key = {"Idempotency-Key": "one link"}
    made = admin.ok("POST", f"/users/{person.id}/password-reset", headers=key)
    assert admin.ok("POST", f"/users/{person.id}/password-reset", headers=key)["url"] is None  # told once
    token = made["url"].partition("#")[2]
    above = admin.api.post(f"/users/{owner.id}/password-reset")
    assert (above.status_code, above.json()["code"]) == (403, "forbidden")
    assert person.api.post(f"/users/{person.id}/password-reset").status_code == 403
    assert admin.api.post(f"/users/{uuid4()}/password-reset").status_code == 404
    with client(system) as kept, client(system) as api:
        assert log_in(kept, person.email, PASSWORD).is_success
        assert complete(api, token, end_other_sessions=False).status_code == 204
        assert kept.get("/me").is_success
        assert log_in(api, person.email, NEW).is_success


@pytest.mark.parametrize("link", ["/reset", "/invitation"])
def test_the_page_of_a_link_sends_its_secret_nowhere_but_to_the_api(system: System, link: str) -> None:
    with httpx.Client(base_url=system.url) as browser:
        page = browser.get(link)
        assert (page.status_code, page.headers["Referrer-Policy"]) == (200, "no-referrer")
        policy = page.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
        assert re.findall(r"<script(?![^>]* src=)|<style| on\w+=| style=", page.text) == []
        for place in re.findall(r'(?:src|href)="([^"]+)"', page.text):
            assert place.startswith("/pages/") and browser.get(place).is_success
        assert browser.get("/").headers["Location"] == "/api/v1/docs"
