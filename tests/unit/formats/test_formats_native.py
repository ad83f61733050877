"""The native export: the same bytes for the same labels, read back as they were, and as its schema says."""

import io
import json
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from uuid import UUID

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

import formats
from contracts.body import COORDS, LabeledObject
from contracts.enums import AnnotationType, CategoryType, Review, Status
from formats import json_stream, native
from formats.types import ErrorCode, ParseError

SCHEMA = json.loads((Path(formats.__file__).parent / "native.schema.json").read_text())
MOMENT = datetime(2026, 3, 4, 5, 6, 7, 89, UTC)
PROJECT = {
    "id": str(UUID(int=1)),
    "name": "Blood",
    "specification": {
        "object_classes": [
            {"id": str(UUID(int=2)), "name": "RBC", "annotation_type": "box", "color": "#FF0000"},
        ],
        "image_categories": [
            {
                "id": str(UUID(int=3)),
                "name": "Stain",
                "type": "radio",
                "options": [{"id": str(UUID(int=4)), "name": "Giemsa"}],
                "required": True,
            }
        ],
    },
    "created_by": "not exported",
}
POINT = {"x": 1.5, "y": 2}
FACE = {"tl": POINT, "br": POINT}
COORD_EXAMPLES = {
    AnnotationType.BOX: {"x": 1, "y": 2, "width": 3.5, "height": 4},
    AnnotationType.RBOX: {"cx": 1, "cy": 2, "width": 3.5, "height": 4, "angle": 30},
    AnnotationType.POLYLINE: {"points": [[POINT, POINT]]},
    AnnotationType.POLYGON: {"points": [[[POINT, POINT, POINT]]]},
    AnnotationType.KEYPOINT: {
        "points": [{"name": "nose", **POINT, "state": {"visible": True, "valid": True}}],
    },
    AnnotationType.CUBOID2D: {"near": FACE, "far": FACE},
}


def exported_object(annotation_type=AnnotationType.BOX):
    return {
        "id": str(UUID(int=6)),
        "class_id": str(UUID(int=2)),
        "class_name": "RBC",
        "annotation_type": annotation_type,
        "annotation": {
            "coord": COORD_EXAMPLES[annotation_type],
            "meta": {"z_index": 1},
            "multiple": annotation_type is AnnotationType.POLYGON,
        },
        "properties": [],
    }


LABEL = native.Label(
    id=str(UUID(int=5)),
    dataset="bccd",
    data_key="BloodImage_00000.jpg",
    image_info={"width": 640, "height": 480},
    status=Status.SUBMITTED,
    review=Review.PENDING_REVIEW,
    round=1,
    tags=("first", "zweite"),
    assignee="ann@example.org",
    created_at=MOMENT,
    updated_at=MOMENT + timedelta(seconds=1),
    submitted_at=MOMENT,
    reviewed_at=None,
    objects=tuple(exported_object(annotation_type) for annotation_type in COORD_EXAMPLES),
    categories={"properties": [{"property_id": str(UUID(int=3)), "option_ids": [str(UUID(int=4))]}]},
)


def document(*labels):
    pieces = native.SEPARATOR.join(map(native.label, labels))
    return native.header(PROJECT, MOMENT) + pieces + native.FOOTER


def read(content):
    return list(native.read(io.BytesIO(content), "export.json"))


def test_a_document_has_the_fields_in_their_order():
    written = json.loads(document(LABEL))

    assert list(written) == ["format", "version", "project", "exported_at", "labels"]
    assert written["project"] == {key: PROJECT[key] for key in ("id", "name", "specification")}
    assert written["exported_at"] == "2026-03-04T05:06:07.000089Z"
    [label] = written["labels"]
    assert " ".join(label) == (
        "id dataset data_key image_info status review round tags assignee created_at updated_at"
        " submitted_at reviewed_at objects categories"
    )
    assert (label["status"], label["reviewed_at"]) == ("submitted", None)


@pytest.mark.parametrize("labels", [(), (LABEL,), (LABEL, replace(LABEL, assignee=None, tags=(), objects=()))])
def test_a_document_is_as_its_schema_says(labels):
    jsonschema.Draft202012Validator.check_schema(SCHEMA)

    jsonschema.validate(json.loads(document(*labels)), SCHEMA, format_checker=jsonschema.FormatChecker())


@pytest.mark.parametrize(
    "change",
    [
        {"status": "WORKING"},
        {"image_info": {"width": 0, "height": 1}},
        {"created_at": "2026-03-04T05:06:07+01:00"},
        {"objects": [exported_object() | {"annotation_type": "polygon"}]},
        {"objects": [exported_object() | {"annotation_type": "image category"}]},
        {"objects": [{"id": str(UUID(int=6))}]},
        {"categories": []},
    ],
)
def test_the_schema_refuses_what_is_not_a_label(change):
    written = json.loads(document(LABEL))
    written["labels"][0].update(change)

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(written, SCHEMA)


def test_the_schema_has_the_terms_of_the_contracts():
    terms = SCHEMA["$defs"]

    assert terms["annotation_type"]["enum"] == list(AnnotationType)
    assert terms["image_category"]["properties"]["type"]["enum"] == list(CategoryType)
    assert terms["label"]["properties"]["status"]["enum"] == list(Status)
    assert terms["label"]["properties"]["review"]["enum"] == list(Review)
    for annotation_type, form in COORDS.items():
        assert set(terms[annotation_type]["required"]) == set(form.model_fields)
        LabeledObject.model_validate(
            {key: value for key, value in exported_object(annotation_type).items() if key != "class_name"}
        )


def test_the_same_label_gives_the_same_bytes_whatever_the_order_of_its_maps():
    turned = [dict(reversed(item.items())) for item in LABEL.objects]
    elsewhere = MOMENT.astimezone(timezone(timedelta(hours=9)))

    assert native.label(replace(LABEL, objects=turned, created_at=elsewhere)) == native.label(LABEL)


def test_text_is_plain_utf_8():
    written = native.label(replace(LABEL, data_key='Übersicht "1" \u2028.jpg'))

    assert 'Übersicht \\"1\\" \u2028.jpg'.encode() in written


@pytest.mark.parametrize("change", [{"created_at": datetime(2026, 1, 1)}, {"objects": [{"x": float("nan")}]}])  # noqa: DTZ001
def test_what_has_no_form_is_not_written(change):
    with pytest.raises(ValueError, match=r"zone|JSON"):
        native.label(replace(LABEL, **change))


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**80), 2**80)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
json_objects = st.dictionaries(st.text(), json_values, max_size=4)
times = st.datetimes(timezones=st.just(UTC))
sizes = st.integers(1, 2**31 - 1)
labels = st.builds(
    native.Label,
    id=st.uuids().map(str),
    dataset=st.text(),
    data_key=st.text(),
    image_info=st.fixed_dictionaries({"width": sizes, "height": sizes}),
    status=st.sampled_from(Status),
    review=st.sampled_from(Review),
    round=st.integers(0, 2**31),
    tags=st.lists(st.text(), max_size=3).map(tuple),
    assignee=st.none() | st.text(),
    created_at=times,
    updated_at=times,
    submitted_at=st.none() | times,
    reviewed_at=st.none() | times,
    objects=st.lists(json_objects, max_size=3).map(tuple),
    categories=json_objects,
)


@given(st.lists(labels, max_size=4))
def test_labels_are_read_back_as_they_were(written):
    assert read(document(*written)) == written


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"id": None}, ErrorCode.MISSING_FIELD),
        ({"dataset": 1}, ErrorCode.BAD_TEXT),
        ({"image_info": None}, ErrorCode.UNKNOWN_STRUCTURE),
        ({"image_info": {"width": 1}}, ErrorCode.MISSING_FIELD),
        ({"status": "WORKING"}, ErrorCode.UNSUPPORTED),
        ({"round": "first"}, ErrorCode.NOT_A_NUMBER),
        ({"tags": {}}, ErrorCode.UNKNOWN_STRUCTURE),
        ({"created_at": "yesterday"}, ErrorCode.BAD_TEXT),
        ({"created_at": "2026-01-01T00:00:00"}, ErrorCode.BAD_TEXT),
        ({"objects": [1]}, ErrorCode.UNKNOWN_STRUCTURE),
        ({"categories": []}, ErrorCode.UNKNOWN_STRUCTURE),
    ],
)
def test_a_bad_label_is_one_error_and_the_others_are_read(change, code):
    written = json.loads(document(LABEL, LABEL, LABEL))
    written["labels"][1].update(change)

    first, error, third = read(json.dumps(written).encode())

    assert (error.file, error.object, error.code) == ("export.json", "labels[1]", code)
    assert first == third == replace(LABEL, objects=first.objects)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", ErrorCode.NOT_JSON),
        (b"[]", ErrorCode.UNKNOWN_STRUCTURE),
        (document(LABEL).replace(b'"version":1', b'"version":2'), ErrorCode.UNSUPPORTED),
        (b'{"labels":[{}]}', ErrorCode.UNSUPPORTED),
        (b'{"format":"labelyard","version":1,"labels":{}}', ErrorCode.UNKNOWN_STRUCTURE),
    ],
)
def test_another_document_is_one_error(content, code):
    [error] = read(content)

    assert (error.file, error.object, error.code) == ("export.json", None, code)


def test_a_document_that_breaks_off_ends_in_an_error(monkeypatch):
    monkeypatch.setattr(json_stream, "_CHUNK_BYTES", 64)

    *labels, error = read(document(LABEL, LABEL)[:-10])

    assert [type(label) for label in labels] == [native.Label]
    assert error.code is ErrorCode.NOT_JSON


def test_a_huge_label_is_an_error(monkeypatch):
    monkeypatch.setattr(json_stream, "MAX_VALUES", 200)
    huge = replace(LABEL, objects=LABEL.objects * 20)

    error, label = read(document(huge, replace(LABEL, objects=())))

    assert isinstance(error, ParseError)
    assert (error.object, error.code) == ("labels[0]", ErrorCode.TOO_LARGE)
    assert label.id == LABEL.id


def test_labels_are_read_one_at_a_time():
    chance = random.Random(3)
    content = document(*(replace(LABEL, round=chance.randrange(9)) for _ in range(500)))
    stream = io.BytesIO(content)

    next(native.read(stream))

    assert stream.tell() < len(content) / 2
