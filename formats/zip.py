"""Zip files whose entries are made apart: of segments that stand somewhere already, and a directory behind them.

A segment is entries one behind the other (`Segment`), each with its size and CRC-32 in its head, so that nothing
follows it and a segment can be copied as it is. `directory` closes a file of segments: the central directory and its
end, as ZIP64 where they must be (more than 65,535 entries, anything beyond 4 GiB). The same input gives the same bytes:
no times, no systems, no randomness. Text is deflated, what would not shrink is stored.
(APPNOTE.TXT 6.3.10 of PKWARE; docs/decisions/zips-are-written-here.md)
"""

import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from formats.checksums import crc32

STORED: Final = 0
DEFLATED: Final = 8

LEVEL = 6
"""Of deflate: higher ones cost much time for few bytes."""

DEFLATE_END = b"\x03\x00"
"""The last, empty block of a deflate stream: ends what `deflate_piece` made."""

_UTF8 = 1 << 11
_DATE = 0x21  # 1 January 1980, the first that there is
_UNIX_FILE = 0o100644 << 16
_MADE_BY_UNIX = 3 << 8
_LONG = 0xFFFFFFFF
_ROW = struct.Struct("<IQQBQH")


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in a zip. `size` as it is, `packed` as it stands there, after its head at `offset`."""

    name: str
    crc: int
    size: int
    packed: int
    method: int = STORED
    offset: int = 0

    def moved(self, by: int) -> "Entry":
        """The same entry, so many bytes further on."""
        return replace(self, offset=self.offset + by)

    @property
    def length(self) -> int:
        """Bytes of head and data."""
        return len(head(self)) + self.packed


class Segment:
    """Entries one behind the other, as they are gathered."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._pieces: list[bytes] = []
        self.size = 0

    def add(self, name: str, data: bytes, *, shrinks: bool = True) -> None:
        """A file; `shrinks`: whether it is worth a try to deflate it."""
        packed = _deflate(data) if shrinks else data
        method = DEFLATED if len(packed) < len(data) else STORED
        body = packed if method == DEFLATED else data
        entry = Entry(name, crc32(data), len(data), len(body), method, self.size)
        self.entries.append(entry)
        self._pieces += [head(entry), body]
        self.size += len(self._pieces[-2]) + len(body)

    @property
    def data(self) -> bytes:
        """The segment's bytes."""
        return b"".join(self._pieces)


def head(entry: Entry) -> bytes:
    """What stands before an entry's data."""
    name = entry.name.encode()
    extra = b""
    size, packed = entry.size, entry.packed
    if _large(entry):
        extra = struct.pack("<HHQQ", 1, 16, size, packed)
        size = packed = _LONG
    return (
        struct.pack(
            "<4s5H3I2H",
            b"PK\x03\x04",
            45 if extra else 20,
            _UTF8,
            entry.method,
            0,
            _DATE,
            entry.crc,
            packed,
            size,
            len(name),
            len(extra),
        )
        + name
        + extra
    )


def directory(entries: Iterable[Entry], offset: int) -> Iterator[bytes]:
    """What stands behind the entries, which take the first `offset` bytes of the file; a record at a time."""
    count = size = 0
    for entry in entries:
        record = _record(entry)
        count += 1
        size += len(record)
        yield record
    if count >= 0xFFFF or size >= _LONG or offset >= _LONG:
        long = struct.pack("<4sQ2H2I4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, offset)
        yield long + struct.pack("<4sIQI", b"PK\x06\x07", 0, offset + size, 1)
    shown = min(count, 0xFFFF)
    yield struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, shown, shown, min(size, _LONG), min(offset, _LONG), 0)


def deflate_piece(data: bytes) -> bytes:
    """A piece of a file that is deflated in pieces, one behind the other; DEFLATE_END comes behind the last."""
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush(zlib.Z_FULL_FLUSH)


def pack(entries: Iterable[Entry]) -> bytes:
    """Entries as bytes, to be kept; `unpack` reads them."""
    rows = []
    for each in entries:
        name = each.name.encode()
        rows.append(_ROW.pack(each.crc, each.size, each.packed, each.method, each.offset, len(name)) + name)
    return b"".join(rows)


def unpack(data: bytes) -> Iterator[Entry]:
    """What `pack` was given."""
    at = 0
    while at < len(data):
        crc, size, packed, method, offset, length = _ROW.unpack_from(data, at)
        at += _ROW.size
        yield Entry(data[at : at + length].decode(), crc, size, packed, method, offset)
        at += length


def _record(entry: Entry) -> bytes:
    name = entry.name.encode()
    long = b""
    size, packed, offset = entry.size, entry.packed, entry.offset
    if _large(entry):
        long += struct.pack("<QQ", size, packed)
        size = packed = _LONG
    if offset >= _LONG:
        long += struct.pack("<Q", offset)
        offset = _LONG
    extra = struct.pack("<HH", 1, len(long)) + long if long else b""
    fields = struct.pack(
        "<4s6H3I5H2I",
        b"PK\x01\x02",
        _MADE_BY_UNIX | (45 if extra else 20),
        45 if extra else 20,
        _UTF8,
        entry.method,
        0,
        _DATE,
        entry.crc,
        packed,
        size,
        len(name),
        len(extra),
        0,
        0,
        0,
        _UNIX_FILE,
        offset,
    )
    return fields + name + extra


def _large(entry: Entry) -> bool:
    return entry.size >= _LONG or entry.packed >= _LONG


def _deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()
