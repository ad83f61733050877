"""COCO: one JSON document with `images`, `categories` and `annotations` (cocodataset.org, "Data format").

An annotation becomes one object: a keypoint object if any of its keypoints is labeled, else a polygon if it
has a polygon segmentation, else a box. Run-length masks and crowd regions have no counterpart in a body: each
is an error.
"""

import json
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

from contracts.enums import AnnotationType
from formats.json_stream import OVERSIZED, members
from formats.types import ErrorCode, ParsedLabel, ParsedObject, ParseError, Refused, annotation
from formats.values import extent, identity, mapping, number, shown, text

_FIELDS = {
    "images": ("id", "file_name", "width", "height", "data_key"),
    "categories": ("id", "name", "keypoints"),
    "annotations": ("id", "image_id", "category_id", "iscrowd", "keypoints", "segmentation", "bbox", "object_id"),
}
"""What is read of each item; whatever else is in it is passed over, however large it is."""

MAX_LABEL_BYTES = 8 * 2**20
"""The most that the geometry of one image's annotations may take as JSON text. Bounds memory."""

_TABLES = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE image (id TEXT PRIMARY KEY, data_key TEXT, width INTEGER, height INTEGER);
CREATE TABLE category (id TEXT PRIMARY KEY, name TEXT, keypoints TEXT);
CREATE TABLE annotation (id TEXT, place TEXT, image_id TEXT, category_id TEXT, type TEXT, coord TEXT, object_id TEXT);
CREATE INDEX annotation_image ON annotation (image_id);
"""


def read(document: BinaryIO, scratch: Path, name: str = "") -> Iterator[ParsedLabel | ParseError]:
    """Yields the document's labels in the order of its images, each after the errors of its annotations.

    `document`: a seekable stream. Its parts may come in any order and annotations need not be sorted by
    image, so all is first sorted in a temporary database in the folder `scratch`, about as large as the
    document. In memory at a time: one image's annotations. `name`: the `file` of what is yielded. A document
    that is not JSON to its end yields no labels, since any of them may miss objects.
    """
    with (
        tempfile.TemporaryDirectory(dir=scratch) as folder,
        closing(sqlite3.connect(Path(folder) / "coco.sqlite3", isolation_level=None)) as database,
    ):
        database.executescript(_TABLES)
        database.execute("BEGIN")
        try:
            yield from _sort(document, database, name)
        except Refused as error:
            yield ParseError(name, None, None, error.code, error.detail)
            return
        images = database.execute("SELECT id, data_key, width, height FROM image ORDER BY rowid")
        for image_id, data_key, width, height in images:
            objects: list[ParsedObject] = []
            for found in _objects(database, image_id, name):
                if isinstance(found, ParseError):
                    yield found
                else:
                    objects.append(found)
            yield ParsedLabel(name, data_key, width, height, tuple(objects))
        strays = "SELECT place, image_id FROM annotation WHERE image_id NOT IN (SELECT id FROM image)"
        for place, image_id in database.execute(f"{strays} AND coord IS NOT NULL ORDER BY rowid"):
            yield ParseError(name, None, place, ErrorCode.UNKNOWN_IMAGE, f"there is no image {image_id}")


def _sort(document: BinaryIO, database: sqlite3.Connection, file: str) -> Iterator[ParseError]:
    """Puts every image, category and annotation into its table; yields those that cannot be read."""
    has_images = False
    for section, index, item in members(document, _FIELDS):
        if section not in _STORES:
            continue
        if index is None:
            raise Refused(ErrorCode.UNKNOWN_STRUCTURE, f"{section} is not an array")
        has_images = has_images or section == "images"
        kind, store = _STORES[section]
        place = f"{section}[{index}]"
        try:
            entry = mapping(item, place)
            entry_id = identity(entry["id"], "id") if entry.get("id") is not None else None
            place = place if entry_id is None else f"{kind} {entry_id}"
            store(database, entry, entry_id, place)
        except Refused as error:
            yield ParseError(file, None, place, error.code, error.detail)
    if not has_images:
        raise Refused(ErrorCode.UNKNOWN_STRUCTURE, "the document lists no images")


def _store_image(database: sqlite3.Connection, image: dict[str, Any], image_id: str | None, place: str) -> None:
    # what this system exports says the data key beside the file's name, which has the dataset in it
    data_key = text(image["data_key"], "data_key") if "data_key" in image else text(image.get("file_name"), "file_name")
    values = (image_id, data_key, extent(image.get("width")), extent(image.get("height")))
    _insert_once(database, "INSERT OR IGNORE INTO image VALUES (?, ?, ?, ?)", values)


def _store_category(
    database: sqlite3.Connection, category: dict[str, Any], category_id: str | None, place: str
) -> None:
    points = category.get("keypoints")
    if points is OVERSIZED:
        raise Refused(ErrorCode.TOO_LARGE, "holds too much, or is nested too deeply")
    names = [text(point, "keypoint") for point in points] if isinstance(points, list) else []
    values = (category_id, text(category.get("name"), "name"), json.dumps(names))
    _insert_once(database, "INSERT OR IGNORE INTO category VALUES (?, ?, ?)", values)


def _insert_once(database: sqlite3.Connection, statement: str, values: tuple[Any, ...]) -> None:
    if values[0] is None:
        raise Refused(ErrorCode.MISSING_FIELD, "id is missing")
    if database.execute(statement, values).rowcount == 0:
        raise Refused(ErrorCode.DUPLICATE, "the id was used before; the first one counts")


def _store_annotation(
    database: sqlite3.Connection, entry: dict[str, Any], annotation_id: str | None, place: str
) -> None:
    """An annotation that cannot be read is stored without a shape: it counts in its image's positions."""
    image_id = identity(entry.get("image_id"), "image_id")
    category_id = kind = coord = None
    try:
        category_id = identity(entry.get("category_id"), "category_id")
        kind, coord = _shape(entry)
    finally:
        object_id = entry.get("object_id")
        kept = object_id if isinstance(object_id, str) else None
        values = (annotation_id, place, image_id, category_id, kind, coord and json.dumps(coord), kept)
        database.execute("INSERT INTO annotation VALUES (?, ?, ?, ?, ?, ?, ?)", values)


_Store = Callable[[sqlite3.Connection, dict[str, Any], str | None, str], None]
_STORES: dict[str, tuple[str, _Store]] = {
    "images": ("image", _store_image),
    "categories": ("category", _store_category),
    "annotations": ("annotation", _store_annotation),
}


def _shape(entry: dict[str, Any]) -> tuple[AnnotationType, dict[str, Any]]:
    if any(value is OVERSIZED for value in entry.values()):
        raise Refused(ErrorCode.TOO_LARGE, "holds too much, or is nested too deeply")
    if entry.get("iscrowd"):
        raise Refused(ErrorCode.UNSUPPORTED, "a crowd region is not one object")
    if keypoints := _keypoints(entry.get("keypoints")):
        return AnnotationType.KEYPOINT, {"points": keypoints}
    if polygons := _polygons(entry.get("segmentation")):
        return AnnotationType.POLYGON, {"points": polygons}
    bbox = entry.get("bbox")
    if bbox is None:
        raise Refused(ErrorCode.MISSING_FIELD, "bbox is missing")
    if not isinstance(bbox, list) or len(bbox) != 4:
        raise Refused(ErrorCode.UNKNOWN_STRUCTURE, f"bbox is not [x, y, width, height]: {shown(bbox)}")
    fields = ("x", "y", "width", "height")
    return AnnotationType.BOX, {field: number(value, field) for field, value in zip(fields, bbox, strict=True)}


def _keypoints(values: Any) -> list[dict[str, Any]]:
    """The points of [x, y, v, …], v being 0: not labeled, 1: hidden, 2: visible; none if none is labeled."""
    if not values:
        return []
    if not isinstance(values, list) or len(values) % 3:
        raise Refused(ErrorCode.UNKNOWN_STRUCTURE, "keypoints is not [x, y, v, …]")
    points: list[dict[str, Any]] = []
    for x, y, v in zip(values[::3], values[1::3], values[2::3], strict=True):
        if v not in (0, 1, 2):
            raise Refused(ErrorCode.UNKNOWN_STRUCTURE, f"a keypoint's visibility is not 0, 1 or 2: {shown(v)}")
        state = {"visible": v == 2, "valid": v > 0}
        points.append({"x": number(x, "x"), "y": number(y, "y"), "state": state})
    return points if any(point["state"]["valid"] for point in points) else []


def _polygons(segmentation: Any) -> list[list[list[dict[str, float]]]]:
    """The Suite's form of COCO's polygons: each is an outline without holes."""
    if not segmentation:
        return []
    if isinstance(segmentation, dict):
        raise Refused(ErrorCode.UNSUPPORTED, "a run-length mask is not a polygon")
    if not isinstance(segmentation, list) or not all(isinstance(ring, list) for ring in segmentation):
        raise Refused(ErrorCode.UNKNOWN_STRUCTURE, "segmentation is not [[x, y, …], …]")
    return [[_ring(ring)] for ring in segmentation if ring]


def _ring(values: list[Any]) -> list[dict[str, float]]:
    if len(values) % 2:
        raise Refused(ErrorCode.UNKNOWN_STRUCTURE, "a polygon has an x without its y")
    pairs = zip(values[::2], values[1::2], strict=True)
    return [{"x": number(x, "x"), "y": number(y, "y")} for x, y in pairs]


def _objects(database: sqlite3.Connection, image_id: str, file: str) -> Iterator[ParsedObject | ParseError]:
    rows = database.execute(
        "SELECT annotation.id, place, category_id, type, coord, category.name, keypoints, object_id FROM annotation"
        " LEFT JOIN category ON category.id = category_id WHERE image_id = ? ORDER BY annotation.rowid",
        (image_id,),
    )
    size = 0
    for position, (source_id, place, category_id, kind, coord, class_name, keypoints, object_id) in enumerate(rows):
        if coord is None:
            continue
        size += len(coord)
        try:
            if class_name is None:
                raise Refused(ErrorCode.UNKNOWN_CATEGORY, f"there is no category {category_id}")
            if size > MAX_LABEL_BYTES:
                raise Refused(ErrorCode.TOO_LARGE, f"its image has more than {MAX_LABEL_BYTES} bytes of geometry")
            annotation_type = AnnotationType(kind)
            geometry = json.loads(coord)
            if annotation_type is AnnotationType.KEYPOINT:
                geometry = _named(geometry, json.loads(keypoints), class_name)
        except Refused as error:
            yield ParseError(file, None, place, error.code, error.detail)
        else:
            multiple = annotation_type is AnnotationType.POLYGON
            form = annotation(geometry, position, multiple=multiple)
            yield ParsedObject(position, None, class_name, annotation_type, form, source_id, _uuid(object_id))


def _named(coord: dict[str, Any], names: list[str], class_name: str) -> dict[str, Any]:
    points = coord["points"]
    if len(points) != len(names):
        detail = f"has {len(points)} keypoints, its category {shown(class_name)} names {len(names)}"
        raise Refused(ErrorCode.UNSUPPORTED, detail)
    return {"points": [{"name": name} | point for name, point in zip(names, points, strict=True)]}


def _uuid(written: str | None) -> UUID | None:
    try:
        return UUID(written) if written else None
    except ValueError:
        return None
