"""Reading an import's file anew from where an earlier worker stopped."""

import io
import json
import zipfile
from pathlib import Path

import pytest

from contracts.enums import ImportFormat
from services.labels.handlers.importing.report import ERRORS_KEPT, Report
from services.labels.handlers.importing.source import Source
from tests.unit.formats.exporting import exported, label, shape, zipped

LABELS = 5


def voc(number: int) -> bytes:
    good = "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox>"
    objects = f"<object><name>a</name>{good}</object><object><name>b</name></object>"
    return f"<annotation><filename>{number}.png</filename>{objects}</annotation>".encode()


def _exported(form: ImportFormat) -> bytes:
    """A file as this system exports it, with an object of each label made unreadable."""
    bad = {"id": "no UUID"}
    labels = [
        label(number, shape("box", 2 * number), shape("box", 2 * number + 1, **bad), data_key=f"{number}.png")
        for number in range(LABELS)
    ]
    name = "yolo_detect" if form is ImportFormat.YOLO else form.value
    files, _ = exported(name, labels)
    if form is ImportFormat.LABEL_STUDIO:
        region = b'"id":"no UUID","from_name":"box","to_name":"image","type":"%s"'
        return files["tasks.json"].replace(region % b"rectanglelabels", region % b"brushlabels")
    if form is ImportFormat.YOLO:
        files |= {path: data + b"77 0 0 0 0\n" for path, data in files.items() if path.endswith(".txt")}
        files |= {path: data.split(b"\n", 1)[1] for path, data in files.items() if path.endswith(".txt")}
    return zipped(files).getvalue() if len(files) > 1 else next(iter(files.values()))


@pytest.fixture(params=ImportFormat)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Source:
    """Five labels, each with a good object and one that cannot be read."""
    path = tmp_path / "upload"
    if request.param is ImportFormat.VOC:
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w") as packed:
            for number in range(LABELS):
                packed.writestr(f"{number}.xml", voc(number))
        path.write_bytes(target.getvalue())
    elif request.param is not ImportFormat.COCO:
        path.write_bytes(_exported(request.param))
    else:
        images = [{"id": number, "file_name": f"{number}.png"} for number in range(LABELS)]
        annotations = [
            {"id": 10 * number + category, "image_id": number, "category_id": category, "bbox": [1, 1, 2, 2]}
            for number in range(LABELS)
            for category in (1, 2)
        ]
        document = {"images": images, "categories": [{"id": 1, "name": "a"}], "annotations": annotations}
        path.write_text(json.dumps(document))
    return Source(request.param, path, "upload", tmp_path)


@pytest.mark.parametrize("stop", range(LABELS + 1))
def test_two_halves_make_the_same_report_as_one_reading(source: Source, stop: int) -> None:
    whole = Report()
    labels = list(source.labels(whole))
    assert [label.data_key for label in labels] == [f"{number}.png" for number in range(LABELS)]
    assert whole.error_count == LABELS

    halves = Report()
    first = source.labels(halves)
    read = [next(first) for _ in range(stop)]
    read += source.labels(halves, skip=stop)
    assert read == labels
    assert halves == whole


def test_a_report_keeps_the_first_errors_and_counts_them_all() -> None:
    report = Report()
    for number in range(ERRORS_KEPT + 5):
        report.fault(f"{number}.xml", "not_xml", "broken")
    again = Report.of(report.plain())
    assert (again.error_count, len(again.errors)) == (ERRORS_KEPT + 5, ERRORS_KEPT)
    assert again.errors[-1].file == f"{ERRORS_KEPT - 1}.xml"
