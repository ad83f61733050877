"""Raw-data archives: the zip of a project's images, and bringing it up to date.

What is unchanged the store copies out of the archive that stands, what is new is put behind that, and the directory is
written anew: so bytes that come through here are those of the change and the directory. A removed image vanishes from
the directory; its bytes stay until they are DEAD_SHARE of the file, then all that is alive is put together anew.

Beside an archive stands its index, a row for each entry in the order of the labels' ids, as the list of images has
them: what changed comes of reading both once, side by side. All sizes and CRCs are known beforehand, so the whole file
is laid out (`_Layout`) before a byte of it is read, and the same list on the same archive is always the same file. It
is named after its layout. Who goes on with it after another was interrupted, or stopped since its turn was over, lays
out the same, finds the parts that stand, and does the rest.
"""

import hashlib
import struct
import tempfile
import time
import unicodedata
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import chain
from typing import BinaryIO, Final, cast
from uuid import UUID

from prometheus_client import Counter

from chassis import objects
from chassis.database import Database
from chassis.logs import get_logger
from chassis.multiparts import Uploads
from chassis.objects import NO_ROOM, Damaged, Full, ObjectStore, Range
from contracts.errors import Problem
from contracts.events import ArchiveChanged, ArchiveReady
from contracts.rpc.exports import ArchiveReport
from contracts.snapshots import Image, ImageList, Manifest
from formats import names
from formats import zip as zips
from services.exports.handlers import archives
from services.exports.handlers.archives import INDEX, Build, Built

log = get_logger()

bytes_through = Counter("labelyard_archive_bytes_through_total", "Bytes of archives through an export worker.")
bytes_copied = Counter("labelyard_archive_bytes_copied_total", "Bytes of archives that the store copied itself.")

DEAD_SHARE: Final = 0.25
"""Of an archive's bytes that may belong to images that were removed."""

TURN = 600.0
"""Seconds after which a delivery hands over to another: the broker takes back what is not done within half an hour."""

_LOOK = 1.0  # seconds between two looks at whether the archive is still wanted
_CHUNK = 2**20
_MAGIC = b"lyindex1"
_HEAD = struct.Struct("<8sQQQ")
_ROW = struct.Struct("<16sIQQQHH")
_NEW = 2**64 - 1


class _Unwanted(Exception):
    """The build was stopped, or another attempt has begun."""


class _TurnOver(Exception):
    """Somebody else is to go on."""


@dataclass(frozen=True, slots=True)
class _Row:
    """An entry: the image of a label, where it stands in the store (`key`), in the file and in the file before
    (`source`, None: it is new).
    """

    label: bytes
    crc: int
    size: int
    offset: int
    source: int | None
    name: str
    key: str

    @property
    def entry(self) -> zips.Entry:
        return zips.Entry(self.name, self.crc, self.size, self.size, zips.STORED, self.offset)

    def dump(self) -> bytes:
        name, key = self.name.encode(errors="surrogatepass"), self.key.encode()
        source = _NEW if self.source is None else self.source
        packed = _ROW.pack(self.label, self.crc, self.size, self.offset, source, len(name), len(key))
        return packed + name + key

    @classmethod
    def load(cls, stream: BinaryIO) -> Iterator["_Row"]:
        """The rows that `dump` wrote, to the stream's end."""
        while fixed := stream.read(_ROW.size):
            label, crc, size, offset, source, name, key = _ROW.unpack(fixed)
            text = stream.read(name).decode(errors="surrogatepass"), stream.read(key).decode()
            yield cls(label, crc, size, offset, None if source == _NEW else source, *text)


@dataclass(frozen=True)
class _Head:
    """How an index begins: `end`, where the entries end and the directory begins; `dead` bytes before that."""

    images: int = 0
    end: int = 0
    dead: int = 0

    def dump(self) -> bytes:
        return _HEAD.pack(_MAGIC, self.images, self.end, self.dead)

    @classmethod
    def load(cls, stream: BinaryIO) -> "_Head":
        magic, images, end, dead = _HEAD.unpack(stream.read(_HEAD.size))
        if magic != _MAGIC:
            raise ValueError("not an index of an archive")
        return cls(images, end, dead)


def build(database: Database, event: ArchiveReady) -> None:
    """Build an archive, or bring it up to date; or clear away what is left of a build that has ended."""
    run(database, event, ObjectStore.shared())


def run(database: Database, event: ArchiveReady, store: ObjectStore, turn: float = TURN) -> None:
    """`build` with its store, and how many seconds it may take until another delivery has to go on."""
    with database.session() as session:
        begun = archives.begin(session, event)
    if begun is None:
        archives.clear_away(database, ArchiveChanged(project_id=event.project_id, build_id=event.build_id, version=0))
        return
    outcome: Built | Problem
    try:
        with ExitStack() as files:
            outcome = _Making(database, store, begun, files, time.monotonic() + turn).make()
    except _Unwanted:
        log.info("stopped", archive=str(begun.project_id), attempt=begun.attempt)
        return
    except _TurnOver:
        with database.session() as session:
            archives.hand_over(session, begun)
        return
    except KeyError as error:
        outcome = Problem("gone", f"An object is missing: {error.args[0]}.")
    except Damaged as error:
        outcome = Problem("unsupported", f"An image is not what was uploaded, its checksum differs: {error.args[0]}.")
    except Full:
        outcome = Problem("too_large", NO_ROOM)
    with database.session() as session:
        if not archives.finish(session, begun, outcome):
            log.info("overtaken", archive=str(begun.project_id), attempt=begun.attempt)


class _Making:
    """One attempt."""

    def __init__(self, database: Database, store: ObjectStore, begun: Build, files: ExitStack, until: float) -> None:
        self._database, self._store, self._build, self._files, self._until = database, store, begun, files, until
        self._looked = 0.0

    def make(self) -> Built:
        manifest = Manifest.model_validate_json(self._store.get(self._build.manifest))
        layout = _Layout(self._store, self._build.standing, manifest, self._files)
        if layout.same:
            assert self._build.standing is not None
            return Built(self._build.standing, manifest.taken_at, layout.report(0, layout.size))
        key = f"{self._build.prefix}{layout.digest}.zip"
        size = self._store.size(key)
        if size is not None:  # who completed it did not come to say so
            through = objects.through(layout.pieces(), layout.size)
        else:
            index = Uploads(self._database)
            self._store.compose(key + INDEX, layout.index(), "application/octet-stream", index)
            pieces = self._while_wanted(layout)
            journal = Uploads(self._database, resumable=True)
            composed = self._store.compose(key, pieces, "application/zip", journal, layout.size)
            size, through = composed.size, composed.through
            bytes_through.inc(through)
            bytes_copied.inc(size - through)
        assert size == layout.size
        return Built(key, manifest.taken_at, layout.report(through, size))

    def _while_wanted(self, layout: "_Layout") -> Iterator[bytes | Range]:
        """The pieces of the file, as long as it is neither stopped, nor in other hands, nor the turn over."""
        done = 0
        for piece in layout.pieces():
            now = time.monotonic()
            if now - self._looked > _LOOK:
                self._looked = now
                with self._database.session() as session:
                    if not archives.progressed(session, self._build, done, layout.size):
                        raise _Unwanted
                if now > self._until:
                    raise _TurnOver
            yield piece
            done += len(piece) if isinstance(piece, bytes) else piece.length


class _Layout:
    """The whole file, laid out. Its rows are in a temporary file: there may be millions.

    `same`: it is the one that stands. `size`: its bytes. `digest`: a name for it, another for each layout.
    """

    def __init__(self, store: ObjectStore, standing: str | None, manifest: Manifest, files: ExitStack) -> None:
        self._files = files
        self._standing = standing
        self._old = _Head()
        self._kept = self._added = self._added_size = self._removed = self._gone = self._missing = 0
        self._images_size = self._live = 0
        self._counts = manifest.counts
        self._taken: set[int] = set()
        drafts = self._draft(store, manifest)
        self._compact = self._old.dead + self._gone > DEAD_SHARE * self._old.end
        self.same = standing is not None and not self._added and not self._removed
        self._rows = self._lay_out(drafts)
        self.size = self._head.end + sum(map(len, self._directory()))

    def index(self) -> Iterator[bytes]:
        """The index, piece by piece."""
        self._rows.seek(0)
        yield from iter(lambda: self._rows.read(_CHUNK), b"")

    def pieces(self) -> Iterator[bytes | Range]:
        """The file, piece by piece."""
        yield from self._unchanged()
        for row in self._final():
            if row.source is None:
                yield zips.head(row.entry)
                yield Range(row.key, 0, row.size, crc32=row.crc)
        yield from self._directory()

    def report(self, through: int, size: int) -> ArchiveReport:
        """What is in it, if so many of its bytes came through here."""
        return ArchiveReport(
            images=self._kept + self._added,
            images_size=self._images_size,
            size=size,
            added=self._added,
            added_size=self._added_size,
            removed=self._removed,
            kept=self._kept,
            missing=self._missing,
            dead=self._head.dead,
            compacted=self._compact and self._standing is not None,
            through=through,
            copied=0 if self.same else size - through,
            counts=self._counts,
        )

    def _draft(self, store: ObjectStore, manifest: Manifest) -> BinaryIO:
        """The rows of what stays and of what is new; the latter without a place, and named by dataset and data key."""
        drafts = self._file()
        old = self._old_rows(store)
        before = next(old, None)
        for image in _images(store, manifest):
            label = UUID(image.label_id).bytes
            while before is not None and before.label < label:
                self._remove(before)
                before = next(old, None)
            if before is not None and before.label == label:
                if before.key == image.key:
                    self._keep(before)
                    drafts.write(before.dump())
                    before = next(old, None)
                    continue
                self._remove(before)
                before = next(old, None)
            if image.key is None:
                self._missing += 1
                continue
            self._added += 1
            self._added_size += image.size
            self._images_size += image.size
            named = f"{image.dataset}\0{image.data_key}"
            drafts.write(_Row(label, image.crc32, image.size, 0, None, named, image.key).dump())
        for row in chain([before] if before is not None else [], old):
            self._remove(row)
        return drafts

    def _file(self) -> BinaryIO:
        """A temporary file, closed with the others."""
        return cast(BinaryIO, self._files.enter_context(tempfile.TemporaryFile()))

    def _old_rows(self, store: ObjectStore) -> Iterator[_Row]:
        """Those of the archive that stands; what was their place is their source."""
        if self._standing is None:
            return iter(())
        file = self._file()
        with store.open(self._standing + INDEX) as stream:
            while chunk := stream.read(_CHUNK):
                file.write(chunk)
        file.seek(0)
        self._old = _Head.load(file)
        return (replace(row, source=row.offset) for row in _Row.load(file))

    def _keep(self, row: _Row) -> None:
        self._kept += 1
        self._images_size += row.size
        self._live += row.entry.length
        self._taken |= _taken_by(row.name)

    def _remove(self, row: _Row) -> None:
        self._removed += 1
        self._gone += row.entry.length

    def _lay_out(self, drafts: BinaryIO) -> BinaryIO:
        """The rows with their places, which are the index behind its head."""
        laid = self._file()
        laid.seek(_HEAD.size)
        digest = hashlib.sha256(_MAGIC + f"{self._standing} {self._compact}".encode())
        kept, end = 0, self._live if self._compact else self._old.end
        drafts.seek(0)
        for draft in _Row.load(drafts):
            if draft.source is None:
                row = replace(draft, name=self._name(*draft.name.split("\0")), offset=end)
                end += row.entry.length
            elif self._compact:
                row = replace(draft, offset=kept)
                kept += row.entry.length
            else:
                row = replace(draft, offset=draft.source)
            data = row.dump()
            digest.update(data)
            laid.write(data)
        self._head = _Head(self._kept + self._added, end, 0 if self._compact else self._old.dead + self._gone)
        self.digest = digest.hexdigest()[:32]
        laid.seek(0)
        laid.write(self._head.dump())
        return laid

    def _name(self, dataset: str, data_key: str) -> str:
        """A path in the archive that nobody else has, however a file system tells letters apart."""
        for name in (
            names.place(dataset, data_key),
            names.place(dataset, data_key, marked=True),
            names.place(dataset, data_key.replace("/", "_"), marked=True),  # a folder on its way is a file
        ):
            if not _in_the_way(name) & self._taken:
                break
        self._taken |= _taken_by(name)
        return name

    def _final(self) -> Iterator[_Row]:
        self._rows.seek(_HEAD.size)
        return _Row.load(self._rows)

    def _unchanged(self) -> Iterator[Range]:
        """What is copied out of the archive that stands."""
        if self._standing is None:
            return
        if not self._compact:
            if self._old.end:
                yield Range(self._standing, 0, self._old.end)
            return
        start = length = 0
        for row in self._final():
            if row.source is None:
                continue
            if row.source != start + length:
                if length:
                    yield Range(self._standing, start, length)
                start, length = row.source, 0
            length += row.entry.length
        if length:
            yield Range(self._standing, start, length)

    def _directory(self) -> Iterator[bytes]:
        chunk = bytearray()
        for record in zips.directory((row.entry for row in self._final()), self._head.end):
            chunk += record
            if len(chunk) >= _CHUNK:
                yield bytes(chunk)
                chunk.clear()
        yield bytes(chunk)


def _images(store: ObjectStore, manifest: Manifest) -> Iterator[Image]:
    for each in manifest.images:
        yield from ImageList.read(store.get(each.key))


def _taken_by(name: str) -> set[int]:
    """What a file takes: its name, and those of its folders."""
    path, *folders = _paths(name)
    return {_hash("file", path), *(_hash("folder", each) for each in folders)}


def _in_the_way(name: str) -> set[int]:
    """What must not be taken if there is to be a file of that name."""
    path, *folders = _paths(name)
    return {_hash("file", path), _hash("folder", path), *(_hash("file", each) for each in folders)}


def _paths(name: str) -> Iterator[str]:
    """A file and its folders, as a file system sees them that is careless about letters."""
    path = unicodedata.normalize("NFC", name).casefold()
    while path:
        yield path
        path = path.rpartition("/")[0]


def _hash(kind: str, path: str) -> int:
    return int.from_bytes(hashlib.blake2b(f"{kind} {path}".encode(), digest_size=8).digest())
