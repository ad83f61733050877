"""JSON documents of any size, a piece at a time."""

from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal
from typing import Any, BinaryIO, Final

import ijson

from formats.types import ErrorCode, Refused

MAX_VALUES = 1_000_000
"""The most values that one item may hold."""

MAX_TEXT = 16 * 2**20
"""The most characters that the texts and keys of one item may have together, and bytes its whole numbers. With
MAX_VALUES this bounds an item to some 100 MB in memory."""

MAX_TOKEN_BYTES = 16 * 2**20
"""The longest that a single text or number may be, anywhere in a document: the parser holds it whole."""

MAX_DEPTH = 32
"""The deepest nesting inside one item."""

MAX_DOCUMENT_DEPTH = 1_000_000
"""The deepest nesting anywhere in a document: the parser keeps a byte for each level."""


class Oversized:
    """Stands where a value was left out: it is too large, or nobody asked for it."""


OVERSIZED: Final = Oversized()

_CHUNK_BYTES = 64 * 2**10
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_OPENINGS: dict[str, type[Any]] = {"start_map": dict, "start_array": list}
_ENDINGS = ("end_map", "end_array")
_Event = tuple[str, Any]


def members(document: BinaryIO, streamed: Mapping[str, Collection[str]]) -> Iterator[tuple[str, int | None, Any]]:
    """Yields the members of the object that `document` is: of an array under one of the keys of `streamed` each item,
    (key, index, item), of anything else (key, None, value).

    `document` is read from its start. An item has those fields only that `streamed` names for its key, and of these
    the scalar ones always; the others come whole within the limits, and OVERSIZED beyond them. A value that is no
    such item is OVERSIZED unless it is scalar. Raises `Refused` where the text is not JSON or not an object, or holds
    a token that is too long.
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
                if first == "start_map":
                    yield key, index, _item(events, streamed[key])
                else:
                    yield key, index, _scalar(first, item, events)
        else:
            yield key, None, _scalar(first, value, events)
    next(events, None)  # what follows the object, if anything, is an error


def items(document: BinaryIO, wanted: Collection[str]) -> Iterator[tuple[int, Any]]:
    """Yields the items of the array that `document` is, with their indexes; see `members`, also for what is raised."""
    events = _events(document)
    if next(events)[0] != "start_array":
        raise Refused(ErrorCode.UNKNOWN_STRUCTURE, "the document is not a JSON array")
    for index, (first, value) in enumerate(events):
        if first == "end_array":
            break
        yield index, _item(events, wanted) if first == "start_map" else _scalar(first, value, events)
    next(events, None)  # what follows the array, if anything, is an error


def _events(document: BinaryIO) -> Iterator[_Event]:
    """The document's parse events. The reading is done here and not by ijson, to tell a stream that fails
    from content that is bad."""
    document.seek(0)
    if document.read(len(_BYTE_ORDER_MARK)) != _BYTE_ORDER_MARK:
        document.seek(0)
    events: list[_Event] = ijson.sendable_list()
    parser = ijson.basic_parse_coro(events)
    pending = 0
    while chunk := document.read(_CHUNK_BYTES):
        _parse(parser.send, chunk)
        pending = 0 if events else pending + len(chunk)
        if pending > MAX_TOKEN_BYTES:
            raise Refused(ErrorCode.TOO_LARGE, f"a text or number is longer than {MAX_TOKEN_BYTES} bytes")
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


def _item(events: Iterator[_Event], wanted: Collection[str]) -> dict[str, Any]:
    """The object that has just begun, with the fields `wanted`."""
    item: dict[str, Any] = {}
    allowance = _Allowance()
    for event, key in events:
        if event == "end_map":
            break
        first, value = next(events)
        if key in wanted and first in _OPENINGS:
            item[key] = _container(first, events, allowance)
        elif key in wanted:
            item[key] = _plain(value)
        else:
            _scalar(first, value, events)
    return item


class _Allowance:
    """How much more one item may hold."""

    def __init__(self) -> None:
        self.values = MAX_VALUES
        self.text = MAX_TEXT

    def covers(self, event: str, value: Any) -> bool:
        """Take what an event adds from it; whether it was enough."""
        self.values -= event != "map_key"
        if type(value) is str:
            self.text -= len(value)
        elif type(value) is int:
            self.text -= value.bit_length() // 8
        return self.values >= 0 and self.text >= 0


def _container(first: str, events: Iterator[_Event], allowance: _Allowance) -> Any:
    """The object or array that begins with the event `first`; OVERSIZED if it is too large or too deep."""
    whole = container = _OPENINGS[first]()
    outer: list[Any] = []
    key = ""
    for event, value in events:
        if event in _ENDINGS:
            if not outer:
                break
            container = outer.pop()
            continue
        opening = _OPENINGS.get(event)
        if not allowance.covers(event, value) or len(outer) >= MAX_DEPTH:
            _skip(len(outer) + 1 + (opening is not None), events)
            return OVERSIZED
        if event == "map_key":
            key = value
            continue
        item = opening() if opening else _plain(value)
        if type(container) is list:
            container.append(item)
        else:
            container[key] = item
        if opening:
            outer.append(container)
            container = item
    return whole


def _scalar(first: str, value: Any, events: Iterator[_Event]) -> Any:
    """The value that begins with the event `first` if it is scalar; else passes over it."""
    if first not in _OPENINGS:
        return _plain(value)
    _skip(1, events)
    return OVERSIZED


def _skip(depth: int, events: Iterator[_Event]) -> None:
    """Passes over the rest of what has begun, `depth` levels of it."""
    while depth:
        event, _ = next(events)
        depth += (event in _OPENINGS) - (event in _ENDINGS)
        if depth > MAX_DOCUMENT_DEPTH:
            raise Refused(ErrorCode.TOO_LARGE, f"it is nested more than {MAX_DOCUMENT_DEPTH} levels deep")


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value
