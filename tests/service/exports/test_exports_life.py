"""An export's life on real servers: asked for, assembled, downloaded, deleted; repeated and overtaken at any point."""

import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID
from zlib import crc32

import httpx
import pytest
import sqlalchemy as sa

from chassis import outbox
from chassis.database import Database
from chassis.failed import NOT_TRIED
from chassis.ids import new_id
from chassis.multiparts import LONGEST, Uploads, multipart_uploads
from chassis.objects import ObjectStore
from chassis.tables import outbox as outbox_table
from contracts.body import ObjectClass, Specification
from contracts.enums import AnnotationType, DataType, ExportStep, JobState, Status, Visibility
from contracts.errors import Problem
from contracts.events import (
    ExportChanged,
    ExportReady,
    PartReady,
    ProjectChanged,
    ProjectDeleted,
    SnapshotCompleted,
    SnapshotFailed,
    SnapshotRequested,
)
from contracts.rpc.exports import CreateExport, Export, ListExports, RenameExport, RepeatExport
from contracts.rpc.labels import LabelFilter
from contracts.rpc.projects import GetProject, Project
from contracts.snapshots import Image, ImageList, Manifest, Part
from services.exports import consumers
from services.exports.handlers import exports as handlers
from services.exports.models import PartRow
from services.exports.sweeping import sweep
from services.exports.workers import export as worker

TAKEN_AT = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
SOMEBODY = UUID(int=1)


class Projects:
    """Plays the projects service; None: it is away. `deleted`: it knows of no project."""

    def __init__(self, project: Project | None) -> None:
        self.project = project
        self.deleted = False

    def call(self, request: Any, deadline: float) -> Any:
        assert isinstance(request, GetProject)
        if self.project is None:
            raise Problem("unavailable", "away")
        if self.deleted:
            raise Problem("not_found", "deleted")
        return self.project


class Watched:
    """The real store, which calls back before each object that is read."""

    def __init__(self, store: ObjectStore, before_open: Callable[[str], None]) -> None:
        self._store = store
        self._before_open = before_open

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def open(self, key: str) -> AbstractContextManager[Any]:
        self._before_open(key)
        return self._store.open(key)


class Desk:
    """A project of which exports are made, and the events on their way from it and to it."""

    def __init__(self, database: Database, store: ObjectStore) -> None:
        self.database = database
        self.store = store
        self.project_id = new_id()
        cell = ObjectClass(id=new_id(), name="cell", annotation_type=AnnotationType.BOX, color="#336699")
        self.specification = Specification(object_classes=(cell,))
        self.projects = Projects(self.project("Cells", 1))

    def project(self, name: str, version: int) -> Project:
        return Project(
            id=self.project_id,
            name=name,
            description="",
            data_type=DataType.IMAGE,
            visibility=Visibility.PRIVATE,
            specification=self.specification,
            spec_version=1,
            version=version,
            created_at=TAKEN_AT,
            updated_at=TAKEN_AT,
            created_by=SOMEBODY,
        )

    def create(self, **fields: Any) -> Export:
        with self.database.session() as session:
            request = CreateExport(project_id=self.project_id, actor=SOMEBODY, **fields)
            return handlers.create_export(session, self.projects, request)

    def get(self, export_id: UUID) -> Export:
        with self.database.session() as session:
            return handlers.get_export(session, self.project_id, export_id)

    def delete(self, export_id: UUID) -> None:
        with self.database.session() as session:
            handlers.delete_export(session, self.project_id, export_id)

    def snapshot(
        self, export_id: UUID, *parts: tuple[bytes, ...], images: Sequence[Sequence[Image]] = ()
    ) -> SnapshotCompleted:
        """Plays the labels service: writes a snapshot of these labels, and where their images are, and tells of it."""
        written = []
        for number, labels in enumerate(parts):
            data = b",".join(labels)
            key = f"snapshots/{export_id}/{number}"
            lead = b"," if number else b""
            self.store.put(key, lead + data)
            objects, crc = data.count(b'"class_id"'), crc32(lead + data)
            written.append(
                Part(key=key, labels=len(labels), size=len(data), offset=len(lead), objects=objects, crc32=crc)
            )
        lists = []
        for number, listed in enumerate(images):
            key = f"snapshots/{export_id}/images-{number}"
            self.store.put(key, b"".join(map(ImageList.line, listed)))
            lists.append(ImageList(key=key, images=len(listed), size=sum(each.size for each in listed)))
        manifest = Manifest(
            project_id=self.project_id,
            snapshot_id=export_id,
            taken_at=TAKEN_AT,
            project_version=2,
            specification=self.specification,
            labels=sum(map(len, parts)),
            objects=5,
            parts=tuple(written),
            images=tuple(lists),
        )
        key = f"snapshots/{export_id}/manifest.json"
        self.store.put(key, manifest.model_dump_json().encode())
        return SnapshotCompleted(
            project_id=self.project_id,
            snapshot_id=export_id,
            manifest=key,
            labels=manifest.labels,
            objects=manifest.objects,
        )

    def take(self, handler: Callable[[Any, Any], None], event: Any) -> None:
        with self.database.session() as session:
            handler(session, event)

    def assemble(self, export_id: UUID, store: Any = None) -> None:
        """Plays the workers: takes the next step of an export, and what comes of that, until nothing does."""
        self.step(export_id, store)
        while parts := self.parts(export_id):
            for event in parts:
                worker.work(self.database, event, store or self.store)
            self.step(export_id, store)

    def step(self, export_id: UUID, store: Any = None) -> None:
        event = ExportReady(project_id=self.project_id, export_id=export_id)
        worker.run(self.database, event, store or self.store, self.projects)

    def parts(self, export_id: UUID) -> list[PartReady]:
        """The parts of an export that are sent and not done."""
        query = sa.select(PartRow).where(PartRow.export_id == export_id, PartRow.state == "sent")
        with self.database.session() as session:
            rows = session.scalars(query.order_by(PartRow.step, PartRow.number)).all()
        return [
            PartReady(project_id=self.project_id, export_id=export_id, step=ExportStep(row.step), part=row.number)
            for row in rows
        ]

    def clear_away(self) -> None:
        """What happens by itself after each change."""
        for event in self.events(ExportChanged):
            handlers.clear_away(self.database, event)

    def events(self, kind: type[Any]) -> list[Any]:
        """What the outbox holds for this project, oldest first (no relay runs)."""
        query = sa.select(outbox_table.c.envelope).where(outbox_table.c.type == kind.type).order_by(outbox_table.c.id)
        with self.database.session() as session:
            found = [outbox.decode(bytes(envelope)).data for envelope in session.scalars(query)]
        return [data for data in found if getattr(data, "project_id", None) == self.project_id]

    def keys(self, prefix: str) -> list[str]:
        found = self.store._client.list_objects(self.store.bucket, prefix=prefix, recursive=True)
        return sorted(each.object_name or "" for each in found)

    def download(self, export_id: UUID) -> httpx.Response:
        with self.database.session() as session:
            link = handlers.link_export(session, self.store, self.project_id, export_id)
        return httpx.get(link.url).raise_for_status()


@pytest.fixture
def desk(settings_environment: dict[str, str]) -> Desk:
    return Desk(Database.of("exports"), ObjectStore.shared())


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(Problem) as caught:
        call()
    return caught.value.code


def test_from_the_asking_to_the_file(desk: Desk) -> None:
    asked = desk.create(name='My "cells"', filter=LabelFilter(status=(Status.SUBMITTED,)))
    assert (asked.state, asked.version) == (JobState.QUEUED, 1)
    assert desk.events(SnapshotRequested) == [
        SnapshotRequested(project_id=desk.project_id, snapshot_id=asked.id, filter={"status": ["submitted"]})
    ]
    desk.take(handlers.snapshot_completed, desk.snapshot(asked.id, (b'{"id":"a"}', b'{"id":"b"}'), (b'{"id":"c"}',)))
    running = desk.get(asked.id)
    assert (running.state, running.labels, running.objects) == (JobState.RUNNING, 3, 5)
    assert [event.export_id for event in desk.events(ExportReady)] == [asked.id]
    assert refusal(lambda: desk.download(asked.id)) == "not_ready"

    desk.assemble(asked.id)
    done = desk.get(asked.id)
    assert (done.state, done.labels, done.objects, done.failure) == (JobState.DONE, 3, 5, None)
    response = desk.download(asked.id)
    assert (len(response.content), f"{crc32(response.content):08x}") == (done.size, done.crc32)
    assert 'filename="My _cells_.json"' in response.headers["content-disposition"]
    assert response.json() == {
        "format": "labelyard",
        "version": 1,
        "project": {
            "id": str(desk.project_id),
            "name": "Cells",
            "specification": desk.specification.model_dump(mode="json"),
        },
        "exported_at": "2026-11-23T09:30:00Z",
        "labels": [{"id": "a"}, {"id": "b"}, {"id": "c"}],
    }
    desk.clear_away()
    assert desk.keys(f"snapshots/{asked.id}") == []
    assert desk.download(asked.id).content == response.content
    changes = desk.events(ExportChanged)
    assert [(event.version, event.state, event.done) for event in changes] == [
        (1, "queued", 0),
        (2, "running", 0),
        (3, "done", 3),
    ]


def test_an_export_of_nothing_is_an_empty_document(desk: Desk) -> None:
    asked = desk.create()
    desk.take(handlers.snapshot_completed, desk.snapshot(asked.id))
    desk.assemble(asked.id)
    assert desk.download(asked.id).json()["labels"] == []


def test_a_large_export_comes_together_from_its_parts(desk: Desk) -> None:
    asked = desk.create()
    label = json.dumps({"id": "x" * 999_000}).encode()
    desk.take(handlers.snapshot_completed, desk.snapshot(asked.id, *[(label,) * 8] * 5))
    desk.assemble(asked.id)
    response = desk.download(asked.id)
    assert len(response.json()["labels"]) == 40
    done = desk.get(asked.id)
    assert (done.size, done.sha256, done.crc32) == (len(response.content), None, f"{crc32(response.content):08x}")
    with desk.database.session() as session:
        assert session.execute(sa.select(multipart_uploads)).all() == []


def test_repeated_deliveries_change_nothing(desk: Desk) -> None:
    asked = desk.create()
    completed = desk.snapshot(asked.id, (b'{"id":"a"}',))
    for _ in range(2):
        desk.take(handlers.snapshot_completed, completed)
    assert len(desk.events(ExportReady)) == 1
    desk.assemble(asked.id)
    done, content = desk.get(asked.id), desk.download(asked.id).content
    desk.assemble(asked.id)
    desk.take(handlers.snapshot_completed, completed)
    desk.take(handlers.snapshot_failed, failure(desk, asked.id))
    desk.clear_away()
    assert desk.get(asked.id) == done
    assert desk.download(asked.id).content == content
    assert desk.keys(f"snapshots/{asked.id}") == []


def failure(desk: Desk, export_id: UUID) -> SnapshotFailed:
    return SnapshotFailed(
        project_id=desk.project_id, snapshot_id=export_id, code="not_found", detail="The project was deleted."
    )


def test_a_failed_snapshot_fails_its_export(desk: Desk) -> None:
    asked = desk.create()
    desk.take(handlers.snapshot_failed, failure(desk, asked.id))
    failed = desk.get(asked.id)
    assert (failed.state, failed.failure) == (JobState.FAILED, "The project was deleted.")
    assert failed.ended_at is not None
    desk.take(handlers.snapshot_completed, desk.snapshot(asked.id, (b"{}",)))
    assert desk.get(asked.id) == failed
    desk.clear_away()
    assert desk.keys(f"snapshots/{asked.id}") == []


@pytest.mark.parametrize("kind", [SnapshotCompleted, SnapshotFailed, ExportReady])
def test_an_export_whose_next_step_is_given_up_ends_as_failed(desk: Desk, kind: type[Any]) -> None:
    asked = desk.create()
    step: Any = desk.snapshot(asked.id, (b'{"id":"a"}',))
    if kind is SnapshotFailed:
        step = failure(desk, asked.id)
    if kind is ExportReady:
        desk.take(handlers.snapshot_completed, step)
        step = ExportReady(project_id=desk.project_id, export_id=asked.id)
    (give_up,) = (
        each.given_up[kind] for each in (*consumers.SUBSCRIPTIONS, *worker.SUBSCRIPTIONS) if kind in each.given_up
    )
    for _ in range(2):
        desk.take(give_up, step)
    ended = desk.get(asked.id)
    assert (ended.state, ended.failure) == (JobState.FAILED, NOT_TRIED)
    assert ended.ended_at is not None
    desk.assemble(asked.id)
    desk.clear_away()
    assert desk.get(asked.id) == ended
    assert desk.keys(f"snapshots/{asked.id}") == []


def test_an_overtaken_worker_gives_way(desk: Desk) -> None:
    asked = desk.create()
    desk.take(handlers.snapshot_completed, desk.snapshot(asked.id, (b'{"id":"a"}',)))
    overtaking: list[str] = []

    def overtake(key: str) -> None:
        if not overtaking:
            overtaking.append(key)
            desk.assemble(asked.id)

    desk.assemble(asked.id, Watched(desk.store, overtake))
    assert overtaking
    assert desk.get(asked.id).state is JobState.DONE
    assert desk.keys(f"exports/{asked.id}/") == [handlers.file_key(asked.id, 2)]
    assert desk.download(asked.id).json()["labels"] == [{"id": "a"}]


def test_a_worker_that_died_is_followed_by_another(desk: Desk) -> None:
    asked = desk.create()
    desk.take(handlers.snapshot_completed, desk.snapshot(asked.id, (b'{"id":"a"}',)))

    def die(key: str) -> None:
        raise InterruptedError(key)

    with pytest.raises(InterruptedError):
        desk.assemble(asked.id, Watched(desk.store, die))
    desk.store.put(handlers.file_key(asked.id, 1), b"left by one that died after its upload")
    desk.assemble(asked.id)
    desk.clear_away()
    assert desk.keys(f"exports/{asked.id}/") == [handlers.file_key(asked.id, 2)]


def test_deleted_while_it_is_assembled(desk: Desk) -> None:
    asked = desk.create()
    desk.take(handlers.snapshot_completed, desk.snapshot(asked.id, (b'{"id":"a"}',)))

    def delete(key: str) -> None:
        desk.delete(asked.id)

    desk.assemble(asked.id, Watched(desk.store, delete))
    desk.clear_away()
    assert desk.keys(f"exports/{asked.id}/") == desk.keys(f"snapshots/{asked.id}/") == []
    assert refusal(lambda: desk.get(asked.id)) == "gone"


def test_deleted_before_its_snapshot_stands(desk: Desk) -> None:
    asked = desk.create()
    desk.delete(asked.id)
    desk.take(handlers.snapshot_completed, desk.snapshot(asked.id, (b'{"id":"a"}',)))
    assert desk.events(ExportReady) == []
    assert desk.events(ExportChanged)[-1].deleted
    desk.clear_away()
    assert desk.keys(f"snapshots/{asked.id}/") == []


def test_a_deleted_export_is_gone_with_its_file(desk: Desk) -> None:
    asked, kept = desk.create(), desk.create()
    desk.take(handlers.snapshot_completed, desk.snapshot(asked.id, (b'{"id":"a"}',)))
    desk.assemble(asked.id)
    desk.delete(asked.id)
    for call in (desk.get, desk.delete, desk.download):
        assert refusal(lambda call=call: call(asked.id)) == "gone"  # type: ignore[misc]
    desk.clear_away()
    assert desk.keys(f"exports/{asked.id}/") == []
    with desk.database.session() as session:
        page = handlers.list_exports(session, ListExports(project_id=desk.project_id))
    assert [item.id for item in page.items] == [kept.id]
    assert refusal(lambda: desk.get(new_id())) == "not_found"


def test_a_lost_part_ends_the_export_as_failed(desk: Desk) -> None:
    asked = desk.create()
    desk.take(handlers.snapshot_completed, desk.snapshot(asked.id, (b"{}",), (b"{}",)))
    desk.store.delete(f"snapshots/{asked.id}/1")
    desk.assemble(asked.id)
    failed = desk.get(asked.id)
    assert failed.state is JobState.FAILED
    assert failed.failure is not None and f"snapshots/{asked.id}/1" in failed.failure


def test_what_is_labeled_is_of_the_moment_that_the_labels_are_of(desk: Desk) -> None:
    """A class that was renamed or removed since stands in the head as it does in the objects; the name is today's."""

    def changed(name: str, version: int, *classes: ObjectClass) -> ProjectChanged:
        return ProjectChanged(
            project_id=desk.project_id,
            version=version,
            name=name,
            data_type=DataType.IMAGE,
            visibility=Visibility.PRIVATE,
            specification=Specification(object_classes=classes),
            spec_version=version,
        )

    def exported() -> Any:
        asked = desk.create()
        desk.take(handlers.snapshot_completed, desk.snapshot(asked.id))  # at version 2 of the project
        desk.assemble(asked.id)
        return desk.download(asked.id).json()["project"]

    desk.projects.project = None
    snapshots = desk.specification.model_dump(mode="json")
    desk.take(handlers.project_changed, changed("Old", 1))
    assert exported()["specification"] == snapshots
    renamed = desk.specification.object_classes[0].model_copy(update={"name": "blood cell"})
    desk.take(handlers.project_changed, changed("New", 3, renamed))
    desk.take(handlers.project_changed, changed("Late", 2))
    assert exported() == {"id": str(desk.project_id), "name": "New", "specification": snapshots}
    desk.take(handlers.project_changed, changed("New", 4))
    assert exported()["specification"] == snapshots


def test_an_absent_owner_is_waited_for(desk: Desk) -> None:
    asked = desk.create()
    desk.take(handlers.snapshot_completed, desk.snapshot(asked.id))
    present, desk.projects.project = desk.projects.project, None
    with pytest.raises(Problem, match="unavailable"):
        desk.assemble(asked.id)
    assert desk.get(asked.id).state is JobState.RUNNING
    desk.projects.project = present
    desk.assemble(asked.id)
    assert desk.get(asked.id).state is JobState.DONE


def test_nothing_is_exported_of_a_deleted_project(desk: Desk) -> None:
    asked = desk.create()
    desk.take(handlers.snapshot_completed, desk.snapshot(asked.id))
    desk.take(handlers.project_deleted, ProjectDeleted(project_id=desk.project_id, version=2))
    desk.projects.deleted = True
    desk.assemble(asked.id)
    assert desk.get(asked.id).state is JobState.FAILED
    assert refusal(desk.create) == "not_found"


def test_a_restored_project_is_exported_at_once(desk: Desk) -> None:
    """Whether the event of its return has come or not."""
    desk.take(handlers.project_deleted, ProjectDeleted(project_id=desk.project_id, version=2))
    desk.projects.project = desk.project("Cells again", 3)
    asked = desk.create()
    desk.take(handlers.snapshot_completed, desk.snapshot(asked.id))
    desk.assemble(asked.id)
    assert desk.get(asked.id).state is JobState.DONE


def test_names(desk: Desk) -> None:
    asked = desk.create()
    assert asked.name.startswith("native 2") and asked.name.endswith(" UTC")
    with desk.database.session() as session:
        request = RenameExport(project_id=desk.project_id, export_id=asked.id, name="First")
        renamed = handlers.rename_export(session, request)
    assert (renamed.name, renamed.version) == ("First", 2)
    assert desk.get(asked.id) == renamed


def test_pages_are_newest_first(desk: Desk) -> None:
    made = [desk.create().id for _ in range(5)]
    seen: list[UUID] = []
    cursor = None
    while True:
        request = ListExports(project_id=desk.project_id, cursor=cursor, limit=2)
        with desk.database.session() as session:
            page = handlers.list_exports(session, request)
        seen += [item.id for item in page.items]
        cursor = page.next
        if cursor is None:
            break
    assert seen == made[::-1]


def test_another_project_does_not_see_it(desk: Desk) -> None:
    asked = desk.create()
    with desk.database.session() as session:
        assert refusal(lambda: handlers.get_export(session, new_id(), asked.id)) == "not_found"


def test_a_canceled_export_leaves_nothing_behind(desk: Desk) -> None:
    asked = desk.create()
    label = json.dumps({"id": "x" * 999_000}).encode()
    desk.take(handlers.snapshot_completed, desk.snapshot(asked.id, *[(label,) * 8] * 3))

    class Cancels:
        """The store; while it puts the file together, somebody cancels."""

        def __getattr__(self, name: str) -> Any:
            return getattr(desk.store, name)

        def compose(self, key: str, pieces: Any, *how: Any) -> Any:
            with desk.database.session() as session:
                handlers.cancel_export(session, desk.project_id, asked.id)
            return desk.store.compose(key, pieces, *how)

    desk.assemble(asked.id, Cancels())
    ended = desk.get(asked.id)
    assert (ended.state, ended.failure, ended.ended_at is not None) == (JobState.CANCELED, None, True)
    desk.clear_away()
    assert desk.keys(f"exports/{asked.id}/") == desk.keys(f"snapshots/{asked.id}/") == []
    with desk.database.session() as session:
        assert handlers.cancel_export(session, desk.project_id, asked.id) == ended
        assert session.execute(sa.select(multipart_uploads)).all() == []
    assert refusal(lambda: desk.download(asked.id)) == "not_ready"


def test_an_upload_of_a_worker_that_died_is_aborted(desk: Desk) -> None:
    asked = desk.create()
    key = handlers.file_key(asked.id, 1)
    upload_id = desk.store._client._create_multipart_upload(desk.store.bucket, key, {})
    Uploads(desk.database).began(key, upload_id)
    desk.delete(asked.id)
    desk.clear_away()
    desk.store.abort(key, upload_id)  # it has ended already, which is fine
    with desk.database.session() as session:
        assert session.execute(sa.select(multipart_uploads)).all() == []


def test_uploads_that_nobody_went_on_with_are_swept(desk: Desk) -> None:
    begun = {}
    for name in ("left behind", "under way"):
        key = f"exports/{new_id()}/{name}"
        begun[name] = desk.store._client._create_multipart_upload(desk.store.bucket, key, {})
        Uploads(desk.database).began(key, begun[name])
    ours = multipart_uploads.c.upload_id
    with desk.database.session() as session:
        left = ours == begun["left behind"]
        session.execute(sa.update(multipart_uploads).where(left).values(began_at=datetime.now(UTC) - LONGEST))
    sweep(desk.database)
    with desk.database.session() as session:
        assert session.scalars(sa.select(ours).where(ours.in_(begun.values()))).all() == [begun["under way"]]


def test_once_more_is_another_export_of_the_same(desk: Desk) -> None:
    asked = desk.create(name="Weekly", filter=LabelFilter(status=(Status.SUBMITTED,)))
    request = RepeatExport(project_id=desk.project_id, export_id=asked.id, actor=UUID(int=2))
    with desk.database.session() as session:
        again = handlers.repeat_export(session, desk.projects, request)
    assert again.id != asked.id
    assert again.selection == "submitted"
    assert (again.name, again.filter, again.created_by) == ("Weekly", asked.filter, UUID(int=2))
    assert [event.snapshot_id for event in desk.events(SnapshotRequested)] == [asked.id, again.id]


def test_a_list_shows_what_is_looked_for(desk: Desk) -> None:
    made = {name: desk.create(name=name).id for name in ("Weekly 1", "weekly 2", "all%")}
    with desk.database.session() as session:
        handlers.cancel_export(session, desk.project_id, made["weekly 2"])

    def found(**which: Any) -> set[UUID]:
        with desk.database.session() as session:
            page = handlers.list_exports(session, ListExports(project_id=desk.project_id, **which))
        return {each.id for each in page.items}

    assert found(name="WEEKLY") == {made["Weekly 1"], made["weekly 2"]}
    assert found(name="%") == {made["all%"]}
    assert found(name="weekly", state=JobState.QUEUED) == {made["Weekly 1"]}
    assert found(format="native") == set(made.values())


def test_an_export_says_that_nobody_is_there_to_make_it(desk: Desk) -> None:
    asked = desk.create()

    def look(snapshots: int, assemblies: int) -> bool:
        with desk.database.session() as session:
            there = {handlers.SNAPSHOTS: snapshots, handlers.ASSEMBLIES: assemblies, handlers.PARTS: assemblies}
            handlers.watch_workers(session, there)
        return desk.get(asked.id).waiting_for_worker

    assert not look(1, 0)
    assert look(0, 1)
    told = desk.events(ExportChanged)
    assert look(0, 1) and desk.events(ExportChanged) == told and told[-1].waiting_for_worker
    assert not look(2, 0)
    desk.take(handlers.snapshot_completed, desk.snapshot(asked.id))
    assert look(1, 0)
    desk.assemble(asked.id)
    assert not desk.get(asked.id).waiting_for_worker
