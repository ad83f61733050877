"""The raw-data archive on a real store: built, brought up to date, compacted; interrupted at any point."""

import io
import subprocess
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID
from zlib import crc32

import httpx
import pytest
import sqlalchemy as sa

from chassis import outbox
from chassis.database import Database
from chassis.ids import new_id
from chassis.multiparts import multipart_parts, multipart_uploads
from chassis.objects import LEAST, ObjectStore
from chassis.tables import outbox as outbox_table
from contracts.body import Specification
from contracts.enums import JobState
from contracts.errors import Problem
from contracts.events import ArchiveChanged, ArchiveReady, SnapshotCompleted, SnapshotFailed, SnapshotRequested
from contracts.rpc.exports import Archive, FollowShareLink, ShareArchive, UpdateArchive
from contracts.snapshots import Image, ImageCounts, ImageList, Manifest
from services.exports import archiving, gauges
from services.exports.handlers import archives, sharing
from services.exports.models import ArchiveRow, SupersededFile

TAKEN_AT = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
SOMEBODY = UUID(int=1)


@dataclass(frozen=True)
class Picture:
    """An image of a label."""

    label_id: UUID
    dataset: str
    data_key: str
    key: str
    data: bytes


class Desk:
    """A project with images, and the events on their way to its archive and from it."""

    def __init__(self, database: Database, store: ObjectStore) -> None:
        self.database = database
        self.store = store
        self.project_id = new_id()
        self.pictures: list[Picture] = []

    def add(self, data_key: str, data: bytes = b"picture", dataset: str = "blood") -> Picture:
        picture = Picture(new_id(), dataset, data_key, f"assets/{new_id()}", data)
        self.store.put(picture.key, data)
        self.pictures.append(picture)
        return picture

    def ask(self) -> UUID:
        with self.database.session() as session:
            request = UpdateArchive(project_id=self.project_id, actor=SOMEBODY)
            archives.update_archive(session, None, request)  # type: ignore[arg-type]  # nobody needs to be asked
        build_id = self.events(SnapshotRequested)[-1].snapshot_id
        assert isinstance(build_id, UUID)
        return build_id

    def listed(self, build_id: UUID, at_a_time: int = 3) -> SnapshotCompleted:
        """Plays the labels service: lists the images and tells of it."""
        lists = []
        images = [
            Image(str(each.label_id), each.dataset, each.data_key, each.key, len(each.data), crc32(each.data))
            for each in sorted(self.pictures, key=lambda each: each.label_id.bytes)
        ]
        for number in range(0, len(images), at_a_time):
            chunk = images[number : number + at_a_time]
            key = f"snapshots/{build_id}/{number}"
            self.store.put(key, b"".join(map(ImageList.line, chunk)))
            lists.append(ImageList(key=key, images=len(chunk), size=sum(each.size for each in chunk)))
        manifest = Manifest(
            project_id=self.project_id,
            snapshot_id=build_id,
            taken_at=TAKEN_AT,
            project_version=1,
            specification=Specification(),
            labels=len(images),
            objects=0,
            parts=(),
            images=tuple(lists),
            counts=ImageCounts(added=len(images), added_size=sum(each.size for each in images)),
        )
        key = f"snapshots/{build_id}/manifest.json"
        self.store.put(key, manifest.model_dump_json().encode())
        return SnapshotCompleted(
            project_id=self.project_id, snapshot_id=build_id, manifest=key, labels=len(images), objects=0
        )

    def begin(self) -> ArchiveReady:
        """An update up to where a worker takes over."""
        build_id = self.ask()
        self.take(archives.list_completed, self.listed(build_id))
        return ArchiveReady(project_id=self.project_id, build_id=build_id)

    def update(self) -> Archive:
        archiving.run(self.database, self.begin(), self.store)
        self.clear_away()
        archive = self.get()
        assert archive.build is not None
        assert (archive.build.state, archive.build.failure) == (JobState.DONE, None)
        return archive

    def get(self) -> Archive:
        with self.database.session() as session:
            return archives.get_archive(session, self.project_id)

    def take(self, handler: Callable[[Any, Any], Any], event: Any) -> None:
        with self.database.session() as session:
            handler(session, event)

    def clear_away(self) -> None:
        """What happens by itself after each change."""
        for event in self.events(ArchiveChanged):
            archives.clear_away(self.database, event)

    def events(self, kind: type[Any]) -> list[Any]:
        """What the outbox holds for this project, oldest first (no relay runs)."""
        query = sa.select(outbox_table.c.envelope).where(outbox_table.c.type == kind.type).order_by(outbox_table.c.id)
        with self.database.session() as session:
            found = [outbox.decode(bytes(envelope)).data for envelope in session.scalars(query)]
        return [data for data in found if getattr(data, "project_id", None) == self.project_id]

    def download(self) -> httpx.Response:
        with self.database.session() as session:
            link = archives.link_archive(session, self.store, self.project_id)
        return httpx.get(link.url).raise_for_status()

    def later(self, by: timedelta) -> None:
        """Let that much time pass for files that another took the place of."""
        with self.database.session() as session:
            ours = SupersededFile.key.startswith(f"archives/{self.project_id}/")
            after = SupersededFile.delete_after - by
            session.execute(sa.update(SupersededFile).where(ours).values(delete_after=after))
        archives.delete_superseded(self.database, self.store)

    def keys(self) -> list[str]:
        return [each.key for each in self.store.find(f"archives/{self.project_id}/")]

    def nothing_is_left(self) -> None:
        """But the archive that stands, once the time of the one before is over."""
        self.clear_away()
        self.later(archives.GRACE)
        with self.database.session() as session:
            row = session.get_one(ArchiveRow, self.project_id)
            assert self.keys() == ([] if row.key is None else [row.key, f"{row.key}.index"])
            for table in (multipart_uploads, multipart_parts):
                ours = table.c.key.startswith(f"archives/{self.project_id}/")
                assert session.execute(sa.select(table).where(ours)).all() == []
        for event in self.events(SnapshotRequested):
            assert list(self.store.find(f"snapshots/{event.snapshot_id}/")) == []

    def check(self, path: Path) -> Mapping[str, bytes]:
        """What readers find that others wrote: Info-ZIP, 7-Zip, Python's."""
        data = self.download().content
        path.write_bytes(data)
        for command in (["unzip", "-tqq"], ["7z", "t"]):
            done = subprocess.run([*command, path], capture_output=True, text=True, check=False)
            empty = command[0] == "unzip" and not self.pictures  # it warns of an empty file
            assert done.returncode == 0 or empty, done.stdout + done.stderr
        with zipfile.ZipFile(io.BytesIO(data)) as read:
            assert read.testzip() is None
            assert len(read.namelist()) == len({*read.namelist()}) == len(self.pictures)
            return {name: read.read(name) for name in read.namelist()}


class Dies(Exception):
    """A worker is killed."""


class Dying:
    """The store of a worker that is killed before its call number `at`."""

    def __init__(self, store: ObjectStore, at: int) -> None:
        self._store, self._at, self._calls = store, at, count(1)

    def __getattr__(self, name: str) -> Any:
        if name == "_client":
            return _DyingClient(self._store._client, self._look)
        found = getattr(self._store, name)
        if not callable(found) or name in ("compose", "find"):
            return found
        return lambda *arguments, **named: (self._look(), found(*arguments, **named))[1]

    def _look(self) -> None:
        if next(self._calls) >= self._at:
            raise Dies


class _DyingClient:
    def __init__(self, client: Any, look: Callable[[], None]) -> None:
        self._client, self._look = client, look

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        return lambda *arguments, **named: (self._look(), found(*arguments, **named))[1]


@pytest.fixture
def desk(settings_environment: dict[str, str]) -> Iterator[Desk]:
    yield Desk(Database.of("exports"), ObjectStore.shared())


def noise(size: int, seed: int) -> bytes:
    return Random(seed).randbytes(size)


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(Problem) as caught:
        call()
    return caught.value.code


def test_an_archive_has_every_image_under_its_name(desk: Desk, tmp_path: Path) -> None:
    for number in range(7):
        desk.add(f"slides/{number}.png", noise(1000 + number, number))
    assert refusal(desk.download) == "not_ready"
    archive = desk.update()
    assert desk.events(SnapshotRequested) == [
        SnapshotRequested(
            project_id=desk.project_id, snapshot_id=desk.events(ArchiveReady)[0].build_id, labels=False, images=True
        )
    ]
    assert desk.check(tmp_path / "a.zip") == {f"blood/{each.data_key}": each.data for each in desk.pictures}
    report = archive.report
    assert report is not None and archive.taken_at == TAKEN_AT
    assert (report.images, report.added, report.removed, report.kept, report.dead) == (7, 7, 0, 0, 0)
    assert report.images_size == report.added_size == sum(len(each.data) for each in desk.pictures)
    assert report.size == report.through == len(desk.download().content)
    assert report.counts == ImageCounts(added=7, added_size=report.images_size)
    assert desk.download().headers["content-disposition"].startswith('attachment; filename="raw data.zip"')
    desk.nothing_is_left()


def test_only_the_change_and_the_directory_come_through(desk: Desk, tmp_path: Path) -> None:
    for number in range(30):
        desk.add(f"{number}.png", noise(400_000, number))
    first = desk.update().report
    old = desk.download().content
    desk.add("new.png", noise(300_000, 99))
    second = desk.update().report
    assert first is not None and second is not None
    assert (second.added, second.kept, second.images) == (1, 30, 31)
    entry = zipfile.ZipFile(io.BytesIO(old))
    directory = len(old) - entry.start_dir
    assert second.through < 300_000 + directory + 1000
    assert second.copied == entry.start_dir and second.copied + second.through == second.size
    new = desk.download().content
    assert new[: entry.start_dir] == old[: entry.start_dir]
    assert desk.check(tmp_path / "a.zip")["blood/new.png"] == noise(300_000, 99)
    desk.nothing_is_left()


def test_nothing_new_is_no_new_file(desk: Desk) -> None:
    desk.add("1.png")
    desk.update()
    keys = desk.keys()
    again = desk.update()
    assert desk.keys() == keys
    assert again.report is not None
    assert (again.report.through, again.report.kept, again.report.size) == (0, 1, len(desk.download().content))
    desk.nothing_is_left()


def test_removed_images_vanish_and_their_bytes_when_they_are_many(desk: Desk, tmp_path: Path) -> None:
    for number in range(10):
        desk.add(f"{number}.png", noise(800_000, number))
    whole = desk.update().report
    assert whole is not None
    del desk.pictures[3]
    fewer = desk.update().report
    assert fewer is not None and not fewer.compacted
    assert (fewer.removed, fewer.kept) == (1, 9)
    assert 800_000 < fewer.dead < 801_000
    assert "blood/3.png" not in desk.check(tmp_path / "a.zip")
    del desk.pictures[5:7]
    desk.add("late.png", noise(1000, 77))
    compact = desk.update().report
    assert compact is not None and compact.compacted
    assert (compact.removed, compact.kept, compact.added, compact.dead) == (2, 7, 1, 0)
    assert compact.size < whole.size - 2_300_000
    assert desk.check(tmp_path / "b.zip") == {f"blood/{each.data_key}": each.data for each in desk.pictures}
    desk.pictures.clear()
    empty = desk.update().report
    assert empty is not None and (empty.images, empty.size) == (0, 22)
    assert desk.check(tmp_path / "c.zip") == {}
    desk.nothing_is_left()


def test_an_image_that_is_another_now_is_taken_anew(desk: Desk, tmp_path: Path) -> None:
    old = desk.add("1.png", b"old")
    desk.update()
    desk.pictures = [Picture(old.label_id, old.dataset, old.data_key, f"assets/{new_id()}", b"new")]
    desk.store.put(desk.pictures[0].key, b"new")
    report = desk.update().report
    assert report is not None and (report.added, report.removed, report.kept) == (1, 1, 0)
    assert desk.check(tmp_path / "a.zip") == {"blood/1.png": b"new"}


def test_names_are_safe_and_nobody_elses(desk: Desk, tmp_path: Path) -> None:
    keys = [
        "a.png",
        "A.png",
        "../../etc/passwd",
        "/root.png",
        "con",
        "a.png/b.png",
        "größe.png",
        "gro\u0308ße.png",
        "x:y",
    ]
    for number, data_key in enumerate(keys):
        desk.add(data_key, b"%d" % number)
    desk.update()
    first = desk.check(tmp_path / "a.zip")
    assert not any(name.startswith("/") or ".." in name.split("/") or ":" in name for name in first)
    assert sorted(first.values()) == [b"%d" % number for number in range(len(keys))]
    assert first["blood/a.png"] == b"0"
    folder = tmp_path / "unpacked"
    zipfile.ZipFile(tmp_path / "a.zip").extractall(folder)
    assert sum(path.is_file() for path in folder.rglob("*")) == len(keys)
    assert len({name.casefold() for name in first}) == len(keys)
    # whoever comes later takes another name, and whoever is there keeps theirs
    desk.add("A.PNG", b"later")
    desk.update()
    assert {**first, **{k: v for k, v in desk.check(tmp_path / "b.zip").items() if v != b"later"}} == first


def test_the_same_images_are_the_same_bytes(desk: Desk) -> None:
    for number in range(5):
        desk.add(f"{number}.png", noise(5000, number))
    desk.update()
    other = Desk(desk.database, desk.store)
    other.pictures = desk.pictures
    other.update()
    assert other.download().content == desk.download().content


def test_who_goes_on_after_an_interruption_does_the_rest(desk: Desk, tmp_path: Path) -> None:
    for number in range(12):
        desk.add(f"{number}.png", noise(3 * 2**20, number))
    desk.update()
    before = desk.download().content
    desk.add("late.png", noise(40 * 2**20, 50))
    desk.add("later.png", noise(40 * 2**20, 51))
    del desk.pictures[2]
    ready = desk.begin()
    deaths = 0
    for at in count(1):
        dying = Dying(desk.store, at)
        try:
            archiving.run(desk.database, ready, _composing(dying, desk.store))
        except Dies:
            deaths += 1
            assert desk.download().content == before
        else:
            break
    assert deaths > 8
    report = desk.get().report
    assert report is not None and report.copied > 100 * 2**20
    contents = desk.check(tmp_path / "a.zip")
    assert contents == {f"blood/{each.data_key}": each.data for each in desk.pictures}
    desk.nothing_is_left()


def test_who_finds_the_file_complete_tells_what_it_took(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        desk.add(f"{number}.png", noise(3 * LEAST, number))
    desk.update()
    desk.add("late.png", noise(1000, 9))
    ready = desk.begin()

    def die(*_: object) -> bool:
        raise Dies

    with monkeypatch.context() as patched:
        patched.setattr(archives, "finish", die)
        with pytest.raises(Dies):
            archiving.run(desk.database, ready, desk.store)
    archiving.run(desk.database, ready, desk.store)
    found = desk.get().report
    other = Desk(desk.database, desk.store)
    other.pictures = desk.pictures[:-1]
    other.update()
    other.pictures = desk.pictures
    assert other.update().report == found
    assert found is not None and found.through < LEAST < found.copied
    desk.nothing_is_left()


def _composing(dying: Dying, store: ObjectStore) -> Any:
    """A store whose own calls go through `dying`, too."""
    made = object.__new__(ObjectStore)
    made.__dict__.update(store.__dict__)
    made._client = dying._client

    class Composes:
        def __getattr__(self, name: str) -> Any:
            return getattr(made if name == "compose" else dying, name)

    return Composes()


def test_two_workers_at_one_build_make_one_archive(desk: Desk, tmp_path: Path) -> None:
    for number in range(4):
        desk.add(f"{number}.png", noise(6 * 2**20, number))
    ready = desk.begin()
    with desk.database.session() as session:
        first = archives.begin(session, ready)
    assert first is not None
    archiving.run(desk.database, ready, desk.store)
    with desk.database.session() as session:  # the first one comes back
        assert not archives.progressed(session, first, 1, 2)
        assert not archives.finish(session, first, Problem("gone", "of no interest"))
    archiving.run(desk.database, ready, desk.store)
    assert len(desk.check(tmp_path / "a.zip")) == 4
    desk.nothing_is_left()


def test_a_turn_that_is_over_is_handed_over(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archiving, "_LOOK", -1.0)
    desk.add("1.png")
    ready = desk.begin()
    archiving.run(desk.database, ready, desk.store, turn=-1.0)
    assert desk.events(ArchiveReady) == [ready, ready]
    archiving.run(desk.database, ready, desk.store)
    assert len(desk.download().content) > 0


def test_a_stopped_build_leaves_the_old_archive_and_nothing_else(desk: Desk) -> None:
    desk.add("1.png")
    desk.update()
    before = desk.download().content
    desk.add("2.png", noise(20 * 2**20, 2))
    ready = desk.begin()
    with pytest.raises(Dies):
        archiving.run(desk.database, ready, _composing(Dying(desk.store, 9), desk.store))
    with desk.database.session() as session:
        archives.cancel_archive(session, desk.project_id)
    archiving.run(desk.database, ready, desk.store)
    archive = desk.get()
    assert archive.build is not None and archive.build.state == JobState.CANCELED
    assert desk.download().content == before
    desk.nothing_is_left()


def test_what_fails_says_why_and_can_be_tried_again(desk: Desk) -> None:
    desk.add("1.png")
    damaged = desk.add("2.png", b"as it was uploaded")
    missing = desk.add("3.png")
    desk.store.put(damaged.key, b"as it has become!!")
    archiving.run(desk.database, desk.begin(), desk.store)
    build = desk.get().build
    assert build is not None and build.state == JobState.FAILED
    assert build.failure is not None and damaged.key in build.failure
    desk.nothing_is_left()
    desk.store.put(damaged.key, damaged.data)
    desk.store.delete(missing.key)
    archiving.run(desk.database, desk.begin(), desk.store)
    build = desk.get().build
    assert build is not None and build.failure == f"An object is missing: {missing.key}."
    failed = SnapshotFailed(project_id=desk.project_id, snapshot_id=desk.ask(), code="not_found", detail="No project.")
    desk.take(archives.list_failed, failed)
    build = desk.get().build
    assert build is not None and build.failure == "No project."
    desk.store.put(missing.key, missing.data)
    desk.update()


def test_asked_again_while_it_is_built_it_is_one_build(desk: Desk) -> None:
    desk.add("1.png")
    build_id = desk.ask()
    assert desk.ask() == build_id
    assert len(desk.events(SnapshotRequested)) == 1


def test_an_archive_says_that_nobody_is_there_to_build_it(desk: Desk) -> None:
    build_id = desk.ask()

    def look(lists: int, builds: int) -> bool:
        with desk.database.session() as session:
            archives.watch_workers(session, {archives.exports.SNAPSHOTS: lists, archives.BUILDS: builds})
        build = desk.get().build
        assert build is not None
        return build.waiting_for_worker

    assert not look(1, 0)
    assert look(0, 1)
    assert not look(1, 0)
    desk.take(archives.list_completed, desk.listed(build_id))
    assert look(1, 0)
    assert desk.events(ArchiveChanged)[-1].waiting_for_worker


def test_a_link_leads_to_the_archive_of_the_day_until_it_is_deleted(desk: Desk) -> None:
    desk.add("1.png")
    desk.update()
    with desk.database.session() as session:
        link = sharing.share_archive(session, ShareArchive(project_id=desk.project_id, actor=SOMEBODY))
    assert desk.get().link is not None

    def follow() -> bytes:
        with desk.database.session() as session:
            request = FollowShareLink(token=link.token, address="192.0.2.1")
            return httpx.get(sharing.follow(session, desk.store, request).url).raise_for_status().content

    assert follow() == desk.download().content
    desk.add("2.png")
    desk.update()
    assert len(zipfile.ZipFile(io.BytesIO(follow())).namelist()) == 2
    with desk.database.session() as session:
        archives.delete_archive(session, desk.project_id)
    assert refusal(follow) == refusal(desk.download) == "gone"
    desk.nothing_is_left()
    desk.update()
    assert refusal(follow) == "gone"


def test_what_a_projects_files_take_is_a_metric(desk: Desk) -> None:
    desk.add("1.png", noise(70_000, 1))
    report = desk.update().report
    assert report is not None
    with desk.database.session() as session:
        gauges.observe(session)
    assert gauges.storage.labels(str(desk.project_id), "archive")._value.get() == report.size > 70_000


def test_who_was_led_to_the_archive_before_has_time(desk: Desk) -> None:
    desk.add("1.png")
    desk.update()
    with desk.database.session() as session:
        link = archives.link_archive(session, desk.store, desk.project_id)
    desk.add("2.png")
    desk.update()
    assert len(zipfile.ZipFile(io.BytesIO(httpx.get(link.url).raise_for_status().content)).namelist()) == 1
    desk.later(archives.GRACE)
    assert httpx.get(link.url).status_code == 404


def test_large_images_are_copied_by_the_store(desk: Desk, tmp_path: Path) -> None:
    for number in range(3):
        desk.add(f"{number}.tif", noise(3 * LEAST, number))
    report = desk.update().report
    assert report is not None
    assert report.copied >= 3 * 2 * LEAST and report.through <= 3 * LEAST + 1000
    assert desk.check(tmp_path / "a.zip") == {f"blood/{each.data_key}": each.data for each in desk.pictures}
