"""What readers yield."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from contracts.enums import AnnotationType


class ErrorCode(StrEnum):
    """Why something could not be read. Stable: reports and programs rely on it."""

    NOT_ZIP = "not_zip"
    NOT_XML = "not_xml"
    NOT_JSON = "not_json"
    ENCRYPTED = "encrypted"
    TOO_LARGE = "too_large"
    UNKNOWN_STRUCTURE = "unknown_structure"
    UNSUPPORTED = "unsupported"
    MISSING_FIELD = "missing_field"
    NOT_A_NUMBER = "not_a_number"
    BAD_TEXT = "bad_text"
    DUPLICATE = "duplicate"
    UNKNOWN_IMAGE = "unknown_image"
    UNKNOWN_CATEGORY = "unknown_category"


@dataclass(frozen=True, slots=True)
class ParsedObject:
    """One shape.

    `position`: its place among its label's objects in the file, from 0, unreadable ones counted, so that it
    means the same object in every reading of the same file. `line`: where it starts, from 1, in formats that
    have lines. `annotation`: `{"coord": …, "meta": {"z_index": …}, "multiple": …}` as in a Suite 0.4 export,
    pixels from the top left corner; its geometry is not judged here. `source_id`: its id in the file, if
    objects have one there. `object_id`: its id in the project that it was exported from, which it is to keep.
    `properties`: further answers about it, as they were given there.
    """

    position: int
    line: int | None
    class_name: str
    annotation_type: AnnotationType
    annotation: dict[str, Any]
    source_id: str | None = None
    object_id: UUID | None = None
    properties: tuple[Mapping[str, Any], ...] = ()

    @property
    def name(self) -> str:
        """What reports call it."""
        return object_name(self.position, self.source_id)


@dataclass(frozen=True, slots=True)
class ParsedLabel:
    """One image's objects. `width` and `height` in pixels, None where the file does not say. `answers` to the image
    categories, each with `property_id` and `option_ids` or `value`, by the ids of the project that they were exported
    from; None: the format has none.
    """

    file: str
    data_key: str
    width: int | None
    height: int | None
    objects: tuple[ParsedObject, ...]
    answers: tuple[Mapping[str, Any], ...] | None = None


@dataclass(frozen=True, slots=True)
class ParseError:
    """Something that could not be read. `object`: the one thing it is about; None: all of `file`."""

    file: str
    line: int | None
    object: str | None
    code: ErrorCode
    detail: str


class Refused(Exception):
    """Raised inside a reader, which turns it into a `ParseError` where it knows what it is about."""

    def __init__(self, code: ErrorCode, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def object_name(position: int, source_id: str | None = None) -> str:
    """What reports call an object: `annotation 17` by its id in the file, else `object 3`, counted from 1."""
    return f"object {position + 1}" if source_id is None else f"annotation {source_id}"


def box(x: float, y: float, width: float, height: float, position: int) -> dict[str, Any]:
    """The annotation of an upright box."""
    return annotation({"x": x, "y": y, "width": width, "height": height}, position)


def annotation(coord: dict[str, Any], position: int, *, multiple: bool = False) -> dict[str, Any]:
    """An annotation in the Suite's form. Later objects are drawn above earlier ones."""
    return {"coord": coord, "meta": {"z_index": position + 1}, "multiple": multiple}
