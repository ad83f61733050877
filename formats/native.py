"""Labelyard's own export: one JSON document, described by `native.schema.json` beside this file.

    {"format": "labelyard", "version": 1, "project": {…}, "exported_at": "…", "labels": [{…}, …]}

It is written in pieces, so that parts of it can be made apart and joined: `header()`, then labels (or parts made of
them) joined by SEPARATOR, then FOOTER. The same input always gives the same bytes: compact UTF-8 JSON, the fields of
the document and of a label in the order above, those of anything inside sorted. Times are RFC 3339 in UTC.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, BinaryIO
from uuid import UUID

from contracts.body import COORDS
from contracts.enums import AnnotationType, Review, Status
from formats.json_stream import OVERSIZED, members
from formats.types import ErrorCode, ParsedLabel, ParsedObject, ParseError, Refused, object_name
from formats.values import extent, mapping, number, shown, text
from formats.writing import Document, File, Image, Offsets, Piece, Report, Section, Writer, compact

FORMAT = "labelyard"
VERSION = 1
SEPARATOR = b","
FOOTER = b"]}\n"


@dataclass(frozen=True, slots=True)
class Label:
    """A label with its body, as exported. Labels stand in the order of their ids.

    `image_info`: width and height in pixels, as stored in the file (before its EXIF orientation is applied). `tags`:
    names. `assignee`: who labels it, as the exporting service names people. `objects`: each with id, class_id,
    class_name, annotation_type, annotation and properties; `categories`: the answers under `properties`, both as in
    a Suite 0.4 export.
    """

    id: str
    dataset: str
    data_key: str
    image_info: Mapping[str, int]
    status: Status
    review: Review
    round: int
    tags: Sequence[str]
    assignee: str | None
    created_at: datetime
    updated_at: datetime
    submitted_at: datetime | None
    reviewed_at: datetime | None
    objects: Sequence[Mapping[str, Any]]
    categories: Mapping[str, Any]


_DECODER = json.JSONDecoder()
_FIELDS = tuple(field.name for field in fields(Label))


def header(project: Mapping[str, Any], exported_at: datetime) -> bytes:
    """The document up to its first label. Of `project`: id, name and specification."""
    head = {
        "format": FORMAT,
        "version": VERSION,
        "project": {field: project[field] for field in ("id", "name", "specification")},
        "exported_at": exported_at,
    }
    return _members(head) + b',"labels":['


def label(entry: Label) -> bytes:
    """One label."""
    return _members({field: getattr(entry, field) for field in _FIELDS}) + b"}"


def labels(part: bytes) -> Iterator[dict[str, Any]]:
    """The labels of a part that this system wrote, as JSON objects; ValueError if it is damaged."""
    text, at = part.decode(), 0
    del part  # it may be large
    while at < len(text):
        entry, at = _DECODER.raw_decode(text, at)
        yield entry
        if at < len(text):
            if text[at] != ",":
                raise ValueError(f"no comma after the label that ends at character {at}")
            at += 1


def read(document: BinaryIO, name: str = "") -> Iterator[Label | ParseError]:
    """Yields a document's labels, one at a time in memory. `document`: a seekable stream; `name`: the `file` of
    errors."""
    for found in _entries(document, name):
        if isinstance(found, ParseError):
            yield found
            continue
        place, entry = found
        try:
            yield _label(mapping(entry, place))
        except Refused as error:
            yield ParseError(name, None, place, error.code, error.detail)


def read_labels(document: BinaryIO, name: str = "") -> Iterator[ParsedLabel | ParseError]:
    """Yields what an import takes of a document's labels: see `read`."""
    for found in _entries(document, name):
        if isinstance(found, ParseError):
            yield found
            continue
        place, entry = found
        try:
            yield from parsed(mapping(entry, place), name)
        except Refused as error:
            yield ParseError(name, None, place, error.code, error.detail)


def _entries(document: BinaryIO, name: str) -> Iterator[tuple[str, Any] | ParseError]:
    """Each label as it stands there, with its place."""
    head: dict[str, Any] = {}
    try:
        for key, index, value in members(document, {"labels": _FIELDS}):
            if key != "labels":
                head[key] = value
                continue
            if (head.get("format"), head.get("version")) != (FORMAT, VERSION):
                detail = f"not a {FORMAT} document of version {VERSION}"
                raise Refused(ErrorCode.UNSUPPORTED, detail)
            if index is None:
                raise Refused(ErrorCode.UNKNOWN_STRUCTURE, "labels is not an array")
            yield f"labels[{index}]", value
    except Refused as error:
        yield ParseError(name, None, None, error.code, error.detail)


def parsed(entry: Mapping[str, Any], name: str, line: int | None = None) -> Iterator[ParsedLabel | ParseError]:
    """What an import takes of a label: its objects and answers, after the errors of those that cannot be read. Raises
    `Refused` where there is no label.
    """
    if any(value is OVERSIZED for value in entry.values()):
        raise Refused(ErrorCode.TOO_LARGE, "holds too much, or is nested too deeply")
    objects: list[ParsedObject] = []
    data_key = text(entry.get("data_key"), "data_key")
    info = mapping(entry.get("image_info", {}), "image_info")
    for position, each in enumerate(_array(entry, "objects")):
        try:
            objects.append(parsed_object(mapping(each, "the object"), position, line))
        except Refused as error:
            place = f"{object_name(position)} of {shown(data_key)}"
            yield ParseError(name, line, place, error.code, error.detail)
    categories = mapping(entry.get("categories", {}), "categories").get("properties", [])
    if not isinstance(categories, list):
        raise Refused(ErrorCode.UNKNOWN_STRUCTURE, "categories.properties is not an array")
    answers = tuple(mapping(each, "an answer") for each in categories)
    width, height = extent(info.get("width")), extent(info.get("height"))
    yield ParsedLabel(name, data_key, width, height, tuple(objects), answers)


def parsed_object(each: Mapping[str, Any], position: int, line: int | None = None) -> ParsedObject:
    """One object in the native form; raises `Refused`. Its coordinates are not judged here."""
    drawn = mapping(each.get("annotation"), "annotation")
    written = _string(each.get("annotation_type"), "annotation_type")
    if written not in COORDS:
        raise Refused(ErrorCode.UNSUPPORTED, f"annotation_type is {shown(written)}, not one of {', '.join(COORDS)}")
    try:
        object_id = None if each.get("id") is None else UUID(_string(each["id"], "id"))
    except ValueError as error:
        raise Refused(ErrorCode.BAD_TEXT, f"id is no UUID: {shown(each['id'])}") from error
    properties = _array(each, "properties") if each.get("properties") is not None else []
    meta = mapping(drawn.get("meta", {}), "meta")
    z_index = int(number(meta.get("z_index", position + 1), "z_index"))
    coord, multiple = mapping(drawn.get("coord"), "coord"), drawn.get("multiple") is True
    return ParsedObject(
        position,
        line,
        text(each.get("class_name"), "class_name"),
        AnnotationType(written),
        {"coord": coord, "meta": {"z_index": z_index}, "multiple": multiple},
        None if object_id is None else str(object_id),
        object_id,
        tuple(mapping(found, "a property") for found in properties),
    )


def _members(values: Mapping[str, Any]) -> bytes:
    """A JSON object of `values` in their order, without its closing brace."""
    return b"{" + b",".join(_json(key) + b":" + _json(value) for key, value in values.items())


def _json(value: Any) -> bytes:
    return _ENCODER.encode(value).encode()


def _plain(value: object) -> Any:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"a time without a zone: {value}")
        return value.astimezone(UTC).isoformat().removesuffix("+00:00") + "Z"
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence):
        return list(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"), default=_plain)


def _label(entry: Mapping[str, Any]) -> Label:
    if any(value is OVERSIZED for value in entry.values()):
        raise Refused(ErrorCode.TOO_LARGE, "holds too much, or is nested too deeply")
    info = mapping(entry.get("image_info"), "image_info")
    width, height = extent(info.get("width")), extent(info.get("height"))
    if width is None or height is None:
        raise Refused(ErrorCode.MISSING_FIELD, "image_info has no width and height")
    return Label(
        id=_string(entry.get("id"), "id"),
        dataset=_string(entry.get("dataset"), "dataset"),
        data_key=_string(entry.get("data_key"), "data_key"),
        image_info={"width": width, "height": height},
        status=Status(_one_of(entry, "status", [*Status])),
        review=Review(_one_of(entry, "review", [*Review])),
        round=int(number(entry.get("round"), "round")),
        tags=tuple(_string(tag, "a tag") for tag in _array(entry, "tags")),
        assignee=None if entry.get("assignee") is None else _string(entry["assignee"], "assignee"),
        created_at=_time(entry, "created_at"),
        updated_at=_time(entry, "updated_at"),
        submitted_at=None if entry.get("submitted_at") is None else _time(entry, "submitted_at"),
        reviewed_at=None if entry.get("reviewed_at") is None else _time(entry, "reviewed_at"),
        objects=tuple(mapping(item, "an object") for item in _array(entry, "objects")),
        categories=mapping(entry.get("categories"), "categories"),
    )


def _string(value: object, field: str) -> str:
    if not isinstance(value, str):
        code = ErrorCode.MISSING_FIELD if value is None else ErrorCode.BAD_TEXT
        raise Refused(code, f"{field} is not text: {shown(value)}")
    return value


def _one_of(entry: Mapping[str, Any], field: str, values: Sequence[str]) -> str:
    value = _string(entry.get(field), field)
    if value not in values:
        raise Refused(ErrorCode.UNSUPPORTED, f"{field} is {shown(value)}, not one of {', '.join(values)}")
    return value


def _array(entry: Mapping[str, Any], field: str) -> list[Any]:
    value = entry.get(field)
    if not isinstance(value, list):
        raise Refused(ErrorCode.UNKNOWN_STRUCTURE, f"{field} is not an array")
    return value


def _time(entry: Mapping[str, Any], field: str) -> datetime:
    written = _string(entry.get(field), field)
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Refused(ErrorCode.BAD_TEXT, f"{field} is not a time with a zone: {shown(written)}")
    return moment.astimezone(UTC)


class NativeWriter(Writer):
    """`labels.json`; with a split one document for each part of it."""

    extension = ".json"
    single = True

    @property
    def verbatim(self) -> bool:
        return not self.archive and self.options.skipped and self.options.empty

    def documents(self) -> tuple[Document, ...]:
        project = self.project
        specification = project.specification.model_dump(mode="json")
        head = header({"id": project.id, "name": project.name, "specification": specification}, project.exported_at)
        splits = self.options.split.names if self.options.split else ("labels",)
        return tuple(Document(f"{name}.json", (Section(head, SEPARATOR),), FOOTER) for name in splits)

    def write(self, label: Mapping[str, Any], start: Offsets, report: Report) -> Iterator[File | Piece | Image]:
        report.objects += len(label["objects"])
        yield Piece(f"{self.split(label) or 'labels'}.json", 0, compact(label))
        yield from self.image(label, f"images/{self.place(label)}")
