"""Pascal VOC: a zip of XML files, one for each image.

The format is that of the VOC development kit (Everingham et al., IJCV 2010) as labelImg and its successors
write it. Read of each `<object>`: `name` and `bndbox`; what else it carries (pose, truncated, parts, polygon)
has no place in a body and is left out.

Coordinates: `xmin, ymin, xmax, ymax` are taken as corners in continuous pixels, so x = xmin and
width = xmax - xmin. The original devkit counted pixels from 1 with both ends inside, but the tools that write
VOC files today, and BCCD's own `boxes.csv`, mean corners as drawn; shifting them would move every box.
"""

import errno
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import BinaryIO
from xml.sax import SAXParseException
from xml.sax.handler import ContentHandler
from xml.sax.xmlreader import AttributesImpl, Locator

import defusedxml.sax
from defusedxml.common import DefusedXmlException

from contracts.enums import AnnotationType
from formats.types import ErrorCode, ParsedLabel, ParsedObject, ParseError, Refused, box, object_name
from formats.values import extent, number, shown, text

MAX_FILE_BYTES = 8 * 2**20
"""The most that one XML file may unpack to; a real one is a few kilobytes. Bounds memory."""

MAX_ARCHIVE_BYTES = 16 * 2**30
"""The most that all XML files of an archive may unpack to. Bounds time, whatever the archive promises."""

MAX_DIRECTORY_BYTES = 32 * 2**20
"""The most that an archive's directory may take: that of some 300,000 files. Bounds memory to about ten times that."""

_CORNERS = ("xmin", "ymin", "xmax", "ymax")
_OBJECT = ("annotation", "object")
_LABEL_FIELDS = {
    ("annotation", "filename"): "filename",
    ("annotation", "size", "width"): "width",
    ("annotation", "size", "height"): "height",
}
_OBJECT_FIELDS = {(*_OBJECT, "name"): "name"} | {(*_OBJECT, "bndbox", corner): corner for corner in _CORNERS}
_FIELDS = _LABEL_FIELDS | _OBJECT_FIELDS
_DEEPEST = max(map(len, _FIELDS))
# LZMA and BZIP2 members are refused: their decoders may ask for gigabytes, and nobody packs annotations so.
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    OverflowError,
    ValueError,
)


def read(archive: BinaryIO, name: str = "") -> Iterator[ParsedLabel | ParseError]:
    """Yields each image's label after the errors of its file, files in order of their names.

    `archive`: a zip in a seekable stream. XML files are found in any folder; hidden files, `__MACOSX` and
    files of other kinds are passed over. `name`: what errors of the archive as a whole call it. In memory at
    a time: one file, and the archive's directory.
    """
    try:
        with _damage_refused("not a zip archive"):
            opened = zipfile.ZipFile(_Archive(archive))
    except Refused as error:
        yield ParseError(name, None, None, error.code, error.detail)
        return
    with opened:
        members = sorted(filter(_is_annotation, opened.infolist()), key=lambda member: member.filename)
        if not members:
            yield ParseError(name, None, None, ErrorCode.UNKNOWN_STRUCTURE, "no .xml file in the archive")
        allowance = MAX_ARCHIVE_BYTES
        for member in members:
            allowance -= member.file_size
            if allowance < 0:
                detail = f"the archive unpacks to more than {MAX_ARCHIVE_BYTES} bytes; read up to this file"
                yield ParseError(member.filename, None, None, ErrorCode.TOO_LARGE, detail)
                return
            try:
                content = _unpack(opened, member)
            except Refused as error:
                yield ParseError(member.filename, None, None, error.code, error.detail)
            else:
                yield from read_file(content, member.filename)


def read_file(content: bytes, name: str) -> Iterator[ParsedLabel | ParseError]:
    """Yields the errors of one XML file, then its label unless the file as a whole is unusable."""
    handler = _Handler(name)
    try:
        defusedxml.sax.parseString(content, handler)
        fields = handler.fields
        data_key = text(fields.get("filename"), "filename")
    except Refused as error:
        yield ParseError(name, None, None, error.code, error.detail)
    except DefusedXmlException as error:
        detail = f"entities and external references are not read: {error}"
        yield ParseError(name, None, None, ErrorCode.UNSUPPORTED, detail)
    except SAXParseException as error:
        yield ParseError(name, error.getLineNumber(), None, ErrorCode.NOT_XML, error.getMessage())
    except (ValueError, LookupError) as error:  # an encoding that does not exist, or that expat does not know
        yield ParseError(name, None, None, ErrorCode.NOT_XML, str(error))
    else:
        yield from handler.errors
        width, height = extent(fields.get("width")), extent(fields.get("height"))
        yield ParsedLabel(name, data_key, width, height, tuple(handler.objects))


class _Handler(ContentHandler):
    """Collects one file's objects and errors while it is parsed, with the line that each object starts on."""

    def __init__(self, file: str) -> None:
        super().__init__()
        self.file = file
        self.fields: dict[str, str] = {}
        self.objects: list[ParsedObject] = []
        self.errors: list[ParseError] = []
        self._locator: Locator | None = None
        self._depth = 0
        self._path: list[str] = []  # no deeper than what is read, or deep nesting would cost the square of it
        self._text: list[str] | None = None
        self._object: dict[str, str] = {}
        self._repeated: str | None = None
        self._line: int | None = None
        self._position = -1

    def setDocumentLocator(self, locator: Locator) -> None:
        self._locator = locator

    def startElement(self, name: str, attrs: AttributesImpl) -> None:
        self._depth += 1
        self._text = None
        if self._depth > _DEEPEST:
            return
        self._path.append(name)
        path = tuple(self._path)
        if self._depth == 1 and name != "annotation":
            raise Refused(ErrorCode.UNKNOWN_STRUCTURE, f"the root element is {shown(name)}, not 'annotation'")
        if path == _OBJECT:
            self._object, self._repeated = {}, None
            self._line = self._locator.getLineNumber() if self._locator else None
            self._position += 1
        if path in _FIELDS:
            self._text = []

    def characters(self, content: str) -> None:
        if self._text is not None:
            self._text.append(content)

    def endElement(self, name: str) -> None:
        self._depth -= 1
        if self._depth >= _DEEPEST:
            return
        path = tuple(self._path)
        self._path.pop()
        if self._text is not None:
            self._store(path, "".join(self._text))
        elif path == _OBJECT:
            self._end_object()
        self._text = None

    def _store(self, path: tuple[str, ...], value: str) -> None:
        field = _FIELDS[path]
        fields = self._object if path in _OBJECT_FIELDS else self.fields
        if field not in fields:
            fields[field] = value
        elif path in _OBJECT_FIELDS:
            self._repeated = field
        else:
            raise Refused(ErrorCode.UNKNOWN_STRUCTURE, f"{field} is given twice")

    def _end_object(self) -> None:
        try:
            self.objects.append(self._parsed())
        except Refused as error:
            name = object_name(self._position)
            self.errors.append(ParseError(self.file, self._line, name, error.code, error.detail))

    def _parsed(self) -> ParsedObject:
        if self._repeated:
            raise Refused(ErrorCode.UNKNOWN_STRUCTURE, f"{self._repeated} is given twice")
        class_name = text(self._object.get("name"), "name")
        if not any(corner in self._object for corner in _CORNERS):
            raise Refused(ErrorCode.MISSING_FIELD, f"bndbox of this {shown(class_name)} is missing")
        xmin, ymin, xmax, ymax = (number(self._object.get(corner), corner) for corner in _CORNERS)
        annotation = box(xmin, ymin, xmax - xmin, ymax - ymin, self._position)
        return ParsedObject(self._position, self._line, class_name, AnnotationType.BOX, annotation)


class _Archive:
    """An archive's stream. zipfile reads a directory whole, however long it says it is: here it does not."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.seek, self.tell, self.seekable = stream.seek, stream.tell, stream.seekable

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes, at most `size` of them; all that is left is asked for at an archive's end only."""
        if size > MAX_DIRECTORY_BYTES:
            detail = f"the archive's directory takes {size} bytes, more than {MAX_DIRECTORY_BYTES}"
            raise Refused(ErrorCode.TOO_LARGE, detail)
        return self._stream.read(size)


def _is_annotation(member: zipfile.ZipInfo) -> bool:
    path = PurePosixPath(member.filename)
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in path.parts)
    return not member.is_dir() and not hidden and path.suffix.lower() == ".xml"


def _unpack(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    if member.flag_bits & 0x1:
        raise Refused(ErrorCode.ENCRYPTED, "the file is encrypted")
    if member.compress_type not in _COMPRESSIONS:
        raise Refused(ErrorCode.UNSUPPORTED, "the file is not packed with deflate")
    if member.file_size > MAX_FILE_BYTES:
        detail = f"the file unpacks to {member.file_size} bytes, more than {MAX_FILE_BYTES}"
        raise Refused(ErrorCode.TOO_LARGE, detail)
    with _damage_refused("the file is damaged"), archive.open(member) as file:
        # read with a limit: without one, zipfile unpacks what the member holds, not what it declares
        return file.read(MAX_FILE_BYTES)


@contextmanager
def _damage_refused(what: str) -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        raise Refused(ErrorCode.NOT_ZIP, f"{what}: {error}") from error
    except OSError as error:
        if error.errno != errno.EINVAL:  # that is a seek to where a damaged directory points; else the stream fails
            raise
        raise Refused(ErrorCode.NOT_ZIP, f"{what}: it points outside of itself") from error
