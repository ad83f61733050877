"""A version through the gateway and by the command line: frozen, its labels edited and deleted, exported twice."""

import hashlib
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any, get_args

from client import Labelyard
from client.types import ExportFormat, Version
from deploy.local.system import System
from tests.e2e.support import eventually
from tests.team import Person, new_labels, new_project, new_token, owner_of, stored_assets


def test_a_version_is_exported_the_same_whatever_becomes_of_its_labels(system: System, tmp_path: Path) -> None:
    owner = owner_of(system)
    project_id = new_project(owner)
    ids = sorted(new_labels(owner, project_id, stored_assets(owner, 4)))
    cell = owner.ok("GET", f"/projects/{project_id}")["specification"]["object_classes"][0]["id"]
    for number, label_id in enumerate(ids[:3]):
        _save(owner, project_id, label_id, *(_box(cell, 5 * each) for each in range(number + 1)))
    tag = owner.ok("POST", f"/projects/{project_id}/tags", json={"name": "good"})["id"]
    _bulk(owner, project_id, {"selection": {"ids": ids[:3]}, "action": "add_tags", "tags": [tag]})
    token = new_token(system, owner).api.headers["Authorization"].removeprefix("Bearer ")

    made = json.loads(_labelyard(system, token, "versions", "create", project_id, "v1", "--tag", "good", "--json"))
    assert (made["state"], made["labels"], made["objects"], made["of"]["tags"]) == ("done", 3, 6, {tag: "good"})
    with Labelyard(system.url, token) as api:
        version = api.version(project_id, made["id"])
        before = _exports(api, version, tmp_path / "before")

        _save(owner, project_id, ids[0], _box(cell, 30))
        _bulk(owner, project_id, {"selection": {"ids": ids[1:3]}, "action": "delete"})
        owner.ok("DELETE", f"/projects/{project_id}/tags/{tag}")
        eventually(lambda: _untagged(owner, project_id, ids[0]))

        after = _exports(api, version, tmp_path / "after")
        assert before.keys() == after.keys() == {*get_args(ExportFormat)}
        for form, content in before.items():
            assert after[form] == content, form
        native = json.loads((tmp_path / "after" / "native").read_bytes())["labels"]
        assert [(each["id"], len(each["objects"]), each["tags"]) for each in native] == [
            (label_id, number + 1, ["good"]) for number, label_id in enumerate(ids[:3])
        ]
        with zipfile.ZipFile(tmp_path / "after" / "voc") as archive:
            assert len([name for name in archive.namelist() if name.startswith("JPEGImages/")]) == 3

        file = tmp_path / "v1.json"
        _labelyard(system, token, "export", project_id, "-o", str(file), "--version", "v1", "--no-skipped")
        assert json.loads(file.read_bytes())["labels"] == native
        (newest, *_) = api.exports(project_id)
        assert (newest.get("version_id"), newest.get("version_name")) == (version["id"], "v1")

        _labelyard(system, token, "versions", "create", project_id, "v2")
        told = json.loads(
            _labelyard(system, token, "versions", "compare", project_id, "v1", "v2", "--labels", "--json")
        )
        counts = [told["comparison"][name] for name in ("added", "removed", "changed", "unchanged")]
        assert counts == [1, 2, 1, 0]
        assert told["comparison"]["objects"] == {"added": 0, "removed": 5, "changed": 1}
        assert [(each["label_id"], each["change"]) for each in told["labels"]] == [
            *((ids[0], "changed"), (ids[1], "removed"), (ids[2], "removed"), (ids[3], "added"))
        ]
        assert told["labels"][0]["fields"] == ["tags", "objects"]
        drawn = _labelyard(system, token, "versions", "compare", project_id, "v1", "v2")
        assert "cell" in drawn and "Removed" in drawn

        _labelyard(system, token, "versions", "delete", project_id, "v1")
        refused = owner.api.post(f"/projects/{project_id}/exports", json={"version_id": version["id"]})
        assert refused.json()["code"] == "gone"
        api.download_export(newest, tmp_path / "again.json")
    both = {"version_id": version["id"], "filter": {"status": ["submitted"]}}
    assert owner.api.post(f"/projects/{project_id}/exports", json=both).status_code == 422


def _exports(api: Labelyard, version: Version, folder: Path) -> dict[str, str]:
    """The version in every format, with images in one of them: the digests of the files that come of it."""
    folder.mkdir()
    found: dict[str, str] = {}
    asked = {
        form: api.create_export(version["project_id"], version=version, form=form, options={"images": form == "voc"})
        for form in get_args(ExportFormat)
    }
    for form, each in asked.items():
        done = api.await_export(each)
        assert done["state"] == "done", done
        api.download_export(done, folder / form)
        found[form] = hashlib.sha256((folder / form).read_bytes()).hexdigest()
    return found


def _labelyard(system: System, token: str, *arguments: str) -> str:
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "LABELYARD_URL": system.url}
    command = [str(Path(sys.executable).with_name("labelyard")), *arguments]
    ran = subprocess.run(
        command, env=environment | {"LABELYARD_TOKEN": token}, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def _box(class_id: str, at: int) -> dict[str, Any]:
    coord = {"x": at, "y": at, "width": 10, "height": 10}
    return {"class_id": class_id, "annotation_type": "box", "annotation": {"coord": coord}}


def _save(owner: Person, project_id: str, label_id: str, *objects: dict[str, Any]) -> None:
    path = f"/projects/{project_id}/labels/{label_id}"
    version = owner.ok("GET", path)["version"]
    body = {"objects": [{"id": f"01900000-0000-7000-8000-{n:012}", **each} for n, each in enumerate(objects)]}
    owner.ok("PUT", f"{path}/body", json=body, headers={"If-Match": f'"{version}"'})


def _bulk(owner: Person, project_id: str, order: dict[str, Any]) -> None:
    task = owner.ok("POST", f"/projects/{project_id}/labels:bulk", json=order)["id"]

    def done() -> None:
        assert owner.ok("GET", f"/projects/{project_id}/tasks/{task}")["state"] == "done"

    eventually(done)


def _untagged(owner: Person, project_id: str, label_id: str) -> None:
    assert owner.ok("GET", f"/projects/{project_id}/labels/{label_id}")["tags"] == []
