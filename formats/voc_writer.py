"""Pascal VOC: an XML file for each label in the folders of the VOC development kit; `formats.voc` reads it.

`Annotations/dataset/name.xml`, `JPEGImages/dataset/name`, and in `ImageSets/Main` a list for each part of a split, or
`trainval.txt` with all. `filename` is the image's data key. Corners as they are drawn, nothing shifted by a pixel.
"""

import re
from collections.abc import Iterator
from typing import Final
from xml.sax.saxutils import escape

from formats import shapes
from formats.writing import BOXED, Document, File, Image, Label, Offsets, Piece, Report, Section, Writer

KINDS: Final = frozenset({"box", "rbox", "polygon"})
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class VocWriter(Writer):
    """A zip of the development kit's folders."""

    extension = ".zip"

    def documents(self) -> tuple[Document, ...]:
        splits = self.options.split.names if self.options.split else ("trainval",)
        return tuple(Document(_list(name), (Section(b"", b""),)) for name in splits)

    def write(self, label: Label, start: Offsets, report: Report) -> Iterator[File | Piece | Image]:
        image, place = self.place(label), self.place(label, "")
        yield File(f"Annotations/{place}.xml", self._annotation(label, report).encode())
        yield Piece(_list(self.split(label) or "trainval"), 0, f"{place}\n".encode())
        yield from self.image(label, f"JPEGImages/{image}")

    def _annotation(self, label: Label, report: Report) -> str:
        info = label["image_info"]
        lines = [
            "<annotation>",
            f"  <folder>{_text(label['dataset'])}</folder>",
            f"  <filename>{_text(label['data_key'])}</filename>",
            "  <source><database>Labelyard</database></source>",
            f"  <size><width>{info['width']}</width><height>{info['height']}</height><depth>3</depth></size>",
            "  <segmented>0</segmented>",
        ]
        for _, each, known in self.drawn(label, KINDS, report):
            x, y, width, height = shapes.around(each["annotation_type"], each["annotation"]["coord"])
            if each["annotation_type"] != "box":
                report.changed[each["annotation_type"], BOXED] += 1
            corners = {"xmin": x, "ymin": y, "xmax": x + width, "ymax": y + height}
            box = "".join(f"<{name}>{_number(value)}</{name}>" for name, value in corners.items())
            lines += [
                "  <object>",
                f"    <name>{_text(known.name)}</name>",
                "    <pose>Unspecified</pose><truncated>0</truncated><difficult>0</difficult>",
                f"    <bndbox>{box}</bndbox>",
                "  </object>",
            ]
        self.no_answers(label, report)
        return "\n".join([*lines, "</annotation>\n"])


def _list(name: str) -> str:
    return f"ImageSets/Main/{name}.txt"


def _number(value: float) -> str:
    """Without noise of floating point: rounded to a ten thousandth of a pixel."""
    return f"{value:.4f}".rstrip("0").rstrip(".")


def _text(value: str) -> str:
    return escape(_NOT_XML.sub("\ufffd", value))
