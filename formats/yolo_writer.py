"""YOLO in the layout of Ultralytics (docs.ultralytics.com, "Datasets"); `formats.yolo` reads it.

`data.yaml`, and for each label `labels/{split}/dataset/name.txt` beside `images/{split}/dataset/name`; without a split
all is `train`. A line is an object: the class's index, then shares of the image's width and height. Classes that were
removed keep their place among the `names`, so no number ever means another class. `labelyard.jsonl` says which image a
label file is of and how large that is, which YOLO leaves to the image.
"""

import json
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from contracts.enums import AnnotationType, CategoryType
from formats import names, shapes
from formats.coco_writer import arranged
from formats.csv_table import table_row
from formats.shapes import Point
from formats.writing import (
    BOXED,
    HOLES,
    OUTLINED,
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

INDEX = "labelyard.jsonl"


class _Yolo(Writer):
    extension = ".zip"
    kinds: ClassVar[frozenset[str]]

    def documents(self) -> tuple[Document, ...]:
        return (Document(INDEX, (Section(b"", b""),)),)

    def files(self) -> Iterator[File]:
        splits = self.options.split.names if self.options.split else ("train",)
        lines = [f"# {_quoted(self.project.name)}, exported by Labelyard at {self.project.exported_at.isoformat()}"]
        # without a split it is validated with what it is trained with: Ultralytics wants both
        for name in dict.fromkeys(("train", "val", *splits)):
            lines.append(f"{name}: images/{name if name in splits else splits[0]}")
        lines += [*self.more(), "names:"]
        lines += [f"  {each.index}: {_quoted(each.name)}" for each in self.project.classes]
        yield File("data.yaml", "\n".join([*lines, ""]).encode())

    def more(self) -> Iterator[str]:
        """Further lines of `data.yaml`."""
        yield from ()

    def write(self, label: Label, start: Offsets, report: Report) -> Iterator[File | Piece | Image]:
        split, width, height = self.split(label) or "train", label["image_info"]["width"], label["image_info"]["height"]
        lines = []
        for _, each, known in self.drawn(label, self.kinds, report):
            rows = self.rows(each, width, height, report)
            report.objects -= not rows
            lines += [" ".join([str(known.index), *row]) + "\n" for row in rows]
        self.no_answers(label, report)
        path = f"labels/{split}/{self.place(label, '.txt')}"
        entry = {"file": path, "dataset": label["dataset"], "data_key": label["data_key"]}
        yield File(path, "".join(lines).encode())
        yield Piece(INDEX, 0, compact(entry | {"width": width, "height": height, "task": self.task}) + b"\n")
        yield from self.image(label, f"images/{split}/{self.place(label)}")

    task: ClassVar[str]

    @abstractmethod
    def rows(self, each: Object, width: int, height: int, report: Report) -> list[list[str]]:
        """The lines of an object without its class."""


class DetectWriter(_Yolo):
    """Upright boxes: centre, width and height."""

    task = "detect"
    kinds = frozenset({"box", "rbox", "polygon"})

    def rows(self, each: Object, width: int, height: int, report: Report) -> list[list[str]]:
        if each["annotation_type"] != "box":
            report.changed[each["annotation_type"], BOXED] += 1
        return [_box(shapes.around(each["annotation_type"], each["annotation"]["coord"]), width, height)]


class SegmentWriter(_Yolo):
    """Polygons: their points."""

    task = "segment"
    kinds = frozenset({"box", "rbox", "polygon"})

    def rows(self, each: Object, width: int, height: int, report: Report) -> list[list[str]]:
        kind, coord = each["annotation_type"], each["annotation"]["coord"]
        if kind != "polygon":
            report.changed[kind, OUTLINED] += 1
            return [_flat(shapes.corners(coord) if kind == "box" else shapes.turned_corners(coord), width, height)]
        if shapes.has_holes(coord):
            report.changed[kind, HOLES] += 1
        rings = shapes.outlines(coord)
        if len(rings) > 1:
            report.changed[kind, PARTS] += 1
        return [_flat(ring, width, height) for ring in rings]


class ObbWriter(_Yolo):
    """Turned boxes: their four corners."""

    task = "obb"
    kinds = frozenset({"box", "rbox"})

    def rows(self, each: Object, width: int, height: int, report: Report) -> list[list[str]]:
        kind, coord = each["annotation_type"], each["annotation"]["coord"]
        if kind == "box":
            report.changed[kind, "written as a turned box that is not turned"] += 1
        return [_flat(shapes.corners(coord) if kind == "box" else shapes.turned_corners(coord), width, height)]


class PoseWriter(_Yolo):
    """Keypoint objects: the box around their points, then each point with its visibility (0, 1, 2 as in COCO). All
    lines have as many points as the class that has most; a class with fewer has zeros behind them.
    """

    task = "pose"
    kinds = frozenset({"keypoint"})

    @property
    def surveys(self) -> bool:
        return any(each.annotation_type is AnnotationType.KEYPOINT for each in self.project.classes)

    def more(self) -> Iterator[str]:
        known = self.survey.keypoints
        if not self._points:
            return
        yield f"kpt_shape: [{self._points}, 3]"
        yield "kpt_names:"
        for each in self.project.classes:
            yield f"  {each.index}: [{', '.join(map(_quoted, known.get(str(each.id), ())))}]"

    @property
    def _points(self) -> int:
        return max(map(len, self.survey.keypoints.values()), default=0)

    def rows(self, each: Object, width: int, height: int, report: Report) -> list[list[str]]:
        coord = each["annotation"]["coord"]
        if not any(point["state"]["valid"] for point in coord["points"]):
            report.left_out["keypoint", "none of its points is valid"] += 1
            return []
        row = _box(shapes.around("keypoint", coord), width, height)
        points = arranged(self.survey.keypoints.get(each["class_id"], []), coord, report)
        points += [(0, 0, 0)] * (self._points - len(points))
        for x, y, seen in points:
            row += [_share(x, width), _share(y, height), str(seen)]
        return [row]


class ClassifyWriter(Writer):
    """Image classification: `{split}/{class}/dataset/name`, a class being an answer to one image category that takes
    one, and `classes.csv` with the same in a table, for who has the images already.
    """

    extension = ".zip"

    def documents(self) -> tuple[Document, ...]:
        return (Document("classes.csv", (Section(b"file,dataset,data_key,split,class\r\n", b""),)),)

    @property
    def _category(self) -> tuple[str, Mapping[str, str]]:
        """The id of the category whose answers are the classes, and their names."""
        for each in self.project.specification.image_categories:
            single = each.type in (CategoryType.RADIO, CategoryType.DROPDOWN)
            if single and self.options.category in (None, str(each.id)):
                return str(each.id), {str(option.id): option.name for option in each.options}
        return "", {}

    def write(self, label: Label, start: Offsets, report: Report) -> Iterator[File | Piece | Image]:
        category, options = self._category
        chosen = None
        for answer in label["categories"]["properties"]:
            if answer["property_id"] == category and answer.get("option_ids"):
                chosen = options.get(answer["option_ids"][0])
            else:
                report.left_out["answer", "it is not to the image category of the classes"] += 1
        for each in label["objects"]:
            report.left_out[each["annotation_type"], "classification is of whole images"] += 1
        if chosen is None:
            report.labels -= 1
            report.left_out["label", "it has no answer to the image category of the classes"] += 1
            return
        split = self.split(label) or "train"
        path = f"{split}/{names.folder(chosen)}/{self.place(label)}"
        yield Piece("classes.csv", 0, table_row(path, label["dataset"], label["data_key"], split, chosen))
        yield from self.image(label, path)


def _box(around: tuple[float, float, float, float], width: int, height: int) -> list[str]:
    x, y, across, down = around
    left, right = max(x, 0.0), min(x + across, width)
    upper, lower = max(y, 0.0), min(y + down, height)
    values = (
        (left + right) / 2 / width,
        (upper + lower) / 2 / height,
        (right - left) / width,
        (lower - upper) / height,
    )
    return [f"{value:.10g}" for value in values]


def _flat(points: Sequence[Point], width: int, height: int) -> list[str]:
    return [value for x, y in points for value in (_share(x, width), _share(y, height))]


def _share(value: float, extent: int) -> str:
    return f"{min(max(value / extent, 0.0), 1.0):.10g}"


def _quoted(text: Any) -> str:
    """A text in JSON's form, which is one of YAML's."""
    return json.dumps(text)
