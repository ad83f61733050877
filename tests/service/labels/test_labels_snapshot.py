"""Snapshots: all labels as they were at one moment, in parts, told of once they stand."""

import io
import json
from collections.abc import Callable
from typing import Any
from uuid import UUID
from zlib import crc32

import pytest
import sqlalchemy as sa

from chassis.failed import NOT_TRIED
from chassis.ids import new_id
from chassis.objects import ObjectStore
from contracts.enums import LabelAction
from contracts.errors import Problem
from contracts.events import ProjectDeleted, SnapshotCompleted, SnapshotFailed, SnapshotRequested
from contracts.rpc.labels import ActOnLabel, SaveBody
from contracts.snapshots import ImageList, Manifest
from formats import native
from services.labels.handlers import actions, copies
from services.labels.models import Label
from services.labels.workers import snapshot
from tests.service.labels.conftest import MANAGER, Desk


class Watched:
    """The real store, which calls back after each object that is put into it."""

    def __init__(self, store: ObjectStore, after_put: Callable[[str], None]) -> None:
        self._store = store
        self._after_put = after_put

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def put(self, key: str, data: bytes, content_type: str) -> None:
        self._store.put(key, data, content_type)
        self._after_put(key)


def take(desk: Desk, snapshot_id: UUID, store: Any = None, *, images: bool = False, **chosen: Any) -> None:
    request = SnapshotRequested(project_id=desk.project_id, snapshot_id=snapshot_id, filter=chosen, images=images)
    snapshot.run(desk.database, request, store or desk.store, desk.owners)


def told(desk: Desk, kind: type[Any], snapshot_id: UUID) -> Any:
    """The one event about a snapshot; all of them are the same."""
    found = [event for event in desk.events(kind) if event.snapshot_id == snapshot_id]
    assert found and all(event == found[0] for event in found)
    return found[0]


def read(desk: Desk, snapshot_id: UUID) -> tuple[Manifest, list[native.Label]]:
    manifest = Manifest.model_validate_json(desk.store.get(told(desk, SnapshotCompleted, snapshot_id).manifest))
    parts = [desk.store.get(part.key) for part in manifest.parts]
    assert [(len(data), crc32(data)) for data in parts] == [(p.offset + p.size, p.crc32) for p in manifest.parts]
    project = {"id": str(desk.project_id), "name": "", "specification": {}}
    document = native.header(project, manifest.taken_at) + b"".join(parts) + native.FOOTER
    found = list(native.read(io.BytesIO(document)))
    entries = [entry for entry in found if isinstance(entry, native.Label)]
    assert entries == found
    assert sum(part.labels for part in manifest.parts) == manifest.labels == len(entries)
    assert sum(part.objects or 0 for part in manifest.parts) == manifest.objects
    assert sum(len(entry.objects) for entry in entries) == manifest.objects
    return manifest, entries


def save(desk: Desk, label_id: UUID, *boxes: tuple[float, float, float, float]) -> None:
    request = SaveBody(
        project_id=desk.project_id,
        label_id=label_id,
        expected_version=desk.label(label_id).version,
        body=desk.body(*boxes),
        actor=MANAGER,
    )
    with desk.database.session() as session:
        actions.save_body(session, desk.owners, request)


def submit(desk: Desk, label_id: UUID) -> None:
    request = ActOnLabel(project_id=desk.project_id, label_id=label_id, action=LabelAction.SUBMIT, actor=MANAGER)
    with desk.database.session() as session:
        actions.act(session, desk.owners, request)


def test_a_snapshot_holds_all_labels_with_their_objects_by_id(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "PART_BYTES", 600)
    ids = desk.labels(7)
    save(desk, ids[3], (1, 2, 3, 4), (5.5, 6, 7, 8))
    submit(desk, ids[3])
    take(desk, snapshot_id := new_id())
    manifest, entries = read(desk, snapshot_id)
    assert [entry.id for entry in entries] == sorted(str(label_id) for label_id in ids)
    assert len(manifest.parts) > 1
    assert (manifest.labels, manifest.objects) == (7, 2)
    assert manifest.specification == desk.owners.projects[desk.project_id].specification
    labeled = next(entry for entry in entries if entry.id == str(ids[3]))
    assert (labeled.status, labeled.round, labeled.dataset) == ("submitted", 1, desk.dataset)
    assert [each["class_name"] for each in labeled.objects] == ["cell", "cell"]
    assert labeled.objects[1]["annotation"]["coord"] == {"x": 5.5, "y": 6, "width": 7, "height": 8}


def test_images_are_listed_part_by_part(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "IMAGES", 3)
    desk.labels(7)
    take(desk, snapshot_id := new_id(), images=True)
    manifest, entries = read(desk, snapshot_id)
    assert [part.labels for part in manifest.parts] == [each.images for each in manifest.images] == [3, 3, 1]
    listed = [image for each in manifest.images for image in ImageList.read(desk.store.get(each.key))]
    assert [(each.label_id, each.data_key) for each in listed] == [(each.id, each.data_key) for each in entries]


def test_a_filter_selects(desk: Desk) -> None:
    ids = desk.labels(3)
    submit(desk, ids[1])
    take(desk, snapshot_id := new_id(), status=["submitted"])
    assert [entry.id for entry in read(desk, snapshot_id)[1]] == [str(ids[1])]


def test_names_that_differ_by_extension_or_case_are_told_where_asked_for(desk: Desk) -> None:
    keys = ("a.png", "A.jpg", "b.png", "b.c.png")
    for label_id, data_key in zip(desk.labels(4), keys, strict=True):
        with desk.database.session() as session:
            session.execute(sa.update(Label).where(Label.id == label_id).values(data_key=data_key))
    request = SnapshotRequested(project_id=desk.project_id, snapshot_id=new_id(), names=True)
    snapshot.run(desk.database, request, desk.store, desk.owners)
    manifest, _ = read(desk, request.snapshot_id)
    assert {data_key for _, data_key in manifest.ambiguous} == {"a.png", "A.jpg"}


def test_an_empty_project_has_an_empty_snapshot(desk: Desk) -> None:
    take(desk, snapshot_id := new_id())
    manifest, entries = read(desk, snapshot_id)
    assert (manifest.parts, entries) == ((), [])


def test_what_changes_meanwhile_is_not_in_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "PART_BYTES", 1)
    ids = sorted(desk.labels(3))
    changed = []

    def change(key: str) -> None:
        if not changed:
            changed.append(key)
            submit(desk, ids[2])
            desk.labels(1)

    take(desk, snapshot_id := new_id(), Watched(desk.store, change))
    _, entries = read(desk, snapshot_id)
    assert changed
    assert [(entry.id, entry.status) for entry in entries] == [(str(label_id), "in_progress") for label_id in ids]


def test_the_same_labels_give_the_same_bytes(desk: Desk) -> None:
    save(desk, desk.labels(2)[0], (1, 2, 3, 4))
    take(desk, one := new_id())
    take(desk, other := new_id())
    bytes_of = [[desk.store.get(part.key) for part in read(desk, snapshot_id)[0].parts] for snapshot_id in (one, other)]
    assert bytes_of[0] == bytes_of[1]


def test_asked_again_it_is_told_again_and_stays_as_it_is(desk: Desk) -> None:
    desk.labels(1)
    take(desk, snapshot_id := new_id())
    before = read(desk, snapshot_id)
    desk.labels(1)
    take(desk, snapshot_id)
    assert read(desk, snapshot_id) == before


def test_an_attempt_that_died_leaves_nothing_that_the_next_one_reads(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "PART_BYTES", 1)
    desk.labels(3)

    def die(key: str) -> None:
        raise InterruptedError(key)

    with pytest.raises(InterruptedError):
        take(desk, snapshot_id := new_id(), Watched(desk.store, die))
    take(desk, snapshot_id)
    assert len(read(desk, snapshot_id)[1]) == 3


def test_what_cannot_be_is_told_as_failed(desk: Desk) -> None:
    take(desk, snapshot_id := new_id(), colour="green")
    assert told(desk, SnapshotFailed, snapshot_id).code == "validation_failed"
    with desk.database.session() as session:
        copies.project_deleted(session, ProjectDeleted(project_id=desk.project_id, version=2))
    del desk.owners.projects[desk.project_id]
    take(desk, snapshot_id := new_id())
    assert told(desk, SnapshotFailed, snapshot_id).code == "not_found"


def test_one_that_is_given_up_is_told_as_failed(desk: Desk) -> None:
    snapshot_id = new_id()
    (subscription,) = snapshot.SUBSCRIPTIONS
    with desk.database.session() as session:
        event = SnapshotRequested(project_id=desk.project_id, snapshot_id=snapshot_id, filter={})
        subscription.given_up[SnapshotRequested](session, event)
    failure = told(desk, SnapshotFailed, snapshot_id)
    assert (failure.code, failure.detail) == ("internal", NOT_TRIED)


def test_an_absent_owner_is_waited_for_only_where_nothing_is_known(desk: Desk) -> None:
    desk.owners.away = True
    take(desk, snapshot_id := new_id())
    assert told(desk, SnapshotCompleted, snapshot_id).labels == 0
    desk.project_id = new_id()
    with pytest.raises(Problem, match="unavailable"):
        take(desk, new_id())


def test_parts_are_what_a_native_document_is_made_of(desk: Desk) -> None:
    desk.labels(2)
    take(desk, snapshot_id := new_id())
    manifest, _ = read(desk, snapshot_id)
    assert len(json.loads(b"[" + desk.store.get(manifest.parts[0].key) + b"]")) == 2
