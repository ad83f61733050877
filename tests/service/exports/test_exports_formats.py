"""Every format, from a snapshot of one part and of several; an attempt that goes on where another died."""

import io
import json
import random
import subprocess
import zipfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from chassis.database import Database
from chassis.ids import new_id
from chassis.objects import Composed, ObjectStore
from contracts.enums import ExportFormat, JobState, Review, Status
from contracts.rpc.exports import Export, ExportOptions, ExportSplit
from contracts.snapshots import Image
from formats import native
from formats.writers import WRITERS
from services.exports.handlers import exports as handlers
from tests.service.exports.test_exports_life import Desk

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SINGLE = [each for each in ExportFormat if WRITERS[each].single]


@pytest.fixture
def desk(settings_environment: dict[str, str]) -> Desk:
    return Desk(Database.of("exports"), ObjectStore.shared())


def label(desk: Desk, number: int, status: Status = Status.SUBMITTED) -> bytes:
    """A label with as many boxes as its number."""
    (cell,) = desk.specification.object_classes
    boxes = [
        {
            "id": str(new_id()),
            "class_id": str(cell.id),
            "class_name": cell.name,
            "annotation_type": "box",
            "annotation": {
                "coord": {"x": 1.0 + n, "y": 2.0, "width": 3.0, "height": 4.0},
                "meta": {"z_index": n + 1},
                "multiple": False,
            },
            "properties": [],
        }
        for n in range(number)
    ]
    entry = native.Label(
        id=str(new_id()),
        dataset="cells",
        data_key=f"{number:03}.png",
        image_info={"width": 640, "height": 480},
        status=status,
        review=Review.PENDING_REVIEW,
        round=1,
        tags=[],
        assignee=None,
        created_at=NOW,
        updated_at=NOW,
        submitted_at=NOW,
        reviewed_at=None,
        objects=boxes,
        categories={"properties": []},
    )
    return native.label(entry)


def exported(
    desk: Desk,
    form: ExportFormat,
    parts: list[tuple[bytes, ...]],
    stored: Sequence[Sequence[Image]] = (),
    **options: Any,
) -> tuple[Export, bytes]:
    asked = desk.create(format=form, options=ExportOptions(**options))
    desk.take(handlers.snapshot_completed, desk.snapshot(asked.id, *parts, images=stored))
    desk.assemble(asked.id)
    done = desk.get(asked.id)
    assert done.state is JobState.DONE, done
    content = desk.download(asked.id).content
    assert done.size == len(content)
    assert done.crc32 in (None, f"{crc32(content):08x}")
    desk.clear_away()
    assert desk.keys(f"exports/{asked.id}/") == [handlers.file_key(asked.id, 1)]
    return done, content


@pytest.mark.parametrize("form", ExportFormat)
def test_parts_make_the_file_that_one_part_makes(desk: Desk, form: ExportFormat) -> None:
    labels = [label(desk, number) for number in range(4)]
    one, whole = exported(desk, form, [tuple(labels)])
    several, joined = exported(desk, form, [tuple(labels[:1]), tuple(labels[1:3]), tuple(labels[3:])])
    if form is not ExportFormat.NATIVE:
        assert one.report == several.report and one.report is not None
    if form in SINGLE:
        assert whole == joined
        return
    files = []
    for content in (whole, joined):
        with zipfile.ZipFile(io.BytesIO(content)) as read:
            assert read.testzip() is None
            files.append({name: read.read(name) for name in read.namelist()})
    assert files[0] == files[1]


@pytest.mark.parametrize("form", [ExportFormat.JSON_LINES, ExportFormat.COCO, ExportFormat.NATIVE])
def test_a_split_is_a_zip(desk: Desk, form: ExportFormat) -> None:
    labels = [label(desk, number) for number in range(9)]
    done, content = exported(desk, form, [tuple(labels[:4]), tuple(labels[4:])], split=ExportSplit(train=0.5, val=0.5))
    assert done.report is not None and done.report.labels == 9
    with zipfile.ZipFile(io.BytesIO(content)) as read:
        assert read.testzip() is None
        if form is ExportFormat.JSON_LINES:
            lines = [json.loads(line) for name in read.namelist() for line in read.read(name).splitlines()]
            assert sorted(each["data_key"] for each in lines) == [f"{number:03}.png" for number in range(9)]


def picture(desk: Desk, entry: bytes, data: bytes | None) -> Image:
    """Where the image of a label is; None: nowhere any more."""
    read = json.loads(entry)
    key = None if data is None else f"assets/{read['id']}"
    if key is not None and data is not None:
        desk.store.put(key, data)
    return Image(read["id"], read["dataset"], read["data_key"], key, len(data or b""), crc32(data or b""))


@pytest.mark.parametrize("split", [None, ExportSplit(train=0.5, val=0.25)], ids=["whole", "split"])
@pytest.mark.parametrize("form", [each for each in ExportFormat if each is not ExportFormat.YOLO_CLASSIFY])
def test_images_go_with_their_labels(desk: Desk, form: ExportFormat, split: ExportSplit | None, tmp_path: Path) -> None:
    labels = [label(desk, number) for number in range(6)]
    # some that the store copies itself, some that are read, one that is not there any more
    large = 6 * 2**20
    contents = [b"one", random.Random(1).randbytes(large), None, b"", random.Random(2).randbytes(large), b"six" * 1000]
    images = [picture(desk, entry, data) for entry, data in zip(labels, contents, strict=True)]
    parts = [tuple(labels[:3]), tuple(labels[3:])]
    done, content = exported(desk, form, parts, [images[:3], images[3:]], images=True, split=split)
    assert done.report is not None
    assert ("image", 1) in {(each.what, each.count) for each in done.report.left_out}
    file = tmp_path / "export.zip"
    file.write_bytes(content)
    subprocess.run(["unzip", "-tqq", file], check=True)
    with zipfile.ZipFile(file) as read:
        assert read.testzip() is None
        found = {name.rpartition("/")[2]: read.read(name) for name in read.namelist() if name.endswith(".png")}
        assert {read.getinfo(name).compress_type for name in read.namelist() if name.endswith(".png")} == {0}
    assert found == {f"{n:03}.png": data for n, data in enumerate(contents) if data is not None}
    again, same = exported(desk, form, [tuple(labels)], [images], images=True, split=split)
    with zipfile.ZipFile(io.BytesIO(same)) as one, zipfile.ZipFile(file) as two:
        assert {name: one.read(name) for name in one.namelist()} == {name: two.read(name) for name in two.namelist()}
    assert again.report == done.report


def test_no_labels_with_images_are_an_empty_zip(desk: Desk) -> None:
    _, content = exported(desk, ExportFormat.NATIVE, [], images=True)
    with zipfile.ZipFile(io.BytesIO(content)) as read:
        assert json.loads(read.read("labels.json"))["labels"] == []


@pytest.mark.parametrize("change", ["deleted", "damaged"])
def test_an_image_that_is_not_as_it_was_is_a_reason_to_fail(desk: Desk, change: str) -> None:
    entry = label(desk, 1)
    image = picture(desk, entry, b"picture")
    assert image.key is not None
    if change == "deleted":
        desk.store.delete(image.key)
    else:
        desk.store.put(image.key, b"forgery")
    asked = desk.create(format=ExportFormat.VOC, options=ExportOptions(images=True))
    desk.take(handlers.snapshot_completed, desk.snapshot(asked.id, (entry,), images=[[image]]))
    desk.assemble(asked.id)
    failed = desk.get(asked.id)
    assert failed.state is JobState.FAILED
    assert failed.failure is not None and image.key in failed.failure
    desk.clear_away()
    assert desk.keys(f"exports/{asked.id}/") == desk.keys(f"snapshots/{asked.id}/") == []


def test_what_is_left_out_is_counted(desk: Desk) -> None:
    labels = (label(desk, 0), label(desk, 1, Status.SKIPPED), label(desk, 2))
    done, content = exported(desk, ExportFormat.JSON_LINES, [labels], skipped=False, empty=False)
    assert [json.loads(line)["data_key"] for line in content.splitlines()] == ["002.png"]
    assert done.report is not None
    assert (done.labels, done.report.labels, sum(each.count for each in done.report.left_out)) == (3, 1, 2)


def test_an_attempt_takes_the_parts_that_another_finished(desk: Desk) -> None:
    asked = desk.create(format=ExportFormat.COCO)
    parts = [(label(desk, number),) for number in range(3)]
    desk.take(handlers.snapshot_completed, desk.snapshot(asked.id, *parts))

    class Dies:
        """The store, until the second part is to be stored."""

        def __getattr__(self, name: str) -> Any:
            return getattr(desk.store, name)

        def compose(self, key: str, *what: Any) -> Composed:
            if key.endswith("/format-000001"):
                raise InterruptedError(key)
            return desk.store.compose(key, *what)

    with pytest.raises(InterruptedError):
        desk.assemble(asked.id, Dies())
    assert desk.get(asked.id).done == 1
    desk.store.delete(f"snapshots/{asked.id}/0")  # which nobody needs any more
    desk.assemble(asked.id)
    assert len(desk.download(asked.id).json()["images"]) == 3


def test_large_parts_are_put_together_by_the_store(desk: Desk) -> None:
    entry = json.loads(label(desk, 1))
    parts = [tuple(json.dumps({**entry, "tags": [f"{part}{n}" * 400_000]}).encode() for n in range(8)) for part in "ab"]
    done, content = exported(desk, ExportFormat.JSON_LINES, parts)
    assert done.sha256 is None and done.crc32 is not None
    assert [json.loads(line)["tags"][0][:2] for line in content.splitlines()] == [
        f"{p}{n}" for p in "ab" for n in range(8)
    ]
