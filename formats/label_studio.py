"""Label Studio's JSON: a list of tasks with an annotation each (labelstud.io, "Export", "JSON").

Coordinates are percent of the image's width and height; a turned rectangle is given by its top left corner, about which
it is turned. The image is addressed as Label Studio serves local files: `/data/local-files/?d=dataset/data_key`. Region
names (`from_name`) are `box`, `polygon`, `keypoint` and those of the image categories; the Label Export Guide has the
labeling configuration that fits.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

from contracts.enums import CategoryType, Status
from formats import shapes
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
        yield each["id"], "box", "rectanglelabels", value, {}
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
