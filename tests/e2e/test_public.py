"""A project is made public, and private again: what everybody sees then, and no longer."""

import json
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from client import Labelyard
from client.transport import ApiError
from deploy.local.system import System
from tests.beside import gateway_beside
from tests.e2e.support import PASSWORD, Team, Watcher, body, eventually, figures, sign_in, upload
from tests.pdfs import pdf


def refusal(api: Labelyard, path: str, **params: str) -> tuple[int, str]:
    """The refusal of a GET that must be refused."""
    with pytest.raises(ApiError) as caught:
        api.get(path, **params)
    return caught.value.status, caught.value.code


def publish(api: Labelyard, project_id: str) -> None:
    """Look, and say yes."""
    assert api.publish(project_id, api.visibility(project_id)["confirmation"])["visibility"] == "public"


@pytest.fixture
def outsider(system: System, team: Team) -> Any:
    """Somebody with an account, and no project."""
    with ExitStack() as sessions:
        email, elsewhere = (
            f"outsider-{uuid4().hex[:12]}@example.com",
            team.owner.create_project(f"other {uuid4()}")["id"],
        )
        made = team.owner.add_member(elsewhere, email, "labeler", name="Otto", password=PASSWORD)
        team.owner.delete(f"/projects/{elsewhere}/members/{made['user']['id']}")
        yield sign_in(sessions, system, email, PASSWORD)


@pytest.fixture
def stranger(system: System) -> Any:
    """Somebody who is not signed in."""
    with Labelyard(system.url) as api:
        yield api


def test_what_becomes_visible_is_spelled_out_and_confirmed(team: Team, stranger: Labelyard, tmp_path: Path) -> None:
    cell = team.class_ids["cell"]
    team.manager.save_body(team.id, team.labels[0], 1, body([cell, cell, cell]))
    team.manager.post(f"/projects/{team.id}/labels/{team.labels[1]}/issues", {"text": "Is this one?"})
    done = team.manager.await_export(team.manager.create_export(team.id))
    team.manager.post(f"/projects/{team.id}/exports/{done['id']}/link", {})
    guide = tmp_path / "guide.pdf"
    guide.write_bytes(pdf())
    team.manager.upload_guideline(team.id, guide)

    def counted() -> Any:
        told = team.manager.visibility(team.id)
        assert (told["shown"]["objects"], told["hidden"]["labels_with_open_issues"]) == (3, 1)
        return told

    told = eventually(counted)
    shown, hidden = told["shown"], told["hidden"]
    assert told["share_links"] == 1
    assert (told["visibility"], shown["name"]) == ("private", team.project["name"])
    assert (shown["labels"], shown["images"], shown["object_classes"]) == (12, 12, 2)
    roles = team.owner.overview(team.id)["cards"]["member_roles"]["data"]
    assert (hidden["people"], hidden["guidelines"]) == (sum(roles.values()), 1)

    there = f"/projects/{team.id}"
    for change, refused in (
        ({}, (428, "confirmation_required")),
        ({"confirmation": "yes"}, (412, "stale_version")),
        ({"confirmation": f"{told['version']}-000000000000"}, (412, "stale_version")),
    ):
        with pytest.raises(ApiError) as caught:
            team.manager.transport.request("PATCH", there, json={"visibility": "public", **change})
        assert (caught.value.status, caught.value.code) == refused
    team.manager.transport.request("PATCH", there, json={"description": "Not what it was."})
    with pytest.raises(ApiError) as caught:
        team.manager.publish(team.id, told["confirmation"])
    assert caught.value.code == "stale_version"
    assert refusal(stranger, there) == (401, "unauthenticated")

    publish(team.manager, team.id)
    seen = stranger.overview(team.id)
    assert list(seen["cards"]) == shown["cards"]
    assert seen["viewer"]["permissions"] == shown["permissions"]
    assert sum(figures(seen)["objects"].values()) == shown["objects"]
    assert len(list(stranger.labels(team.id))) == shown["labels"]


def test_a_shared_dataset_shows_only_what_the_public_project_has(
    team: Team, stranger: Labelyard, outsider: Labelyard
) -> None:
    """Half of a dataset is labeled in a private project, the other half in a public one, one image in both."""
    dataset = f"shared {uuid4().hex[:12]}"
    assets = [asset["id"] for asset in upload(team.owner, dataset, [f"{number}.png" for number in range(5)])]
    hidden, shown = assets[:2], assets[2:]
    team.manager.add_labels(team.id, assets=[*hidden, shown[0]])
    public = team.owner.create_project(f"public {uuid4().hex[:12]}", visibility="public")["id"]
    team.owner.add_labels(public, assets=shown)
    for visitor in (stranger, outsider):
        listed = list(visitor.labels(public, dataset=dataset))
        assert sorted(each["asset_id"] for each in listed) == sorted(shown)
        for what in ("content", "thumbnail"):
            for asset in shown:
                found = visitor.transport.request("GET", f"/assets/{asset}/{what}", params={"project_id": public})
                assert httpx.get(found.headers["Location"]).status_code == 200
            for asset in hidden:
                assert refusal(visitor, f"/assets/{asset}/{what}", project_id=public)[0] == 404
            for asset in assets:
                assert refusal(visitor, f"/assets/{asset}/{what}", project_id=team.id)[0] in (401, 404)
                assert refusal(visitor, f"/assets/{asset}/{what}")[0] in (401, 403)
        for path in ("/datasets", f"/datasets/{dataset}/assets", f"/projects/{public}/exports"):
            assert refusal(visitor, path)[0] in (401, 403)
    assert [each["id"] for each in outsider.projects() if each["id"] in (public, team.id)] == [public]
    exported = team.owner.await_export(team.owner.create_export(public))
    assert exported["labels"] == len(shown)


def test_turning_private_ends_what_visitors_had(
    system: System, team: Team, outsider: Labelyard, tmp_path: Path
) -> None:
    """Streams, pages, and the way to images, at every gateway: the visitors' is not the one that is told to close it.
    Members notice nothing.
    """
    publish(team.manager, team.id)
    with ExitStack() as stack:
        beside = stack.enter_context(gateway_beside(system, "visitors' gateway", tmp_path, {}))
        token = outsider.create_token("beside")["secret"]
        visitors = [stack.enter_context(Labelyard(beside.url, secret)) for secret in (None, token)]
        refusals = ((401, "unauthenticated"), (404, "not_found"))
        label = next(iter(visitors[0].labels(team.id)))
        there, image = f"/projects/{team.id}", f"/assets/{label['asset_id']}"
        pages = ("", "/overview", "/live", "/labels", f"/labels/{label['id']}", f"/labels/{label['id']}/history")
        streams = [stack.enter_context(Watcher(visitor, team.id)) for visitor in visitors]
        member = stack.enter_context(Watcher(team.people["lena"].api, team.id))
        for visitor in visitors:  # what the gateway remembers of them is fresh
            link = visitor.transport.request("GET", f"{image}/content", params={"project_id": team.id})
            assert 0 < int(httpx.URL(link.headers["Location"]).params["X-Amz-Expires"]) <= 60
        began = time.monotonic()
        team.manager.unpublish(team.id)

        def closed() -> None:
            codes = []
            for visitor, refused in zip(visitors, refusals, strict=True):
                answer = visitor.transport.http.get(f"{there}/overview")
                codes.append((answer.status_code, answer.json().get("code")) == refused)
            assert all(codes) and all(stream.ended for stream in streams)

        eventually(closed)
        print(f"visitors were out, and their streams had ended, after {time.monotonic() - began:.2f} s")
        for visitor, refused in zip(visitors, refusals, strict=True):
            assert {refusal(visitor, there + page) for page in pages} == {refused}
            for what in ("content", "thumbnail"):
                assert refusal(visitor, f"{image}/{what}", project_id=team.id) == refused
        team.manager.assign(team.id, label["id"], team.people["lena"].id)

        def told() -> None:
            assert member.messages[-1]["cards"]["labeling_status"]["data"]["total"] == 1

        eventually(told)
        assert team.id not in [each["id"] for each in outsider.projects()]
        publish(team.manager, team.id)

        def open_again() -> None:
            for visitor in visitors:
                answer = visitor.transport.http.get(f"{there}/overview")
                assert answer.status_code == 200
                assert figures(answer.json())["segments"]["in_progress", "not_submitted"] == 12

        eventually(open_again)


def test_the_command_line_says_what_becomes_visible_and_asks(system: System, team: Team) -> None:
    token = team.manager.create_token("command line")["secret"] or ""
    environment = {**os.environ, "LABELYARD_URL": system.url, "LABELYARD_TOKEN": token}

    def run(*arguments: str, answer: str = "") -> subprocess.CompletedProcess[str]:
        command = [str(Path(sys.executable).with_name("labelyard")), *arguments, team.project["name"]]
        return subprocess.run(command, env=environment, input=answer, capture_output=True, text=True, check=False)

    eventually(team.figures)
    asked = run("project", "publish", answer="n\n")
    assert asked.returncode != 0
    roles = team.manager.overview(team.id)["cards"]["member_roles"]["data"]
    assert "12 labels with 12 images" in asked.stderr, asked.stderr
    assert f"the names of {sum(roles.values())} people" in asked.stderr, asked.stderr
    assert team.manager.project(team.id)["visibility"] == "private"
    assert run("project", "publish", answer="y\n").returncode == 0
    assert team.manager.project(team.id)["visibility"] == "public"
    assert "is public already" in run("project", "publish").stdout
    done = run("--json", "project", "unpublish")
    assert (done.returncode, json.loads(done.stdout)["visibility"]) == (0, "private")
