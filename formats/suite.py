"""The zip of the Superb AI Suite's label export.

`project.json`, `meta/{dataset}/{data_key}.json` for each label and `labels/{label_id}.json` for its body. Written is
schema 0.4, snake_case; read is 0.3, camelCase, too. A polygon or polyline of one part is written as its points, one of
several (`multiple`) as lists of them. What the Suite has no field for, review and rounds, is not in the file.
"""

import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO, Final

from contracts.body import ObjectClass, Specification
from contracts.enums import Status
from formats import native
from formats.archives import Archive, Spent
from formats.types import ErrorCode, ParsedLabel, ParseError, Refused
from formats.values import mapping, shown, text
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


def read(archive: BinaryIO, name: str = "") -> Iterator[ParsedLabel | ParseError]:
    """Yields each image's label after the errors of its files, in the order of the names in `meta`. `archive`: a zip in
    a seekable stream; `name`: what errors of the archive as a whole call it. Projects of other data types than images
    are refused. In memory at a time: the archive's directory, and one label.
    """
    for found in entries(archive, name):
        if isinstance(found, ParseError):
            yield found
            continue
        file, entry = found
        try:
            yield from native.parsed(entry, file)
        except Refused as error:
            yield ParseError(file, None, None, error.code, error.detail)


def entries(archive: BinaryIO, name: str = "") -> Iterator[tuple[str, dict[str, Any]] | ParseError]:
    """The labels of an archive in the native form, as far as the Suite has its fields, each with its body's file."""
    try:
        opened = Archive(archive)
        files = {member.filename: member for member in opened.members}
        _project(opened, files)
    except Refused as error:
        yield ParseError(name, None, None, error.code, error.detail)
        return
    with opened:
        for file, member in files.items():
            if not file.startswith("meta/") or not file.endswith(".json"):
                continue
            body = file
            try:
                meta = _json(opened, member)
                paths = meta.get("label_path")
                if not isinstance(paths, list) or not paths:
                    raise Refused(ErrorCode.MISSING_FIELD, "label_path is missing")
                body = text(paths[0], "label_path")
                if body not in files:
                    raise Refused(ErrorCode.MISSING_FIELD, f"{shown(body)} is not in the archive")
                yield body, _native(meta, _json(opened, files[body]))
            except Refused as error:
                yield ParseError(body, None, None, error.code, error.detail)
                if isinstance(error, Spent):
                    return


def specification(archive: BinaryIO) -> Specification:
    """What an archive's `project.json` says is labeled, as far as that is shapes on images; raises `Refused`."""
    with Archive(archive) as opened:
        project = _project(opened, {member.filename: member for member in opened.members})
    try:
        return Specification(
            object_classes=tuple(
                ObjectClass.model_validate(each | {"index": index})
                for index, each in enumerate(project["object_detection"]["object_classes"])
            )
        )
    except (KeyError, TypeError, ValueError) as error:
        raise Refused(ErrorCode.UNKNOWN_STRUCTURE, f"project.json has no object classes: {error}") from error


def _project(opened: Archive, files: Mapping[str, zipfile.ZipInfo]) -> dict[str, Any]:
    if "project.json" not in files:
        raise Refused(ErrorCode.UNKNOWN_STRUCTURE, "there is no project.json in the archive")
    project = _json(opened, files["project.json"])
    if project.get("data_type") != "image":
        detail = f"it is an export of the data type {shown(project.get('data_type'))}; only image is read"
        raise Refused(ErrorCode.UNSUPPORTED, detail)
    return project


def _json(opened: Archive, member: zipfile.ZipInfo) -> dict[str, Any]:
    try:
        return mapping(json.loads(opened.unpack(member)), member.filename)
    except (ValueError, RecursionError) as error:
        raise Refused(ErrorCode.NOT_JSON, f"it is no JSON: {error}") from error


def _native(meta: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    objects = body.get("objects", [])
    if not isinstance(objects, list):
        raise Refused(ErrorCode.UNKNOWN_STRUCTURE, "objects is not an array")
    answers = mapping(body.get("categories") or {}, "categories").get("properties") or []
    if not isinstance(answers, list):
        raise Refused(ErrorCode.UNKNOWN_STRUCTURE, "categories.properties is not an array")
    statuses = {word: status for status, word in STATUSES.items()}
    status = statuses.get(str(meta.get("status")), Status.IN_PROGRESS)
    return {
        "id": meta.get("label_id"),
        "dataset": meta.get("dataset"),
        "data_key": meta.get("data_key"),
        "image_info": meta.get("image_info", {}),
        "status": status,
        "tags": meta.get("tags", []),
        "assignee": meta.get("work_assignee") or None,
        "updated_at": meta.get("last_updated_date"),
        "objects": [_native_object(each) for each in objects],
        "categories": {"properties": [_answer(mapping(each, "an answer")) for each in answers]},
    }


def _native_object(each: Any) -> Any:
    """An object with today's names of its fields; what is not as it should be is left to who reads it."""
    if not isinstance(each, dict):
        return each
    found = {_SNAKE.sub(r"_\1", name).lower(): value for name, value in each.items()}
    drawn = found.get("annotation")
    if isinstance(drawn, dict):
        meta = drawn.get("meta")
        if isinstance(meta, dict):
            meta = {_SNAKE.sub(r"_\1", name).lower(): value for name, value in meta.items()}
        found["annotation"] = {
            **drawn,
            "coord": _nested(found.get("annotation_type"), drawn.get("coord")),
            "meta": meta,
        }
    return found


def _nested(kind: Any, coord: Any) -> Any:
    """The points of a polygon or polyline in lists for its parts, however many of them the file has."""
    depth = _DEPTHS.get(kind) if isinstance(kind, str) else None
    points = coord.get("points") if isinstance(coord, dict) else None
    if depth is None or not isinstance(points, list):
        return coord
    first, lists = points, 0
    while isinstance(first, list) and first and isinstance(first[0], list) and lists < depth:
        first, lists = first[0], lists + 1
    for _ in range(depth - lists):
        points = [points]
    return {"points": points}


def _answer(each: Mapping[str, Any]) -> dict[str, Any]:
    """An answer by the ids of category and options; the Suite names a single option by itself."""
    chosen = each.get("option_ids") or [option for option in [each.get("option_id")] if option]
    answer = {"property_id": each.get("property_id"), "option_ids": chosen}
    return answer if each.get("value") is None else answer | {"value": each["value"]}


_SNAKE = re.compile(r"(?<=[a-z])([A-Z])")
