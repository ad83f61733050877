"""JSON documents of any size, a piece at a time."""

from collections.abc import Collection, Iterator
from decimal import Decimal
from typing import Any, BinaryIO, Final

import ijson

from formats.types import ErrorCode, Refused

MAX_VALUES = 1_000_000
"""The most values that one piece may hold: about 100 MB in memory."""

MAX_DEPTH = 32
"""The deepest nesting inside one piece."""


class Oversized:
    """Stands where a value was left out because it, or the piece that it is in, is too large."""


OVERSIZED: Final = Oversized()

_CHUNK_BYTES = 64 * 2**10
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_OPENINGS: dict[str, type[Any]] = {"start_map": dict, "start_array": list}
_ENDINGS = ("end_map", "end_array")
_Event = tuple[str, Any]


def members(document: BinaryIO, streamed: Collection[str]) -> Iterator[tuple[str, int | None, Any]]:
    """Yields the members of the object that `document` is: (key, None, value) or, of an array under one of
    the `streamed` keys, each item: (key, index, item).

    `document` is read from its start. Each value or item is a piece: within the limits it comes whole, beyond
    them with what is large in it replaced by OVERSIZED. Raises `Refused` where the text is not JSON or not an
    object.
    """
    events = _events(document)
    if next(events)[0] != "start_map":
        raise Refused(ErrorCode.UNKNOWN_STRUCTURE, "the document is not a JSON object")
    for event, key in events:
        if event == "end_map":
            break
        first, value = next(events)
        if key in streamed and first == "start_array":
            for index, (first, item) in enumerate(events):
                if first == "end_array":
                    break
                yield key, index, _piece(first, item, events)
        else:
            yield key, None, _piece(first, value, events)
    next(events, None)  # what follows the object, if anything, is an error


def _events(document: BinaryIO) -> Iterator[_Event]:
    """The document's parse events. The reading is done here and not by ijson, to tell a stream that fails
    from content that is bad."""
    document.seek(0)
    if document.read(len(_BYTE_ORDER_MARK)) != _BYTE_ORDER_MARK:
        document.seek(0)
    events: list[_Event] = ijson.sendable_list()
    parser = ijson.basic_parse_coro(events)
    while chunk := document.read(_CHUNK_BYTES):
        _parse(parser.send, chunk)
        yield from events
        del events[:]
    _parse(parser.close)
    yield from events


def _parse(step: Any, *arguments: bytes) -> None:
    try:
        step(*arguments)
    except ijson.JSONError as error:
        raise Refused(ErrorCode.NOT_JSON, " ".join(_message(error).split())) from error
    except (ValueError, ArithmeticError, SystemError) as error:
        # ijson's C parser lets Python's own limits on numbers through, some of them wrapped in a SystemError
        raise Refused(ErrorCode.NOT_JSON, "a number is too long or too large to be read") from error


def _message(error: ijson.JSONError) -> str:
    message = error.args[0] if error.args else ""
    text = message.decode(errors="replace") if isinstance(message, bytes) else str(message)
    return text.partition("\n")[0]  # the rest draws the place


def _piece(first: str, only: Any, events: Iterator[_Event]) -> Any:
    """The value that begins with the event `first`, whose value is `only` if it is a scalar."""
    if first not in _OPENINGS:
        return _plain(only)
    piece = container = _OPENINGS[first]()
    outer: list[Any] = []
    key = member = ""
    size = 0
    for event, value in events:
        if event == "map_key":
            key = value
            if not outer:
                member = key
        elif event in _ENDINGS:
            if not outer:
                break
            container = outer.pop()
        else:
            size += 1
            if size > MAX_VALUES or len(outer) >= MAX_DEPTH:
                depth = len(outer) + 1 + (event in _OPENINGS)
                return _skim(piece, member, depth, events)
            opening = _OPENINGS.get(event)
            item = opening() if opening else _plain(value)
            if type(container) is list:
                container.append(item)
            else:
                container[key] = item
            if opening:
                outer.append(container)
                container = item
    return piece


def _skim(piece: Any, member: str, depth: int, events: Iterator[_Event]) -> Any:
    """Passes over the rest of an oversized piece, from `depth` levels deep in it, and keeps only what stands
    directly in it, so that it can be named."""
    kept = piece if isinstance(piece, dict) else {}
    kept[member] = OVERSIZED
    key = member
    for event, value in events:
        if event == "map_key":
            key = value
        elif event in _ENDINGS:
            depth -= 1
            if depth == 0:
                break
        else:
            if depth == 1 and len(kept) <= MAX_VALUES:
                kept[key] = OVERSIZED if event in _OPENINGS else _plain(value)
            depth += event in _OPENINGS
    return piece if kept is piece else OVERSIZED


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value
