"""Formatting: what each part of a snapshot becomes in a format, and the file that is put together of that.

A part's outcome is an object under a key that follows from the export and the part's number, and beside it the
directory of its entries and an index, written last. Done again it is the same bytes, so whoever takes a part after
another died takes what stands. What the outcome holds: in an archive a segment of entries, images among them, in each
case pieces of documents.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from zlib import crc32

from chassis.objects import Journal, ObjectStore, Range
from contracts import snapshots
from contracts.snapshots import Part
from formats import native
from formats import zip as zips
from formats.checksums import combine
from formats.writing import Document, Offsets, Report, Section, Writer, gather

Bytes = bytes | Range

GONE = ("image", "it is no longer stored")

CHUNK = 2**20
"""Bytes of a central directory that are handed on together."""


@dataclass(frozen=True)
class Piece:
    """A part's share of a document's section: `length` bytes from `offset` on, before which stand `lead` bytes that
    join it to a piece before. `crc` and `size` are of what it is, deflated or not.
    """

    path: str
    section: int
    offset: int
    lead: int
    length: int
    crc: int
    size: int


@dataclass(frozen=True)
class Outcome:
    """What a part has become, once it is stored under `key` with `etag`; before, in `content` and `entries`."""

    key: str
    segment: int
    pieces: tuple[Piece, ...]
    report: Report
    entries: bytes | None = None
    content: tuple[Bytes, ...] = ()
    etag: str | None = None

    def range(self, offset: int, length: int) -> Bytes:
        """Some of it; of one that is not stored, and so without images, the bytes."""
        if self.entries is not None:
            (data,) = self.content
            assert isinstance(data, bytes)
            return data[offset : offset + length]
        return Range(self.key, offset, length, self.etag)

    def dump(self, etag: str) -> bytes:
        """The index of what is stored."""
        pieces = [list(vars(each).values()) for each in self.pieces]
        plain = {"segment": self.segment, "pieces": pieces, "report": self.report.plain(), "etag": etag}
        return json.dumps(plain).encode()

    @classmethod
    def load(cls, key: str, data: bytes) -> "Outcome":
        """What `dump` wrote."""
        plain = json.loads(data)
        pieces = tuple(Piece(*each) for each in plain["pieces"])
        return cls(key, plain["segment"], pieces, Report.of(plain["report"]), etag=plain["etag"])


def _index(key: str) -> str:
    return f"{key}.index.json"


def _entries(key: str) -> str:
    return f"{key}.entries"


def standing(store: ObjectStore, key: str) -> Outcome | None:
    """The outcome under `key`, if it was finished."""
    try:
        return Outcome.load(key, store.get(_index(key)))
    except KeyError:
        return None


def format_part(
    writer: Writer, data: bytes, start: Offsets, key: str, listed: Iterable[snapshots.Image] = ()
) -> Outcome:
    """What the labels in `data` become. `listed`: where their images are, if the writer wants them."""
    labels = native.labels(data)
    del data  # it is decoded: what follows has no need of it
    gathered = gather(writer, labels, start)
    segment = zips.Segment()
    for file in gathered.files:
        segment.add(file.path, file.data)
    content: list[Bytes] = [segment.data]
    entries, at = segment.entries, segment.size
    stored = {each.label_id: each for each in listed} if gathered.images else {}
    for image in gathered.images:
        found = stored.get(image.label_id)
        if found is None or found.key is None:
            gathered.report.left_out[GONE] += 1
            continue
        entry = zips.Entry(image.path, found.crc32, found.size, found.size, zips.STORED, at)
        entries.append(entry)
        content += [zips.head(entry), Range(found.key, 0, found.size, crc32=found.crc32)]
        at += entry.length
    end = at
    sections = {(each.path, n): section for each in writer.documents() for n, section in enumerate(each.sections)}
    pieces = []
    for (path, number), raw in gathered.pieces.items():
        if not raw:
            continue
        lead, packed = _packed(writer, sections[path, number].separator), _packed(writer, raw)
        pieces.append(Piece(path, number, at + len(lead), len(lead), len(packed), crc32(raw), len(raw)))
        content += [lead, packed]
        at += len(lead) + len(packed)
    joined = tuple(_joined(content))
    return Outcome(key, end, tuple(pieces), gathered.report, zips.pack(entries), joined)


def store_outcome(store: ObjectStore, outcome: Outcome, journal: Journal) -> int:
    """Store an outcome, its index last; how many bytes of it came through this process."""
    assert outcome.entries is not None
    composed = store.compose(outcome.key, outcome.content, "application/octet-stream", journal)
    store.put(_entries(outcome.key), outcome.entries)
    store.put(_index(outcome.key), outcome.dump(composed.etag))
    return composed.through


def forget(store: ObjectStore, key: str) -> None:
    """Remove what there is of an outcome."""
    for each in (_index(key), _entries(key), key):
        store.delete(each)


class Assembled:
    """A file put together of the outcomes of all parts, in their order. Of what is no archive, `crc` is known once its
    content is. `read` fetches an object."""

    def __init__(self, writer: Writer, outcomes: Sequence[Outcome], read: Callable[[str], bytes]) -> None:
        self._writer = writer
        self._outcomes = outcomes
        self._read = read
        self.crc: int | None = None

    def content(self) -> Iterator[Bytes]:
        """The file, piece by piece."""
        if self._writer.archive:
            yield from self._archive()
        else:
            (document,) = self._writer.documents()
            found, self.crc, _ = self._document(document)
            yield from found

    def _archive(self) -> Iterator[Bytes]:
        entries: list[zips.Entry] = []
        at = 0
        for outcome in self._outcomes:
            if outcome.segment:
                yield outcome.range(0, outcome.segment)
                at += outcome.segment
        for document in self._writer.documents():
            found, crc, size = self._document(document)
            packed = sum(len(each) if isinstance(each, bytes) else each.length for each in found)
            entry = zips.Entry(document.path, crc, size, packed + len(zips.DEFLATE_END), zips.DEFLATED, at)
            entries.append(entry)
            yield zips.head(entry)
            yield from found
            yield zips.DEFLATE_END
            at += entry.length
        rest = zips.Segment()
        for file in self._writer.files():
            rest.add(file.path, file.data)
        entries += [each.moved(at) for each in rest.entries]
        yield rest.data
        yield from _in_chunks(zips.directory(self._entries(entries), at + rest.size))

    def _entries(self, documents: list[zips.Entry]) -> Iterator[zips.Entry]:
        """All, in the order in which they stand; those of one part in memory at a time."""
        at = 0
        for outcome in self._outcomes:
            packed = self._read(_entries(outcome.key)) if outcome.entries is None else outcome.entries
            for each in zips.unpack(packed):
                yield each.moved(at)
            at += outcome.segment
        yield from documents

    def _document(self, document: Document) -> tuple[list[Bytes], int, int]:
        """A document's content (packed in an archive), and CRC and size of what it is."""
        found: list[Bytes] = []
        crc = size = 0

        def add(raw: bytes) -> None:
            nonlocal crc, size
            if raw:
                found.append(_packed(self._writer, raw))
                crc, size = combine(crc, crc32(raw), len(raw)), size + len(raw)

        for number, section in enumerate(document.sections):
            add(section.head)
            crc, size = self._section(document, number, section, found, crc, size)
        add(document.tail)
        return found, crc, size

    def _section(
        self, document: Document, number: int, section: Section, found: list[Bytes], crc: int, size: int
    ) -> tuple[int, int]:
        first = True
        for outcome in self._outcomes:
            for piece in outcome.pieces:
                if (piece.path, piece.section) != (document.path, number):
                    continue
                lead = 0 if first else piece.lead
                found.append(outcome.range(piece.offset - lead, piece.length + lead))
                if not first:
                    joint = section.separator
                    crc, size = combine(crc, crc32(joint), len(joint)), size + len(joint)
                crc, size = combine(crc, piece.crc, piece.size), size + piece.size
                first = False
        return crc, size


def _joined(content: Iterable[Bytes]) -> Iterator[Bytes]:
    """The same, bytes that stand side by side in one; at least one piece."""
    gathered: list[bytes] = []
    for each in content:
        if isinstance(each, bytes):
            gathered.append(each)
        else:
            yield b"".join(gathered)
            gathered.clear()
            yield each
    yield b"".join(gathered)


def _packed(writer: Writer, raw: bytes) -> bytes:
    return zips.deflate_piece(raw) if writer.archive and raw else raw


def _in_chunks(records: Iterable[bytes]) -> Iterator[bytes]:
    chunk = bytearray()
    for each in records:
        chunk += each
        if len(chunk) >= CHUNK:
            yield bytes(chunk)
            chunk.clear()
    yield bytes(chunk)


def starts(parts: Sequence[Part]) -> list[Offsets]:
    """How many labels and objects come before each part."""
    found, labels, objects = [], 0, 0
    for part in parts:
        found.append(Offsets(labels, objects))
        labels, objects = labels + part.labels, objects + (part.objects or 0)
    return found
