"""Walks every path and method of the OpenAPI document as every role, as strangers, and with another project's ids.

What must come out is computed from contracts.permissions. Permission is decided before the query is read, so an
unknown query parameter tells whether somebody was let in (422) without changing anything. What leads to files and
streams is opened besides. Each answer is a cell of the table: path, who asks, which project and in what circumstances.
"""

import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest

from contracts.permissions import (
    BEYOND_WRITE,
    CARDS,
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
from tests.e2e.support import eventually
from tests.team import (
    Person,
    by_token,
    client,
    delete_user,
    end_sessions,
    hire,
    new_admin,
    new_failed_message,
    new_guideline,
    new_labels,
    new_project,
    new_session,
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


Known = tuple[Person, TeamRole | None, dict[str, ProjectRole]]
"""Somebody, their team role (None: not signed in) and their roles by project id."""


@dataclass
class World:
    """A private project, a public one, two other private ones: all but the public one with people of their own."""

    owner: Person
    admin: Person
    home: Ground
    public: Ground
    elsewhere: Ground
    turned: Ground  # is made public, and private again
    nobody: Person
    outsider: Person  # signed in, member of no project

    def everybody(self) -> Iterator[Known]:
        """All of them."""
        yield from self.members()
        yield self.nobody, None, {}
        yield self.outsider, TeamRole.MEMBER, {}
        for ground in (self.elsewhere, self.turned):
            for role, person in ground.people.items():
                yield person, TeamRole.MEMBER, {ground.id: role}

    def members(self) -> Iterator[Known]:
        """Those whom the private project is for."""
        yield self.owner, TeamRole.OWNER, {}
        yield self.admin, TeamRole.ADMIN, {}
        for role, person in self.home.people.items():
            yield person, TeamRole.MEMBER, {self.home.id: role}


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
    home, public, elsewhere, turned = (_ground(system, owner, public) for public in (False, True, False, False))
    for ground in (home, elsewhere, turned):
        for role in ProjectRole:
            ground.people[role] = hire(system, owner, ground.id, role.value)
        labeler = ground.people[ProjectRole.LABELER]
        path = f"/projects/{ground.id}/labels/{ground.values['label_id']}:assign"
        owner.ok("POST", path, json={"user_id": labeler.id, "as": "labeler"})
        ground.values["user_id"] = str(labeler.id)
    public.values["user_id"] = str(owner.id)
    outsider = hire(system, owner, elsewhere.id, "labeler")
    owner.ok("DELETE", f"/projects/{elsewhere.id}/members/{outsider.id}")
    for ground in (home, public, elsewhere, turned):
        ground.values.update(failed)
    yield World(owner, new_admin(system, owner), home, public, elsewhere, turned, stranger(system), outsider)
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
    owner.ok("POST", f"/projects/{project_id}/raw-data:update")
    export = owner.ok("POST", f"/projects/{project_id}/exports", json={})
    until = time.monotonic() + 60
    while owner.ok("GET", f"/projects/{project_id}/exports/{export['id']}")["state"] != "done":
        assert time.monotonic() < until, "the export does not get done"
        time.sleep(0.2)
    while owner.ok("GET", f"/projects/{project_id}/raw-data")["report"] is None:
        assert time.monotonic() < until, "the archive does not get built"
        time.sleep(0.05)
    values = {
        "project_id": project_id,
        "guideline_id": new_guideline(owner, project_id),
        "label_id": labels[0],
        "issue_id": _issue(owner, project_id, labels[0]),
        "asset_id": assets[0],
        "import_id": started["id"],
        "export_id": export["id"],
        "tag_id": owner.ok("POST", f"/projects/{project_id}/tags", json={"name": "good"})["id"],
        "task_id": _task(owner, project_id),
        "filter_id": _saved_filter(owner, project_id),
        **_versions(owner, project_id),
        "name": dataset,
        "invitation_id": _invitation(owner, project_id),
        "session_id": str(uuid4()),
        "check_id": owner.ok("POST", "/admin/counters:verify", json={"project": project_id})["id"],
        "token_id": owner.ok("POST", "/me/tokens", json={"name": "to walk on"})["id"],
    }
    return Ground(project_id, public, values, other_label=labels[1])


def _task(owner: Person, project_id: str) -> str:
    """A task that changes nothing."""
    order = {"selection": {"filter": {"data_key": "none"}}, "action": "submit"}
    task_id: str = owner.ok("POST", f"/projects/{project_id}/labels:bulk", json=order)["id"]
    return task_id


def _versions(owner: Person, project_id: str) -> dict[str, str]:
    """A version, and its comparison with itself."""
    there = f"/projects/{project_id}"
    version = owner.ok("POST", f"{there}/versions", json={"name": "first"})["id"]

    def compared() -> str:
        asked = owner.api.post(f"{there}/comparisons", json={"before": version, "after": version})
        assert asked.is_success, asked.text
        return str(asked.json()["id"])

    return {"version_id": version, "comparison_id": eventually(compared)}


def _saved_filter(owner: Person, project_id: str) -> str:
    body = {"name": "done", "scope": "project", "filter": {"status": ["submitted"]}}
    filter_id: str = owner.ok("POST", f"/projects/{project_id}/filters", json=body)["id"]
    return filter_id


def _invitation(owner: Person, project_id: str) -> str:
    body = {"email": f"{uuid4().hex}@example.com", "role": "labeler"}
    invitation_id: str = owner.ok("POST", f"/projects/{project_id}/invitations", json=body)["id"]
    return invitation_id


def _issue(owner: Person, project_id: str, label_id: str) -> str:
    path = f"/projects/{project_id}/labels/{label_id}/issues"
    issue_id: str = owner.ok("POST", path, json={"text": "Is this one?"})["id"]
    return issue_id


OPERATIONS = operations()
LET_IN = 422  # past the permission, and refused for the query parameter that nobody knows
UNKNOWN = (("nobody-knows-this", "1"),)
OPEN = (200, 302)  # a stream that begins, the way to a file

DOORS = tuple(each for each in OPERATIONS if each.path.endswith(("/live", "/download", "/content", "/thumbnail")))
"""The operations that lead to streams and files: these are opened, too."""


@dataclass(frozen=True)
class Cell:
    """Who asks for what, and the statuses that the tables give."""

    operation: Operation
    person: Person
    ground: Ground
    expected: tuple[int, ...]
    params: tuple[tuple[str, str], ...]

    def ask(self) -> str:
        """What differs, in words; nothing if nothing does."""
        try:
            return self._ask()
        except httpx.TransportError:  # threads that share a client share its connections, be they just closed
            return self._ask()

    def _ask(self) -> str:
        with self.person.api.stream(
            self.operation.method, self.operation.path.format(**self.ground.values), params=dict(self.params)
        ) as response:
            if response.status_code in self.expected:
                return ""
            said = "" if response.is_success else response.read().decode()
        return f"{self.operation} as {self.person.name}: {response.status_code}, not {self.expected}. {said}"


class Walk:
    """Asks for cells, many at a time, and counts them by circumstance."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.differing: Counter[str] = Counter()

    def __call__(self, circumstance: str, cells: Iterable[Cell]) -> None:
        """Every one of these cells is as the tables say."""
        cells = tuple(cells)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            wrong = [said for said in pool.map(Cell.ask, cells) if said]
        self.asked[circumstance] += len(cells)
        self.differing[circumstance] += len(wrong)
        assert not wrong, f"{len(wrong)} of {len(cells)} cells differ: {circumstance}\n" + "\n".join(wrong[:50])


AT_ONCE = 6


@pytest.fixture(scope="module")
def walk(request: pytest.FixtureRequest) -> Iterator[Walk]:
    """The walk; how far it went, and what differed, is printed at its end."""
    walk = Walk()
    yield walk
    with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        told = ", ".join(f"{circumstance} {count:,}" for circumstance, count in walk.asked.items())
        print(
            f"\npermission walk: {walk.asked.total():,} cells, {walk.differing.total()} differ ({told})",
            file=sys.stderr,
        )


def cells(ground: Ground, people: Iterable[Known], *, known: bool = True) -> Iterator[Cell]:
    """What these people get for every operation in one project, and for what opens there. Not `known`: what they show
    to say who they are counts for nothing any more.
    """
    read = Operation("", "GET", "/projects/{project_id}/labels", Permission.READ_LABELS)
    for person, team_role, roles in people:

        def expected(operation: Operation, team_role: Any = team_role, roles: Any = roles) -> int:
            if not known and operation.permission != Access.PUBLIC:
                return 401
            return _expected(operation, team_role, roles, ground)

        for operation in OPERATIONS:
            yield Cell(operation, person, ground, (expected(operation),), UNKNOWN)
        for door in DOORS:
            of_asset = door.permission == Access.ASSET
            status = expected(read if of_asset else door)
            params = (("project_id", ground.id),) if of_asset else ()
            yield Cell(door, person, ground, OPEN if status == LET_IN else (status,), params)


def test_every_operation_states_its_permission() -> None:
    known = {*Permission, *Access}
    assert [str(operation) for operation in OPERATIONS if operation.permission not in known] == []
    assert len(DOORS) >= 5


def test_each_role_gets_what_the_table_says(walk: Walk, world: World) -> None:
    members = list(world.members())
    others = [each for each in world.everybody() if each not in members]
    walk("own project", cells(world.home, members))
    walk("other project", cells(world.home, others))
    walk("public project", cells(world.public, world.everybody()))


def test_a_project_that_was_public_is_as_closed_as_before(walk: Walk, world: World) -> None:
    """What is remembered of it from then opens nothing any more."""
    owner, ground = world.owner, world.turned
    there = f"/projects/{ground.id}"
    confirmation = owner.ok("GET", f"{there}/visibility")["confirmation"]
    for change in ({"visibility": "public", "confirmation": confirmation}, {"visibility": "private"}):
        owner.ok("PATCH", there, json=change)
        ground.public = change["visibility"] == "public"
        walk(f"turned {change['visibility']}", cells(ground, world.everybody()))


Leave = Callable[[System, World, list[Person]], tuple[list[Person], Callable[[], None]]]
"""What is to be done to people: as whom they are let in still, and what makes them leave."""


def _deleted(system: System, world: World, people: list[Person]) -> tuple[list[Person], Callable[[], None]]:
    def leave() -> None:
        for person in people:
            delete_user(system, person)

    return people, leave


def _token_revoked(system: System, world: World, people: list[Person]) -> tuple[list[Person], Callable[[], None]]:
    tokens = [person.ok("POST", "/me/tokens", json={"name": "to be revoked"}) for person in people]

    def leave() -> None:
        for person, token in zip(people, tokens, strict=True):
            person.ok("DELETE", f"/me/tokens/{token['id']}")

    return [by_token(system, person, token["secret"]) for person, token in zip(people, tokens, strict=True)], leave


def _session_expired(system: System, world: World, people: list[Person]) -> tuple[list[Person], Callable[[], None]]:
    sessions = [new_session(system, person) for person in people]
    ends = datetime.now(UTC) + timedelta(seconds=SESSION)
    end_sessions(system, people, ends)

    def leave() -> None:
        time.sleep(max(0.0, (ends - datetime.now(UTC)).total_seconds()))

    return sessions, leave


SESSION = 6
"""Seconds that a session has to live in which everybody is to be let in once more."""


@pytest.mark.parametrize(
    ("circumstance", "how"),
    [("deleted user", _deleted), ("revoked token", _token_revoked), ("expired session", _session_expired)],
)
def test_who_was_let_in_is_out_for_good(
    circumstance: str, how: Leave, system: System, walk: Walk, world: World
) -> None:
    """The gateway knew everybody a moment ago, and had streams open for them: these end. Public projects, which are
    open to all the world, are not to whoever shows something that is no longer worth anything.
    """
    people = list(world.members())
    if circumstance == "deleted user":
        people = [(new_admin(system, world.owner), TeamRole.ADMIN, {})]
        for role in ProjectRole:
            people.append((hire(system, world.owner, world.home.id, role.value), TeamRole.MEMBER, {}))
    let_in, leave = how(system, world, [person for person, *_ in people])
    with ExitStack() as stack:
        opening = [(person, ground) for person in let_in for ground in (world.home, world.public)]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            streams = [stack.enter_context(each) for each in pool.map(lambda each: _watching(*each), opening)]
        leave()
        for stream in streams:
            for _ in stream.iter_lines():
                pass  # to its end
    former = [(person, *known[1:]) for person, known in zip(let_in, people, strict=True)]
    for ground in (world.home, world.public):
        walk(circumstance, cells(ground, former, known=False))


def _watching(person: Person, ground: Ground) -> AbstractContextManager[httpx.Response]:
    """A live stream that has begun."""
    request = person.api.build_request("GET", f"/projects/{ground.id}/live")
    response = person.api.send(request, stream=True)
    assert response.status_code == 200, response.read()
    return closing(response)


def test_a_project_opens_the_files_of_its_own_labels_only(world: World) -> None:
    labeler = world.home.people[ProjectRole.LABELER]
    foreign = world.elsewhere.values["asset_id"]
    for door in DOORS:
        if door.permission == Access.ASSET:
            for project in (world.home, world.public):
                path = door.path.format(asset_id=foreign)
                assert labeler.api.get(path, params={"project_id": project.id}).status_code == 404


ELSEWHERE = {"sign_on", "sign_on_callback"}  # answered only where an identity provider is known: test_sign_on.py


@pytest.mark.parametrize(
    "operation", [each for each in OPERATIONS if each.method == "GET" and each.id not in ELSEWHERE], ids=str
)
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


def test_a_token_does_what_it_is_for_and_nothing_else(
    walk: Walk, world: World, tokens: dict[tuple[TokenScope, str | None], Person]
) -> None:
    def of_tokens() -> Iterator[Cell]:
        for (scope, project_id), person in tokens.items():
            for operation in OPERATIONS:
                expected = _expected_of_token(operation, scope, project_id, world.home)
                yield Cell(operation, person, world.home, (expected,), UNKNOWN)
                if operation.permission == Access.ASSET:
                    opened = OPEN if project_id in (None, world.home.id) else (404,)
                    yield Cell(operation, person, world.home, opened, (("project_id", world.home.id),))

    walk("token of a scope or a project", of_tokens())


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
    "restore_body": {"version": 1},
    "rename_tag": {"name": "mine now"},
    "merge_tag": {"into": str(uuid4())},
    "change_version": {"name": "mine now"},
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


def test_labelers_see_only_what_is_assigned_to_them(system: System, world: World) -> None:
    """In lists under every filter, counts, stream, history, issues and images; the others are as good as none."""
    owner, project_id = world.owner, new_project(world.owner)
    there = f"/projects/{project_id}"
    mine, theirs, nobodys = labels = new_labels(owner, project_id, stored_assets(owner, 3))
    labeler, other = (hire(system, owner, project_id, "labeler") for _ in range(2))
    [cell] = owner.ok("GET", there)["specification"]["object_classes"]
    boxes = [_box(cell["id"], at) for at in (5, 20)]
    for label, person, objects in ((mine, labeler, boxes[:1]), (theirs, other, boxes)):
        version = owner.ok("POST", f"{there}/labels/{label}:assign", json={"user_id": person.id})["version"]
        owner.ok("PUT", f"{there}/labels/{label}/body", json={"objects": objects}, headers={"If-Match": f'"{version}"'})
    issue = _issue(owner, project_id, theirs)
    other.ok("POST", f"{there}/labels/{theirs}:submit")
    shown = {label: owner.ok("GET", f"{there}/labels/{label}") for label in labels}

    everything: dict[str, Any]
    for everything in (
        *({}, {"dataset": shown[theirs]["dataset"]}, {"data_key": "png"}, {"updated_since": "2020-01-01T00:00:00Z"}),
        *({"assignee": [labeler.id, other.id]}, {"status": ["in_progress", "submitted"]}, {"limit": 1}),
    ):
        page = labeler.ok("GET", f"{there}/labels", params=everything)
        assert ([label["id"] for label in page["items"]], page["next"]) == ([mine], None), everything
    for nothing in ({"assignee": other.id}, {"status": "submitted"}, {"has_open_issues": True}):
        assert labeler.ok("GET", f"{there}/labels", params=nothing)["items"] == [], nothing
    for operation in OPERATIONS:
        if operation.method == "GET" and "{label_id}" in operation.path:
            for label in (theirs, nobodys):
                path = operation.path.format(project_id=project_id, label_id=label, issue_id=issue)
                assert labeler.api.get(path).status_code == 404, str(operation)
    for door in DOORS:
        if door.permission == Access.ASSET:
            asked = {label: _at_the_door(door, labeler, project_id, each) for label, each in shown.items()}
            assert asked == {mine: 302, theirs: 404, nobodys: 404}
    path = f"{there}/labels/{nobodys}/body"
    refused = labeler.api.put(path, json=BODIES["save_body"], headers={"If-Match": '"1"'})
    assert refused.json()["code"] in ("not_found", "forbidden")

    def counted() -> None:
        cards = labeler.ok("GET", f"{there}/overview")["cards"]
        assert cards.keys() == {card for card, roles in CARDS.items() if Role.LABELER in roles}
        status = cards["labeling_status"]["data"]
        assert (status["scope"], status["total"], status["submitted"]) == ("mine", 1, 0)
        assert [each["count"] for each in cards["configuration"]["data"]["object_classes"]] == [1]
        assert [each["count"] for each in cards["quick_actions"]["data"]["items"]] == [0, 1, 0]
        [listed] = labeler.ok("GET", "/projects", params={"name": shown_name})["items"]
        assert (listed["counters"]["scope"], listed["counters"]["total"]) == ("mine", 1)
        with labeler.api.stream("GET", f"{there}/live") as stream:
            first = next(line for line in stream.iter_lines() if line.startswith("data: "))
        assert json.loads(first[6:])["cards"] == {"labeling_status": cards["labeling_status"]}

    shown_name = owner.ok("GET", there)["name"]
    eventually(counted)


def _box(class_id: str, at: int) -> dict[str, Any]:
    points = {"x": at, "y": at, "width": 10, "height": 10}
    return {"id": str(uuid4()), "class_id": class_id, "annotation_type": "box", "annotation": {"coord": points}}


def _at_the_door(door: Operation, person: Person, project_id: str, label: dict[str, Any]) -> int:
    path = door.path.format(asset_id=label["asset_id"])
    return person.api.get(path, params={"project_id": project_id}).status_code


def test_visitors_are_told_about_nobody(system: System, world: World) -> None:
    """A label that everybody has worked on and talked about: no answer, header, file or message names anybody."""
    owner, project_id = world.owner, new_project(world.owner, "public")
    there = f"/projects/{project_id}"
    [label] = new_labels(owner, project_id, stored_assets(owner, 1))
    labeler, reviewer, manager = staff = [
        hire(system, owner, project_id, role) for role in ("labeler", "reviewer", "manager")
    ]
    life = f"{there}/labels/{label}"
    manager.ok("POST", f"{life}:assign", json={"user_id": labeler.id})
    manager.ok("POST", f"{life}:assign", json={"user_id": reviewer.id, "as": "reviewer"})
    labeler.ok("POST", f"{life}:submit", json={"comment": f"{labeler.name} was here"})
    reviewer.ok("POST", f"{life}:reject", json={"comment": f"Once more, {labeler.name}."})
    issue = _issue(reviewer, project_id, label)
    labeler.ok("POST", f"{life}/issues/{issue}/comments", json={"text": f"Why, {reviewer.name}?"})
    labeler.ok("POST", f"{life}:submit")
    reviewer.ok("POST", f"{life}:approve")
    values = {**world.public.values, "project_id": project_id, "label_id": label, "issue_id": issue}
    values["asset_id"] = owner.ok("GET", life)["asset_id"]
    values["guideline_id"] = new_guideline(manager, project_id)

    people = [owner, world.admin, *staff]
    telling = [str(told) for person in people for told in (person.id, person.email, person.name)]
    for visitor in (world.nobody, world.outsider):
        answered = 0
        for operation in OPERATIONS:
            if operation.method != "GET" or operation.permission == Access.ACCOUNT:
                continue
            params = {"project_id": project_id} if operation.permission == Access.ASSET else {}
            with visitor.api.stream("GET", operation.path.format(**values), params=params) as response:
                answered += response.status_code in OPEN
                text = next(response.iter_text()) if operation.path.endswith("/live") else response.read().decode()
                text += str(response.headers)
            if "Location" in response.headers:
                file = httpx.get(response.headers["Location"])
                text += str(file.headers) + file.content.decode(errors="replace")
            assert [told for told in telling if told in text] == [], str(operation)
        assert answered >= 8
        for person in people:
            assert visitor.api.get(f"{there}/labels", params={"assignee": str(person.id)}).status_code == 403
    history = world.nobody.ok("GET", f"{life}/history")["items"]
    assert [each["action"] for each in history].count("submit") == 2
    assert {(each["actor"], each["comment"]) for each in history} == {(None, None)}


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
    comments = f"{issues}/{ground.values['issue_id']}/comments"
    lists = ("labels", "members", "exports", "guidelines", "filters", "versions", issues, comments)
    return [owner.ok("GET", f"{project}/{list_}")["items"] for list_ in lists]
