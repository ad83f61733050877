"""Exports of versions: their snapshot is the version's, and stays."""

import json
from typing import Any

import pytest
import sqlalchemy as sa

from chassis import restoring
from chassis.database import Database
from chassis.ids import new_id
from chassis.objects import ObjectStore
from contracts.enums import ExportFormat, ExportStep, JobState
from contracts.errors import Problem
from contracts.events import ExportReady, SnapshotCanceled, SnapshotRequested
from contracts.rpc.exports import ExportOptions, RepeatExport
from contracts.rpc.labels import GetVersionManifest, VersionManifest
from contracts.snapshots import Image
from services.exports.handlers import exports as handlers
from services.exports.models import ExportRow
from tests.service.exports.test_exports_formats import label
from tests.service.exports.test_exports_life import SOMEBODY, Desk, refusal


class Owners:
    """Plays the labels service, too: it has one version, or says why not."""

    def __init__(self, desk: Desk, version: VersionManifest | Problem) -> None:
        self.projects, self.version = desk.projects, version
        self.version_id = new_id()

    def call(self, request: Any, deadline: float) -> Any:
        if not isinstance(request, GetVersionManifest):
            return self.projects.call(request, deadline)
        if isinstance(self.version, Problem):
            raise self.version
        if request.version_id != self.version_id:
            raise Problem("not_found", "There is no such version.")
        return self.version


@pytest.fixture
def desk(settings_environment: dict[str, str]) -> Desk:
    return Desk(Database.of("exports"), ObjectStore.shared())


def frozen(desk: Desk, *parts: tuple[bytes, ...], images: Any = ()) -> Owners:
    """A version of these labels, as the labels service has written it."""
    owners = Owners(desk, Problem("not_ready", "The version 'v1' is running."))
    standing = desk.snapshot(owners.version_id, *parts, images=images)
    owners.version = VersionManifest(
        name="v1", manifest=standing.manifest, labels=standing.labels, objects=standing.objects
    )
    desk.projects = owners  # type: ignore[assignment]
    return owners


def labels_of(desk: Desk, export_id: Any) -> list[Any]:
    found: list[Any] = desk.download(export_id).json()["labels"]
    return found


def test_a_version_is_exported_without_asking_for_a_snapshot(desk: Desk) -> None:
    version = frozen(desk, (b'{"id":"a"}', b'{"id":"b"}'), (b'{"id":"c"}',))
    asked = desk.create(version_id=version.version_id)
    assert (asked.state, asked.step, asked.labels) == (JobState.RUNNING, ExportStep.FORMAT, 3)
    assert (asked.version_id, asked.version_name) == (version.version_id, "v1")
    assert [event.export_id for event in desk.events(ExportReady)] == [asked.id]
    desk.assemble(asked.id)
    done = desk.get(asked.id)
    assert (done.state, done.version_id, done.version_name) == (JobState.DONE, version.version_id, "v1")
    assert labels_of(desk, asked.id) == [{"id": "a"}, {"id": "b"}, {"id": "c"}]
    assert desk.events(SnapshotRequested) == []


def test_its_objects_outlive_the_export_and_are_exported_again(desk: Desk) -> None:
    version = frozen(desk, (b'{"id":"a"}',), (b'{"id":"b"}',))
    kept = desk.keys(f"snapshots/{version.version_id}/")
    first = desk.create(version_id=version.version_id)
    desk.assemble(first.id)
    with desk.database.session() as session:
        request = RepeatExport(project_id=desk.project_id, export_id=first.id, actor=SOMEBODY)
        second = handlers.repeat_export(session, version, request)
    assert second.version_id == version.version_id
    desk.assemble(second.id)
    assert labels_of(desk, first.id) == labels_of(desk, second.id) == [{"id": "a"}, {"id": "b"}]
    third = desk.create(version_id=version.version_id)
    with desk.database.session() as session:
        handlers.cancel_export(session, desk.project_id, third.id)
    desk.delete(first.id)
    desk.clear_away()
    assert desk.keys(f"snapshots/{version.version_id}/") == kept
    assert desk.events(SnapshotCanceled) == []


@pytest.mark.parametrize("form", [ExportFormat.COCO, ExportFormat.VOC, ExportFormat.NATIVE])
def test_images_that_a_version_lists_are_read_only_where_they_are_wanted(desk: Desk, form: ExportFormat) -> None:
    parts = [(label(desk, number),) for number in range(2)]
    ids = [json.loads(part[0])["id"] for part in parts]
    listed = [[Image(each, "cells", f"{number:03}.png", None, 0, 0)] for number, each in enumerate(ids)]
    version = frozen(desk, *parts, images=listed)
    lists = [key for key in desk.keys(f"snapshots/{version.version_id}/") if "images" in key]
    assert len(lists) == 2
    for key in lists:
        desk.store.delete(key)
    asked = desk.create(version_id=version.version_id, format=form)
    desk.assemble(asked.id)
    assert desk.get(asked.id).state == JobState.DONE
    wanting = desk.create(version_id=version.version_id, format=form, options=ExportOptions(images=True))
    desk.assemble(wanting.id)
    assert desk.get(wanting.id).state == JobState.FAILED


@pytest.mark.parametrize("code", ["not_found", "gone", "not_ready", "unavailable"])
def test_a_version_that_cannot_be_had_makes_no_export(desk: Desk, code: str) -> None:
    desk.projects = Owners(desk, Problem(code))  # type: ignore[assignment]
    assert refusal(lambda: desk.create(version_id=new_id())) == code
    with desk.database.session() as session:
        query = sa.select(ExportRow).where(ExportRow.project_id == desk.project_id)
        assert session.scalars(query).all() == []


def test_a_restored_system_goes_on_with_it(desk: Desk) -> None:
    version = frozen(desk, (b'{"id":"a"}',))
    asked = desk.create(version_id=version.version_id)
    with desk.database.session() as session:
        told = list(restoring.present("exports", session))
    assert ExportReady(project_id=desk.project_id, export_id=asked.id) in told
    assert [event for event in told if isinstance(event, SnapshotRequested) and event.snapshot_id == asked.id] == []
