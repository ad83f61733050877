"""The raw-data archive through the gateway: built, shared, brought up to date, deleted."""

import io
import zipfile
from pathlib import Path

import httpx

from client import Labelyard
from deploy.local.system import System
from tests.team import new_labels, new_project, new_token, owner_of, stored_assets


def test_an_archive_is_built_shared_updated_and_deleted(system: System, tmp_path: Path) -> None:
    owner = owner_of(system)
    project_id = new_project(owner)
    token = new_token(system, owner).api.headers["Authorization"].removeprefix("Bearer ")
    with Labelyard(system.url, token) as api:
        assert api.archive(project_id).get("report") is None
        assert owner.api.get(f"/projects/{project_id}/raw-data/download").status_code == 409
        new_labels(owner, project_id, stored_assets(owner, 3))
        first = _updated(api, project_id)
        assert (first["images"], first["added"], first["copied"]) == (3, 3, 0)
        assert api.archive(project_id)["changes"] == {"added": 0, "added_size": 0, "removed": 0}
        shared = api.share_archive(project_id)["url"]
        before = httpx.get(shared, follow_redirects=True).raise_for_status().content

        new_labels(owner, project_id, stored_assets(owner, 2))
        changes = api.archive(project_id)["changes"]
        assert changes is not None and (changes["added"], changes["removed"]) == (2, 0)
        assert changes["added_size"] > 0
        second = _updated(api, project_id)
        assert (second["images"], second["kept"], second["added"]) == (5, 3, 2)
        api.download_archive(project_id, tmp_path / "raw.zip")
        after = (tmp_path / "raw.zip").read_bytes()
        assert httpx.get(shared, follow_redirects=True).raise_for_status().content == after
        old, new = _entries(before), _entries(after)
        assert len(new) == 5 and old.items() <= new.items()

        api.unshare_archive(project_id)
        assert httpx.get(shared).status_code == 404
        again = api.share_archive(project_id)["url"]
        api.delete_archive(project_id)
        assert httpx.get(again).status_code == 410
        assert owner.api.get(f"/projects/{project_id}/raw-data/download").status_code == 410


def test_an_export_has_its_images(system: System, tmp_path: Path) -> None:
    owner = owner_of(system)
    project_id = new_project(owner)
    token = new_token(system, owner).api.headers["Authorization"].removeprefix("Bearer ")
    new_labels(owner, project_id, stored_assets(owner, 3))
    with Labelyard(system.url, token) as api:
        api.update_archive(project_id)
        api.await_archive(project_id)
        api.download_archive(project_id, tmp_path / "raw.zip")
        asked = api.create_export(project_id, form="voc", options={"images": True})
        done = api.await_export(asked)
        assert done["state"] == "done", done
        api.download_export(done, tmp_path / "voc.zip")
    images = sorted(_entries((tmp_path / "raw.zip").read_bytes()).values())
    found = _entries((tmp_path / "voc.zip").read_bytes())
    assert sorted(data for name, data in found.items() if name.startswith("JPEGImages/")) == images
    assert len([name for name in found if name.startswith("Annotations/")]) == len(images) == 3


def _updated(api: Labelyard, project_id: str) -> dict[str, int]:
    api.update_archive(project_id)
    archive = api.await_archive(project_id)
    build, report = archive["build"], archive["report"]
    assert build is not None and report is not None and build["state"] == "done", build
    return report


def _entries(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as read:
        assert read.testzip() is None
        return {name: read.read(name) for name in read.namelist()}
