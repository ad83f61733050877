"""Pascal VOC: what is read, what is refused and under which name."""

import csv
import io
import random
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from contracts.enums import AnnotationType
from formats import archives, voc
from formats.types import ErrorCode, ParsedLabel, ParsedObject, ParseError

BCCD = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "bccd"


def box_xml(name="RBC", xmin="10", ymin="20", xmax="40", ymax="60"):
    corners = {"xmin": xmin, "ymin": ymin, "xmax": xmax, "ymax": ymax}
    inner = "".join(f"<{corner}>{value}</{corner}>" for corner, value in corners.items() if value is not None)
    return f"<object>\n<name>{name}</name>\n<bndbox>{inner}</bndbox>\n</object>\n"


def file_xml(*objects, filename="a.jpg", size="<size><width>640</width><height>480</height></size>"):
    return f"<annotation>\n<filename>{filename}</filename>\n{size}\n{''.join(objects)}</annotation>"


def zipped(files, compression=zipfile.ZIP_DEFLATED):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream


def read(*files, **named):
    return list(voc.read(zipped({f"{n}.xml": content for n, content in enumerate(files)} | named), "up.zip"))


def errors_of(found):
    return [item for item in found if isinstance(item, ParseError)]


def labels_of(found):
    return [item for item in found if isinstance(item, ParsedLabel)]


def test_a_file_becomes_a_label_of_boxes_with_lines_and_positions():
    [label] = read(file_xml(box_xml(), box_xml("WBC", "1.5", "2", "3", "4")))

    first, second = label.objects
    assert (label.file, label.data_key, label.width, label.height) == ("0.xml", "a.jpg", 640, 480)
    assert first == ParsedObject(
        position=0,
        line=4,
        class_name="RBC",
        annotation_type=AnnotationType.BOX,
        annotation={
            "coord": {"x": 10.0, "y": 20.0, "width": 30.0, "height": 40.0},
            "meta": {"z_index": 1},
            "multiple": False,
        },
    )
    assert (second.position, second.line, second.class_name) == (1, 8, "WBC")
    assert second.annotation["coord"] == {"x": 1.5, "y": 2.0, "width": 1.5, "height": 2.0}


def test_a_file_without_objects_is_an_empty_label():
    [label] = read(file_xml())

    assert label.objects == ()


def test_geometry_is_handed_on_unjudged():
    [label] = read(file_xml(box_xml(xmin="5", xmax="5"), box_xml(xmin="9", xmax="5")))

    assert [item.annotation["coord"]["width"] for item in label.objects] == [0.0, -4.0]


@pytest.mark.parametrize("size", ["", "<size/>", "<size><width>0</width><height>x</height></size>"])
def test_a_size_that_is_not_stated_is_not_known(size):
    [label] = read(file_xml(size=size))

    assert (label.width, label.height) == (None, None)


def test_files_come_in_order_of_names_from_any_folder_and_others_are_passed_over():
    files = {
        "VOC/b/2.xml": file_xml(filename="two"),
        "VOC/a/": "",
        "VOC/a/3.XML": file_xml(filename="three"),
        "1.xml": file_xml(filename="one"),
        "__MACOSX/1.xml": "junk",
        "VOC/._2.xml": "junk",
        ".hidden/2.xml": "junk",
        "VOC/two.jpg": "junk",
        "notes.txt": "junk",
    }

    found = list(voc.read(zipped(files)))

    assert [label.data_key for label in found] == ["one", "three", "two"]


@pytest.mark.parametrize(
    ("bad", "code", "detail"),
    [
        (box_xml(xmax=None), ErrorCode.MISSING_FIELD, "xmax is missing"),
        (box_xml(xmax=""), ErrorCode.NOT_A_NUMBER, "xmax is not a finite number: ''"),
        (box_xml(ymin="ten"), ErrorCode.NOT_A_NUMBER, "ymin is not a finite number: 'ten'"),
        (box_xml(ymin="nan"), ErrorCode.NOT_A_NUMBER, "ymin is not a finite number: 'nan'"),
        (box_xml(ymin="1e999"), ErrorCode.NOT_A_NUMBER, "ymin is not a finite number: '1e999'"),
        (box_xml(ymin="1_0"), ErrorCode.NOT_A_NUMBER, "ymin is not a finite number: '1_0'"),
        (box_xml(name="  "), ErrorCode.MISSING_FIELD, "name is empty"),
        (box_xml(name="a&#9;b"), ErrorCode.BAD_TEXT, "name has control characters: 'a\\tb'"),
        ("<object><bndbox/></object>\n\n\n", ErrorCode.MISSING_FIELD, "name is missing"),
        ("<object><name>RBC</name></object>\n\n\n", ErrorCode.MISSING_FIELD, "bndbox of this 'RBC' is missing"),
        (
            "<object><name>RBC</name><name>WBC</name></object>\n\n\n",
            ErrorCode.UNKNOWN_STRUCTURE,
            "name is given twice",
        ),
    ],
)
def test_a_bad_object_is_one_error_and_the_others_are_kept(bad, code, detail):
    error, label = read(file_xml(box_xml("A"), bad, box_xml("B")))

    assert error == ParseError("0.xml", 8, "object 2", code, detail)
    assert [(item.position, item.line, item.class_name, item.name) for item in label.objects] == [
        (0, 4, "A", "object 1"),
        (2, 12 if bad.count("\n") == 4 else 11, "B", "object 3"),
    ]


def test_what_stands_elsewhere_under_the_same_name_is_not_taken_for_the_objects():
    part = "<part><name>head</name><bndbox><xmin>1</xmin></bndbox></part><note><name>x</name></note></object>"

    [label] = read(file_xml(box_xml().replace("</object>", part)))

    assert [item.class_name for item in label.objects] == ["RBC"]


@pytest.mark.parametrize(
    ("content", "code", "line"),
    [
        ("<annotation>\n<object></annotation>", ErrorCode.NOT_XML, 2),
        ("", ErrorCode.NOT_XML, 1),
        ("\x00\x01binary", ErrorCode.NOT_XML, 1),
        ('<?xml version="1.0" encoding="klingon"?><annotation/>', ErrorCode.NOT_XML, None),
        ('<?xml version="1.0" encoding="gb2312"?><annotation/>', ErrorCode.NOT_XML, None),
        ("<html/>", ErrorCode.UNKNOWN_STRUCTURE, None),
        (file_xml().replace("<filename>a.jpg</filename>", ""), ErrorCode.MISSING_FIELD, None),
        (file_xml(filename=" "), ErrorCode.MISSING_FIELD, None),
        (file_xml(size="<filename>b.jpg</filename>"), ErrorCode.UNKNOWN_STRUCTURE, None),
        ('<!DOCTYPE annotation SYSTEM "http://127.0.0.1/x.dtd">' + file_xml(), ErrorCode.UNSUPPORTED, None),
        (
            '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]>' + file_xml(filename="&x;"),
            ErrorCode.UNSUPPORTED,
            None,
        ),
    ],
)
def test_an_unusable_file_is_one_error_and_the_next_file_is_read(content, code, line):
    error, label = read(content, file_xml(filename="next.jpg"))

    assert (error.file, error.line, error.object, error.code) == ("0.xml", line, None, code)
    assert label.data_key == "next.jpg"


def test_entities_are_not_expanded():
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    bomb = f'<!DOCTYPE annotation [<!ENTITY e0 "ha">{entities}]>' + file_xml(filename="&e9;")

    [error] = read(bomb)

    assert error.code is ErrorCode.UNSUPPORTED


def test_utf_16_is_read():
    content = '<?xml version="1.0" encoding="utf-16"?>' + file_xml(box_xml("Zelle ä"))

    [label] = read(content.encode("utf-16"))

    assert label.objects[0].class_name == "Zelle ä"


def test_deep_nesting_is_harmless():
    [label] = read(file_xml("<x>" * 50_000 + "</x>" * 50_000))

    assert label.objects == ()


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x05\x06" + b"\xff" * 18])
def test_something_else_than_a_zip_is_one_error(content):
    [error] = voc.read(io.BytesIO(content), "up.zip")

    assert (error.file, error.code) == ("up.zip", ErrorCode.NOT_ZIP)


def test_a_zip_without_annotations_is_an_error():
    [error] = voc.read(zipped({"a.jpg": "x"}), "up.zip")

    assert (error.file, error.code) == ("up.zip", ErrorCode.UNKNOWN_STRUCTURE)


def test_a_file_that_unpacks_to_too_much_is_refused(monkeypatch):
    monkeypatch.setattr(archives, "MAX_FILE_BYTES", 1000)

    error, label = read(file_xml(size=" " * 1000), file_xml())

    assert (error.file, error.code) == ("0.xml", ErrorCode.TOO_LARGE)
    assert label.file == "1.xml"


def test_a_file_that_declares_less_than_it_holds_is_not_unpacked_further():
    stream = zipped({"a.xml": file_xml(size=" " * 100_000)})
    content = stream.getvalue()
    size = len(file_xml(size=" " * 100_000)).to_bytes(4, "little")

    [error] = voc.read(io.BytesIO(content.replace(size, (50).to_bytes(4, "little"))))

    assert error.code is ErrorCode.NOT_ZIP


def test_an_archive_that_unpacks_to_too_much_is_read_as_far_as_allowed(monkeypatch):
    monkeypatch.setattr(archives, "MAX_ARCHIVE_BYTES", len(file_xml()) * 2)

    found = read(file_xml(), file_xml(), file_xml(), file_xml())

    assert [item.file for item in found] == ["0.xml", "1.xml", "2.xml"]
    assert found[2].code is ErrorCode.TOO_LARGE


def test_an_archive_whose_directory_is_too_large_is_not_opened(monkeypatch):
    files = [file_xml()] * 20
    directory = 20 * (46 + len("0.xml")) + 10  # ten names are a digit longer
    monkeypatch.setattr(archives, "MAX_DIRECTORY_BYTES", directory)
    assert len(labels_of(read(*files))) == 20
    monkeypatch.setattr(archives, "MAX_DIRECTORY_BYTES", directory - 1)

    [error] = read(*files)

    assert (error.file, error.object, error.code) == ("up.zip", None, ErrorCode.TOO_LARGE)


def test_an_encrypted_file_is_refused():
    content = bytearray(zipped({"a.xml": file_xml()}).getvalue())
    content[content.index(b"PK\x01\x02") + 8] |= 1

    [error] = voc.read(io.BytesIO(content))

    assert (error.file, error.code) == ("a.xml", ErrorCode.ENCRYPTED)


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions_are_refused(compression):
    [error] = voc.read(zipped({"a.xml": file_xml()}, compression))

    assert error.code is ErrorCode.UNSUPPORTED


def test_damage_anywhere_in_the_archive_never_raises(tmp_path):
    chance = random.Random(11)
    content = zipped({f"{n}.xml": file_xml(box_xml()) for n in range(3)}).getvalue()
    for turn in range(300):
        damaged = bytearray(content)
        for _ in range(chance.randint(1, 8)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        path = tmp_path / f"{turn}.zip"
        path.write_bytes(damaged[: chance.choice([len(damaged), chance.randrange(len(damaged))])])
        with path.open("rb") as archive:  # a real file refuses seeks that a BytesIO takes
            for item in voc.read(archive):
                assert isinstance(item, ParsedLabel | ParseError)


def test_a_stream_that_fails_raises():
    class Failing(io.BytesIO):
        failing = False

        def read(self, *size):
            if self.failing:
                raise OSError("the disk is gone")
            return super().read(*size)

    stream = Failing(zipped({"a.xml": file_xml(), "b.xml": file_xml()}).getvalue())
    reader = voc.read(stream)
    next(reader)
    stream.failing = True

    with pytest.raises(OSError, match="the disk is gone"):
        next(reader)


def test_bccd_is_read_box_by_box():
    if not BCCD.is_dir():
        pytest.skip("the BCCD data set is not beside this checkout")
    with (BCCD / "boxes.csv").open(newline="") as rows:
        expected = [
            (row["filename"], row["cell_type"], *(float(row[c]) for c in ("xmin", "ymin", "xmax", "ymax")))
            for row in csv.DictReader(rows)
        ]
    archive = zipped({path.name: path.read_bytes() for path in (BCCD / "annotations").glob("*.xml")})

    found = list(voc.read(archive))

    assert errors_of(found) == []
    labels = labels_of(found)
    boxes = [
        (label.data_key, item.class_name, c["x"], c["y"], c["x"] + c["width"], c["y"] + c["height"])
        for label in labels
        for item in label.objects
        for c in [item.annotation["coord"]]
    ]
    assert (len(labels), len(boxes)) == (364, 4888)
    assert Counter(name for _, name, *_ in boxes) == Counter(name for _, name, *_ in expected)
    assert boxes == expected
