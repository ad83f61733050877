"""Every format, from a snapshot of one part and of several; an attempt that goes on where another died."""

import io
import json
import zipfile
from datetime import UTC, datetime
from typing import Any
from zlib import crc32

import pytest

from chassis.database import Database
from chassis.ids import new_id
from chassis.objects import ObjectStore
from contracts.enums import ExportFormat, JobState, Review, Status
from contracts.rpc.exports import Export, ExportOptions, ExportSplit
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


def exported(desk: Desk, form: ExportFormat, parts: list[tuple[bytes, ...]], **options: Any) -> tuple[Export, bytes]:
    asked = desk.create(format=form, options=ExportOptions(**options))
    desk.take(handlers.snapshot_completed, desk.snapshot(asked.id, *parts))
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

        def put(self, key: str, *what: Any) -> str:
            if key.endswith("/format-000001"):
                raise InterruptedError(key)
            return desk.store.put(key, *what)

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
