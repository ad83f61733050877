"""Cursors of keyset-paged lists: the sort key of the last row, opaque to its reader."""

import base64
import binascii
import json
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from contracts.errors import Problem

Row = TypeVar("Row")


def encode(*values: object) -> str:
    """A cursor that stands for `values` (their str forms)."""
    text = json.dumps([str(value) for value in values], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(cursor: str, *types: Callable[[str], Any]) -> tuple[Any, ...]:
    """The values of a cursor, each read by its type; Problem `bad_cursor` for anything that `encode` didn't make."""
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(values, list) or len(values) != len(types):
            raise ValueError("not as many values as the key has")
        return tuple(read(value) for read, value in zip(types, values, strict=True))
    except (ValueError, TypeError, AttributeError, binascii.Error) as error:
        raise Problem("bad_cursor", "Start again without the cursor.") from error


def page(found: Iterable[Row], limit: int, key: Callable[[Row], object]) -> tuple[list[Row], str | None]:
    """The first `limit` of the rows that were found, and the cursor behind them where there are more.

    So one row more than `limit` is asked for. `key`: what the list is sorted by.
    """
    rows = list(found)
    return rows[:limit], encode(key(rows[limit - 1])) if len(rows) > limit else None
