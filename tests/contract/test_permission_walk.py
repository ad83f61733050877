"""Walks every path and method of the OpenAPI document as every role, as strangers, and with another project's ids.

What must come out is computed from contracts.permissions. Permission is decided before the query is read, so an
unknown query parameter tells whether somebody was let in (422) without changing anything.
"""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
import pytest

from contracts.permissions import (
    BEYOND_WRITE,
    Permission,
    ProjectRole,
    Role,
    Scope,
    TeamRole,
    TokenScope,
    effective_role,
    scope_of,
)
from deploy.local.system import System
from gateway.routing import Access
from tests.documented import document
from tests.team import (
    Person,
    client,
    hire,
    new_admin,
    new_failed_message,
    new_guideline,
    new_labels,
    new_project,
    new_token,
    owner_of,
    stored_assets,
    stranger,
)


@dataclass(frozen=True)
class Operation:
    """One method of one path."""

    id: str
    method: str
    path: str
    permission: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass
class Ground:
    """A project with something of everything in it. `people`: by their role in it."""

    id: str
    public: bool
    values: dict[str, str]
    people: dict[ProjectRole, Person] = field(default_factory=dict)
    other_label: str = ""  # assigned to nobody


@dataclass
class World:
    """A private project, a public one, another private one with people of its own."""

    owner: Person
    admin: Person
    home: Ground
    public: Ground
    elsewhere: Ground
    nobody: Person
    outsider: Person  # signed in, member of no project

    def everybody(self) -> Iterator[tuple[Person, TeamRole | None, dict[str, ProjectRole]]]:
        """Each person with their team role (None: not signed in) and their roles by project id."""
        yield self.owner, TeamRole.OWNER, {}
        yield self.admin, TeamRole.ADMIN, {}
        yield self.nobody, None, {}
        yield self.outsider, TeamRole.MEMBER, {}
        for ground in (self.home, self.elsewhere):
            for role, person in ground.people.items():
                yield person, TeamRole.MEMBER, {ground.id: role}


def operations() -> list[Operation]:
    """Every operation of the document."""
    return [
        Operation(operation["operationId"], method.upper(), path, operation.get("x-permission", ""))
        for path, methods in document()["paths"].items()
        for method, operation in methods.items()
    ]


@pytest.fixture(scope="module")
def world(system: System) -> Iterator[World]:
    owner = owner_of(system)
    failed = {"service": "projects", "message_id": new_failed_message(system, owner, "projects.clearing.v1")}
    home, public, elsewhere = (_ground(system, owner, public) for public in (False, True, False))
    for ground in (home, elsewhere):
        for role in ProjectRole:
            ground.people[role] = hire(system, owner, ground.id, role.value)
        labeler = ground.people[ProjectRole.LABELER]
        path = f"/projects/{ground.id}/labels/{ground.values['label_id']}:assign"
        owner.ok("POST", path, json={"user_id": labeler.id, "as": "labeler"})
        ground.values["user_id"] = str(labeler.id)
    public.values["user_id"] = str(owner.id)
    outsider = hire(system, owner, elsewhere.id, "labeler")
    owner.ok("DELETE", f"/projects/{elsewhere.id}/members/{outsider.id}")
    for ground in (home, public, elsewhere):
        ground.values.update(failed)
    yield World(owner, new_admin(system, owner), home, public, elsewhere, stranger(system), outsider)
    owner.ok("POST", "/admin/failed/{service}/{message_id}:drop".format(**failed))


def _ground(system: System, owner: Person, public: bool) -> Ground:
    project_id = new_project(owner, "public" if public else "private")
    assets = stored_assets(owner, 2)
    labels = new_labels(owner, project_id, assets)
    dataset = owner.ok("GET", f"/projects/{project_id}/labels/{labels[0]}")["dataset"]
    upload = owner.ok("POST", f"/projects/{project_id}/uploads", json={"filename": "a.json", "size": 2})
    policy = upload["policy"]
    httpx.post(policy["url"], data=policy["fields"], files={"file": b"{}"}).raise_for_status()
    body = {"upload": upload["upload"], "format": "coco", "dataset": dataset}
    started = owner.ok("POST", f"/projects/{project_id}/imports", json=body)
    export = owner.ok("POST", f"/projects/{project_id}/exports", json={})
    until = time.monotonic() + 60
    while owner.ok("GET", f"/projects/{project_id}/exports/{export['id']}")["state"] != "done":
        assert time.monotonic() < until, "the export does not get done"
        time.sleep(0.2)
    values = {
        "project_id": project_id,
        "guideline_id": new_guideline(owner, project_id),
        "label_id": labels[0],
        "issue_id": _issue(owner, project_id, labels[0]),
        "asset_id": assets[0],
        "import_id": started["id"],
        "export_id": export["id"],
        "name": dataset,
        "session_id": str(uuid4()),
        "check_id": owner.ok("POST", "/admin/counters:verify", json={"project": project_id})["id"],
        "token_id": owner.ok("POST", "/me/tokens", json={"name": "to walk on"})["id"],
    }
    return Ground(project_id, public, values, other_label=labels[1])


def _issue(owner: Person, project_id: str, label_id: str) -> str:
    path = f"/projects/{project_id}/labels/{label_id}/issues"
    issue_id: str = owner.ok("POST", path, json={"text": "Is this one?"})["id"]
    return issue_id


OPERATIONS = operations()
each_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=str)
LET_IN = 422  # past the permission, and refused for the query parameter that nobody knows


def test_every_operation_states_its_permission() -> None:
    known = {*Permission, *Access}
    assert [str(operation) for operation in OPERATIONS if operation.permission not in known] == []


@each_operation
def test_each_role_gets_what_the_table_says(operation: Operation, world: World) -> None:
    grounds = [world.home, world.public] if "{project_id}" in operation.path else [world.home]
    for ground in grounds:
        for person, team_role, roles in world.everybody():
            response = _ask(operation, person, ground, params={"nobody-knows-this": "1"})
            expected = _expected(operation, team_role, roles, ground)
            assert response.status_code == expected, f"{person.name} in a {_kind(ground)} project: {response.text}"


@pytest.mark.parametrize("operation", [each for each in OPERATIONS if each.permission == Access.ASSET], ids=str)
def test_a_project_opens_the_files_of_its_own_labels(operation: Operation, world: World) -> None:
    read = Operation(operation.id, "GET", "/projects/{project_id}/labels", Permission.READ_LABELS)
    for ground in (world.home, world.public):
        for person, team_role, roles in world.everybody():
            response = _ask(operation, person, ground, params={"project_id": ground.id})
            expected = _expected(read, team_role, roles, ground)
            assert response.status_code == (302 if expected == LET_IN else expected), person.name
    labeler = world.home.people[ProjectRole.LABELER]
    foreign = world.elsewhere.values["asset_id"]
    response = labeler.api.get(operation.path.format(asset_id=foreign), params={"project_id": world.home.id})
    assert response.status_code == 404


@pytest.mark.parametrize("operation", [each for each in OPERATIONS if each.method == "GET"], ids=str)
def test_what_may_be_read_is_answered(operation: Operation, world: World) -> None:
    for ground in (world.home, world.public):
        for person, team_role, roles in world.everybody():
            if _expected(operation, team_role, roles, ground) == LET_IN:
                with _open(operation, person, ground) as response:
                    assert response.status_code in (200, 302), f"{person.name} in a {_kind(ground)} project"


@pytest.fixture(scope="module")
def tokens(system: System, world: World) -> dict[tuple[TokenScope, str | None], Person]:
    """The owner, by tokens of every scope, for all projects and for one."""
    return {
        (scope, project_id): new_token(system, world.owner, scope=scope, project_id=project_id)
        for scope in TokenScope
        for project_id in (None, world.home.id, world.elsewhere.id)
    }


@each_operation
def test_a_token_does_what_it_is_for_and_nothing_else(
    operation: Operation, world: World, tokens: dict[tuple[TokenScope, str | None], Person]
) -> None:
    for (scope, project_id), person in tokens.items():
        response = _ask(operation, person, world.home, params={"nobody-knows-this": "1"})
        expected = _expected_of_token(operation, scope, project_id, world.home)
        assert response.status_code == expected, f"{scope} for {project_id}: {response.text}"
        if operation.permission == Access.ASSET:
            response = _ask(operation, person, world.home, params={"project_id": world.home.id})
            assert response.status_code == (302 if project_id in (None, world.home.id) else 404)


def test_a_token_for_one_project_does_not_tell_whether_there_are_others(
    world: World, tokens: dict[tuple[TokenScope, str | None], Person]
) -> None:
    person = tokens[TokenScope.FULL, world.home.id]
    hidden, nowhere = (person.api.get(f"/projects/{project_id}") for project_id in (world.elsewhere.id, uuid4()))
    assert {**hidden.json(), "correlation_id": ""} == {**nowhere.json(), "correlation_id": ""}


BODIES: dict[str, Any] = {
    "open_issue": {"text": "Is this one?"},
    "comment_on_issue": {"text": "No."},
    "save_body": {"objects": []},
    "reject": {"comment": "because"},
    "assign": {"user_id": str(uuid4())},
    "rename_export": {"name": "mine now"},
    "change_member": {"role": "manager"},
}


@pytest.mark.parametrize(
    "operation",
    [each for each in OPERATIONS if each.path.startswith("/projects/{project_id}/") and each.path.count("{") > 1],
    ids=str,
)
def test_another_projects_ids_lead_nowhere(operation: Operation, world: World) -> None:
    values = {**world.elsewhere.values, "project_id": world.home.id}
    before = _state(world.owner, world.elsewhere)
    for person in (world.owner, world.home.people[ProjectRole.MANAGER]):
        response = person.api.request(
            operation.method,
            operation.path.format(**values),
            json=BODIES.get(operation.id, {}) if operation.method in ("POST", "PUT", "PATCH") else None,
            headers={"If-Match": '"1"'},
        )
        if operation.id == "remove_member":  # they are no member of this project, and stay none
            assert response.status_code == 204
        else:
            assert (response.status_code, response.json()["code"]) in ((404, "not_found"), (409, "not_a_member"))
    assert _state(world.owner, world.elsewhere) == before


def test_a_project_that_is_hidden_looks_like_one_that_does_not_exist(world: World) -> None:
    for operation in OPERATIONS:
        if "{project_id}" not in operation.path:
            continue
        for person in (world.outsider, world.nobody, world.elsewhere.people[ProjectRole.MANAGER]):
            hidden = _ask(operation, person, world.home)
            values = {**world.home.values, "project_id": str(uuid4())}
            nowhere = person.api.request(operation.method, operation.path.format(**values))
            assert hidden.status_code == nowhere.status_code
            assert {**hidden.json(), "correlation_id": ""} == {**nowhere.json(), "correlation_id": ""}


def test_labelers_see_only_what_is_assigned_to_them(world: World) -> None:
    labeler, project = world.home.people[ProjectRole.LABELER], f"/projects/{world.home.id}"
    listed = labeler.ok("GET", f"{project}/labels")["items"]
    assert [label["id"] for label in listed] == [world.home.values["label_id"]]
    for rest in ("", "/history"):
        assert labeler.api.get(f"{project}/labels/{world.home.other_label}{rest}").status_code == 404
    path = f"{project}/labels/{world.home.other_label}/body"
    refused = labeler.api.put(path, json=BODIES["save_body"], headers={"If-Match": '"1"'})
    assert refused.json()["code"] in ("not_found", "forbidden")


def test_visitors_are_told_about_nobody(world: World) -> None:
    people = [world.owner, world.admin, *world.home.people.values(), *world.elsewhere.people.values()]
    telling = [str(told) for person in people for told in (person.id, person.email, person.name)]
    owner = world.owner
    label = f"/projects/{world.public.id}/labels/{world.public.values['label_id']}"
    owner.ok("POST", f"{label}:submit")
    for visitor in (world.nobody, world.outsider):
        for operation in OPERATIONS:
            if operation.method != "GET" or "{project_id}" not in operation.path:
                continue
            with _open(operation, visitor, world.public) as response:
                text = next(response.iter_text()) if "live" in operation.path else response.read().decode()
                assert [told for told in telling if told in text] == [], str(operation)
    assert world.nobody.api.get(f"/projects/{world.public.id}/labels?assignee={owner.id}").status_code == 403


def test_a_session_changes_nothing_without_its_csrf_token(system: System, world: World) -> None:
    email, password = system.owner
    with client(system) as session:
        session.post("/auth/login", json={"email": email, "password": password})
        for operation in OPERATIONS:
            if operation.method == "GET" or operation.permission == Access.PUBLIC:
                continue
            response = session.request(operation.method, operation.path.format(**world.home.values))
            assert (response.status_code, response.json()["code"]) == (403, "csrf_failed"), str(operation)


def _ask(operation: Operation, person: Person, ground: Ground, **how: Any) -> httpx.Response:
    return person.api.request(operation.method, operation.path.format(**ground.values), **how)


def _open(operation: Operation, person: Person, ground: Ground) -> AbstractContextManager[httpx.Response]:
    return person.api.stream(operation.method, operation.path.format(**ground.values))


def _expected(operation: Operation, team_role: TeamRole | None, roles: dict[str, ProjectRole], ground: Ground) -> int:
    """The status that the table gives for being let in or not."""
    signed_in, refused = team_role is not None, 401 if team_role is None else 403
    managing = team_role in (TeamRole.OWNER, TeamRole.ADMIN)
    match operation.permission:
        case Access.PUBLIC:
            return LET_IN
        case Access.SIGNED_IN | Access.SELF | Access.ACCOUNT:
            return LET_IN if signed_in else refused
        case Access.DATA_LIBRARY | Access.ASSET:
            return LET_IN if managing or ProjectRole.MANAGER in roles.values() else refused
    permission = Permission(operation.permission)
    if "{project_id}" not in operation.path:
        return LET_IN if managing and scope_of(permission, Role(str(team_role))) is Scope.ALL else refused
    role = effective_role(team_role, roles.get(ground.id), ground.public)
    if role is None:
        return 404 if signed_in else 401
    return refused if scope_of(permission, role) is None else LET_IN


def _expected_of_token(operation: Operation, scope: TokenScope, project_id: str | None, ground: Ground) -> int:
    """The same for somebody who may do everything, by a token that may not."""
    order = (TokenScope.READ, TokenScope.WRITE, TokenScope.FULL)
    if operation.permission == Access.PUBLIC:
        return LET_IN
    if operation.permission == Access.ACCOUNT:
        needed = TokenScope.FULL
    elif operation.method == "GET":
        needed = TokenScope.READ
    else:
        needed = TokenScope.FULL if operation.permission in BEYOND_WRITE else TokenScope.WRITE
    if order.index(scope) < order.index(needed):
        return 403
    if project_id is None or operation.permission == Access.SELF:
        return LET_IN
    if "{project_id}" not in operation.path:
        return 403
    return LET_IN if project_id == ground.id else 404


def _kind(ground: Ground) -> str:
    return "public" if ground.public else "private"


def _state(owner: Person, ground: Ground) -> list[Any]:
    """Everything of a project that the walk could have changed."""
    project = f"/projects/{ground.id}"
    issues = f"labels/{ground.values['label_id']}/issues"
    lists = ("labels", "members", "exports", "guidelines", issues, f"{issues}/{ground.values['issue_id']}/comments")
    return [owner.ok("GET", f"{project}/{list_}")["items"] for list_ in lists]
