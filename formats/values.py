"""Checks of single values, shared by the readers. Each raises `Refused`."""

import math
import re
from typing import Any

from formats.types import ErrorCode, Refused

_CONTROL = re.compile("[\x00-\x1f\ud800-\udfff]")
_SHOWN = 60
_LONGEST = 1000  # characters of a name, as of a data key


def shown(value: object) -> str:
    """`value` short enough for a report."""
    written = repr(value) if isinstance(value, str | int | float | None) else type(value).__name__
    return written if len(written) <= _SHOWN else f"{written[:_SHOWN]}…"


def text(value: object, field: str) -> str:
    """A name: a string that is not blank, not too long, and that a database can store."""
    if value is None:
        raise Refused(ErrorCode.MISSING_FIELD, f"{field} is missing")
    if not isinstance(value, str):
        raise Refused(ErrorCode.BAD_TEXT, f"{field} is not text: {shown(value)}")
    stripped = value.strip()
    if not stripped:
        raise Refused(ErrorCode.MISSING_FIELD, f"{field} is empty")
    if len(stripped) > _LONGEST:
        raise Refused(ErrorCode.BAD_TEXT, f"{field} has {len(stripped)} characters, more than {_LONGEST}")
    if _CONTROL.search(stripped):
        raise Refused(ErrorCode.BAD_TEXT, f"{field} has control characters: {shown(stripped)}")
    return stripped


def number(value: object, field: str) -> float:
    """A finite number; of text, its decimal notation."""
    if value is None:
        raise Refused(ErrorCode.MISSING_FIELD, f"{field} is missing")
    try:
        found = float(value) if isinstance(value, str | int | float) else math.nan
    except (ValueError, OverflowError):
        found = math.nan
    if isinstance(value, bool) or (isinstance(value, str) and "_" in value):  # Python alone takes these
        found = math.nan
    if not math.isfinite(found):
        raise Refused(ErrorCode.NOT_A_NUMBER, f"{field} is not a finite number: {shown(value)}")
    return found


def identity(value: object, field: str) -> str:
    """An id, which files write as a number or as text, some of them both ways."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return text(value, field)


def extent(value: object) -> int | None:
    """An image's width or height where a file states a usable one: many tools write 0 for "not known"."""
    try:
        found = number(value, "extent")
    except Refused:
        return None
    return int(found) if 1 <= found < 2**31 and found.is_integer() else None


def mapping(value: Any, what: str) -> dict[str, Any]:
    """A JSON object."""
    if not isinstance(value, dict):
        raise Refused(ErrorCode.UNKNOWN_STRUCTURE, f"{what} is not an object")
    return value
