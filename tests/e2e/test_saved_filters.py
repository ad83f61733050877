"""Saved filters from end to end: by the API, the SDK and the command line."""

import json
import subprocess
from pathlib import Path

from deploy.local.system import System
from tests.e2e.support import Team, eventually
from tests.e2e.test_command_line import CommandLine
from tests.team import PASSWORD, Person, hire, new_labels, new_project, owner_of, sign_in, stored_assets, stranger

DONE = {"status": ["submitted"]}


def _ids(person: Person, project: str, **params: object) -> list[str]:
    return [each["id"] for each in person.ok("GET", f"{project}/labels", params=params)["items"]]


def test_a_link_may_be_a_saved_filter(system: System) -> None:
    owner = owner_of(system)
    project_id = new_project(owner)
    project = f"/projects/{project_id}"
    labels = new_labels(owner, project_id, stored_assets(owner, 3))
    labeler = hire(system, owner, project_id, "labeler")
    for label in labels[:2]:
        owner.ok("POST", f"{project}/labels/{label}:assign", json={"user_id": labeler.id})
    for label in labels[1:]:
        owner.ok("POST", f"{project}/labels/{label}:submit")

    body = {"name": "done", "scope": "project", "filter": DONE, "sort": "created_at"}
    made = owner.api.post(f"{project}/filters", json=body, headers={"Idempotency-Key": "once"})
    saved = made.json()
    assert (made.status_code, made.headers["ETag"]) == (201, '"1"')
    assert made.headers["Location"].endswith(f"{project}/filters/{saved['id']}")
    again = owner.api.post(f"{project}/filters", json=body, headers={"Idempotency-Key": "once"})
    assert again.json() == saved
    assert owner.api.post(f"{project}/filters", json=body).json()["code"] == "name_taken"

    assert _ids(owner, project, saved=saved["id"]) == labels[1:]
    assert _ids(owner, project, saved=saved["id"], sort="-created_at") == labels[:0:-1]
    assert _ids(owner, project, saved=saved["id"], has_assignee="true") == labels[1:2]
    assert _ids(labeler, project, saved=saved["id"]) == labels[1:2]
    for way in ("count", "group"):
        asked = {"filter": saved["filter"], **({"by": ["status"]} if way == "group" else {})}
        answer = owner.ok("POST", f"{project}/labels:{way}", json=asked)
        assert (answer["items"][0] if way == "group" else answer)["labels"] == 2

    there = f"{project}/filters/{saved['id']}"
    nested = [{"field": "id", "op": "in", "value": labels[:1]}, {"not": {"field": "round", "op": "ge", "value": 9}}]
    change = {"filter": {"where": {"and": nested}}}
    for headers, status in (({}, 428), ({"If-Match": '"7"'}, 412), ({"If-Match": '"1"'}, 200)):
        assert owner.api.patch(there, json=change, headers=headers).status_code == status
    assert _ids(owner, project, saved=saved["id"]) == labels[:1]
    for answer in (
        labeler.api.delete(there),
        labeler.api.patch(there, json=change, headers={"If-Match": '"2"'}),
        labeler.api.post(f"{project}/filters", json={**body, "name": "mine"}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    for wrong, code in (
        ({"filter": {"where": {"not": {"field": "colour"}}}}, "bad_filter"),
        ({"filter": {"where": {"or": [change["filter"]["where"]] * 101}}}, "filter_too_large"),
        ({"filter": {"data_key": "x" * 70_000}}, "too_large"),
        ({"name": " "}, "validation_failed"),
        ({"sort": "colour"}, "validation_failed"),
        ({"owner": labeler.id}, "validation_failed"),
    ):
        answer = owner.api.patch(there, json=wrong, headers={"If-Match": '"2"'})
        assert answer.json()["code"] == code, wrong
    assert owner.ok("GET", there)["version"] == 2


def test_own_ones_wait_unseen_for_whoever_leaves(system: System) -> None:
    owner = owner_of(system)
    project_id = new_project(owner)
    project = f"/projects/{project_id}"
    labeler = hire(system, owner, project_id, "labeler")
    saved = labeler.ok("POST", f"{project}/filters", json={"name": "mine", "filter": DONE})["id"]
    assert owner.ok("GET", f"{project}/filters")["items"] == []
    assert owner.api.get(f"{project}/labels", params={"saved": saved}).status_code == 404

    owner.ok("DELETE", f"{project}/members/{labeler.id}")
    eventually(lambda: _refused(labeler, f"{project}/filters", 404))
    assert owner.ok("GET", f"{project}/filters")["items"] == []
    owner.ok("POST", f"{project}/members", json={"email": labeler.email, "role": "reviewer"})
    labeler = sign_in(system, str(labeler.email), PASSWORD)
    assert [each["name"] for each in labeler.ok("GET", f"{project}/filters")["items"]] == ["mine"]

    owner.ok("DELETE", project)
    eventually(lambda: _refused(labeler, f"{project}/filters/{saved}", 404))
    owner.ok("POST", f"{project}:restore")
    eventually(lambda: _refused(labeler, f"{project}/filters/{saved}", 200))


def _refused(person: Person, path: str, status: int) -> None:
    assert person.api.get(path).status_code == status


def test_visitors_have_none(system: System) -> None:
    owner = owner_of(system)
    project = f"/projects/{new_project(owner, 'public')}"
    saved = owner.ok("POST", f"{project}/filters", json={"name": "a", "scope": "project", "filter": DONE})["id"]
    nobody = stranger(system)
    for path in (f"{project}/filters", f"{project}/filters/{saved}"):
        assert nobody.api.get(path).status_code == 401
    assert nobody.api.get(f"{project}/labels").status_code == 200
    refused = nobody.api.get(f"{project}/labels", params={"saved": saved})
    assert refused.json()["code"] == "forbidden"


def test_the_command_line_saves_and_exports_by_one(system: System, team: Team, tmp_path: Path) -> None:
    labelyard = CommandLine(tmp_path)
    email, password = system.owner
    labelyard("login", "--url", system.url, "--email", email, given=f"{password}\n")
    chosen = tmp_path / "chosen.json"
    for number in (1, 3):  # the second time it becomes another
        chosen.write_text(json.dumps({"where": {"field": "id", "op": "in", "value": team.labels[:number]}}))
        labelyard("filter", "save", team.id, "some", str(chosen), "--for-project")
    assert labelyard("filter", "list", team.id).count("some") == 1
    assert json.loads(labelyard("filter", "show", team.id, "some")) == json.loads(chosen.read_text())
    target = tmp_path / "export.json"
    done = labelyard.json("export", team.id, "--saved", "some", "-o", str(target))
    assert done["export"]["labels"] == 3
    labelyard("filter", "delete", team.id, "some")
    assert team.owner.find_saved_filter(team.id, "some") is None
    run = labelyard.start("filter", "show", team.id, "some", stderr=subprocess.PIPE)
    assert "labelyard filter list" in run.communicate(timeout=60)[1]
