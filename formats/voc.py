"""Pascal VOC: a zip of XML files, one for each image.

The format is that of the VOC development kit (Everingham et al., IJCV 2010) as labelImg and its successors
write it. Read of each `<object>`: `name` and `bndbox`; what else it carries (pose, truncated, parts, polygon)
has no place in a body and is left out.

Coordinates: `xmin, ymin, xmax, ymax` are taken as corners in continuous pixels, so x = xmin and
width = xmax - xmin. The original devkit counted pixels from 1 with both ends inside, but the tools that write
VOC files today, and BCCD's own `boxes.csv`, mean corners as drawn; shifting them would move every box.
"""

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import BinaryIO
from xml.sax import SAXParseException
from xml.sax.handler import ContentHandler
from xml.sax.xmlreader import AttributesImpl, Locator

import defusedxml.sax
from defusedxml.common import DefusedXmlException

from contracts.enums import AnnotationType
from formats import archives
from formats.types import ErrorCode, ParsedLabel, ParsedObject, ParseError, Refused, box, object_name
from formats.values import extent, number, shown, text

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


def read(archive: BinaryIO, name: str = "") -> Iterator[ParsedLabel | ParseError]:
    """Yields each image's label after the errors of its file, files in order of their names.

    `archive`: a zip in a seekable stream. XML files are found in any folder; hidden files, `__MACOSX` and
    files of other kinds are passed over. `name`: what errors of the archive as a whole call it. In memory at
    a time: one file, and the archive's directory.
    """
    try:
        opened = archives.Archive(archive)
    except Refused as error:
        yield ParseError(name, None, None, error.code, error.detail)
        return
    with opened:
        members = [member for member in opened.members if PurePosixPath(member.filename).suffix.lower() == ".xml"]
        if not members:
            yield ParseError(name, None, None, ErrorCode.UNKNOWN_STRUCTURE, "no .xml file in the archive")
        for member in members:
            try:
                content = opened.unpack(member)
            except archives.Spent as error:
                yield ParseError(member.filename, None, None, error.code, error.detail)
                return
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
