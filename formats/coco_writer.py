"""COCO: `images`, `categories` and `annotations` (cocodataset.org, "Data format"); `formats.coco` reads it.

Boxes, polygons and keypoint objects are annotations, in pixels as they are stored. `category_id` is the class's index.
Ids of images and annotations, from 1, follow from their places in the snapshot; where something is left out, one is
missing. Beside what COCO defines, a category has `class_id`, an image `label_id`, `dataset` and `data_key`, an
annotation `object_id`: an import puts everything back where it was.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from contracts.body import ObjectClass
from contracts.enums import AnnotationType
from formats import shapes
from formats.writing import (
    HOLES,
    OUTLINED,
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
_IMAGES, _ANNOTATIONS = 0, 1
_UNSEEN: Final[Sequence[float]] = (0, 0, 0)


class CocoWriter(Writer):
    """`annotations/instances.json` and `images/`; with a split `annotations/instances_train.json` and so on."""

    extension = ".json"
    single = True

    @property
    def surveys(self) -> bool:
        return any(each.annotation_type is AnnotationType.KEYPOINT for each in self.project.classes)

    def documents(self) -> tuple[Document, ...]:
        head = {
            "info": {
                "description": self.project.name,
                "contributor": "Labelyard",
                "version": "1.0",
                "year": self.project.exported_at.year,
                "date_created": self.project.exported_at.isoformat(),
            },
            "licenses": [],
            "categories": [self._category(each) for each in self.project.classes],
        }
        sections = (Section(compact(head)[:-1] + b',"images":['), Section(b'],"annotations":['))
        splits = self.options.split.names if self.options.split else (None,)
        return tuple(Document(_path(split), sections, b"]}\n") for split in splits)

    def write(self, label: Label, start: Offsets, report: Report) -> Iterator[File | Piece | Image]:
        path, image_id, place = _path(self.split(label)), start.labels + 1, self.place(label)
        image = {
            "id": image_id,
            "file_name": place,
            "width": label["image_info"]["width"],
            "height": label["image_info"]["height"],
            "label_id": label["id"],
            "dataset": label["dataset"],
            "data_key": label["data_key"],
        }
        yield Piece(path, _IMAGES, compact(image))
        for position, each, known in self.drawn(label, KINDS, report):
            shape = self._shape(each, report)
            if shape is None:
                report.objects -= 1
                continue
            head = {"id": start.objects + position + 1, "image_id": image_id, "category_id": known.index}
            yield Piece(path, _ANNOTATIONS, compact(head | shape | {"iscrowd": 0, "object_id": each["id"]}))
        self.no_answers(label, report)
        yield from self.image(label, f"images/{place}")

    def _category(self, each: ObjectClass) -> dict[str, Any]:
        category = {"id": each.index, "name": each.name, "supercategory": "", "class_id": str(each.id)}
        if each.annotation_type is AnnotationType.KEYPOINT:
            category |= {"keypoints": self.survey.keypoints.get(str(each.id), []), "skeleton": []}
        return category

    def _shape(self, each: Object, report: Report) -> dict[str, Any] | None:
        kind, coord = each["annotation_type"], each["annotation"]["coord"]
        if kind == "keypoint" and not any(point["state"]["valid"] for point in coord["points"]):
            report.left_out[kind, "none of its points is valid"] += 1
            return None
        around = shapes.around(kind, coord)
        shape: dict[str, Any] = {"bbox": list(around), "area": around[2] * around[3], "segmentation": []}
        if kind == "keypoint":
            shape |= self._keypoints(each["class_id"], coord, report)
        elif kind != "box":
            rings = [shapes.turned_corners(coord)] if kind == "rbox" else shapes.outlines(coord)
            shape["segmentation"] = [[value for point in ring for value in point] for ring in rings]
            shape["area"] = sum(map(shapes.area, rings))
            if kind == "rbox":
                report.changed[kind, OUTLINED] += 1
            elif shapes.has_holes(coord):
                report.changed[kind, HOLES] += 1
        return shape

    def _keypoints(self, class_id: str, coord: Mapping[str, Any], report: Report) -> dict[str, Any]:
        points = arranged(self.survey.keypoints.get(class_id, []), coord, report)
        return {
            "keypoints": [value for point in points for value in point],
            "num_keypoints": sum(point[2] > 0 for point in points),
        }


def arranged(names: list[str], coord: Mapping[str, Any], report: Report) -> list[Sequence[float]]:
    """The points of a keypoint object as [x, y, v], in the order of `names`: v is 0 for those that are not valid or
    not there, 1 for hidden ones, 2 for visible ones.
    """
    found: dict[str, Sequence[float]] = {}
    for point in coord["points"]:
        if point["name"] in found or point["name"] not in names:
            report.left_out["point of a keypoint object", "another one has its name"] += 1
        else:
            seen = 2 if point["state"]["visible"] else 1
            found[point["name"]] = [point["x"], point["y"], seen] if point["state"]["valid"] else _UNSEEN
    return [found.get(name, _UNSEEN) for name in names]


def _path(split: str | None) -> str:
    return f"annotations/instances{'_' + split if split else ''}.json"
