"""JSON Lines: a line for each label, which has the fields that it has in the native document.

What stands at the head of that document, the project and its specification, has no line; an object's `class_name` and
an answer's ids say what belongs to what.
"""

import json
from collections.abc import Iterator
from typing import Any, BinaryIO

from formats import native
from formats.types import ErrorCode, ParsedLabel, ParseError, Refused
from formats.values import mapping
from formats.writing import Document, File, Image, Label, Offsets, Piece, Report, Section, Writer, compact

MAX_LINE_BYTES = 16 * 2**20
"""The longest line that is read. Bounds memory."""


class JsonLinesWriter(Writer):
    """`labels.jsonl`; with a split one file for each part of it."""

    extension = ".jsonl"
    single = True

    def documents(self) -> tuple[Document, ...]:
        sections = (Section(b"", b""),)
        splits = self.options.split.names if self.options.split else ("labels",)
        return tuple(Document(f"{name}.jsonl", sections) for name in splits)

    def write(self, label: Label, start: Offsets, report: Report) -> Iterator[File | Piece | Image]:
        report.objects += len(label["objects"])
        yield Piece(f"{self.split(label) or 'labels'}.jsonl", 0, compact(label) + b"\n")
        yield from self.image(label, f"images/{self.place(label)}")


def read(document: BinaryIO, name: str = "") -> Iterator[ParsedLabel | ParseError]:
    """Yields a label for each line. `document`: a seekable stream; in memory at a time: one line."""
    document.seek(0)
    number = 0
    while line := document.readline(MAX_LINE_BYTES):
        number += 1
        try:
            if len(line) == MAX_LINE_BYTES:
                raise Refused(ErrorCode.TOO_LARGE, f"a line is longer than {MAX_LINE_BYTES} bytes")
            if line.strip():
                yield from native.parsed(_entry(line), name, number)
        except Refused as error:
            yield ParseError(name, number, None, error.code, error.detail)
            if error.code is ErrorCode.TOO_LARGE:
                return


def _entry(line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line, parse_constant=_no_number)
    except RecursionError as error:
        raise Refused(ErrorCode.UNKNOWN_STRUCTURE, "it is nested too deeply") from error
    except ValueError as error:
        raise Refused(ErrorCode.NOT_JSON, str(error)) from error
    return mapping(value, "the line")


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
