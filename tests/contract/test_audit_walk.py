"""A day in which everything is done once that the API can do, and what the audit says of it afterwards.

A new operation that changes something has to be done in `day` too, or to stand in ELSEWHERE.
"""

import csv
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from chassis.settings import SERVICES
from deploy.local.system import System
from tests.documented import document, operation_of
from tests.mails import MailServer
from tests.team import (
    PASSWORD,
    Person,
    client,
    hire,
    new_failed_message,
    new_guideline,
    new_labels,
    new_project,
    owner_of,
    sign_in,
    stored_assets,
)

AGENT = "audit-walk/1.0"

ELSEWHERE: Mapping[str, str] = {
    **dict.fromkeys(
        ("search_labels", "count_labels", "group_labels"), "changes nothing; tests/service/labels/test_labels_search.py"
    ),
    "preview_bulk": "changes nothing; tests/service/labels/test_labels_bulk.py",
    "request_password_reset": "takes a mail server; tests/service/members/test_members_resets.py",
}
"""Operations that change something and are not done here, and why not."""

AWAY = "analytics"


@dataclass
class Day:
    """What was done: operation, the request's correlation id, and by whom."""

    owner: Person
    project_id: str
    done: list[tuple[str, str, str | None]] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    wrong_password: str = ""  # the correlation id of a sign-in that was refused
    import_id: str = ""

    def watch(self, api: httpx.Client, user_id: str | None) -> None:
        """Remember what is done by `api` from now on."""
        api.headers["User-Agent"] = AGENT

        def remember(response: httpx.Response) -> None:
            operation = operation_of(response.request.method, response.request.url.path)
            if operation is not None and response.request.method != "GET" and response.is_success:
                self.done.append((operation, response.headers["X-Correlation-Id"], user_id))

        api.event_hooks["response"].append(remember)


def operations() -> set[str]:
    """Every operation of the document that changes something."""
    return {
        operation["operationId"]
        for methods in document()["paths"].values()
        for method, operation in methods.items()
        if method != "get"
    }


@pytest.fixture(scope="module")
def day(system: System, mails: MailServer) -> Day:
    owner = owner_of(system)
    day = Day(owner, "")
    day.watch(owner.api, owner.id)
    day.project_id = new_project(owner)
    there = f"/projects/{day.project_id}"
    labeler, reviewer = (hire(system, owner, day.project_id, role) for role in ("labeler", "reviewer"))
    for person in (labeler, reviewer):
        day.watch(person.api, person.id)
    _project(owner, there, str(reviewer.id))
    _labels(owner, labeler, there, day.project_id)
    _bulk(owner, there)
    _saved_filters(labeler, there)
    _version(owner, there)
    day.import_id = _import(owner, there)
    _export(owner, there)
    _raw_data(owner, there)
    _operate(system, owner, day.project_id)
    _account(system, day, str(labeler.email), str(labeler.id))
    _people(system, day, mails, str(labeler.id))
    owner.ok("DELETE", f"{there}/members/{reviewer.id}")
    owner.ok("DELETE", there)
    owner.ok("POST", f"{there}:restore")
    day.rows = [json.loads(line) for line in owner.api.get("/admin/audit/export").text.splitlines()]
    return day


def _project(owner: Person, there: str, reviewer: str) -> None:
    owner.ok("PATCH", there, json={"description": "changed"})
    owner.ok("PATCH", f"{there}/members/{reviewer}", json={"role": "manager"})
    owner.ok("DELETE", f"{there}/guidelines/{new_guideline(owner, there.rpartition('/')[2])}")
    model = owner.ok("POST", f"{there}/auto-label/models", json={"name": "finder"})["id"]
    owner.ok("PUT", f"{there}/auto-label", json={"enabled": True, "model": model})
    for what in ("exports", "storage"):
        owner.ok("PUT", f"{there}/quotas/{what}", json={"limit": 1_000_000})


def _labels(owner: Person, labeler: Person, there: str, project_id: str) -> None:
    owner.ok("POST", "/datasets", json={"name": f"data-{uuid4().hex[:12]}"})
    label, other = (f"{there}/labels/{each}" for each in new_labels(owner, project_id, stored_assets(owner, 2)))
    owner.ok("POST", f"{other}:assign", json={"user_id": labeler.id, "as": "labeler"})
    owner.ok("POST", f"{other}:unassign", json={"as": "labeler"})
    owner.ok("POST", f"{other}:assign", json={"user_id": labeler.id})
    taken = labeler.ok("POST", f"{there}/labels:next")
    assert label.endswith(taken["id"])
    version = {"If-Match": f'"{taken["version"]}"'}
    labeler.ok("PUT", f"{label}/lock")
    saved = labeler.ok("PUT", f"{label}/body", json={"objects": []}, headers=version)["version"]
    labeler.ok("DELETE", f"{label}/lock")
    labeler.ok("POST", f"{label}:restore-body", json={"version": 1}, headers={"If-Match": f'"{saved}"'})
    labeler.ok("POST", f"{label}:submit", json={})
    owner.ok("POST", f"{label}:reject", json={"comment": "Look again."})
    labeler.ok("POST", f"{label}:skip", json={})
    owner.ok("POST", f"{there}/labels:next-review", json={})
    owner.ok("POST", f"{label}:approve", json={})
    owner.ok("POST", f"{label}:reopen", json={})
    owner.ok("POST", f"{label}:initialize")
    issue = f"{label}/issues/" + labeler.ok("POST", f"{label}/issues", json={"text": "What is it?"})["id"]
    owner.ok("POST", f"{issue}/comments", json={"text": "A cell."})
    owner.ok("POST", f"{issue}:resolve")
    owner.ok("POST", f"{issue}:reopen")


def _bulk(owner: Person, there: str) -> None:
    a, b = (owner.ok("POST", f"{there}/tags", json={"name": name})["id"] for name in ("a", "b"))
    order = {"selection": {"filter": {}}, "action": "add_tags", "tags": [a]}
    task = f"{there}/tasks/" + owner.ok("POST", f"{there}/labels:bulk", json=order)["id"]
    _await(lambda: owner.ok("GET", task)["state"] == "done")
    owner.ok("DELETE", task)
    owner.ok("PATCH", f"{there}/tags/{a}", json={"name": "c"})
    owner.ok("POST", f"{there}/tags/{a}:merge", json={"into": b})
    owner.ok("DELETE", f"{there}/tags/{b}")


def _saved_filters(labeler: Person, there: str) -> None:
    saved = labeler.ok("POST", f"{there}/filters", json={"name": "mine", "filter": {"status": ["submitted"]}})["id"]
    changed = {"filter": {"status": ["skipped"]}}
    labeler.ok("PATCH", f"{there}/filters/{saved}", json=changed, headers={"If-Match": '"1"'})
    labeler.ok("DELETE", f"{there}/filters/{saved}")


def _version(owner: Person, there: str) -> None:
    version = f"{there}/versions/" + owner.ok("POST", f"{there}/versions", json={"name": "a"})["id"]
    owner.ok("PATCH", version, json={"note": "of the audit"})
    _await(lambda: owner.ok("GET", version)["state"] == "done")
    same = version.rpartition("/")[2]
    owner.ok("POST", f"{there}/comparisons", json={"before": same, "after": same})
    owner.ok("DELETE", version)


def _import(owner: Person, there: str) -> str:
    dataset = owner.ok("GET", f"{there}/labels")["items"][0]["dataset"]
    data = json.dumps({"images": [], "annotations": [], "categories": []}).encode()
    upload = owner.ok("POST", f"{there}/uploads", json={"filename": "a.json", "size": len(data)})
    policy = upload["policy"]
    httpx.post(policy["url"], data=policy["fields"], files={"file": data}).raise_for_status()
    wanted = {"upload": upload["upload"], "format": "coco", "dataset": dataset}
    started: str = owner.ok("POST", f"{there}/imports", json=wanted)["id"]
    _await(lambda: owner.ok("GET", f"{there}/imports/{started}")["state"] not in ("queued", "running"))
    return started


def _raw_data(owner: Person, there: str) -> None:
    owner.ok("POST", f"{there}/raw-data:update")
    owner.ok("POST", f"{there}/raw-data/link", json={})
    owner.ok("DELETE", f"{there}/raw-data/link")
    owner.ok("POST", f"{there}/raw-data:cancel")
    owner.ok("DELETE", f"{there}/raw-data")
    owner.ok("PUT", f"{there}/retention", json={"days": 30})


def _export(owner: Person, there: str) -> None:
    export = f"{there}/exports/" + owner.ok("POST", f"{there}/exports", json={})["id"]
    owner.ok("PATCH", export, json={"name": "renamed"})
    owner.ok("POST", f"{export}/link", json={})
    owner.ok("DELETE", f"{export}/link")
    owner.ok("POST", f"{export}:cancel")
    owner.ok("POST", f"{export}:again")
    owner.ok("DELETE", export)


def _operate(system: System, owner: Person, project_id: str) -> None:
    for verb in ("verify", "rebuild"):
        owner.ok("POST", f"/admin/counters:{verb}", json={"project": project_id})
    queue = "members.events.v1"
    kept = f"/admin/failed/members/{new_failed_message(system, owner, queue)}"
    owner.ok("POST", f"{kept}:replay")
    owner.ok("POST", "/admin/failed:replay", json={"queue": queue})
    owner.ok("POST", f"{kept}:drop")
    owner.ok("POST", "/admin/failed:drop", json={"queue": queue})


def _account(system: System, day: Day, email: str, user_id: str) -> None:
    with client(system) as session, client(system) as other:
        for api in (session, other):
            day.watch(api, user_id)
            signed_in = api.post("/auth/login", json={"email": email, "password": PASSWORD})
            api.headers["X-CSRF-Token"] = signed_in.json()["csrf_token"]
        refused = session.post("/auth/login", json={"email": email, "password": "not the password"})
        day.wrong_password = refused.headers["X-Correlation-Id"]
        token = session.post("/me/tokens", json={"name": "robot"}).json()["id"]
        session.delete(f"/me/tokens/{token}")
        sessions = session.get("/me/sessions").json()["items"]
        (elsewhere,) = [each["id"] for each in sessions if not each["current"]][:1]
        session.delete(f"/me/sessions/{elsewhere}")
        session.post("/me/password", json={"current_password": PASSWORD, "new_password": "another password"})
        session.post("/auth/logout")
    link = day.owner.ok("POST", f"/users/{user_id}/password-reset")["url"]
    with client(system) as nobody:
        day.watch(nobody, None)
        reset = {"token": link.rpartition("#")[2], "new_password": "a third password"}
        nobody.post("/auth/password-reset:complete", json=reset)


def _people(system: System, day: Day, mails: MailServer, user_id: str) -> None:
    owner = day.owner
    user = f"/users/{user_id}"
    owner.ok("PATCH", user, json={"team_role": "admin"})
    owner.ok("PATCH", user, json={"team_role": "member"})
    for verb in ("deactivate", "reactivate"):
        owner.ok("POST", f"{user}:{verb}")
    email = f"{uuid4().hex}@example.com"
    for place, role in ((f"/projects/{day.project_id}/invitations", "labeler"), ("/invitations", "admin")):
        taken_back = owner.ok("POST", place, json={"email": f"{uuid4().hex}@example.com", "role": role})["id"]
        owner.ok("POST", f"{place}/{taken_back}:revoke")
        invitation = owner.ok("POST", place, json={"email": email, "role": role})["id"]
        mails.link_to(email, 1 if role == "labeler" else 3)
        owner.ok("POST", f"{place}/{invitation}:resend")
        token = mails.link_to(email, 2 if role == "labeler" else 4).rpartition("#")[2]
        if role == "labeler":
            with client(system) as nobody:
                day.watch(nobody, None)
                account = {"token": token, "name": "Invited", "password": PASSWORD}
                assert nobody.post("/invitations:accept", json=account).is_success
        else:
            invited = sign_in(system, email, PASSWORD)
            day.watch(invited.api, invited.id)
            invited.ok("POST", "/me/invitations:accept", json={"token": token})


def _await(holds: Any) -> None:
    until = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.1)


def rows_of(day: Day, correlation_id: str) -> list[dict[str, Any]]:
    return [row for row in day.rows if row["correlation_id"] == correlation_id]


def test_everything_that_can_be_done_was_done(day: Day) -> None:
    done = {operation for operation, _, _ in day.done}
    print(f"{len(done)} operations, {len(day.rows)} rows")
    assert operations() - ELSEWHERE.keys() - done == set()


def test_each_change_says_who_what_and_from_where(day: Day) -> None:
    for operation, correlation_id, user_id in day.done:
        rows = [row for row in rows_of(day, correlation_id) if row["issuer"] == "gateway"]
        assert rows, f"{operation} left no row"
        for row in rows:
            assert row["outcome"] == "ok", (operation, row)
            assert row["user_id"] == user_id, (operation, row)
            assert bool(row["session_id"] or row["token_id"]) == (user_id is not None), (operation, row)
            assert (row["address"], row["agent"]) == ("127.0.0.1", AGENT), (operation, row)
            assert row["subject"] and row["subject_id"], (operation, row)
            assert row["before"] or row["after"], (operation, row)


def test_before_and_after_are_there_where_there_is_something_to_compare(day: Day) -> None:
    compared = {
        "change_project": ({"description": ""}, {"description": "changed"}),
        "change_member": ({"role": "reviewer"}, {"role": "manager"}),
        "change_user": ({"team_role": "member"}, {"team_role": "admin"}),
        "deactivate_user": ({"state": "active"}, {"state": "deleted"}),
        "remove_member": ({"role": "manager"}, {"role": None}),
        "submit": ({"status": "in_progress"}, {"status": "submitted"}),
        "rename_export": (None, {"name": "renamed"}),
        "set_auto_label": ({"enabled": False}, {"enabled": True}),
        "resolve_issue": ({"open_issues": 1}, {"open_issues": 0}),
        "change_saved_filter": (
            {"filter": {"status": ["submitted"]}},
            {"filter": {"status": ["skipped"]}},
        ),
    }
    for operation, (before, after) in compared.items():
        correlation_id = next(correlation for done, correlation, _ in day.done if done == operation)
        (row,) = rows_of(day, correlation_id)
        for side, wanted in ((row["before"], before), (row["after"], after)):
            assert wanted is None or side.items() >= wanted.items(), (operation, row)


def test_a_wrong_password_is_recorded_with_whose_it_was_not(day: Day) -> None:
    (row,) = rows_of(day, day.wrong_password)
    assert (row["action"], row["outcome"], row["subject"]) == ("members.login", "bad_credentials", "user")
    assert row["user_id"] is None and row["subject_id"] and row["address"] == "127.0.0.1"


def test_what_goes_on_for_somebody_is_theirs(day: Day) -> None:
    (ended,) = [row for row in day.rows if row["action"] == "labels.end_import" and row["subject_id"] == day.import_id]
    assert (ended["user_id"], ended["project_id"]) == (day.owner.id, day.project_id)
    assert ended["after"]["state"] in ("done", "failed")


def test_every_row_was_written_in_the_transaction_of_its_change(system: System, day: Day) -> None:
    for service in SERVICES:
        log = (system.supervisor.logs / f"{service}.log").read_text()
        assert "only after the fact" not in log, service


def test_the_command_line_lists_and_exports(system: System, day: Day) -> None:
    def labelyard(*arguments: str) -> str:
        token = day.owner.api.headers["Authorization"].removeprefix("Bearer ")
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "LABELYARD_URL": system.url}
        command = [str(Path(sys.executable).with_name("labelyard")), "admin", "audit", *arguments]
        ran = subprocess.run(
            command, env=environment | {"LABELYARD_TOKEN": token}, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    mine = [row for row in day.rows if row["project_id"] == day.project_id]
    exported = [json.loads(line) for line in labelyard("export", "--project", day.project_id).splitlines()]
    assert exported == mine
    chosen = ("--project", day.project_id, "--action", "projects.", "--since", "2020-01-01")
    listed = json.loads(labelyard("list", *chosen, "--json"))
    assert listed == {"items": [row for row in mine if row["service"] == "projects"], "unavailable": []}
    drawn = labelyard("list", *chosen, "--limit", "100")
    assert "projects.change_project" in drawn and "changed" in drawn and "127.0.0.1" in drawn
    head, *lines = labelyard("export", *chosen, "--csv").splitlines()
    assert head.startswith("id,at,service,action") and len(lines) == len(listed["items"])


def test_no_secret_is_in_any_row(day: Day) -> None:
    text = json.dumps(day.rows)
    for secret in (
        PASSWORD,
        "another password",
        "a third password",
        "not the password",
        day.owner.api.headers["Authorization"][7:],
    ):
        assert secret not in text


def test_a_list_is_the_export_page_by_page(day: Day) -> None:
    which: dict[str, Any] = {"project_id": day.project_id}
    found: list[dict[str, Any]] = []
    while True:
        page = day.owner.ok("GET", "/admin/audit", params={**which, "limit": 7})
        assert page["unavailable"] == []
        found += page["items"]
        if page["next"] is None:
            break
        which["cursor"] = page["next"]
    assert found == [row for row in day.rows if row["project_id"] == day.project_id]
    assert len({row["service"] for row in found}) > 3
    assert [row["id"] for row in found] == sorted((row["id"] for row in found), reverse=True)


def test_filters_and_the_table_for_spreadsheets(day: Day) -> None:
    api = day.owner
    one = next(row for row in day.rows if row["action"] == "projects.change_project")
    for name in ("subject_id", "correlation_id", "action"):
        found = api.ok("GET", "/admin/audit", params={name: one[name], "project_id": day.project_id})["items"]
        assert one in found and {row[name] for row in found} == {one[name]}
    since = api.ok("GET", "/admin/audit", params={"since": one["at"], "until": one["at"]})["items"]
    assert since == []
    exported = api.api.get("/admin/audit/export.csv", params={"action": "projects.", "project_id": day.project_id})
    table = list(csv.DictReader(io.StringIO(exported.text)))
    (row,) = [row for row in table if row["id"] == one["id"]]
    assert json.loads(row["after"]) == one["after"]
    assert {row["service"] for row in table} == {"projects"}


@pytest.fixture
def one_away(system: System) -> Iterator[None]:
    system.stop(AWAY)
    yield
    system.start(AWAY)


def test_a_service_that_is_away_is_named_and_an_export_is_refused(day: Day, one_away: None) -> None:
    def named() -> bool:
        page = day.owner.ok("GET", "/admin/audit", params={"project_id": day.project_id})
        return page["unavailable"] == [AWAY] and AWAY not in {row["service"] for row in page["items"]}

    _await(named)
    for path in ("/admin/audit/export", "/admin/audit/export.csv"):
        assert day.owner.api.get(path).json()["code"] in ("unavailable", "deadline_exceeded")
    refused = day.owner.api.get("/admin/audit", params={"service": AWAY})
    assert refused.json()["code"] in ("unavailable", "deadline_exceeded")
    assert day.owner.api.get("/admin/audit/export", params={"service": "labels"}).status_code == 200
