"""COCO: any order of its parts, each kind of annotation, everything that is refused and under which name."""

import io
import itertools
import json
import random
import tracemalloc

import pytest

from contracts.enums import AnnotationType
from formats import coco, json_stream
from formats.types import ErrorCode, ParsedLabel, ParsedObject, ParseError

IMAGES = [
    {"id": 5, "file_name": "five.jpg", "width": 640, "height": 480},
    {"id": 3, "file_name": "dir/three.jpg"},
]
CATEGORIES = [
    {"id": 1, "name": "cat", "supercategory": "animal"},
    {"id": 2, "name": "person", "keypoints": ["nose", "tail"], "skeleton": [[1, 2]]},
]


def box(number, image=5, category=1, **fields):
    return {"id": number, "image_id": image, "category_id": category, "bbox": [10, 20, 30, 40.5]} | fields


@pytest.fixture
def read(tmp_path):
    def reader(document):
        content = document if isinstance(document, bytes) else json.dumps(document).encode()
        found = list(coco.read(io.BytesIO(content), tmp_path, "instances.json"))
        assert list(tmp_path.iterdir()) == []
        return found

    return reader


def document(*annotations, images=IMAGES, categories=CATEGORIES):
    return {"info": {"year": 2026}, "images": images, "categories": categories, "annotations": annotations}


def test_boxes_are_grouped_by_image_in_the_order_of_the_images(read):
    five, three = read(document(box(1, image=3), box(2), box(7, image=3, category=2)))

    assert five == ParsedLabel(
        file="instances.json",
        data_key="five.jpg",
        width=640,
        height=480,
        objects=(
            ParsedObject(
                position=0,
                line=None,
                class_name="cat",
                annotation_type=AnnotationType.BOX,
                annotation={
                    "coord": {"x": 10.0, "y": 20.0, "width": 30.0, "height": 40.5},
                    "meta": {"z_index": 1},
                    "multiple": False,
                },
                source_id="2",
            ),
        ),
    )
    assert (three.data_key, three.width, three.height) == ("dir/three.jpg", None, None)
    assert [(o.position, o.source_id, o.name, o.class_name) for o in three.objects] == [
        (0, "1", "annotation 1", "cat"),
        (1, "7", "annotation 7", "person"),
    ]


def test_an_image_without_annotations_is_an_empty_label(read):
    assert [label.objects for label in read(document())] == [(), ()]


@pytest.mark.parametrize("order", list(itertools.permutations(["images", "categories", "annotations"])))
def test_the_parts_may_come_in_any_order(read, order):
    whole = document(box(1), box(2, image=3), box(3), box(4, image=9), box(5, category=9))

    found = read({key: whole[key] for key in order})

    assert found == read(whole)
    assert len(found) == 4


def test_annotations_need_not_be_sorted_by_image(read):
    chance = random.Random(5)
    images = [{"id": number, "file_name": f"{number}.jpg"} for number in range(50)]
    annotations = [box(number, image=chance.randrange(50)) for number in range(1000)]

    labels = read(document(*annotations, images=images))

    for image, label in zip(images, labels, strict=True):
        expected = [str(a["id"]) for a in annotations if a["image_id"] == image["id"]]
        assert [item.source_id for item in label.objects] == expected
        assert [item.position for item in label.objects] == list(range(len(expected)))


def test_polygons_become_one_polygon_object(read):
    segmentation = [[0, 0, 10, 0, 10, 10.5], [], [20, 20, 30, 20, 30, 30]]

    label, _ = read(document(box(1, segmentation=segmentation)))

    [polygon] = label.objects
    assert polygon.annotation_type is AnnotationType.POLYGON
    assert polygon.annotation == {
        "coord": {
            "points": [
                [[{"x": 0.0, "y": 0.0}, {"x": 10.0, "y": 0.0}, {"x": 10.0, "y": 10.5}]],
                [[{"x": 20.0, "y": 20.0}, {"x": 30.0, "y": 20.0}, {"x": 30.0, "y": 30.0}]],
            ]
        },
        "meta": {"z_index": 1},
        "multiple": True,
    }


@pytest.mark.parametrize("segmentation", [None, [], [[]]])
def test_without_a_segmentation_it_is_a_box(read, segmentation):
    label, _ = read(document(box(1, segmentation=segmentation, iscrowd=0, keypoints=[0] * 6)))

    assert [item.annotation_type for item in label.objects] == [AnnotationType.BOX]


def test_keypoints_are_named_by_their_category(read):
    label, _ = read(document(box(1, category=2, keypoints=[7, 8, 2, 9, 10.5, 1])))

    [item] = label.objects
    assert item.annotation_type is AnnotationType.KEYPOINT
    assert item.annotation["coord"] == {
        "points": [
            {"name": "nose", "x": 7.0, "y": 8.0, "state": {"visible": True, "valid": True}},
            {"name": "tail", "x": 9.0, "y": 10.5, "state": {"visible": False, "valid": True}},
        ]
    }


def test_ids_may_be_text_here_and_numbers_there(read):
    images = [{"id": "5", "file_name": "five.jpg"}, {"id": "abc", "file_name": "abc.jpg"}]

    found = read(document(box(1.0, image=5), box("x", image="abc", category="1"), images=images))

    assert [[item.source_id for item in label.objects] for label in found] == [["1"], ["x"]]


def without(entry, field):
    return {key: value for key, value in entry.items() if key != field}


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (box(9, category=77), ErrorCode.UNKNOWN_CATEGORY),
        (without(box(9), "category_id"), ErrorCode.MISSING_FIELD),
        (without(box(9), "bbox"), ErrorCode.MISSING_FIELD),
        (box(9, bbox=[1, 2, 3]), ErrorCode.UNKNOWN_STRUCTURE),
        (box(9, bbox={"x": 1}), ErrorCode.UNKNOWN_STRUCTURE),
        (box(9, bbox=[1, 2, "three", 4]), ErrorCode.NOT_A_NUMBER),
        (box(9, bbox=[1, 2, True, 4]), ErrorCode.NOT_A_NUMBER),
        (box(9, bbox=[1, 2, None, 4]), ErrorCode.MISSING_FIELD),
        (box(9, bbox=[1, 2, 10**400, 4]), ErrorCode.NOT_A_NUMBER),
        (box(9, iscrowd=1), ErrorCode.UNSUPPORTED),
        (box(9, segmentation={"counts": "abc", "size": [4, 4]}), ErrorCode.UNSUPPORTED),
        (box(9, segmentation=[1, 2, 3, 4, 5, 6]), ErrorCode.UNKNOWN_STRUCTURE),
        (box(9, segmentation="mask.png"), ErrorCode.UNKNOWN_STRUCTURE),
        (box(9, segmentation=[[1, 2, 3]]), ErrorCode.UNKNOWN_STRUCTURE),
        (box(9, segmentation=[[1, "y", 3, 4]]), ErrorCode.NOT_A_NUMBER),
        (box(9, category=2, keypoints=[1, 2]), ErrorCode.UNKNOWN_STRUCTURE),
        (box(9, category=2, keypoints=[1, 2, 3]), ErrorCode.UNKNOWN_STRUCTURE),
        (box(9, category=2, keypoints=[1, None, 2]), ErrorCode.MISSING_FIELD),
        (box(9, category=2, keypoints=[1, 2, 2]), ErrorCode.UNSUPPORTED),
        (box(9, category=1, keypoints=[1, 2, 2]), ErrorCode.UNSUPPORTED),
    ],
)
def test_a_bad_annotation_is_one_error_and_counts_in_the_positions(read, bad, code):
    error, five, three = read(document(box(1), bad, box(3)))

    assert (error.file, error.line, error.object, error.code) == ("instances.json", None, "annotation 9", code)
    assert [(item.position, item.source_id) for item in five.objects] == [(0, "1"), (2, "3")]
    assert three.objects == ()


@pytest.mark.parametrize(
    ("bad", "code", "name"),
    [
        (box(9, image=77), ErrorCode.UNKNOWN_IMAGE, "annotation 9"),
        (box(9, image=[5]), ErrorCode.BAD_TEXT, "annotation 9"),
        (without(box(9), "image_id"), ErrorCode.MISSING_FIELD, "annotation 9"),
        (without(box(9, image=77), "id"), ErrorCode.UNKNOWN_IMAGE, "annotations[1]"),
        (box({}, image=77), ErrorCode.BAD_TEXT, "annotations[1]"),
        ([], ErrorCode.UNKNOWN_STRUCTURE, "annotations[1]"),
        (None, ErrorCode.UNKNOWN_STRUCTURE, "annotations[1]"),
    ],
)
def test_an_annotation_of_no_image_is_an_error(read, bad, code, name):
    found = read(document(box(1), bad, box(3)))

    [error] = [item for item in found if isinstance(item, ParseError)]
    assert (error.object, error.code) == (name, code)
    five, three = (item for item in found if isinstance(item, ParsedLabel))
    assert [item.source_id for item in five.objects] == ["1", "3"]
    assert three.objects == ()


@pytest.mark.parametrize(
    ("bad", "code", "name"),
    [
        ({"id": 8}, ErrorCode.MISSING_FIELD, "image 8"),
        ({"id": 8, "file_name": "a\u0000b"}, ErrorCode.BAD_TEXT, "image 8"),
        ({"id": 8, "file_name": 8}, ErrorCode.BAD_TEXT, "image 8"),
        ({"id": 8, "file_name": "a" * 1001}, ErrorCode.BAD_TEXT, "image 8"),
        ({"id": "8" * 1001, "file_name": "a.jpg"}, ErrorCode.BAD_TEXT, "images[2]"),
        ({"file_name": "a.jpg"}, ErrorCode.MISSING_FIELD, "images[2]"),
        ({"id": 5, "file_name": "a.jpg"}, ErrorCode.DUPLICATE, "image 5"),
        ("a.jpg", ErrorCode.UNKNOWN_STRUCTURE, "images[2]"),
    ],
)
def test_a_bad_image_is_an_error_and_the_others_are_read(read, bad, code, name):
    error, five, three = read(document(box(1), images=[*IMAGES, bad]))

    assert (error.object, error.code) == (name, code)
    assert [five.data_key, three.data_key] == ["five.jpg", "dir/three.jpg"]
    assert len(five.objects) == 1


@pytest.mark.parametrize(
    ("bad", "code", "name"),
    [
        ({"id": 8}, ErrorCode.MISSING_FIELD, "category 8"),
        ({"name": "dog"}, ErrorCode.MISSING_FIELD, "categories[2]"),
        ({"id": 1, "name": "dog"}, ErrorCode.DUPLICATE, "category 1"),
        ({"id": 8, "name": "dog", "keypoints": [1]}, ErrorCode.BAD_TEXT, "category 8"),
    ],
)
def test_a_bad_category_is_an_error(read, bad, code, name):
    error, five, _ = read(document(box(1), categories=[*CATEGORIES, bad]))

    assert (error.object, error.code) == (name, code)
    assert [item.class_name for item in five.objects] == ["cat"]


WHOLE = json.dumps(document(box(1))).encode()


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", ErrorCode.NOT_JSON),
        (b"\x00\xff", ErrorCode.NOT_JSON),
        (WHOLE[:-2], ErrorCode.NOT_JSON),
        (WHOLE + b"}", ErrorCode.NOT_JSON),
        (WHOLE.replace(b"40.5", b"NaN"), ErrorCode.NOT_JSON),
        (WHOLE.replace(b"40.5", b"9" * 5000), ErrorCode.NOT_JSON),
        (WHOLE.replace(b"40.5", b"1e" + b"9" * 20), ErrorCode.NOT_JSON),
        (WHOLE.replace(b"cat", b"c\xff"), ErrorCode.NOT_JSON),
        (b"[]", ErrorCode.UNKNOWN_STRUCTURE),
        (b"{}", ErrorCode.UNKNOWN_STRUCTURE),
        (b'{"images": {}}', ErrorCode.UNKNOWN_STRUCTURE),
        (b'{"images": [], "annotations": []}', ErrorCode.UNKNOWN_STRUCTURE),
    ],
)
def test_an_unusable_document_is_one_error_and_no_labels(read, content, code):
    [error] = read(content)

    assert (error.file, error.object, error.code) == ("instances.json", None, code)


def test_a_byte_order_mark_is_passed_over(read):
    assert read(b"\xef\xbb\xbf" + WHOLE) == read(WHOLE)


def test_a_huge_annotation_is_named_and_not_held(read, monkeypatch):
    monkeypatch.setattr(json_stream, "MAX_VALUES", 20)
    huge = {"segmentation": [[1] * 100, [[[]]]], **box(9)}

    error, five, _ = read(document(box(1), huge, box(3)))

    assert (error.object, error.code) == ("annotation 9", ErrorCode.TOO_LARGE)
    assert [(item.position, item.source_id) for item in five.objects] == [(0, "1"), (2, "3")]


@pytest.mark.parametrize(
    "huge",
    [["x" * 600, "x" * 600], [{"x" * 600: 1, "y" * 600: 2}], [[10**4000]]],
    ids=["texts", "keys", "numbers"],
)
def test_an_annotation_with_much_text_is_named_and_not_held(read, monkeypatch, huge):
    monkeypatch.setattr(json_stream, "MAX_TEXT", 1000)

    error, five, _ = read(document(box(1), {"segmentation": huge, **box(9)}, box(3)))

    assert (error.object, error.code) == ("annotation 9", ErrorCode.TOO_LARGE)
    assert [item.source_id for item in five.objects] == ["1", "3"]


def test_deep_nesting_is_named_and_not_held(read):
    nested = json.dumps(document(box(1), box(9, segmentation="deep"), box(3)))

    error, five, _ = read(nested.replace('"deep"', "[" * 100_000 + "]" * 100_000).encode())

    assert (error.object, error.code) == ("annotation 9", ErrorCode.TOO_LARGE)
    assert [item.source_id for item in five.objects] == ["1", "3"]


def test_what_is_not_read_of_an_item_may_be_anything(read, monkeypatch):
    monkeypatch.setattr(json_stream, "MAX_VALUES", 20)
    monkeypatch.setattr(json_stream, "MAX_TEXT", 1000)
    more = {"attributes": [["x" * 600] * 100], "mask": "y" * 5000}

    five, _ = read(
        document({**more, **box(1)}, images=[more | IMAGES[0], IMAGES[1]], categories=[more | CATEGORIES[0]])
    )

    assert [item.source_id for item in five.objects] == ["1"]


def test_what_is_not_read_of_a_document_is_not_held(read):
    passed_over = ["x" * 100] * 100_000
    content = json.dumps({"info": passed_over, "other": {"a": passed_over}} | document(box(1))).encode()

    tracemalloc.start()
    read(content)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    print(f"{most} bytes at most, of a document of {len(content)}")
    assert most < len(content) / 4


def test_a_text_longer_than_the_parser_may_hold_ends_the_document(read, monkeypatch):
    monkeypatch.setattr(json_stream, "_CHUNK_BYTES", 64)
    monkeypatch.setattr(json_stream, "MAX_TOKEN_BYTES", 1000)

    five, _ = read(document(box(1, mask="x" * 900)))
    [error] = read(document(box(1, mask="x" * 2000)))

    assert len(five.objects) == 1
    assert (error.object, error.code) == (None, ErrorCode.TOO_LARGE)


def test_a_document_deeper_than_the_parser_may_hold_is_refused(read, monkeypatch):
    monkeypatch.setattr(json_stream, "MAX_DOCUMENT_DEPTH", 1000)

    [error] = read(b'{"images": [{"x": ' + b"[" * 2000)

    assert (error.object, error.code) == (None, ErrorCode.TOO_LARGE)


def test_a_category_with_too_many_keypoints_is_an_error(read, monkeypatch):
    monkeypatch.setattr(json_stream, "MAX_VALUES", 20)

    error, five, _ = read(document(box(1), categories=[*CATEGORIES, {"id": 8, "name": "dog", "keypoints": ["k"] * 50}]))

    assert (error.object, error.code) == ("category 8", ErrorCode.TOO_LARGE)
    assert len(five.objects) == 1


def test_an_image_with_too_much_geometry_keeps_what_fits(read, monkeypatch):
    monkeypatch.setattr(coco, "MAX_LABEL_BYTES", 150)

    error, five, three = read(document(box(1), box(2), box(3), box(4, image=3)))

    assert (error.object, error.code) == ("annotation 3", ErrorCode.TOO_LARGE)
    assert [item.source_id for item in five.objects] == ["1", "2"]
    assert len(three.objects) == 1


def test_a_reader_that_is_not_read_to_its_end_leaves_nothing_behind(tmp_path):
    reader = coco.read(io.BytesIO(WHOLE), tmp_path)
    next(reader)
    reader.close()

    assert list(tmp_path.iterdir()) == []


def test_damage_anywhere_never_raises(read):
    chance = random.Random(7)
    for _ in range(300):
        damaged = bytearray(WHOLE)
        for _ in range(chance.randint(1, 4)):
            damaged[chance.randrange(len(damaged))] = chance.choice(b'0{}[]":,e-x\xff\x00')
        for item in read(bytes(damaged)):
            assert isinstance(item, ParsedLabel | ParseError)


def test_a_stream_that_fails_raises(tmp_path):
    class Failing(io.BytesIO):
        def read(self, *_):
            raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        list(coco.read(Failing(WHOLE), tmp_path))
