"""Writers: parts made apart are one export; what they write is read back, by our readers and by those of others."""

import csv
import io
import json
import random
import re
import zipfile
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import formats
from formats import coco, csv_table, json_lines, label_studio, names, native, suite, voc, yolo
from formats.types import ErrorCode, ParsedLabel, ParseError
from formats.writers import WRITERS
from formats.writing import Options, Split, Survey
from tests.unit.formats.exporting import (
    CLASSES,
    GONE,
    KINDS,
    NOTE,
    PROJECT,
    STAIN,
    every_kind,
    exported,
    label,
    parts_of,
    shape,
    zipped,
)
from tests.unit.formats.exporting import (
    COORDS as EXAMPLES,
)

SHARED = Path(__file__).parents[4] / "shared" / "data" / "suite-exports"
EVERYTHING = {"native", "jsonl", "csv"}
ANSWERED = [
    {"property_id": str(STAIN.id), "option_ids": [str(STAIN.options[1].id)]},
    {"property_id": str(NOTE.id), "value": 'a, "b"'},
]


def read_back(name, files, tmp_path):
    """The labels of an export, read by this system, and what was wrong."""
    content = next(iter(files.values()))
    match name:
        case "coco":
            found = coco.read(io.BytesIO(content), tmp_path)
        case "native" | "jsonl" | "csv":
            readers = {"native": native.read_labels, "jsonl": json_lines.read, "csv": csv_table.read}
            found = readers[name](io.BytesIO(content))
        case "label_studio":
            found = label_studio.read(io.BytesIO(content))
        case "suite":
            found = suite.read(zipped(files))
        case "voc":
            found = voc.read(zipped(files))
        case _:
            found = yolo.read(zipped(files))
    found = list(found)
    errors = [each for each in found if isinstance(each, ParseError)]
    return {each.data_key: each for each in found if isinstance(each, ParsedLabel)}, errors


def coords(label):
    return [
        (each["class_name"], each["annotation_type"], each["annotation"]["coord"])
        for each in (label["objects"] if isinstance(label, dict) else [])
    ]


def close(one, other):
    """Whether coordinates are the same to a thousandth of a pixel."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(close(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(close, one, other))
    return one == other if isinstance(one, str | bool) else abs(one - other) < 1e-3


def assert_same_objects(written, read):
    assert len(written["objects"]) == len(read.objects)
    for one, other in zip(written["objects"], read.objects, strict=True):
        assert (one["class_name"], one["annotation_type"]) == (other.class_name, other.annotation_type)
        assert close(one["annotation"]["coord"], other.annotation["coord"]), (one, other)


# --- one export of many parts ---


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("options", [Options(), Options(images=True, split=Split(seed=3))], ids=["plain", "split"])
def test_parts_in_any_order_and_size_are_the_same_export(name, options):
    labels = [replaced | {"categories": {"properties": ANSWERED}} for replaced in every_kind(7)]

    whole, report = exported(name, labels, options, size=7)

    for size, order in ((1, 1), (2, 5), (3, 2)):
        files, other = exported(name, labels, options, size=size, order=order)
        assert files == whole
        assert other.plain() == report.plain()
    assert report.labels == 7


def test_an_empty_export_is_a_whole_one(tmp_path):
    for name, writer in WRITERS.items():
        files, report = exported(name, [])
        assert report.plain() == {"labels": 0, "objects": 0, "left_out": [], "changed": []}
        if not writer(PROJECT).archive and writer.extension == ".json":
            json.loads(next(iter(files.values())))


@pytest.mark.parametrize("name", WRITERS)
def test_labels_and_objects_are_written_or_counted(name):
    labels = every_kind(4)

    _, report = exported(name, labels)

    left_out = {what: count for (what, _), count in report.left_out.items()}
    assert report.objects + sum(left_out.get(kind, 0) for kind in KINDS) == 4 * len(KINDS)
    assert report.labels + left_out.get("label", 0) == 4


@pytest.mark.parametrize("name", WRITERS)
def test_skipped_labels_and_those_without_objects_are_in_or_out(name):
    answer = {"answers": ANSWERED[:1]}
    labels = [
        label(0, shape("box"), **answer),
        label(1, shape("box", 1), status="skipped", **answer),
        label(2, **answer),
    ]

    for options, expected in (
        (Options(), 3),
        (Options(skipped=False), 2),
        (Options(empty=False), 2),
        (Options(skipped=False, empty=False), 1),
    ):
        _, report = exported(name, labels, options)
        assert report.labels == expected
        assert sum(count for (what, _), count in report.left_out.items() if what == "label") == 3 - expected


def test_an_object_of_a_class_that_nobody_knows_is_counted():
    stranger = shape("box", class_id="00000000-0000-0000-0000-00000000dead", class_name="")
    for name in WRITERS.keys() - EVERYTHING - {"suite", "yolo_pose", "yolo_classify"}:
        _, report = exported(name, [label(0, stranger, shape("box", 1))])
        assert report.left_out["box", "its class is not known to the project"] == 1
        assert report.objects == 1


def test_a_removed_class_keeps_its_number_and_its_objects():
    old = shape("box", class_id=str(GONE.id), class_name="")

    files, _ = exported("coco", [label(0, old)])
    detect, _ = exported("yolo_detect", [label(0, old)])

    document = json.loads(files["annotations/instances.json"])
    assert {each["id"]: each["name"] for each in document["categories"]}[0] == "gone"
    assert document["annotations"][0]["category_id"] == 0
    assert detect["labels/train/cells/image 0.txt"].startswith(b"0 ")
    assert b'\n  0: "gone"\n' in detect["data.yaml"]


def test_every_format_has_the_same_number_for_a_class():
    labels = [label(0, *(shape(kind, at) for at, kind in enumerate(KINDS)))]
    numbers = {str(each.id): each.index for each in PROJECT.classes}

    document = json.loads(exported("coco", labels)[0]["annotations/instances.json"])
    rows = list(csv.DictReader(io.StringIO(exported("csv", labels)[0]["labels.csv"].decode())))
    head = json.loads(exported("native", labels)[0]["labels.json"])["project"]["specification"]

    assert {each["class_id"]: each["id"] for each in document["categories"]} == numbers
    assert [int(row["class_index"]) for row in rows] == [each.index for each in CLASSES]
    listed = [*head["object_classes"], *head["removed_object_classes"]]
    assert {each["id"]: each["index"] for each in listed} == numbers


def test_a_split_is_by_image_and_seed():
    split = Split(train=0.5, val=0.25, seed=1)
    drawn = [split.of("cells", f"{number}.jpg") for number in range(2000)]

    assert 0.45 < drawn.count("train") / 2000 < 0.55
    assert 0.2 < drawn.count("val") / 2000 < 0.3
    assert drawn == [split.of("cells", f"{number}.jpg") for number in range(2000)]
    assert drawn != [replace(split, seed=2).of("cells", f"{number}.jpg") for number in range(2000)]
    assert Split(train=1, val=0).names == ("train",)


# --- read back by ourselves ---

CAN = {
    "native": set(KINDS),
    "jsonl": set(KINDS),
    "csv": set(KINDS),
    "suite": set(KINDS),
    "coco": {"box", "polygon", "keypoint"},
    "voc": {"box"},
    "yolo_detect": {"box"},
    "yolo_segment": {"polygon"},
    "yolo_obb": {"rbox"},
    "yolo_pose": {"keypoint"},
    "label_studio": {"box", "rbox", "polygon"},
}

extents = st.floats(1, 200).map(lambda value: round(value, 3))
places = st.floats(0, 250).map(lambda value: round(value, 3))
points = st.fixed_dictionaries({"x": places, "y": places})
triangles = st.tuples(places, places, extents, extents).map(
    lambda t: [[[{"x": t[0], "y": t[1]}, {"x": t[0] + t[2], "y": t[1]}, {"x": t[0], "y": t[1] + t[3]}]]]
)
faces = st.tuples(places, places, extents, extents).map(
    lambda t: {"tl": {"x": t[0], "y": t[1]}, "br": {"x": t[0] + t[2], "y": t[1] + t[3]}}
)
drawn = {
    "box": st.fixed_dictionaries({"x": places, "y": places, "width": extents, "height": extents}),
    "rbox": st.tuples(st.floats(150, 250), st.floats(150, 250), extents, extents, st.floats(-179, 179))
    .map(lambda t: dict(zip(("cx", "cy", "width", "height", "angle"), (round(each, 3) for each in t), strict=True)))
    .filter(lambda coord: min(coord["width"], coord["height"]) > 10),
    "polygon": triangles.map(lambda each: {"points": each}),
    "polyline": st.lists(st.lists(points, min_size=2, max_size=4), min_size=1, max_size=2).map(lambda p: {"points": p}),
    "keypoint": st.tuples(points, points).map(
        lambda found: {
            "points": [
                {"name": "nose", **found[0], "state": {"visible": True, "valid": True}},
                {"name": "tail", **found[1], "state": {"visible": False, "valid": True}},
            ]
        }
    ),
    "cuboid2d": st.fixed_dictionaries({"near": faces, "far": faces}),
}


@pytest.mark.parametrize("name", CAN)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_what_a_format_can_express_comes_back_as_it_was(name, data, tmp_path_factory):
    kinds = sorted(CAN[name])
    labels = []
    for number in range(data.draw(st.integers(1, 3))):
        chosen = data.draw(st.lists(st.sampled_from(kinds), max_size=4))
        objects = [shape(kind, 10 * number + at, data.draw(drawn[kind])) for at, kind in enumerate(chosen)]
        labels.append(label(number, *objects, data_key=f"dir/{number} ä.jpg"))

    files, report = exported(name, labels, size=1)
    found, errors = read_back(name, files, tmp_path_factory.getbasetemp())

    assert errors == []
    assert (report.left_out, report.changed) == ({}, {})
    assert found.keys() == {each["data_key"] for each in labels}
    for each in labels:
        assert_same_objects(each, found[each["data_key"]])
        assert (found[each["data_key"]].width, found[each["data_key"]].height) == (640, 480)


@pytest.mark.parametrize("name", ["native", "jsonl", "suite", "csv", "coco"])
def test_objects_keep_their_ids(name, tmp_path):
    labels = [label(0, shape("box", 7), shape("polygon", 8))]

    found, _ = read_back(name, exported(name, labels)[0], tmp_path)

    assert [str(each.object_id) for each in found["image 0.jpg"].objects] == [
        each["id"] for each in labels[0]["objects"]
    ]


@pytest.mark.parametrize("name", ["native", "jsonl", "suite"])
def test_answers_come_back(name, tmp_path):
    found, _ = read_back(name, exported(name, [label(0, answers=ANSWERED)])[0], tmp_path)

    chosen, written = found["image 0.jpg"].answers
    assert (chosen["property_id"], chosen["option_ids"]) == (str(STAIN.id), [str(STAIN.options[1].id)])
    assert (written["property_id"], written["value"]) == (str(NOTE.id), 'a, "b"')


@pytest.mark.parametrize("name", ["native", "jsonl", "csv", "label_studio", "suite", "yolo_detect", "yolo_pose"])
def test_a_damaged_export_gives_errors_and_never_raises(name, tmp_path):
    files, _ = exported(name, [each | {"categories": {"properties": ANSWERED}} for each in every_kind(2)])
    chance = random.Random(name)
    for _ in range(60):
        path = chance.choice(list(files))
        raw = bytearray(files[path])
        for _ in range(chance.randrange(1, 4)):
            at = chance.randrange(len(raw) + 1)
            raw[at : at + chance.randrange(3)] = bytes([chance.choice(b'0{}[],"xn-\n\xff&*:')])
        read_back(name, files | {path: bytes(raw)}, tmp_path)


def test_a_line_of_yolo_that_means_nothing_is_an_error(tmp_path):
    files, _ = exported("yolo_detect", [label(0)])
    rows = [b"9" * 5000 + b" 0 0 1 1", b"x 0 0 1 1", b"1 0 0 1", b"1 0 0 nan 1", b"77 0 0 1 1", b"1 .5 .5 .1 .2"]

    found, errors = read_back("yolo", files | {"labels/train/cells/image 0.txt": b"\n".join(rows)}, tmp_path)

    assert [(each.line, each.code) for each in errors] == [
        (1, ErrorCode.UNKNOWN_CATEGORY),
        (2, ErrorCode.UNKNOWN_CATEGORY),
        (3, ErrorCode.UNKNOWN_STRUCTURE),
        (4, ErrorCode.NOT_A_NUMBER),
        (5, ErrorCode.UNKNOWN_CATEGORY),
    ]
    assert [each.line for each in found["image 0.jpg"].objects] == [6]


def test_a_foreign_yolo_zip_has_its_sizes_from_its_images(tmp_path):
    picture = io.BytesIO()
    Image.new("L", (200, 100)).save(picture, "PNG")
    files = {
        "set/data.yaml": b"names: [cat]\n",
        "set/train/images/dir/a.png": picture.getvalue(),
        "set/train/labels/dir/a.txt": b"0 0.5 0.5 0.1 0.2\n",
        "set/train/labels/dir/b.txt": b"0 0.5 0.5 0.1 0.2\n",
    }

    found, [error] = read_back("yolo", files, tmp_path)

    assert (error.file, error.code) == ("set/train/labels/dir/b.txt", ErrorCode.UNKNOWN_IMAGE)
    assert (found["dir/a.png"].width, found["dir/a.png"].height) == (200, 100)
    assert found["dir/a.png"].objects[0].annotation["coord"] == {"x": 90, "y": 40, "width": 20, "height": 20}


def test_a_native_export_is_as_its_schema_says():
    schema = json.loads((Path(formats.__file__).parent / "native.schema.json").read_text())
    files, _ = exported("native", every_kind(), Options(split=Split(0.5, 0.5)))

    assert list(files) == ["train.json", "val.json"]
    for content in files.values():
        jsonschema.validate(json.loads(content), schema, format_checker=jsonschema.FormatChecker())


def test_parts_are_native_pieces_where_nothing_is_left_out():
    labels = every_kind(3)
    [only] = exported("native", labels, size=2)[0].values()

    assert native.SEPARATOR.join(parts_of(labels, 2)) in only
    assert WRITERS["native"](PROJECT).verbatim
    assert not WRITERS["native"](PROJECT, Options(empty=False)).verbatim
    with pytest.raises(ValueError, match="comma"):
        list(native.labels(b'{"id":1} {"id":2}'))
    with pytest.raises(ValueError, match="Unterminated"):
        list(native.labels(parts_of(labels)[0][:-3]))


# --- what cannot be expressed ---


def test_shapes_are_changed_as_the_report_says():
    hole = {
        "points": [[*EXAMPLES["polygon"]["points"][0], [{"x": 20, "y": 12}, {"x": 30, "y": 12}, {"x": 25, "y": 20}]]]
    }
    two = {"points": EXAMPLES["polygon"]["points"] * 2}
    labels = [label(0, shape("rbox"), shape("polygon", 1, hole), shape("polygon", 2, two))]

    def changed(name):
        return dict(exported(name, labels)[1].changed.keys())

    assert changed("coco") == {"rbox": "written as a polygon of its corners", "polygon": "written without its holes"}
    assert changed("voc") == dict.fromkeys(("rbox", "polygon"), "written as the upright box around it")
    segment, report = exported("yolo_segment", labels)
    assert report.changed["polygon", "written as an object for each of its parts"] == 1
    assert len(segment["labels/train/cells/image 0.txt"].splitlines()) == 4
    document = json.loads(exported("coco", labels)[0]["annotations/instances.json"])
    assert len(document["annotations"][2]["segmentation"]) == 2
    assert document["annotations"][0]["area"] == pytest.approx(60 * 20)


def test_keypoints_of_a_class_have_one_order_in_all_parts():
    def seen(*found):
        return {"points": [{"name": n, "x": x, "y": 1, "state": {"visible": True, "valid": True}} for n, x in found]}

    labels = [
        label(0, shape("keypoint", 0, seen(("nose", 1), ("ear", 2)))),
        label(1, shape("keypoint", 1, seen(("tail", 3), ("nose", 4), ("nose", 5)))),
    ]

    files, report = exported("coco", labels, size=1)
    pose, _ = exported("yolo_pose", labels, size=1)

    document = json.loads(files["annotations/instances.json"])
    assert [each["keypoints"] for each in document["categories"] if "keypoints" in each] == [["nose", "ear", "tail"]]
    first, second = (each["keypoints"] for each in document["annotations"])
    assert (first, second) == ([1, 1, 2, 2, 1, 2, 0, 0, 0], [4, 1, 2, 0, 0, 0, 3, 1, 2])
    assert report.left_out["point of a keypoint object", "another one has its name"] == 1
    assert b"kpt_shape: [3, 3]" in pose["data.yaml"]
    assert all(len(pose[f"labels/train/cells/image {n}.txt"].split()) == 5 + 9 for n in (0, 1))


def test_parts_of_an_object_find_together_again_from_label_studio(tmp_path):
    two = {"points": EXAMPLES["polygon"]["points"] * 2}
    seen = {"visible": True, "valid": True}
    points = {"points": [{"name": name, "x": x, "y": 2, "state": seen} for name, x in (("nose", 1), ("tail", 3))]}
    labels = [label(0, shape("polygon", 0, two), shape("keypoint", 1, points))]

    found, errors = read_back("label_studio", exported("label_studio", labels)[0], tmp_path)

    assert errors == []
    assert_same_objects(labels[0], found["image 0.jpg"])


def test_a_foreign_task_of_label_studio_is_read():
    region = {"original_width": 200, "original_height": 100, "type": "rectanglelabels", "id": "xY", "from_name": "r"}
    value = {"x": 10, "y": 10, "width": 50, "height": 20, "rotation": 0, "rectanglelabels": ["Car"]}
    results = [region | {"value": value}, region | {"type": "brushlabels", "value": {}}, region | {"value": {}}, 3]
    task = {"id": 7, "data": {"image": "https://example.org/a/b%20c.jpg"}, "annotations": [{"result": results}]}

    *errors, found = label_studio.read(io.BytesIO(json.dumps([task]).encode()), "tasks.json")

    assert [each.code for each in errors] == [
        ErrorCode.UNSUPPORTED,
        ErrorCode.UNKNOWN_STRUCTURE,
        ErrorCode.UNKNOWN_STRUCTURE,
    ]
    assert errors[0].object == "object 2 of task 1"
    assert (found.data_key, found.width, found.height) == ("b c.jpg", 200, 100)
    assert found.objects[0].annotation["coord"] == {"x": 20, "y": 10, "width": 100, "height": 20}
    [error] = label_studio.read(io.BytesIO(b"{}"))
    assert error.code is ErrorCode.UNKNOWN_STRUCTURE


def test_a_classifier_gets_folders_of_answers():
    answers = [{"property_id": str(STAIN.id), "option_ids": [str(option.id)]} for option in STAIN.options]
    labels = [label(0, answers=answers[:1]), label(1, answers=answers[1:]), label(2, shape("box"))]

    files, report = exported("yolo_classify", labels, Options(images=True))

    assert list(files) == [
        "train/Giemsa/cells/image 0.jpg",
        "train/Wright_Leishman/cells/image 1.jpg",
        "classes.csv",
    ]
    assert (
        files["classes.csv"].splitlines()[2]
        == b"train/Wright_Leishman/cells/image 1.jpg,cells,image 1.jpg,train,Wright/Leishman"
    )
    assert report.left_out["label", "it has no answer to the image category of the classes"] == 1


# --- names ---


@pytest.mark.parametrize(
    ("data_key", "path"),
    [
        ("a.jpg", "cells/a.jpg"),
        ("dir/ä.jpg", "cells/dir/ä.jpg"),
        ("../../etc/passwd", "cells/_/_/etc/passwd~"),
        ("/etc/passwd", "cells/etc/passwd~"),
        ("a\\b.jpg", "cells/a_b~.jpg"),
        ("C:evil.jpg", "cells/C_evil~.jpg"),
        ("images/a.jpg", "cells/images_/a~.jpg"),
        ("con.jpg", "cells/_con~.jpg"),
        ("dir/", "cells/dir~"),
        ("a~0123456789ab.jpg", "cells/a~0123456789ab~.jpg"),
        ("x" * 300 + ".jpg", "cells/" + "x" * 176 + "~.jpg"),
    ],
)
def test_names_are_safe(data_key, path):
    assert re.sub("~[0-9a-f]{12}(?=\\.jpg$|$)(?<!~0123456789ab)", "~", names.place("cells", data_key)) == path


@given(st.lists(st.tuples(st.text(min_size=1, max_size=3), st.text("a./\\~é\n", min_size=1, max_size=6)), max_size=20))
def test_no_two_names_are_the_same_and_none_leads_out(keys):
    paths = {key: names.place(*key) for key in keys}

    assert len(set(paths.values())) == len(set(keys))
    for path in paths.values():
        assert not path.startswith("/")
        assert not {"", ".", ".."} & set(path.split("/"))
        assert "\\" not in path


def test_images_that_share_a_stem_have_label_files_of_their_own():
    survey = Survey(ambiguous={("cells", "a.jpg"), ("cells", "a.png")})
    writer = WRITERS["voc"](PROJECT, Options(), survey)

    paths = {writer.place(label(0, data_key=data_key), ".txt") for data_key in ("a.jpg", "a.png", "b.jpg")}

    assert len(paths) == 3
    assert "cells/b.txt" in paths


# --- the Suite's own files ---


def golden(name):
    if not SHARED.exists():
        pytest.skip("the Suite's exports are not beside this checkout")
    return SHARED / name


def of_golden(path):
    """The contents of a Suite export, by path, as today's schema writes them."""
    with zipfile.ZipFile(path) as archive:
        found = {each: json.loads(archive.read(each)) for each in archive.namelist() if each.endswith(".json")}
    for each in found.values():
        for one in each.get("objects", ()):
            one |= {"class_id": one.pop("classId"), "class_name": one.pop("className")}
            one["annotation_type"] = one.pop("annotationType")
            one["annotation"]["meta"] = {"z_index": one["annotation"]["meta"]["zIndex"]}
    return found


def test_a_golden_export_is_read_and_written_with_equal_content():
    path = golden("image-sample.zip")
    with path.open("rb") as stream:
        specification = suite.specification(stream)
        found = list(suite.entries(stream))
        parsed = list(suite.read(stream))
    assert not [each for each in (*found, *parsed) if isinstance(each, ParseError)]
    assert sum(len(each.objects) for each in parsed) == 88

    files, report = exported(
        "suite", [entry for _, entry in found], project=replace(PROJECT, specification=specification)
    )

    expected = of_golden(path)
    written = {path: json.loads(content) for path, content in files.items()}
    assert written.keys() == expected.keys()
    head, old_head = written.pop("project.json"), expected.pop("project.json")
    assert written == expected
    assert (head["type"], head["data_type"]) == (old_head["type"], old_head["data_type"])
    for one, other in zip(*(each["object_detection"]["object_classes"] for each in (head, old_head)), strict=True):
        assert one == other | {"ai_class_map": []}
    assert report.plain() == {"labels": 5, "objects": 88, "left_out": [], "changed": []}


def test_a_video_export_is_refused_with_its_reason():
    with golden("video-sample.zip").open("rb") as stream:
        [error] = suite.read(stream, "video-sample.zip")

    assert (error.file, error.code) == ("video-sample.zip", ErrorCode.UNSUPPORTED)
    assert "image sequence" in error.detail
