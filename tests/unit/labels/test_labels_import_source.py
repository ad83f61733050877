"""Reading an import's file anew from where an earlier worker stopped."""

import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from contracts.enums import ImportFormat
from formats.types import ParsedLabel
from formats.writing import Options, Split
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


@pytest.mark.parametrize("options", [Options(images=True), Options(split=Split(0.5, 0.3))], ids=["images", "split"])
@pytest.mark.parametrize("name", ["native", "jsonl", "coco", "csv", "label_studio"])
def test_an_export_in_a_zip_is_read_as_its_document_is(tmp_path: Path, name: str, options: Options) -> None:
    labels = [label(number, shape("box", number, {"x": 1, "y": 2, "width": 3, "height": 4})) for number in range(20)]
    form = ImportFormat(name)

    def read(given: Options, packed: bool) -> list[ParsedLabel]:
        files, _ = exported(name, labels, given, images={each["data_key"]: b"{}" for each in labels})
        path = tmp_path / "up"
        path.write_bytes(zipped(files).getvalue() if packed else next(iter(files.values())))
        report = Report()
        found = sorted(Source(form, path, "up", tmp_path).labels(report), key=lambda each: each.data_key)
        assert report.error_count == 0
        nowhere = {"position": 0, "line": None}  # places in the file, which differ
        return [replace(each, file="", objects=tuple(replace(o, **nowhere) for o in each.objects)) for each in found]

    assert read(options, True) == read(Options(), False) != []


def test_a_zip_without_a_document_is_refused(tmp_path: Path) -> None:
    (tmp_path / "up").write_bytes(zipped({"image.png": b"png"}).getvalue())
    report = Report()
    assert list(Source(ImportFormat.NATIVE, tmp_path / "up", "up.zip", tmp_path).labels(report)) == []
    assert report.error_count == 1
