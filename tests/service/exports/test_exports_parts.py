"""Large exports part by part: how many are out, what comes twice, canceled, damaged or at a worker that dies."""

import json
import random
from typing import Any

import pytest
import sqlalchemy as sa

from chassis.database import Database
from chassis.ids import new_id
from chassis.objects import Composed, ObjectStore
from chassis.settings import settings
from contracts.body import ObjectClass, Specification
from contracts.enums import AnnotationType, ExportFormat, ExportStep, JobState
from contracts.events import ExportReady, PartReady, SnapshotCanceled, SnapshotProgressed
from contracts.rpc.exports import Export
from services.exports.gauges import observe, oldest_part
from services.exports.handlers import exports as handlers
from services.exports.handlers import parts as dispatcher
from services.exports.models import PartRow
from services.exports.workers import export as worker
from tests.service.exports.test_exports_formats import label
from tests.service.exports.test_exports_life import Desk


@pytest.fixture
def desk(settings_environment: dict[str, str]) -> Desk:
    return Desk(Database.of("exports"), ObjectStore.shared())


def under_way(desk: Desk, parts: int, form: ExportFormat = ExportFormat.JSON_LINES) -> Export:
    """An export of one label a part, the first parts of which are sent."""
    asked = desk.create(format=form)
    labels = [(label(desk, number),) for number in range(parts)]
    desk.take(handlers.snapshot_completed, desk.snapshot(asked.id, *labels))
    desk.step(asked.id)
    return asked


def under_survey(desk: Desk, parts: int) -> Export:
    """One of a project with keypoints, whose names COCO tells before all else."""
    asked = desk.create(format=ExportFormat.COCO)
    labels = [(label(desk, number),) for number in range(parts)]
    points = ObjectClass(id=new_id(), name="nose", annotation_type=AnnotationType.KEYPOINT, color="#996633")
    desk.specification = Specification(object_classes=(*desk.specification.object_classes, points))
    desk.take(handlers.snapshot_completed, desk.snapshot(asked.id, *labels))
    desk.step(asked.id)
    return asked


def work(desk: Desk, *parts: PartReady) -> None:
    for each in parts:
        worker.work(desk.database, each, desk.store)


def images(desk: Desk, asked: Export) -> list[str]:
    """What a finished COCO export tells of."""
    return [each["file_name"] for each in desk.download(asked.id).json()["images"]]


def test_a_few_parts_are_out_at_a_time_and_each_lets_the_next_go(desk: Desk) -> None:
    most = settings().export_parts
    asked = under_way(desk, most + 3)
    out = desk.parts(asked.id)
    assert [each.part for each in out] == list(range(most))
    work(desk, out[2])
    assert [each.part for each in desk.parts(asked.id)] == [0, 1, *range(3, most + 1)]
    desk.step(asked.id)  # once more, as after a restart: those that are out are sent again, and no others
    assert len(desk.parts(asked.id)) == most
    desk.assemble(asked.id)
    assert len(desk.download(asked.id).content.splitlines()) == most + 3


@pytest.mark.parametrize(
    "form", [ExportFormat.JSON_LINES, ExportFormat.COCO, ExportFormat.YOLO_DETECT, ExportFormat.CSV]
)
def test_the_order_of_parts_and_those_that_come_twice_change_nothing(desk: Desk, form: ExportFormat) -> None:
    seed = 6
    chance = random.Random(seed)
    files = []
    labels = [label(desk, number) for number in range(6)]
    for shuffled in (False, True):
        asked = desk.create(format=form)
        desk.take(handlers.snapshot_completed, desk.snapshot(asked.id, *((each,) for each in labels)))
        desk.step(asked.id)
        while out := desk.parts(asked.id):
            if shuffled:
                out = chance.sample(out * 2, 2 * len(out))
            work(desk, *out)
            desk.step(asked.id)
        done = desk.get(asked.id)
        assert (done.state, done.done) == (JobState.DONE, 6)
        files.append(desk.download(asked.id).content)
    assert files[0] == files[1]


def test_the_last_part_lets_the_export_go_on_once(desk: Desk) -> None:
    asked = under_way(desk, 3)
    before = len(desk.events(ExportReady))
    out = desk.parts(asked.id)
    work(desk, *out, *out)
    assert len(desk.events(ExportReady)) == before + 1


def test_all_parts_are_looked_through_before_the_first_is_written_where_a_format_wants_that(desk: Desk) -> None:
    asked = under_survey(desk, 3)
    steps = []
    while out := desk.parts(asked.id):
        steps.append({each.step for each in out})
        work(desk, *out)
        desk.step(asked.id)
    assert steps == [{ExportStep.SURVEY}, {ExportStep.FORMAT}]
    assert images(desk, asked) == ["cells/000.png", "cells/001.png", "cells/002.png"]


def test_a_canceled_export_leaves_nothing_and_its_parts_that_come_late_neither(desk: Desk) -> None:
    asked = under_way(desk, 4)
    first, second, *_ = desk.parts(asked.id)
    work(desk, first)
    with desk.database.session() as session:
        handlers.cancel_export(session, desk.project_id, asked.id)
    desk.clear_away()
    work(desk, second)
    desk.step(asked.id)
    assert desk.keys(f"exports/{asked.id}/") == desk.keys(f"snapshots/{asked.id}/") == []
    with desk.database.session() as session:
        assert session.scalars(sa.select(PartRow).where(PartRow.export_id == asked.id)).all() == []
    assert desk.get(asked.id).state is JobState.CANCELED


def test_canceled_while_a_part_is_written_it_takes_that_away_again(desk: Desk) -> None:
    asked = under_way(desk, 2)

    class Late:
        """The store; the export is canceled, and cleared away, before a part is stored."""

        def __getattr__(self, name: str) -> Any:
            return getattr(desk.store, name)

        def compose(self, key: str, *what: Any) -> Composed:
            if key.endswith("format-000000"):
                with desk.database.session() as session:
                    handlers.cancel_export(session, desk.project_id, asked.id)
                desk.clear_away()
            return desk.store.compose(key, *what)

    worker.work(desk.database, desk.parts(asked.id)[0], Late())  # type: ignore[arg-type]
    assert desk.keys(f"exports/{asked.id}/") == []


def test_who_freezes_labels_is_told_that_nobody_wants_them(desk: Desk) -> None:
    canceled, deleted, done = desk.create(), desk.create(), desk.create()
    with desk.database.session() as session:
        handlers.cancel_export(session, desk.project_id, canceled.id)
    desk.delete(deleted.id)
    desk.take(handlers.snapshot_completed, desk.snapshot(done.id))
    desk.assemble(done.id)
    assert [each.snapshot_id for each in desk.events(SnapshotCanceled)] == [canceled.id, deleted.id]


@pytest.mark.parametrize("form", [ExportFormat.JSON_LINES, ExportFormat.COCO])
def test_a_damaged_part_of_a_snapshot_ends_the_export_and_it_can_be_asked_for_again(
    desk: Desk, form: ExportFormat
) -> None:
    asked = under_way(desk, 3, form)
    key = f"snapshots/{asked.id}/1"
    whole = desk.store.get(key)
    desk.store.put(key, whole.replace(b"cells", b"celLs"))
    desk.assemble(asked.id)
    failed = desk.get(asked.id)
    assert (failed.state, failed.failure) == (JobState.FAILED, f"A part is damaged: {key}.")
    desk.clear_away()
    assert desk.keys(f"exports/{asked.id}/") == desk.keys(f"snapshots/{asked.id}/") == []


def test_an_outcome_that_is_another_ends_the_export(desk: Desk) -> None:
    asked = under_way(desk, 3)
    work(desk, *desk.parts(asked.id))
    key = next(each for each in desk.keys(f"exports/{asked.id}/parts/") if each.endswith("format-000001"))
    desk.store.put(key, b"x" * desk.store.size(key))  # type: ignore[operator]
    desk.step(asked.id)
    failed = desk.get(asked.id)
    assert (failed.state, failed.failure) == (JobState.FAILED, f"A part is damaged: {key}.")


def test_how_far_it_is_is_told(desk: Desk) -> None:
    asked = desk.create(format=ExportFormat.JSON_LINES)
    for labels in (2, 1):  # late ones change nothing
        desk.take(
            handlers.snapshot_progressed,
            SnapshotProgressed(project_id=desk.project_id, snapshot_id=asked.id, labels=labels, total=4),
        )
    told = desk.get(asked.id)
    assert (told.step, told.done, told.total) == (ExportStep.SNAPSHOT, 2, 4)
    assert told.labels_per_second and told.remaining_seconds is not None
    desk.take(handlers.snapshot_completed, desk.snapshot(asked.id, *((label(desk, n),) for n in range(4))))
    desk.step(asked.id)
    work(desk, desk.parts(asked.id)[3])
    told = desk.get(asked.id)
    assert (told.step, told.done, told.total) == (ExportStep.FORMAT, 1, 4)
    with desk.database.session() as session:
        observe(session)
    assert oldest_part._value.get() > 0


def test_a_part_of_a_step_that_is_over_is_left_alone(desk: Desk) -> None:
    asked = under_survey(desk, 2)
    survey = desk.parts(asked.id)
    work(desk, *survey)
    desk.step(asked.id)
    with desk.database.session() as session:
        assert dispatcher.leased(session, survey[0]) is None
    desk.assemble(asked.id)
    work(desk, *survey)
    assert json.loads(desk.download(asked.id).content)["images"]
