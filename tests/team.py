"""People and projects for tests that speak with a running system through its gateway."""

import io
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import uuid4

import httpx
import sqlalchemy as sa
from kombu import Connection
from PIL import Image

from deploy.local.system import System
from tests.documented import assert_documented
from tests.pdfs import pdf

PASSWORD = "only-for-tests"


@dataclass(frozen=True)
class Person:
    """A user, or nobody in particular, and a way to ask as them; answers are checked against the OpenAPI document."""

    name: str
    id: str | None
    email: str | None
    api: httpx.Client

    def ok(self, method: str, path: str, **how: Any) -> Any:
        """Ask for what must work: the answer's JSON."""
        response = self.api.request(method, path, **how)
        assert response.is_success, f"{method} {path}: {response.status_code} {response.text}"
        return response.json() if response.content else None


def client(system: System, **how: Any) -> httpx.Client:
    """A client of the API's root."""
    hooks = {"response": [assert_documented]}
    return httpx.Client(base_url=f"{system.url}/api/v1", timeout=30, event_hooks=hooks, **how)


def stranger(system: System) -> Person:
    """Somebody who is not signed in."""
    return Person("nobody", None, None, client(system))


def sign_in(system: System, email: str, password: str) -> Person:
    """A user, by a token of their own."""
    with client(system) as session:
        principal = session.post("/auth/login", json={"email": email, "password": password}).json()
        session.headers["X-CSRF-Token"] = principal["csrf_token"]
        secret = session.post("/me/tokens", json={"name": "test"}).json()["secret"]
    user = principal["user"]
    api = client(system, headers={"Authorization": f"Bearer {secret}"})
    return Person(user["name"], user["id"], user["email"], api)


def new_token(system: System, person: Person, **limits: Any) -> Person:
    """The same person, by a new token with `limits` (scope, project_id, expires_at)."""
    return by_token(system, person, person.ok("POST", "/me/tokens", json={"name": "test", **limits})["secret"])


def by_token(system: System, person: Person, secret: str) -> Person:
    """The same person, by a token."""
    return replace(person, api=client(system, headers={"Authorization": f"Bearer {secret}"}))


def new_session(system: System, person: Person) -> Person:
    """The same person, by a new session's cookie, with what its requests need against forgery."""
    email, password = system.owner
    api = client(system)
    secret = password if person.email == email else PASSWORD
    answer = api.post("/auth/login", json={"email": person.email, "password": secret})
    api.headers["X-CSRF-Token"] = answer.json()["csrf_token"]
    return replace(person, api=api)


def end_sessions(system: System, people: Iterable[Person], when: datetime) -> None:
    """Lets all sessions of these people expire then. The members service's own table is told: the least life of a
    session that can be set is far too long to wait for."""
    with _members(system) as connection:
        ids = [person.id for person in people]
        connection.execute(
            sa.text("UPDATE sessions SET expires_at = :when WHERE user_id = ANY (CAST(:ids AS uuid[]))"),
            {"when": when, "ids": ids},
        )


def delete_user(system: System, person: Person) -> None:
    """Deactivates a user."""
    owner_of(system).ok("POST", f"/users/{person.id}:deactivate")


@contextmanager
def _members(system: System) -> Iterator[sa.Connection]:
    """A transaction in the members service's database."""
    engine = sa.create_engine(system.environment["LABELYARD_MEMBERS_DSN"])
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def owner_of(system: System) -> Person:
    """The first owner."""
    return sign_in(system, *system.owner)


def hire(system: System, manager: Person, project_id: str, role: str) -> Person:
    """A new user with a role in a project."""
    email = f"{role}-{uuid4().hex[:12]}@example.org"
    draft = {"email": email, "role": role, "name": f"{role} {email[-24:-12]}", "password": PASSWORD}
    manager.ok("POST", f"/projects/{project_id}/members", json=draft)
    return sign_in(system, email, PASSWORD)


def new_admin(system: System, owner: Person) -> Person:
    """A new team admin. No route makes one yet, so the members service's own table is told."""
    project_id = new_project(owner)
    person = hire(system, owner, project_id, "labeler")
    owner.ok("DELETE", f"/projects/{project_id}/members/{person.id}")
    with _members(system) as connection:
        connection.execute(sa.text("UPDATE users SET team_role = 'admin' WHERE id = :id"), {"id": person.id})
        connection.execute(sa.text("UPDATE team_role_counts SET admin = admin + 1"))
    assert person.email is not None
    return sign_in(system, person.email, PASSWORD)  # what is remembered of them is bound to the token


def new_project(owner: Person, visibility: str = "private") -> str:
    """The id of a new project with a class of boxes."""
    classes = {"object_classes": [{"name": "cell", "annotation_type": "box"}]}
    body = {"name": f"project {uuid4().hex[:12]}", "visibility": visibility, "specification": classes}
    project_id: str = owner.ok("POST", "/projects", json=body)["id"]
    return project_id


def stored_assets(owner: Person, count: int) -> list[str]:
    """The ids of that many new stored assets."""
    dataset = f"data-{uuid4().hex[:12]}"
    files = {f"{number}.png": _picture(number) for number in range(count)}
    drafts = [{"data_key": key, "size": len(data), "content_type": "image/png"} for key, data in files.items()]
    items = owner.ok("POST", f"/datasets/{dataset}/assets", json={"items": drafts})["items"]
    for item in items:
        upload = item["upload"]
        httpx.post(upload["url"], data=upload["fields"], files={"file": files[item["data_key"]]}).raise_for_status()
    ids = [item["asset"]["id"] for item in items]
    done = owner.ok("POST", f"/datasets/{dataset}/assets:complete", json={"ids": ids, "wait": 20})["items"]
    assert [asset["state"] for asset in done] == ["stored"] * count
    return ids


def new_labels(owner: Person, project_id: str, assets: list[str]) -> list[str]:
    """The ids of new labels of these assets."""
    labels: list[str] = owner.ok("POST", f"/projects/{project_id}/labels:add", json={"assets": assets})["ids"]
    return labels


def new_guideline(owner: Person, project_id: str) -> str:
    """The id of a new guideline."""
    there, data = f"/projects/{project_id}/guidelines", pdf()
    made = owner.ok("POST", there, json={"name": "Guide.pdf", "size": len(data)})
    upload = made["upload"]
    httpx.post(upload["url"], data=upload["fields"], files={"file": data}).raise_for_status()
    guideline_id: str = owner.ok("POST", f"{there}/{made['guideline']['id']}:complete")["id"]
    return guideline_id


def new_failed_message(system: System, owner: Person, queue: str, body: bytes | None = None) -> str:
    """The id of a new failed message of a queue; by default one that no handler could take."""
    body = body or f"no event {uuid4()}".encode()
    with Connection(system.environment["LABELYARD_AMQP_URL"]) as broker:
        broker.default_channel.basic_publish_confirm(broker.default_channel.prepare_message(body), "", queue)
    until = time.monotonic() + 60
    while True:
        for each in owner.ok("GET", "/admin/failed", params={"queue": queue, "limit": 200})["items"]:
            address = f"/admin/failed/{each['service']}/{each['id']}"
            if owner.ok("GET", address)["body"] == body.decode():
                return str(each["id"])
        assert time.monotonic() < until, "the message does not come to be kept"
        time.sleep(0.1)


def _picture(shade: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 48), (shade % 256, 90, 90)).save(out, "PNG")
    return out.getvalue()
