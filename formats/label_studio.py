"""Label Studio's JSON: a list of tasks with an annotation each (labelstud.io, "Export", "JSON").

Coordinates are percent of the image's width and height; a turned rectangle is given by its top left corner, about which
it is turned. The image is addressed as Label Studio serves local files: `/data/local-files/?d=dataset/data_key`. Region
names (`from_name`) are `box`, `rbox`, `polygon`, `keypoint` and those of the image categories; the Label Export Guide
has the labeling configuration that fits.
"""

import math
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any, BinaryIO, Final
from urllib.parse import quote, unquote
from uuid import UUID

from contracts.enums import AnnotationType, CategoryType, Status
from formats import shapes
from formats.json_stream import OVERSIZED, items
from formats.types import ErrorCode, ParsedLabel, ParsedObject, ParseError, Refused, annotation, object_name
from formats.values import extent, mapping, number, shown, text
from formats.writing import (
    HOLES,
    PARTS,
    Document,
    File,
    Image,
    Label,
    Object,
    Offsets,
    Piece,
    Report,
    Section,
    Writer,
    compact,
)

KINDS: Final = frozenset({"box", "rbox", "polygon", "keypoint"})
IMAGE_PREFIX: Final = "/data/local-files/?d="
_POINT_SIZE = 0.5  # percent; how large Label Studio draws a keypoint


class LabelStudioWriter(Writer):
    """`tasks.json`; with a split one list for each part of it."""

    extension = ".json"
    single = True

    def documents(self) -> tuple[Document, ...]:
        splits = self.options.split.names if self.options.split else ("tasks",)
        return tuple(Document(f"{name}.json", (Section(b"[\n", b",\n"),), b"\n]\n") for name in splits)

    def write(self, label: Label, start: Offsets, report: Report) -> Iterator[File | Piece | Image]:
        place, info = self.place(label), label["image_info"]
        size = info["width"], info["height"]
        regions = [
            {"id": name, "from_name": source, "to_name": "image", "type": kind, "value": value, "image_rotation": 0}
            | {"original_width": size[0], "original_height": size[1]}
            | more
            for _, each, known in self.drawn(label, KINDS, report)
            for name, source, kind, value, more in _regions(each, known.name, *size, report)
        ]
        annotation = {
            "id": start.labels + 1,
            "result": [*regions, *self._choices(label, report)],
            "was_cancelled": label["status"] == Status.SKIPPED,
            "ground_truth": False,
            "created_at": label["created_at"],
            "updated_at": label["updated_at"],
        }
        task = {
            "id": start.labels + 1,
            "data": {
                "image": IMAGE_PREFIX + quote(place),
                "dataset": label["dataset"],
                "data_key": label["data_key"],
                "width": size[0],
                "height": size[1],
            },
            "meta": {"label_id": label["id"], "status": label["status"], "review": label["review"]},
            "annotations": [annotation],
            "predictions": [],
        }
        yield Piece(f"{self.split(label) or 'tasks'}.json", 0, compact(task))
        yield from self.image(label, place)

    def _choices(self, label: Label, report: Report) -> Iterator[dict[str, Any]]:
        asked = {str(each.id): each for each in self.project.specification.image_categories}
        for answer in label["categories"]["properties"]:
            category = asked.get(answer["property_id"])
            if category is None:
                report.left_out["answer", "its image category is not known to the project"] += 1
                continue
            named = {str(option.id): option.name for option in category.options}
            free = category.type is CategoryType.FREE_RESPONSE
            chosen = [named[option] for option in answer.get("option_ids") or () if option in named]
            value = {"text": [answer.get("value") or ""]} if free else {"choices": chosen}
            head = {"id": str(category.id), "from_name": category.name, "to_name": "image"}
            yield head | {"type": "textarea" if free else "choices", "value": value}


_Region = tuple[str, str, str, dict[str, Any], dict[str, Any]]


def _regions(each: Object, class_name: str, width: int, height: int, report: Report) -> Iterator[_Region]:
    kind, coord = each["annotation_type"], each["annotation"]["coord"]
    if kind in ("box", "rbox"):
        left, top = shapes.turned_corners(coord)[0] if kind == "rbox" else (coord["x"], coord["y"])
        value = {
            "x": left / width * 100,
            "y": top / height * 100,
            "width": coord["width"] / width * 100,
            "height": coord["height"] / height * 100,
            "rotation": math.fmod(coord["angle"], 360) % 360 if kind == "rbox" else 0,
            "rectanglelabels": [class_name],
        }
        yield each["id"], kind, "rectanglelabels", value, {}
    elif kind == "polygon":
        rings = shapes.outlines(coord)
        if shapes.has_holes(coord):
            report.changed[kind, HOLES] += 1
        if len(rings) > 1:
            report.changed[kind, PARTS] += 1
        for number, ring in enumerate(rings):
            points = [[x / width * 100, y / height * 100] for x, y in ring]
            name = each["id"] if number == 0 else f"{each['id']}-{number}"
            yield (
                name,
                "polygon",
                "polygonlabels",
                {"points": points, "closed": True, "polygonlabels": [class_name]},
                {},
            )
    else:
        report.changed[kind, "written as a region for each of its valid points"] += 1
        for number, point in enumerate(coord["points"]):
            if point["state"]["valid"]:
                yield (
                    f"{each['id']}-{number}", "keypoint", "keypointlabels", _point(point, class_name, width, height),
                    {"meta": {"text": [point["name"]]}},
                )  # fmt: skip


def _point(point: Mapping[str, Any], class_name: str, width: int, height: int) -> dict[str, Any]:
    place = {"x": point["x"] / width * 100, "y": point["y"] / height * 100}
    return place | {"width": _POINT_SIZE, "keypointlabels": [class_name]}


def read(document: BinaryIO, name: str = "") -> Iterator[ParsedLabel | ParseError]:
    """Yields a label for each task, after the errors of its regions. `document`: a seekable stream; in memory at a
    time: one task.

    Of several annotations of a task the first is read. Rectangles become boxes, turned boxes if they are turned,
    polygons polygons, keypoints keypoint objects: those of one object as this system exports them, else each one of
    its own. The image is `data_key` of the task's data, or the last part of the address of its `image`.
    """
    try:
        for index, entry in items(document, ("id", "data", "annotations")):
            place = f"task {index + 1}"
            try:
                yield from _task(mapping(entry, "the task"), place, name)
            except Refused as error:
                yield ParseError(name, None, place, error.code, error.detail)
    except Refused as error:
        yield ParseError(name, None, None, error.code, error.detail)


def _task(task: Mapping[str, Any], place: str, name: str) -> Iterator[ParsedLabel | ParseError]:
    if any(value is OVERSIZED for value in task.values()):
        raise Refused(ErrorCode.TOO_LARGE, "holds too much, or is nested too deeply")
    data, annotations = mapping(task.get("data"), "data"), task.get("annotations") or [{}]
    if not isinstance(annotations, list):
        raise Refused(ErrorCode.UNKNOWN_STRUCTURE, "annotations is not an array")
    regions = mapping(annotations[0], "the annotation").get("result") or []
    if not isinstance(regions, list):
        raise Refused(ErrorCode.UNKNOWN_STRUCTURE, "result is not an array")
    data_key = data.get("data_key") or PurePosixPath(unquote(text(data.get("image"), "image"))).name
    first = next((each for each in regions if isinstance(each, dict) and "original_width" in each), {})
    width, height = (extent(data.get(of) or first.get(f"original_{of}")) for of in ("width", "height"))
    objects: dict[str, ParsedObject] = {}
    for position, each in enumerate(regions):
        try:
            if mapping(each, "the region").get("type") in _READ:
                _add(objects, each, position)
            elif each.get("type") not in _ANSWERS:
                raise Refused(ErrorCode.UNSUPPORTED, f"a region of the type {shown(each.get('type'))}")
        except Refused as error:
            yield ParseError(name, None, f"{object_name(position)} of {place}", error.code, error.detail)
    yield ParsedLabel(name, text(data_key, "data_key"), width, height, tuple(objects.values()))


_READ: Final = ("rectanglelabels", "polygonlabels", "keypointlabels")
_ANSWERS: Final = ("choices", "textarea")


def _add(objects: dict[str, ParsedObject], region: Mapping[str, Any], position: int) -> None:
    """Read a region: an object, or a further part of one that has begun."""
    value = mapping(region.get("value"), "value")
    labels = value.get(region["type"])
    if not isinstance(labels, list) or len(labels) != 1:
        raise Refused(ErrorCode.UNKNOWN_STRUCTURE, "it has not one label")
    class_name = text(labels[0], "the label")
    width, height = (number(region.get(of), of) for of in ("original_width", "original_height"))
    kind, coord = _coord(region, value, width, height)
    found = _PART.fullmatch(str(region.get("id")))
    key = found[1] if found else f"{position}"
    if key in objects and kind in (AnnotationType.POLYGON, AnnotationType.KEYPOINT):
        objects[key].annotation["coord"]["points"] += coord["points"]
        objects[key].annotation["multiple"] = kind is AnnotationType.POLYGON
        return
    object_id = UUID(key) if found else None
    objects[key] = ParsedObject(
        position,
        None,
        class_name,
        kind,
        annotation(coord, len(objects)),
        str(object_id) if object_id else None,
        object_id,
    )


_PART: Final = re.compile(r"([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})(-\d+)?")
"""A region's id as this system writes it: the object's, and the number of its part."""


def _coord(
    region: Mapping[str, Any], value: Mapping[str, Any], width: float, height: float
) -> tuple[AnnotationType, dict[str, Any]]:
    def across(share: Any) -> float:
        return round(number(share, "x") * width / 100, 4)

    def down(share: Any) -> float:
        return round(number(share, "y") * height / 100, 4)

    if region["type"] == "polygonlabels":
        points = value.get("points")
        if not isinstance(points, list) or not all(isinstance(each, list) and len(each) == 2 for each in points):
            raise Refused(ErrorCode.UNKNOWN_STRUCTURE, "points is not [[x, y], …]")
        return AnnotationType.POLYGON, {"points": [[[{"x": across(x), "y": down(y)} for x, y in points]]]}
    x, y = across(value.get("x")), down(value.get("y"))
    if region["type"] == "keypointlabels":
        told = mapping(region.get("meta") or {}, "meta").get("text") or ["1"]
        state = {"visible": True, "valid": True}
        return AnnotationType.KEYPOINT, {
            "points": [{"name": text(told[0], "its name"), "x": x, "y": y, "state": state}]
        }
    box = {"width": across(value.get("width")), "height": down(value.get("height"))}
    angle = (number(value.get("rotation") or 0, "rotation") + 180) % 360 - 180
    if not angle and region.get("from_name") != "rbox":
        return AnnotationType.BOX, {"x": x, "y": y, **box}
    # the centre, from the corner about which Label Studio turns
    dx, dy = shapes.turned_corners({"cx": 0, "cy": 0, "angle": angle, **box})[2]
    return AnnotationType.RBOX, {"cx": round(x + dx, 4), "cy": round(y + dy, 4), **box, "angle": round(angle, 4)}
