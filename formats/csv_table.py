"""CSV (RFC 4180, UTF-8): a line for each object, with what is known of its label; a label without objects has one line.

`x`, `y`, `width` and `height` are the upright box around the object, in pixels; `coord` is its whole shape as JSON, in
the native form. `answers` are those to the image categories, as JSON, by their names.
"""

from collections.abc import Iterator
from typing import Any, Final

from formats import shapes
from formats.writing import Document, File, Image, Label, Offsets, Piece, Report, Section, Writer, compact

COLUMNS: Final = (
    "label_id", "dataset", "data_key", "image_width", "image_height", "status", "review", "tags", "answers",
    "object_id", "class_index", "class_name", "annotation_type", "x", "y", "width", "height",
    "coord", "z_index", "multiple", "properties",
)  # fmt: skip
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
