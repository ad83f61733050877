"""The zip of the Superb AI Suite's label export.

`project.json`, `meta/{dataset}/{data_key}.json` for each label and `labels/{label_id}.json` for its body. Written is
schema 0.4, snake_case; read is 0.3, camelCase, too. A polygon or polyline of one part is written as its points, one of
several (`multiple`) as lists of them. What the Suite has no field for, review and rounds, is not in the file.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from contracts.enums import Status
from formats.writing import File, Image, Label, Object, Offsets, Piece, Report, Writer, indented

STATUSES: Final = {
    Status.IN_PROGRESS: "WORKING",
    Status.SUBMITTED: "SUBMITTED",
    Status.SKIPPED: "SKIPPED",
}
VERSION: Final = "0.4.0"


class SuiteWriter(Writer):
    """A zip as the Suite's."""

    extension = ".zip"

    def files(self) -> Iterator[File]:
        specification = self.project.specification
        classes = specification.object_classes
        project = {
            "type": "image-siesta",
            "version": VERSION,
            "data_type": "image",
            "categorization": {
                "properties": [
                    {
                        "id": str(each.id),
                        "name": each.name,
                        "type": each.type,
                        "options": [{"id": str(option.id), "name": option.name} for option in each.options],
                        "required": each.required,
                    }
                    for each in specification.image_categories
                ]
            },
            "object_detection": {
                "keypoints": [],
                "object_groups": [],
                "object_classes": [
                    {
                        "id": str(each.id),
                        "name": each.name,
                        "color": each.color,
                        "properties": [],
                        "constraints": {},
                        "ai_class_map": [],
                        "annotation_type": each.annotation_type,
                    }
                    for each in classes
                ],
                "annotation_types": list(dict.fromkeys(each.annotation_type for each in classes)),
            },
        }
        yield File("project.json", indented(project))

    def write(self, label: Label, start: Offsets, report: Report) -> Iterator[File | Piece | Image]:
        place, path = self.place(label), f"labels/{label['id']}.json"
        split = self.split(label)
        meta = {
            "data_key": label["data_key"],
            "image_info": {field: label["image_info"][field] for field in ("width", "height")},
            "label_id": label["id"],
            "label_path": [path],
            "last_updated_date": label["updated_at"],
            "tags": list(label["tags"]),
            "work_assignee": label["assignee"] or "",
            "status": STATUSES[Status(label["status"])],
            "dataset": label["dataset"],
            "info": {},
            "related_labels": {"consensus_labeling": []},
        }
        report.objects += len(label["objects"])
        body = {"objects": list(map(_object, label["objects"])), "categories": {**label["categories"], "frames": []}}
        yield File(f"meta/{place}.json", indented(meta | ({"split": split} if split else {})))
        yield File(path, indented(body))
        yield from self.image(label, f"images/{place}")


def _object(each: Object) -> dict[str, Any]:
    drawn = each["annotation"]
    coord = drawn["coord"]
    if each["annotation_type"] in _DEPTHS and not drawn["multiple"]:
        coord = _flat(coord, _DEPTHS[each["annotation_type"]])
    return {
        "id": each["id"],
        "class_id": each["class_id"],
        "class_name": each["class_name"],
        "annotation_type": each["annotation_type"],
        "annotation": {"multiple": drawn["multiple"], "coord": coord, "meta": drawn["meta"]},
        "properties": each["properties"],
    }


_DEPTHS: Final[Mapping[str, int]] = {"polygon": 2, "polyline": 1}
"""How deep the points of a shape of several parts lie in lists."""


def _flat(coord: Mapping[str, Any], depth: int) -> Mapping[str, Any]:
    points = coord["points"]
    for _ in range(depth):
        if len(points) != 1:
            return coord  # a single polygon with holes
        points = points[0]
    return {"points": points}
