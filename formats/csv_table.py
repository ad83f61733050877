"""CSV (RFC 4180, UTF-8): a line for each object, with what is known of its label; a label without objects has one line.

`x`, `y`, `width` and `height` are the upright box around the object, in pixels; `coord` is its whole shape as JSON, in
the native form. `answers` are those to the image categories, as JSON, by their names.
"""

import csv
import json
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any, BinaryIO, Final

from formats import native, shapes
from formats.types import ErrorCode, ParsedLabel, ParsedObject, ParseError, Refused, object_name
from formats.values import extent, shown, text
from formats.writing import Document, File, Image, Label, Offsets, Piece, Report, Section, Writer, compact

COLUMNS: Final = (
    "label_id", "dataset", "data_key", "image_width", "image_height", "status", "review", "tags", "answers",
    "object_id", "class_index", "class_name", "annotation_type", "x", "y", "width", "height",
    "coord", "z_index", "multiple", "properties",
)  # fmt: skip
MAX_CELL = 16 * 2**20
"""Characters of one cell, and bytes of one line, at most. Bounds memory."""

csv.field_size_limit(MAX_CELL)  # the limit is the process's; the module's own default is 128 KiB
_NEEDED: Final = ("data_key", "object_id", "class_name", "annotation_type", "coord")
_OF_LABEL: Final = COLUMNS.index("object_id")


class CsvWriter(Writer):
    """`labels.csv`; with a split one table for each part of it."""

    extension = ".csv"
    single = True

    def documents(self) -> tuple[Document, ...]:
        splits = self.options.split.names if self.options.split else ("labels",)
        return tuple(Document(f"{name}.csv", (Section(table_row(*COLUMNS), b""),)) for name in splits)

    def write(self, label: Label, start: Offsets, report: Report) -> Iterator[File | Piece | Image]:
        path, info = f"{self.split(label) or 'labels'}.csv", label["image_info"]
        about = (
            label["id"], label["dataset"], label["data_key"], info["width"], info["height"], label["status"],
            label["review"], compact(list(label["tags"])).decode(), compact(self._answers(label)).decode(),
        )  # fmt: skip
        if not label["objects"]:
            yield Piece(path, 0, table_row(*about, *[None] * (len(COLUMNS) - _OF_LABEL)))
        for each in label["objects"]:
            known, drawn = self.classes.get(each["class_id"]), each["annotation"]
            report.objects += 1
            yield Piece(path, 0, table_row(
                *about, each["id"], known and known.index, known.name if known else each["class_name"],
                each["annotation_type"], *shapes.around(each["annotation_type"], drawn["coord"]),
                compact(drawn["coord"]).decode(), drawn["meta"]["z_index"], compact(drawn["multiple"]).decode(),
                compact(each["properties"]).decode(),
            ))  # fmt: skip
        yield from self.image(label, f"images/{self.place(label)}")

    def _answers(self, label: Label) -> dict[str, Any]:
        asked = {str(each.id): each for each in self.project.specification.image_categories}
        answers: dict[str, Any] = {}
        for answer in label["categories"]["properties"]:
            category = asked.get(answer["property_id"])
            named = {str(option.id): option.name for option in category.options} if category else {}
            chosen = [named.get(option, option) for option in answer.get("option_ids") or ()]
            name = category.name if category else answer["property_id"]
            answers[name] = chosen if answer.get("value") is None else answer["value"]
        return answers


def table_row(*values: object) -> bytes:
    """A line of a CSV file (RFC 4180)."""
    cells = ("" if value is None else str(value) for value in values)
    quoted = (f'"{cell.replace(chr(34), chr(34) * 2)}"' if set(cell) & set(',"\r\n') else cell for cell in cells)
    return (",".join(quoted) + "\r\n").encode()


def read(document: BinaryIO, name: str = "") -> Iterator[ParsedLabel | ParseError]:
    """Yields the labels of a table as `CsvWriter` writes it, each after the errors of its lines; `coord` counts, not
    the upright box. Answers are not read: the table has their names only. `document`: a seekable stream; in memory at
    a time: one label, whose lines follow one another.
    """
    try:
        for (data_key, _), rows in groupby(_rows(document), lambda row: (row[1]["data_key"], row[1].get("label_id"))):
            objects: list[ParsedObject] = []
            size: tuple[int | None, int | None] = None, None
            for position, (line, row) in enumerate(rows):
                size = extent(row.get("image_width") or None), extent(row.get("image_height") or None)
                if not row["object_id"]:
                    continue
                try:
                    objects.append(_parsed(row, position, line))
                except Refused as error:
                    yield ParseError(name, line, object_name(position), error.code, error.detail)
            try:
                yield ParsedLabel(name, text(data_key, "data_key"), *size, tuple(objects))
            except Refused as error:
                yield ParseError(name, line, None, error.code, error.detail)
    except Refused as error:
        yield ParseError(name, None, None, error.code, error.detail)


def _rows(document: BinaryIO) -> Iterator[tuple[int, dict[str, str]]]:
    """The lines by the names of their columns, with the number of the line that each ends on."""
    reader = csv.reader(_lines(document), strict=True)
    try:
        columns = next(reader, [])
        if missing := [column for column in _NEEDED if column not in columns]:
            raise Refused(ErrorCode.UNKNOWN_STRUCTURE, f"columns are missing: {', '.join(missing)}")
        for row in reader:
            if row:
                padded = [*row, *[""] * (len(columns) - len(row))]
                yield reader.line_num, dict(zip(columns, padded, strict=False))
    except csv.Error as error:
        raise Refused(ErrorCode.UNKNOWN_STRUCTURE, f"line {reader.line_num}: {error}") from error


def _lines(document: BinaryIO) -> Iterator[str]:
    document.seek(0)
    try:
        while line := document.readline(MAX_CELL):
            if len(line) == MAX_CELL:
                raise Refused(ErrorCode.TOO_LARGE, f"a line is longer than {MAX_CELL} bytes")
            yield line.decode()
    except UnicodeDecodeError as error:
        raise Refused(ErrorCode.BAD_TEXT, f"it is not UTF-8: {error}") from error


def _parsed(row: Mapping[str, str], position: int, line: int) -> ParsedObject:
    entry = {
        "id": row["object_id"],
        "class_name": row["class_name"],
        "annotation_type": row["annotation_type"],
        "annotation": {
            "coord": _json(row["coord"], "coord"),
            "meta": {"z_index": row.get("z_index") or position + 1},
            "multiple": row.get("multiple") == "true",
        },
        "properties": _json(row.get("properties") or "[]", "properties"),
    }
    return native.parsed_object(entry, position, line)


def _json(cell: str, column: str) -> Any:
    try:
        return json.loads(cell)
    except (ValueError, RecursionError) as error:
        raise Refused(ErrorCode.NOT_JSON, f"{column} is no JSON: {shown(cell)}") from error
