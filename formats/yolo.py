"""YOLO in the layout of Ultralytics: a zip with `data.yaml` and a text file of lines for each image.

Label files are those below a folder `labels`; the image of `…/labels/…/name.txt` is `…/images/…/name.*`. YOLO leaves an
image's size to the image, so the image must be in the zip, unless there is `labelyard.jsonl`, which this system writes:
it names every label file with its image's data key and size. Without it, the data key is the path below `images`, and
below `train`, `val` or `test` there.

A line of five numbers is a box, one of more a polygon; with `kpt_shape` in `data.yaml` it is a box and keypoints, named
by `kpt_names` or by their numbers. Turned boxes look like polygons of four points: only `labelyard.jsonl` tells them
apart. Values are read to a ten thousandth of a pixel.
"""

import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, BinaryIO

import yaml
from PIL import Image

from contracts.enums import AnnotationType
from formats import shapes
from formats.archives import Archive, Spent
from formats.types import ErrorCode, ParsedLabel, ParsedObject, ParseError, Refused, annotation, object_name
from formats.values import extent, mapping, number, shown, text

INDEX = "labelyard.jsonl"
MAX_LINE = 64 * 2**10
"""Bytes of a line of the index."""

MAX_YAML = 2**20
"""Bytes of `data.yaml`."""

_SPLITS = ("train", "val", "valid", "test")
_IMAGE_ERRORS = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)


@dataclass
class _Data:
    """What `data.yaml` says. `points`: the keypoints of a line, and the numbers that each has."""

    names: dict[int, str]
    points: tuple[int, int] | None = None
    point_names: dict[int, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Place:
    """The image of a label file."""

    data_key: str
    width: int
    height: int
    turned: bool = False


def read(archive: BinaryIO, name: str = "") -> Iterator[ParsedLabel | ParseError]:
    """Yields each image's label after the errors of its file. `archive`: a zip in a seekable stream; `name`: what
    errors of the archive as a whole call it. In memory at a time: its directory, and one label file.
    """
    try:
        opened = Archive(archive)
    except Refused as error:
        yield ParseError(name, None, None, error.code, error.detail)
        return
    with opened:
        try:
            data = _data(opened)
        except Refused as error:
            yield ParseError("data.yaml", None, None, error.code, error.detail)
            return
        files = {member.filename: member for member in opened.members}
        places = _indexed(opened, files) if INDEX in files else _found(opened, files)
        for file, place in places:
            try:
                if isinstance(place, Refused):
                    raise place
                if file not in files:
                    raise Refused(ErrorCode.MISSING_FIELD, "the label file is not in the archive")
                content = opened.unpack(files[file]).decode()
            except UnicodeDecodeError as error:
                yield ParseError(file, None, None, ErrorCode.BAD_TEXT, str(error))
            except Refused as error:
                yield ParseError(file, None, None, error.code, error.detail)
                if isinstance(error, Spent):
                    return
            else:
                yield from _label(file, place, content, data)


def _data(opened: Archive) -> _Data:
    found = [each for each in opened.members if PurePosixPath(each.filename).name in ("data.yaml", "data.yml")]
    if not found:
        raise Refused(ErrorCode.UNKNOWN_STRUCTURE, "there is no data.yaml in the archive")
    if found[0].file_size > MAX_YAML:
        raise Refused(ErrorCode.TOO_LARGE, f"it has more than {MAX_YAML} bytes")
    try:
        content = mapping(yaml.safe_load(opened.unpack(found[0])), "data.yaml")
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise Refused(ErrorCode.UNKNOWN_STRUCTURE, f"it is no YAML: {' '.join(str(error).split())}") from error
    names = {index: text(each, "a class name") for index, each in _numbered(content.get("names"), "names").items()}
    data = _Data(names)
    if (shape := content.get("kpt_shape")) is not None:
        whole = isinstance(shape, list) and len(shape) == 2 and isinstance(shape[0], int)
        if not whole or shape[0] < 1 or shape[1] not in (2, 3):
            raise Refused(ErrorCode.UNKNOWN_STRUCTURE, f"kpt_shape is not [points, 2 or 3]: {shown(str(shape))}")
        data.points = shape[0], shape[1]
        for index, each in _numbered(content.get("kpt_names", {}), "kpt_names").items():
            if isinstance(each, list):
                data.point_names[index] = [text(point, "a keypoint's name") for point in each]
    return data


def _numbered(values: Any, what: str) -> dict[int, Any]:
    """A list, or a mapping with numbers as keys."""
    pairs = enumerate(values) if isinstance(values, list) else mapping(values, what).items()
    try:
        return {int(key): value for key, value in pairs}
    except (TypeError, ValueError) as error:
        raise Refused(ErrorCode.UNKNOWN_STRUCTURE, f"{what} has keys that are no numbers") from error


_Places = Iterator[tuple[str, _Place | Refused]]


def _indexed(opened: Archive, files: Mapping[str, zipfile.ZipInfo]) -> _Places:
    """The label files of the index and their images."""
    try:
        for at, line in enumerate(opened.lines(files[INDEX], MAX_LINE), 1):
            try:
                entry = mapping(json.loads(line), "the line")
                width, height = extent(entry.get("width")), extent(entry.get("height"))
                if width is None or height is None:
                    raise Refused(ErrorCode.MISSING_FIELD, "width and height are missing")
                data_key, turned = text(entry.get("data_key"), "data_key"), entry.get("task") == "obb"
                yield text(entry.get("file"), "file"), _Place(data_key, width, height, turned)
            except (ValueError, RecursionError) as error:
                yield INDEX, Refused(ErrorCode.NOT_JSON, f"line {at}: {error}")
            except Refused as error:
                yield INDEX, Refused(error.code, f"line {at}: {error.detail}")
    except Refused as error:
        yield INDEX, error


def _found(opened: Archive, files: Mapping[str, zipfile.ZipInfo]) -> _Places:
    """The label files of the archive and their images."""
    images = {
        str(path.with_suffix("")): member
        for member in files.values()
        if "images" in (path := PurePosixPath(member.filename)).parts
    }
    found = False
    for file in files:
        path = PurePosixPath(file)
        if path.suffix.lower() != ".txt" or "labels" not in path.parts[:-1]:
            continue
        found = True
        parts = list(path.with_suffix("").parts)
        at = len(parts) - 1 - parts[::-1].index("labels")
        parts[at] = "images"
        member = images.get("/".join(parts))
        if member is None:
            detail = "its image is not in the archive, so nobody knows how large it is"
            yield file, Refused(ErrorCode.UNKNOWN_IMAGE, detail)
            continue
        below = list(PurePosixPath(member.filename).parts[at + 1 :])
        data_key = "/".join(below[1:] if len(below) > 1 and below[0] in _SPLITS else below)
        try:
            with opened.open(member) as stream, Image.open(stream) as image:
                place = _Place(data_key, *image.size)
        except _IMAGE_ERRORS as error:
            yield file, Refused(ErrorCode.UNKNOWN_IMAGE, f"its image cannot be read: {error}")
        except Refused as error:
            yield file, error
        else:
            yield file, place
    if not found:
        yield "", Refused(ErrorCode.UNKNOWN_STRUCTURE, "there is no label file below a folder named labels")


def _label(file: str, place: _Place, content: str, data: _Data) -> Iterator[ParsedLabel | ParseError]:
    objects: list[ParsedObject] = []
    position = 0
    for line, row in enumerate(content.splitlines(), 1):
        if values := row.split():
            try:
                objects.append(_object(values, place, data, position, line))
            except Refused as error:
                yield ParseError(file, line, object_name(position), error.code, error.detail)
            position += 1
    yield ParsedLabel(file, place.data_key, place.width, place.height, tuple(objects))


def _object(row: Sequence[str], place: _Place, data: _Data, position: int, line: int) -> ParsedObject:
    index = int(row[0]) if row[0].isdecimal() and len(row[0]) < 10 else -1
    if index not in data.names:
        raise Refused(ErrorCode.UNKNOWN_CATEGORY, f"data.yaml names no class {shown(row[0])}")
    kind, coord = _shape(row[1:], place, data, index)
    form = annotation(coord, position, multiple=kind is AnnotationType.POLYGON)
    return ParsedObject(position, line, data.names[index], kind, form)


def _shape(row: Sequence[str], place: _Place, data: _Data, index: int) -> tuple[AnnotationType, dict[str, Any]]:
    values = [number(value, "a value") for value in row]
    if data.points and len(values) == 4 + data.points[0] * data.points[1]:
        return AnnotationType.KEYPOINT, {"points": _keypoints(values[4:], place, data, index)}
    if len(values) == 4:
        x, y, width, height = values
        left, top = (x - width / 2) * place.width, (y - height / 2) * place.height
        box = {"x": left, "y": top, "width": width * place.width, "height": height * place.height}
        return AnnotationType.BOX, {name: _rounded(value) for name, value in box.items()}
    if len(values) < 6 or len(values) % 2:
        raise Refused(ErrorCode.UNKNOWN_STRUCTURE, f"a line of {len(row) + 1} values is neither a box nor a polygon")
    pairs = zip(values[::2], values[1::2], strict=True)
    points = [(x * place.width, y * place.height) for x, y in pairs]
    if place.turned:
        turned = shapes.turned_box(points) if len(points) == 4 else None
        if turned is None:
            raise Refused(ErrorCode.UNSUPPORTED, "its corners are not those of a turned rectangle")
        return AnnotationType.RBOX, {name: _rounded(value) for name, value in turned.items()}
    return AnnotationType.POLYGON, {"points": [[[{"x": _rounded(x), "y": _rounded(y)} for x, y in points]]]}


def _keypoints(values: Sequence[float], place: _Place, data: _Data, index: int) -> list[dict[str, Any]]:
    assert data.points
    count, each = data.points
    known = data.point_names.get(index)
    names = known if known is not None else [str(at + 1) for at in range(count)]
    points = []
    for at, name in enumerate(names[:count]):
        x, y, *seen = values[at * each : (at + 1) * each]
        valid = (seen[0] > 0) if seen else (x, y) != (0, 0)
        state = {"visible": seen[0] >= 2 if seen else valid, "valid": valid}
        points.append({"name": name, "x": _rounded(x * place.width), "y": _rounded(y * place.height), "state": state})
    return points


def _rounded(value: float) -> float:
    return round(value, 4) + 0.0
