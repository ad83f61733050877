"""Exports for tests of formats: made from labels in parts, as the pipeline makes them, but in memory."""

import io
import random
import zipfile
from datetime import UTC, datetime
from uuid import UUID

from contracts.body import CategoryOption, ImageCategory, ObjectClass, Specification
from contracts.enums import AnnotationType, CategoryType
from formats import native
from formats.writers import WRITERS
from formats.writing import Offsets, Options, Project, Report, Survey, document, gather

MOMENT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
KINDS = ("box", "polygon", "rbox", "keypoint", "polyline", "cuboid2d")
CLASSES = tuple(
    ObjectClass(
        id=UUID(int=100 + number),
        name=f"{kind} class",
        annotation_type=AnnotationType(kind),
        color="#123456",
        index=number + 1,
    )
    for number, kind in enumerate(KINDS)
)
GONE = ObjectClass(id=UUID(int=99), name="gone", annotation_type=AnnotationType.BOX, color="#123456", index=0)
STAIN = ImageCategory(
    id=UUID(int=200),
    name="Stain",
    type=CategoryType.RADIO,
    options=(CategoryOption(id=UUID(int=201), name="Giemsa"), CategoryOption(id=UUID(int=202), name="Wright/Leishman")),
)
NOTE = ImageCategory(id=UUID(int=210), name="Note", type=CategoryType.FREE_RESPONSE)
SPECIFICATION = Specification(object_classes=CLASSES, image_categories=(STAIN, NOTE), removed_object_classes=(GONE,))
PROJECT = Project(id=str(UUID(int=1)), name="Blood", specification=SPECIFICATION, exported_at=MOMENT)
COORDS = {
    "box": {"x": 10, "y": 20.5, "width": 30.25, "height": 40},
    "polygon": {"points": [[[{"x": 10, "y": 10}, {"x": 60.5, "y": 10}, {"x": 60, "y": 50}]]]},
    "rbox": {"cx": 100, "cy": 90, "width": 60, "height": 20, "angle": 30},
    "keypoint": {
        "points": [
            {"name": "nose", "x": 20, "y": 30, "state": {"visible": True, "valid": True}},
            {"name": "ear", "x": 25.5, "y": 33, "state": {"visible": False, "valid": True}},
            {"name": "tail", "x": 0, "y": 0, "state": {"visible": False, "valid": False}},
        ]
    },
    "polyline": {"points": [[{"x": 1, "y": 2}, {"x": 30, "y": 40}]]},
    "cuboid2d": {
        "near": {"tl": {"x": 10, "y": 10}, "br": {"x": 30, "y": 30}},
        "far": {"tl": {"x": 15, "y": 5}, "br": {"x": 35, "y": 25}},
    },
}


def shape(kind, number=0, coord=None, **more):
    """An object as it stands in a native document."""
    known = CLASSES[KINDS.index(kind)]
    return {
        "id": str(UUID(int=5000 + number)),
        "class_id": str(known.id),
        "class_name": known.name,
        "annotation_type": kind,
        "annotation": {"coord": coord or COORDS[kind], "meta": {"z_index": number + 1}, "multiple": False},
        "properties": [],
    } | more


def label(number=0, *objects, answers=(), data_key=None, dataset="cells", status="submitted", size=(640, 480)):
    """A label as it stands in a native document."""
    return {
        "id": str(UUID(int=1000 + number)),
        "dataset": dataset,
        "data_key": data_key or f"image {number}.jpg",
        "image_info": {"width": size[0], "height": size[1]},
        "status": status,
        "review": "not_submitted" if status == "in_progress" else "pending_review",
        "round": 1,
        "tags": ["first"],
        "assignee": None,
        "created_at": "2026-03-04T05:06:07Z",
        "updated_at": "2026-03-04T05:06:08Z",
        "submitted_at": None,
        "reviewed_at": None,
        "objects": list(objects),
        "categories": {"properties": list(answers)},
    }


def every_kind(numbers=3):
    """Some labels with an object of each annotation type."""
    return [label(n, *(shape(kind, n * 10 + at) for at, kind in enumerate(KINDS))) for n in range(numbers)]


def parts_of(labels, size=2):
    """Labels as the part objects of a snapshot."""
    return [
        native.SEPARATOR.join(map(native._json, labels[start : start + size])) for start in range(0, len(labels), size)
    ]


def exported(name, labels, options=None, *, project=PROJECT, size=2, order=None, images=None):
    """The files of an export, by path, and its report. Parts are made in the `order` of that seed. `images`: the bytes
    of the image of a data key.
    """
    survey, options = Survey(), options or Options()
    parts = parts_of(labels, size)
    if WRITERS[name](project, options).surveys:
        for part in parts:
            survey.take(native.labels(part))
    survey = Survey.of(survey.plain())
    starts, done = [], Offsets()
    for part in parts:
        starts.append(done)
        found = list(native.labels(part))
        done = Offsets(done.labels + len(found), done.objects + sum(len(each["objects"]) for each in found))
    numbers = list(range(len(parts)))
    random.Random(order).shuffle(numbers)
    made = {}
    for number in numbers:
        writer = WRITERS[name](project, options, survey)  # another worker
        made[number] = gather(writer, native.labels(parts[number]), starts[number])
    writer = WRITERS[name](project, options, survey)
    report, files = Report(), {}
    for each in writer.files():
        files[each.path] = each.data
    for number in sorted(made):
        report += Report.of(made[number].report.plain())
        for each in made[number].files:
            assert each.path not in files
            files[each.path] = each.data
        for each in made[number].images:
            assert each.path not in files
            files[each.path] = (images or {}).get(each.data_key, b"image")
    for each in writer.documents():
        sections = [
            [made[n].pieces.get((each.path, at), b"") for n in sorted(made)] for at in range(len(each.sections))
        ]
        files[each.path] = b"".join(document(each, sections))
    assert writer.archive or len(files) == 1
    return files, report


def zipped(files):
    """The files as a zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in files.items():
            archive.writestr(path, data)
    buffer.seek(0)
    return buffer
