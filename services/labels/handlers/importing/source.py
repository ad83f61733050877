"""Reading the labels of an uploaded file, in the same order each time."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO, Final, cast

from contracts.enums import ImportFormat
from formats import coco, csv_table, json_lines, label_studio, native, suite, voc, yolo
from formats.archives import Archive
from formats.types import ErrorCode, ParsedLabel, ParseError, Refused
from services.labels.handlers.importing.report import Report


@dataclass(frozen=True)
class Source:
    """A file at `path` that its uploader called `name`; `scratch` is a folder for temporary files."""

    format: ImportFormat
    path: Path
    name: str
    scratch: Path

    def labels(self, report: Report, skip: int = 0) -> Iterator[ParsedLabel]:
        """The labels from number `skip` on. Files and what is wrong in them are in `report` before their label is.

        Left out as faults: a data key that comes again (which of the two is meant?), and a label without any object
        whose objects could not be read.
        """
        number, file, unreadable = 0, None, 0
        # The data keys that have come: an SQLite database without a name is a file once it is larger than its cache.
        with closing(sqlite3.connect("", isolation_level=None)) as seen:
            seen.execute("CREATE TABLE seen (data_key TEXT PRIMARY KEY) WITHOUT ROWID")
            for found in self._read():
                into = report if number >= skip else Report()
                into.files += found.file != file
                file = found.file
                if isinstance(found, ParseError):
                    unreadable += found.object is not None
                    into.fault(found.file, found.code.value, found.detail, line=found.line, name=found.object)
                    continue
                emptied, unreadable = unreadable and not found.objects, 0
                if seen.execute("INSERT OR IGNORE INTO seen VALUES (?)", (found.data_key,)).rowcount == 0:
                    detail = f"{found.data_key!r} was labeled before in this file; the first one counts"
                    into.fault(found.file, ErrorCode.DUPLICATE.value, detail)
                elif not emptied:
                    number += 1
                    if number > skip:
                        yield found

    def _read(self) -> Iterator[ParsedLabel | ParseError]:
        with self.path.open("rb") as stream:
            extension = _DOCUMENTS.get(self.format)
            if extension is not None and stream.read(len(_ZIP)) == _ZIP:
                yield from self._unpacked(stream, extension)
            else:
                stream.seek(0)
                yield from self._document(stream, self.name)

    def _document(self, stream: BinaryIO, name: str) -> Iterator[ParsedLabel | ParseError]:
        if self.format is ImportFormat.COCO:
            yield from coco.read(stream, self.scratch, name)
        else:
            yield from _READERS[self.format](stream, name)

    def _unpacked(self, stream: BinaryIO, extension: str) -> Iterator[ParsedLabel | ParseError]:
        """The documents of a zip, as exports with images or a split are, one after the other."""
        try:
            with Archive(stream) as archive:
                documents = [member for member in archive.members if member.filename.endswith(extension)]
                if not documents:
                    raise Refused(ErrorCode.UNSUPPORTED, f"there is no {extension} file in the archive")
                for member in documents:
                    with TemporaryFile(dir=self.scratch) as document:
                        archive.extract(member, document)
                        document.seek(0)
                        yield from self._document(cast(BinaryIO, document), member.filename)
        except Refused as error:
            yield ParseError(self.name, None, None, error.code, error.detail)


_Reader = Callable[[BinaryIO, str], Iterator[ParsedLabel | ParseError]]
_ZIP: Final = b"PK\x03\x04"
_DOCUMENTS: Final = {
    ImportFormat.NATIVE: ".json",
    ImportFormat.JSONL: ".jsonl",
    ImportFormat.COCO: ".json",
    ImportFormat.CSV: ".csv",
    ImportFormat.LABEL_STUDIO: ".json",
}
"""What the one document of a format ends on; several of them may come in a zip."""

_READERS: Final[Mapping[ImportFormat, _Reader]] = {
    ImportFormat.VOC: voc.read,
    ImportFormat.YOLO: yolo.read,
    ImportFormat.NATIVE: native.read_labels,
    ImportFormat.JSONL: json_lines.read,
    ImportFormat.SUITE: suite.read,
    ImportFormat.CSV: csv_table.read,
    ImportFormat.LABEL_STUDIO: label_studio.read,
}
"""Those that need no folder for temporary files."""
