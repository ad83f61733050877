"""Imports from uploaded files."""

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from chassis.failed import NOT_TRIED
from chassis.ids import new_id
from contracts.body import CategoryOption, ImageCategory
from contracts.enums import AnnotationType, CategoryType, ImportFormat, JobState, LabelAction, OnError, Review, Status
from contracts.errors import Problem
from contracts.events import ImportRequested, TaskChanged
from contracts.rpc.labels import (
    ActOnLabel,
    CreateUpload,
    GetHistory,
    Import,
    LabelWithBody,
    SaveBody,
    StartImport,
)
from formats import suite
from services.labels.handlers import actions, imports, labels
from services.labels.handlers.importing import work
from services.labels.models import Asset as AssetRow
from services.labels.models import Import as ImportRow
from services.labels.models import Label as LabelRow
from services.labels.workers import bulk
from tests.service.labels.conftest import MANAGER, Desk, post
from tests.unit.formats.exporting import COORDS, PROJECT, exported, zipped

SHARED = Path(__file__).parents[3].parent / "shared/data"
BCCD = SHARED / "bccd"


def voc(filename: str, *boxes: tuple[str, int, int, int, int], size: tuple[int, int] = (100, 80)) -> bytes:
    """A VOC file; boxes are (class, xmin, ymin, xmax, ymax), each on a line of its own from line 4 on."""
    objects = [
        f"<object><name>{name}</name><bndbox><xmin>{x}</xmin><ymin>{y}</ymin>"
        f"<xmax>{right}</xmax><ymax>{below}</ymax></bndbox></object>"
        for name, x, y, right, below in boxes
    ]
    head = f"<annotation>\n<filename>{filename}</filename>\n"
    head += f"<size><width>{size[0]}</width><height>{size[1]}</height></size>\n"
    return (head + "\n".join(objects) + "\n</annotation>").encode()


def archive(files: Mapping[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return target.getvalue()


def stored(desk: Desk, *data_keys: str, size: tuple[int, int] = (100, 80)) -> None:
    """Assets of these names that pass for verified."""
    ids = desk.stored(len(data_keys), width=size[0], height=size[1])
    with desk.database.session() as session:
        for asset_id, data_key in zip(ids, data_keys, strict=True):
            session.get_one(AssetRow, asset_id).data_key = data_key


def request_import(desk: Desk, content: bytes, filename: str = "labels.zip", **options: Any) -> Import:
    with desk.database.session() as session:
        wanted = CreateUpload(project_id=desk.project_id, filename=filename, size=len(content), actor=MANAGER)
        upload = imports.create_upload(session, desk.owners, desk.store, wanted)
    post(upload.policy.url, upload.policy.fields, content)
    options = {"format": ImportFormat.VOC, "dataset": desk.dataset} | options
    with desk.database.session() as session:
        wanted = StartImport(project_id=desk.project_id, upload=upload.upload, actor=MANAGER, **options)
        return imports.start_import(session, desk.owners, desk.store, wanted)


def go_on(desk: Desk, task: Import) -> Import:
    """What the worker does on each delivery."""
    work.run(desk.database, ImportRequested(project_id=task.project_id, import_id=task.id), desk.store, desk.owners)
    with desk.database.session() as session:
        return imports.get_import(session, task.project_id, task.id)


def do_import(desk: Desk, content: bytes, **options: Any) -> Import:
    return go_on(desk, request_import(desk, content, **options))


def all_labels(desk: Desk) -> dict[str, LabelWithBody]:
    with desk.database.session() as session:
        ids = session.scalars(sa.select(LabelRow.id).where(LabelRow.project_id == desk.project_id)).all()
    found = [desk.label(label_id) for label_id in ids]
    return {label.data_key: label for label in found}


def counted(desk: Desk) -> dict[str, int]:
    """Objects by class name, from the labels' own counts."""
    names = {str(cls.id): cls.name for cls in desk.owners.projects[desk.project_id].specification.object_classes}
    totals: dict[str, int] = {}
    for label in all_labels(desk).values():
        for class_id, count in label.objects.items():
            totals[names[class_id]] = totals.get(names[class_id], 0) + count
    return totals


def test_a_first_import_makes_labels_with_their_objects(desk: Desk) -> None:
    stored(desk, "a.png", "b.png", "c.png")
    done = do_import(
        desk, archive({"x/a.xml": voc("a.png", ("cell", 1, 2, 11, 22), ("cell", 5, 5, 9, 9)), "b.xml": voc("b.png")})
    )
    assert (done.state, done.done, done.total, done.failure) == (JobState.DONE, 2, 2, None)
    assert done.report.model_dump() == {
        "files": 2,
        "labels": 2,
        "objects": 2,
        "objects_by_class": {"cell": 2},
        "error_count": 0,
        "errors": (),
    }
    found = all_labels(desk)
    assert set(found) == {"a.png", "b.png"}
    assert [obj.annotation.coord for obj in found["a.png"].body.objects] == [
        {"x": 1, "y": 2, "width": 10, "height": 20},
        {"x": 5, "y": 5, "width": 4, "height": 4},
    ]
    assert (found["a.png"].version, found["b.png"].version) == (2, 1)
    assert found["a.png"].status is Status.IN_PROGRESS
    last = {state.label_id: state for event in desk.events() for state in event.labels}
    assert {state.version for state in last.values()} == {1, 2}
    assert last[found["a.png"].id].objects == {str(desk.box.id): 2}
    assert [(event.state, event.done) for event in desk.events(TaskChanged)][-1] == (JobState.DONE, 2)


def test_the_same_file_again_changes_nothing(desk: Desk) -> None:
    stored(desk, "a.png", "b.png")
    files = {"a.xml": voc("a.png", ("cell", 1, 2, 11, 22)), "b.xml": voc("b.png", ("cell", 1, 1, 3, 3))}
    do_import(desk, archive(files), status=Status.SUBMITTED)
    before = all_labels(desk)
    again = do_import(desk, archive({f"folder/{name}": data for name, data in files.items()}), status=Status.SUBMITTED)
    assert (again.state, again.report.labels, again.report.objects) == (JobState.DONE, 2, 2)
    assert again.report.error_count == 0
    assert all_labels(desk) == before


def as_exported(desk: Desk) -> list[dict[str, Any]]:
    """The project's labels as a snapshot has them."""
    names = {cls.id: cls.name for cls in desk.owners.projects[desk.project_id].specification.object_classes}
    return [
        {
            **label.model_dump(mode="json", include={"id", "dataset", "data_key", "status", "review", "round", "tags"}),
            "image_info": {"width": 640, "height": 480},
            "assignee": None,
            **dict.fromkeys(("created_at", "updated_at", "submitted_at", "reviewed_at"), "2026-03-04T05:06:07Z"),
            "objects": [
                each.model_dump(mode="json") | {"class_name": names[each.class_id]} for each in label.body.objects
            ],
            "categories": label.body.categories.model_dump(mode="json"),
        }
        for label in sorted(all_labels(desk).values(), key=lambda label: label.id)
    ]


@pytest.mark.parametrize("name", ["native", "jsonl", "suite", "csv", "coco"])
def test_what_was_exported_is_imported_unchanged(desk: Desk, name: str) -> None:
    """Shapes that the format has, submitted, so that any difference would be refused."""
    stored(desk, "a.png", "dir/b ä.png", size=(640, 480))
    kinds = [AnnotationType.BOX, AnnotationType.POLYGON]
    if name != "coco":
        kinds += [AnnotationType.RBOX, AnnotationType.POLYLINE, AnnotationType.CUBOID2D, AnnotationType.KEYPOINT]
    lines = []
    for data_key in ("a.png", "dir/b ä.png"):
        objects = [
            {
                "id": str(new_id()),
                "class_name": f"a {kind}",
                "annotation_type": kind,
                "annotation": {
                    "coord": COORDS[kind],
                    "meta": {"z_index": at + 1},
                    "multiple": kind is AnnotationType.POLYGON,
                },
            }
            for at, kind in enumerate(kinds)
        ]
        lines.append(json.dumps({"data_key": data_key, "objects": objects}).encode() + b"\n")
    first = do_import(desk, b"".join(lines), format=ImportFormat.JSONL, create_classes=True, status=Status.SUBMITTED)
    assert (first.state, first.report.error_count, first.report.objects) == (JobState.DONE, 0, 2 * len(kinds))
    before = all_labels(desk)

    specification = desk.owners.projects[desk.project_id].specification
    project = replace(PROJECT, specification=specification)
    files, report = exported(name, as_exported(desk), project=project)
    content = zipped(files).getvalue() if len(files) > 1 else next(iter(files.values()))
    again = do_import(desk, content, format=ImportFormat(name), status=Status.SUBMITTED)

    assert (report.left_out, report.changed) == ({}, {})
    assert (again.state, again.report.errors, again.report.objects) == (JobState.DONE, (), 2 * len(kinds))
    assert all_labels(desk) == before


@pytest.mark.parametrize(
    ("name", "format"),
    [("voc", ImportFormat.VOC), ("yolo_detect", ImportFormat.YOLO), ("label_studio", ImportFormat.LABEL_STUDIO)],
)
def test_what_was_exported_without_ids_is_imported_with_the_same_boxes(
    desk: Desk, name: str, format: ImportFormat
) -> None:
    stored(desk, "a.png", "dir/b.png", size=(640, 480))
    drawn = [("cell", 10, 20, 40, 60), ("cell", 100, 200, 132, 264)]
    files = {f"{key}.xml": voc(key, *drawn, size=(640, 480)) for key in ("a.png", "dir/b.png")}
    do_import(desk, archive(files))

    def boxes() -> dict[str, list[list[float]]]:
        return {
            key: sorted([round(edge, 2) for edge in each.annotation.coord.values()] for each in label.body.objects)
            for key, label in all_labels(desk).items()
        }

    before = boxes()
    specification = desk.owners.projects[desk.project_id].specification
    files, report = exported(name, as_exported(desk), project=replace(PROJECT, specification=specification))
    content = zipped(files).getvalue() if len(files) > 1 else next(iter(files.values()))
    again = do_import(desk, content, format=format)

    assert report.left_out == {}
    assert (again.state, again.report.errors, again.report.labels, again.report.objects) == (JobState.DONE, (), 2, 4)
    assert boxes() == before


def golden(name: str) -> Path:
    path = SHARED / "suite-exports" / name
    if not path.exists():
        pytest.skip("the Suite's exports are not beside this checkout")
    return path


def test_the_suites_own_export_is_imported_and_again_without_a_change(desk: Desk) -> None:
    path = golden("image-sample.zip")
    with path.open("rb") as stream:
        specification = suite.specification(stream)
        written = {entry["data_key"]: entry for _, entry in suite.entries(stream)}
    project = desk.owners.projects[desk.project_id]
    questions = {"image_categories": specification.image_categories}
    changed = project.specification.model_copy(update=questions)
    desk.owners.projects[desk.project_id] = project.model_copy(update={"specification": changed, "version": 2})
    for data_key, entry in written.items():
        info = entry["image_info"]
        stored(desk, data_key, size=(info["width"], info["height"]))
    options: dict[str, Any] = {"format": ImportFormat.SUITE, "create_classes": True, "status": Status.SUBMITTED}

    first = do_import(desk, path.read_bytes(), **options)
    assert (first.state, first.report.errors, first.report.labels, first.report.objects) == (JobState.DONE, (), 5, 88)
    before = all_labels(desk)
    assert {key: len(label.body.objects) for key, label in before.items()} == {
        key: len(entry["objects"]) for key, entry in written.items()
    }
    again = do_import(desk, path.read_bytes(), **options)
    assert (again.state, again.report.errors, again.report.objects) == (JobState.DONE, (), 88)
    assert all_labels(desk) == before


def test_the_suites_video_export_is_refused_with_its_reason(desk: Desk) -> None:
    stored(desk, "a.png")
    done = do_import(desk, golden("video-sample.zip").read_bytes(), format=ImportFormat.SUITE, create_classes=True)
    [error] = done.report.errors
    assert (done.state, error.code) == (JobState.FAILED, "unsupported")
    assert "image sequence" in error.detail
    assert all_labels(desk) == {} and "add_object_classes" not in desk.owners.asked


def test_answers_are_imported_and_those_that_the_project_does_not_have_are_reported(desk: Desk) -> None:
    stored(desk, "a.png")
    question = ImageCategory(id=new_id(), name="Note", type=CategoryType.FREE_RESPONSE)
    project = desk.owners.projects[desk.project_id]
    specification = project.specification.model_copy(update={"image_categories": (question,)})
    changed = project.model_copy(update={"specification": specification, "version": 2})
    desk.owners.projects[desk.project_id] = changed
    answers = [{"property_id": str(question.id), "value": "blurred"}, {"property_id": str(new_id()), "value": "x"}]
    line = {"data_key": "a.png", "objects": [], "categories": {"properties": answers}}

    done = do_import(desk, json.dumps(line).encode(), format=ImportFormat.JSONL)

    [error] = done.report.errors
    assert (error.code, error.object) == ("unknown_category", "answer 2")
    [answer] = all_labels(desk)["a.png"].body.categories.properties
    assert (answer.property_id, answer.value) == (question.id, "blurred")


def looked_for(desk: Desk) -> list[tuple[int, set[UUID], set[UUID]]]:
    """What filters look for: the columns that follow from objects and answers."""
    columns = (LabelRow.object_count, LabelRow.class_ids, LabelRow.answers)
    with desk.database.session() as session:
        rows = session.execute(sa.select(*columns).where(LabelRow.project_id == desk.project_id).order_by(LabelRow.id))
        return [(objects, {*classes}, {*answers}) for objects, classes, answers in rows]


def test_what_filters_look_for_is_what_the_triggers_would_write(desk: Desk) -> None:
    stored(desk, "a.png", "b.png")
    option = CategoryOption(id=new_id(), name="day")
    question = ImageCategory(id=new_id(), name="light", type=CategoryType.RADIO, options=(option,))
    project = desk.owners.projects[desk.project_id]
    specification = project.specification.model_copy(update={"image_categories": (question,)})
    changed = project.model_copy(update={"specification": specification, "version": 2})
    desk.owners.projects[desk.project_id] = changed
    annotation = {"coord": {"x": 1, "y": 1, "width": 5, "height": 5}}
    box = {"class_name": desk.box.name, "annotation_type": "box", "annotation": annotation}
    answer = {"property_id": str(question.id), "option_ids": [str(option.id)]}
    ours = LabelRow.project_id == desk.project_id

    for objects, answers in (([box, box], [answer]), ([box], [])):  # labels that are made, and then changed
        line = {"data_key": "a.png", "objects": objects, "categories": {"properties": answers}}
        do_import(desk, json.dumps(line).encode(), format=ImportFormat.JSONL)
        written = looked_for(desk)
        assert written == [(len(objects), {desk.box.id}, {question.id, option.id} if answers else set())]
        with desk.database.session() as session:
            kept = session.execute(sa.select(LabelRow.objects, LabelRow.categories).where(ours)).one()
            session.execute(sa.update(LabelRow).where(ours).values(objects={}, categories={}))
        assert looked_for(desk) == [(0, set(), set())]
        with desk.database.session() as session:
            session.execute(sa.update(LabelRow).where(ours).values(objects=kept.objects, categories=kept.categories))
        assert looked_for(desk) == written


def test_submitting_imports_say_who_and_count_a_round(desk: Desk) -> None:
    stored(desk, "a.png")
    do_import(desk, archive({"a.xml": voc("a.png", ("cell", 1, 2, 11, 22))}), status=Status.SUBMITTED)
    (label,) = all_labels(desk).values()
    assert (label.status, label.review, label.round) == (Status.SUBMITTED, Review.PENDING_REVIEW, 1)
    assert label.submitter == MANAGER.user_id
    assert label.submitted_at is not None
    with desk.database.session() as session:
        page = labels.get_history(session, GetHistory(project_id=desk.project_id, label_id=label.id))
    assert [(entry.version, entry.action) for entry in page.items] == [(2, "import"), (1, "add")]
    assert page.items[0].after["body"]["added"] == 1


def test_bad_objects_are_named_and_the_good_ones_kept(desk: Desk) -> None:
    stored(desk, "a.png", "b.png")
    done = do_import(
        desk,
        archive(
            {
                "a.xml": voc("a.png", ("cell", 1, 1, 5, 5), ("cell", 7, 7, 7, 9), ("ghost", 1, 1, 5, 5)),
                "b.xml": voc("b.png", ("ghost", 1, 1, 5, 5)),
                "broken.xml": b"<annotation><filename>",
                "nowhere.xml": voc("nowhere.png"),
                "twice.xml": voc("a.png", ("cell", 1, 1, 9, 9)),
            }
        ),
    )
    assert done.state is JobState.DONE
    by_file = sorted(done.report.errors, key=lambda error: error.file)
    assert [(error.file, error.line, error.object, error.code) for error in by_file] == [
        ("a.xml", 5, "object 2 (cell)", "bad_geometry"),
        ("a.xml", 6, "object 3 (ghost)", "unknown_class"),
        ("b.xml", 4, "object 1 (ghost)", "unknown_class"),
        ("broken.xml", 1, None, "not_xml"),
        ("nowhere.xml", None, None, "unknown_asset"),
        ("twice.xml", None, None, "duplicate"),
    ]
    assert (done.report.files, done.report.labels, done.report.objects) == (5, 1, 1)
    assert set(all_labels(desk)) == {"a.png"}


def test_all_or_nothing_names_everything_and_does_nothing(desk: Desk) -> None:
    stored(desk, "a.png", "b.png")
    (submitted,) = do_submitted(desk, "s.png")
    asked = len(desk.events())
    content = archive(
        {
            "a.xml": voc("a.png", ("new", 1, 1, 5, 5)),
            "b.xml": voc("b.png", ("cell", 7, 7, 7, 9)),
            "s.xml": voc("s.png", ("cell", 7, 7, 9, 9)),
        }
    )
    done = do_import(desk, content, on_error=OnError.ALL_OR_NOTHING, create_classes=True)
    assert (done.state, done.done) == (JobState.FAILED, 0)
    assert [(error.file, error.code) for error in done.report.errors] == [
        ("b.xml", "bad_geometry"),
        ("s.xml", "illegal_transition"),
    ]
    assert (done.report.labels, done.report.objects, done.report.files) == (0, 0, 3)
    assert set(all_labels(desk)) == {"s.png"}
    assert all_labels(desk)["s.png"] == submitted
    assert "add_object_classes" not in desk.owners.asked
    assert len(desk.events()) == asked


def do_submitted(desk: Desk, data_key: str) -> list[LabelWithBody]:
    stored(desk, data_key)
    do_import(desk, archive({"s.xml": voc(data_key, ("cell", 1, 1, 2, 2))}), status=Status.SUBMITTED)
    return list(all_labels(desk).values())


def test_all_or_nothing_with_nothing_wrong(desk: Desk) -> None:
    stored(desk, "a.png", "b.png")
    content = archive({f"{name}.xml": voc(f"{name}.png", ("new", 1, 1, 5, 5)) for name in "ab"})
    done = do_import(desk, content, on_error=OnError.ALL_OR_NOTHING, create_classes=True)
    assert (done.state, done.done, done.total, done.report.labels) == (JobState.DONE, 2, 2, 2)
    assert counted(desk) == {"new": 2}


def test_all_or_nothing_undoes_everything_when_a_label_moves_meanwhile(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "CHUNK", 1)
    stored(desk, "a.png", "b.png")
    do_import(desk, archive({f"{name}.xml": voc(f"{name}.png", ("cell", 1, 1, 5, 5)) for name in "ab"}))
    before = all_labels(desk)
    surveyed = work._Work._survey

    def meanwhile(self: Any, **options: Any) -> Any:
        result = surveyed(self, **options)
        submit(desk, before["b.png"])
        return result

    monkeypatch.setattr(work._Work, "_survey", meanwhile)
    content = archive({f"{name}.xml": voc(f"{name}.png", ("cell", 2, 2, 9, 9)) for name in "ab"})
    done = do_import(desk, content, on_error=OnError.ALL_OR_NOTHING)
    assert (done.state, done.done, done.report.labels) == (JobState.FAILED, 0, 0)
    assert [(error.file, error.code) for error in done.report.errors] == [("b.xml", "illegal_transition")]
    after = all_labels(desk)
    assert after["a.png"] == before["a.png"]
    assert after["b.png"].body == before["b.png"].body


def submit(desk: Desk, label: LabelWithBody) -> None:
    request = ActOnLabel(project_id=desk.project_id, label_id=label.id, action=LabelAction.SUBMIT, actor=MANAGER)
    with desk.database.session() as session:
        actions.act(session, desk.owners, request)


def test_a_file_without_a_good_object_leaves_its_label_alone(desk: Desk) -> None:
    stored(desk, "a.png")
    do_import(desk, archive({"a.xml": voc("a.png", ("cell", 1, 1, 5, 5))}))
    before = all_labels(desk)
    unreadable = voc("a.png", ("cell", 1, 1, 5, 5)).replace(b"<xmin>1<", b"<xmin>one<")
    for content in (voc("a.png", ("ghost", 1, 1, 5, 5)), voc("a.png", ("cell", 1, 1, 1, 5)), unreadable):
        done = do_import(desk, archive({"a.xml": content}))
        assert (done.report.labels, done.report.error_count) == (0, 1)
    assert all_labels(desk) == before


def test_only_labels_in_progress_are_changed(desk: Desk) -> None:
    (label,) = do_submitted(desk, "a.png")
    other = archive({"s.xml": voc("a.png", ("cell", 1, 1, 3, 3))})
    done = do_import(desk, other)
    assert [error.code for error in done.report.errors] == ["illegal_transition"]
    assert done.report.labels == 0
    with desk.database.session() as session:
        request = ActOnLabel(project_id=desk.project_id, label_id=label.id, action=LabelAction.REOPEN, actor=MANAGER)
        actions.act(session, desk.owners, request)
    done = do_import(desk, other)
    assert (done.report.error_count, done.report.labels) == (0, 1)
    assert desk.label(label.id).version == label.version + 2


def test_an_import_replaces_objects_and_keeps_answers(desk: Desk) -> None:
    stored(desk, "a.png")
    do_import(desk, archive({"a.xml": voc("a.png", ("cell", 1, 1, 5, 5))}))
    (label,) = all_labels(desk).values()
    with desk.database.session() as session:
        request = SaveBody(
            project_id=desk.project_id,
            label_id=label.id,
            expected_version=label.version,
            body=desk.body((1, 1, 2, 2), (3, 3, 4, 4)),
            actor=MANAGER,
        )
        actions.save_body(session, desk.owners, request)
    do_import(desk, archive({"a.xml": voc("a.png", ("cell", 1, 1, 5, 5))}))
    assert desk.label(label.id).body == label.body


def test_coco(desk: Desk) -> None:
    stored(desk, "a.png")
    document = {
        "images": [{"id": 7, "file_name": "a.png", "width": 100, "height": 80}],
        "categories": [{"id": 1, "name": "cell"}, {"id": 2, "name": "outline"}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 1, "bbox": [1, 2, 3, 4]},
            {"id": 2, "image_id": 7, "category_id": 2, "segmentation": [[1, 1, 9, 1, 9, 9]], "bbox": [1, 1, 8, 8]},
            {"id": 3, "image_id": 7, "category_id": 1, "bbox": [99, 2, 30, 4]},
            {"id": 4, "image_id": 7, "category_id": 2, "bbox": [1, 2, 3, 4]},
        ],
    }
    content = json.dumps(document).encode()
    done = do_import(desk, content, filename="instances.json", format=ImportFormat.COCO, create_classes=True)
    assert done.report.objects_by_class == {"cell": 1, "outline": 1}
    assert [(error.file, error.object, error.code) for error in done.report.errors] == [
        ("instances.json", "annotation 3 (cell)", "bad_geometry"),
        ("instances.json", "annotation 4 (outline)", "unknown_class"),
    ]
    assert done.report.files == 1
    assert counted(desk) == {"cell": 1, "outline": 1}


@pytest.mark.parametrize("content", [b"no zip at all", archive({"readme.txt": b"hello"})])
def test_a_file_of_another_kind_fails(desk: Desk, content: bytes) -> None:
    stored(desk, "a.png")
    done = do_import(desk, content)
    assert done.state is JobState.FAILED
    assert done.report.error_count == 1
    assert done.report.errors[0].file == "labels.zip"


def test_an_import_needs_its_file_and_its_dataset(desk: Desk) -> None:
    stored(desk, "a.png")
    with desk.database.session() as session:
        wanted = CreateUpload(project_id=desk.project_id, filename="x.zip", size=3, actor=MANAGER)
        upload = imports.create_upload(session, desk.owners, desk.store, wanted)

    def start(upload_id: UUID, dataset: str) -> None:
        with desk.database.session() as session:
            wanted = StartImport(
                project_id=desk.project_id, upload=upload_id, format=ImportFormat.VOC, dataset=dataset, actor=MANAGER
            )
            imports.start_import(session, desk.owners, desk.store, wanted)

    with pytest.raises(Problem, match="not_ready"):
        start(upload.upload, desk.dataset)
    post(upload.policy.url, upload.policy.fields, b"abc")
    with pytest.raises(Problem, match="not_found"):
        start(upload.upload, "no such dataset")
    with pytest.raises(Problem, match="not_found"):
        start(new_id(), desk.dataset)
    start(upload.upload, desk.dataset)


def test_the_file_goes_when_the_import_ends(desk: Desk) -> None:
    stored(desk, "a.png")
    task = request_import(desk, archive({"a.xml": voc("a.png", ("cell", 1, 2, 11, 22))}))
    with desk.database.session() as session:
        upload_id = session.get_one(ImportRow, (desk.project_id, task.id)).upload_id
    key = imports.upload_key(desk.project_id, upload_id)
    wanted = StartImport(
        project_id=desk.project_id, upload=upload_id, format=ImportFormat.VOC, dataset=desk.dataset, actor=MANAGER
    )
    with desk.database.session() as session:
        second = imports.start_import(session, desk.owners, desk.store, wanted)
    assert go_on(desk, task).state is JobState.DONE
    assert desk.store.size(key) is not None  # the other one is to read it
    assert go_on(desk, second).state is JobState.DONE
    assert desk.store.size(key) is None
    with pytest.raises(Problem, match="gone"), desk.database.session() as session:
        imports.start_import(session, desk.owners, desk.store, wanted)


def test_the_file_goes_too_if_the_worker_died_just_before(desk: Desk) -> None:
    stored(desk, "a.png")
    task = request_import(desk, b"no zip at all")
    with desk.database.session() as session:
        row = session.get_one(ImportRow, (desk.project_id, task.id))
        row.state = JobState.FAILED
    key = imports.upload_key(desk.project_id, row.upload_id)
    assert desk.store.size(key) is not None
    go_on(desk, task)
    assert desk.store.size(key) is None


def test_an_import_that_is_given_up_ends_as_failed(desk: Desk) -> None:
    stored(desk, "a.png")
    task = request_import(desk, archive({"a.xml": voc("a.png", ("cell", 1, 2, 11, 22))}))
    event = ImportRequested(project_id=desk.project_id, import_id=task.id)
    (given_up,) = (each.given_up for each in bulk.SUBSCRIPTIONS if ImportRequested in each.handlers)
    for _ in range(2):
        with desk.database.session() as session:
            given_up[ImportRequested](session, event)
    ended = go_on(desk, task)  # somebody has it tried again all the same
    assert (ended.state, ended.failure, ended.version) == (JobState.FAILED, NOT_TRIED, task.version + 1)
    assert ended.ended_at is not None
    assert [(each.state, each.version) for each in desk.events(TaskChanged)] == [(JobState.FAILED, ended.version)]
    assert all_labels(desk) == {}
    assert list(desk.store.find(f"imports/{desk.project_id}/")) == []


def many(desk: Desk, number: int) -> bytes:
    names = [f"{n:04}.png" for n in range(number)]
    stored(desk, *names)
    return archive({f"{name}.xml": voc(name, ("cell", 1, 1, 5, 5), ("cell", 7, 7, 7, 7)) for name in names})


def test_a_worker_that_dies_is_followed_by_one_that_goes_on(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "CHUNK", 10)
    task = request_import(desk, many(desk, 45))
    applied = work._Work._apply
    calls = 0

    def dies(self: Any, *arguments: Any) -> None:
        nonlocal calls
        calls += 1
        applied(self, *arguments)
        if calls == 3:
            raise RuntimeError("killed")

    monkeypatch.setattr(work._Work, "_apply", dies)
    with pytest.raises(RuntimeError):
        go_on(desk, task)
    with desk.database.session() as session:
        half = imports.get_import(session, task.project_id, task.id)
    assert (half.state, half.done, half.total, half.report.error_count) == (JobState.RUNNING, 20, 45, 20)
    done = go_on(desk, task)
    assert calls == 6
    assert (done.state, done.done) == (JobState.DONE, 45)
    assert (done.report.files, done.report.labels, done.report.objects, done.report.error_count) == (45, 45, 45, 45)
    assert [error.file for error in done.report.errors] == [f"{n:04}.png.xml" for n in range(45)]
    assert {label.version for label in all_labels(desk).values()} == {2}
    assert go_on(desk, task) == done


def test_a_long_import_hands_over_in_slices(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "CHUNK", 10)
    monkeypatch.setattr(work, "SLICE_SECONDS", 0)
    task = request_import(desk, many(desk, 25))
    for done in (10, 20, 25):
        part = go_on(desk, task)
        assert (part.state, part.done) == (JobState.RUNNING, done)
    assert go_on(desk, task).state is JobState.DONE
    asked = [event for event in desk.events(ImportRequested) if event.import_id == task.id]
    assert len(asked) == 4


def test_two_workers_at_one_import_do_its_work_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A redelivery while the first worker still lives: whoever comes second to a chunk stops."""
    monkeypatch.setattr(work, "CHUNK", 10)
    task = request_import(desk, many(desk, 30))
    applied = work._Work._apply
    first = True

    def overtaken(self: Any, *arguments: Any) -> None:
        nonlocal first
        if first:
            first = False
            go_on(desk, task)
        applied(self, *arguments)

    monkeypatch.setattr(work._Work, "_apply", overtaken)
    done = go_on(desk, task)
    assert (done.state, done.done, done.report.labels, done.report.error_count) == (JobState.DONE, 30, 30, 30)
    assert {label.version for label in all_labels(desk).values()} == {2}


def test_an_owner_that_is_away_is_waited_for(desk: Desk) -> None:
    stored(desk, "a.png")
    task = request_import(desk, archive({"a.xml": voc("a.png", ("new", 1, 1, 5, 5))}), create_classes=True)
    desk.owners.away = True
    with pytest.raises(Problem, match="unavailable"):
        go_on(desk, task)
    desk.owners.away = False
    assert go_on(desk, task).state is JobState.DONE
    assert counted(desk) == {"new": 1}


@pytest.mark.parametrize("on_error", OnError)
def test_bccd(desk: Desk, on_error: OnError) -> None:
    if not BCCD.is_dir():
        pytest.skip("../shared/data/bccd is not there")
    files = {path.name: path.read_bytes() for path in sorted((BCCD / "annotations").glob("*.xml"))}
    stored(desk, *(name.replace(".xml", ".jpg") for name in files), size=(640, 480))
    done = do_import(desk, archive(files), status=Status.SUBMITTED, create_classes=True, on_error=on_error)
    assert [(error.file, error.code) for error in done.report.errors] == [
        ("BloodImage_00338.xml", "bad_geometry"),
        ("BloodImage_00343.xml", "bad_geometry"),
    ]
    if on_error is OnError.ALL_OR_NOTHING:
        assert done.state is JobState.FAILED
        assert all_labels(desk) == {}
        return
    expected = {"RBC": 4153, "WBC": 372, "Platelets": 361}
    assert (done.report.files, done.report.labels, done.report.objects) == (364, 364, 4886)
    assert done.report.objects_by_class == expected
    assert counted(desk) == expected
