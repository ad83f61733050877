"""Exports as readers see them that others wrote: pycocotools, supervision, globox, and Info-ZIP's unzip."""

import io
import json
import random
import shutil
import subprocess
import warnings

import pytest
from PIL import Image
from pycocotools.coco import COCO

from formats.writing import Options, Split
from tests.unit.formats.exporting import CLASSES, KINDS, PROJECT, every_kind, exported, label, shape, zipped

with warnings.catch_warnings():  # it would rather have OpenCV, which is ten times its size
    warnings.simplefilter("ignore")
    import supervision
    from globox import AnnotationSet, BoundingBox

    supervision.DetectionDataset  # noqa: B018

NAMES = [each.name for each in PROJECT.classes]
SIZE = (64, 48)


def image():
    content = io.BytesIO()
    Image.new("RGB", SIZE).save(content, "JPEG")
    return content.getvalue()


def boxes(number):
    """Labels with some boxes, a few of them none, on images of SIZE."""
    chance = random.Random(number)
    labels = []
    for at in range(number):
        found = [
            {"x": chance.randrange(30), "y": chance.randrange(20), "width": 5 + chance.randrange(25), "height": 9.5}
            for _ in range(chance.randrange(4))
        ]
        objects = [shape("box", 10 * at + place, coord) for place, coord in enumerate(found)]
        labels.append(label(at, *objects, size=SIZE))
    return labels


@pytest.fixture
def unpacked(tmp_path):
    def unpack(name, labels, options=None):
        """The folder of an export that Info-ZIP has tested and unpacked."""
        pixels = image()
        files, report = exported(name, labels, options or Options(images=True), images=_Everything(pixels))
        (tmp_path / "export.zip").write_bytes(zipped(files).getvalue())
        subprocess.run(["unzip", "-qt", tmp_path / "export.zip"], check=True)
        shutil.unpack_archive(tmp_path / "export.zip", tmp_path / "export")
        return tmp_path / "export", report

    return unpack


class _Everything(dict):
    """The same image under every data key."""

    def __init__(self, content):
        self.content = content

    def get(self, key, default=None):
        return self.content

    def __bool__(self):
        return True


def coco(tmp_path, labels, options=None):
    files, report = exported("coco", labels, options)
    path = tmp_path / "instances.json"
    path.write_bytes(files["annotations/instances.json"])
    return path, report


def corners(found):
    """Boxes as supervision has them, in an order of their own."""
    return sorted(tuple(round(float(value), 2) for value in row) for row in found.xyxy)


def written_corners(each):
    found = (one["annotation"]["coord"] for one in each["objects"])
    return sorted((c["x"], c["y"], c["x"] + c["width"], c["y"] + c["height"]) for c in found)


def test_pycocotools_reads_every_annotation(tmp_path, capsys):
    labels = every_kind(5)
    path, report = coco(tmp_path, labels)

    read = COCO(str(path))

    assert {each["id"]: each["name"] for each in read.loadCats(read.getCatIds())} == dict(enumerate(NAMES))
    for at, each in enumerate(labels):
        [found] = read.loadImgs([at + 1])
        assert (found["file_name"], found["width"], found["height"]) == (f"cells/{each['data_key']}", 640, 480)
        annotations = {one["object_id"]: one for one in read.loadAnns(read.getAnnIds(imgIds=[at + 1]))}
        expected = [one for one in each["objects"] if one["annotation_type"] in ("box", "polygon", "rbox", "keypoint")]
        assert annotations.keys() == {one["id"] for one in expected}
        for one in expected:
            annotation, coord = annotations[one["id"]], one["annotation"]["coord"]
            assert read.loadCats(annotation["category_id"])[0]["name"] == one["class_name"]
            if one["annotation_type"] == "box":
                assert annotation["bbox"] == [coord[field] for field in ("x", "y", "width", "height")]
            elif one["annotation_type"] in ("polygon", "rbox"):
                assert abs(read.annToMask(annotation).sum() - annotation["area"]) < 0.1 * annotation["area"]
            else:
                assert annotation["keypoints"][:6] == [20, 30, 2, 25.5, 33, 1]
    assert len(read.anns) == report.objects


def test_pycocotools_finds_an_export_equal_to_itself(tmp_path, capsys):
    from pycocotools.cocoeval import COCOeval

    path, _ = coco(tmp_path, boxes(8))
    truth = COCO(str(path))
    seen = [
        {"image_id": one["image_id"], "category_id": one["category_id"], "bbox": one["bbox"], "score": 1.0}
        for one in truth.anns.values()
    ]
    evaluation = COCOeval(truth, truth.loadRes(seen), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()

    assert evaluation.stats[0] == pytest.approx(1.0)


def test_supervision_reads_coco(unpacked):
    labels = boxes(6)
    folder, _ = unpacked("coco", labels)

    read = supervision.DetectionDataset.from_coco(
        str(folder / "images"), str(folder / "annotations" / "instances.json")
    )

    assert read.classes == NAMES
    assert_boxes(read, labels)


@pytest.mark.parametrize("images", [Options(images=True), Options(images=True, split=Split(1, 0))])
def test_supervision_reads_yolo(unpacked, images):
    labels = boxes(6)
    folder, _ = unpacked("yolo_detect", labels, images)

    read = supervision.DetectionDataset.from_yolo(
        str(folder / "images/train/cells"), str(folder / "labels/train/cells"), str(folder / "data.yaml")
    )

    assert read.classes == NAMES
    assert_boxes(read, labels)


def test_supervision_reads_yolo_polygons_and_turned_boxes(unpacked, tmp_path):
    ring = [{"x": 5, "y": 5}, {"x": 40, "y": 6}, {"x": 20, "y": 40}]
    labels = [label(0, shape("polygon", 0, {"points": [[ring]]}), size=SIZE)]
    folder, _ = unpacked("yolo_segment", labels)
    read = _yolo(folder)
    [(_, _, found)] = list(read)
    assert corners(found) == [(5, 5, 40, 40)]
    assert list(found.class_id) == [CLASSES[KINDS.index("polygon")].index]
    assert abs(found.mask[0].sum() - 612.5) < 70  # what the outline touches is inside of its mask

    shutil.rmtree(folder)
    turned = {"cx": 30, "cy": 24, "width": 20, "height": 10, "angle": 90}
    folder, _ = unpacked("yolo_obb", [label(0, shape("rbox", 0, turned), size=SIZE)])
    [(_, _, found)] = list(_yolo(folder, is_obb=True))
    assert corners(found) == [(25, 14, 35, 34)]
    assert list(found.class_id) == [CLASSES[KINDS.index("rbox")].index]


def test_supervision_reads_the_boxes_of_yolo_poses(unpacked):
    names = {"nose": (10, 12), "tail": (30, 40)}
    seen = {"visible": True, "valid": True}
    coord = {"points": [{"name": name, "x": x, "y": y, "state": seen} for name, (x, y) in names.items()]}
    folder, _ = unpacked("yolo_pose", [label(0, shape("keypoint", 0, coord), size=SIZE)])

    [(_, _, found)] = list(_yolo(folder))

    assert corners(found) == [(10, 12, 30, 40)]


def test_supervision_reads_classes_of_images(unpacked):
    option = {"property_id": "00000000-0000-0000-0000-0000000000c8"}
    labels = [
        label(0, answers=[option | {"option_ids": ["00000000-0000-0000-0000-0000000000c9"]}]),
        label(1, answers=[option | {"option_ids": ["00000000-0000-0000-0000-0000000000ca"]}]),
    ]
    folder, report = unpacked("yolo_classify", labels)
    for name in ("Giemsa", "Wright_Leishman"):  # it looks no deeper than one folder
        for path in (folder / "train" / name / "cells").iterdir():
            path.rename(folder / "train" / name / path.name)
        (folder / "train" / name / "cells").rmdir()

    read = supervision.ClassificationDataset.from_folder_structure(str(folder / "train"))

    assert read.classes == ["Giemsa", "Wright_Leishman"]
    assert sorted(int(found.class_id[0]) for _, _, found in read) == [0, 1]
    assert report.labels == 2


def test_supervision_reads_voc(unpacked):
    labels = [each for each in boxes(6) if each["objects"]]
    folder, _ = unpacked("voc", labels)

    read = supervision.DetectionDataset.from_pascal_voc(
        str(folder / "JPEGImages" / "cells"), str(folder / "Annotations" / "cells")
    )

    assert read.classes == ["box class"]
    # it takes pixels for counted from 1, as the development kit did; where our corners lie, formats.voc says
    assert_boxes(read, labels, index=0, from_one=1)


@pytest.mark.parametrize("name", ["coco", "yolo_detect", "voc"])
def test_globox_reads_every_box(unpacked, name):
    labels = boxes(6)
    folder, report = unpacked(name, labels)
    if name == "coco":
        read = AnnotationSet.from_coco(folder / "annotations" / "instances.json")
    elif name == "voc":
        read = AnnotationSet.from_pascal_voc(folder / "Annotations", recursive=True)
    else:
        read = AnnotationSet.from_yolo_v5(
            folder / "labels/train/cells", image_folder=folder / "images/train/cells", image_extension=".jpg"
        )

    found = {each.image_id.rpartition("/")[2]: each for each in read}
    assert len(found) == 6
    named = str(CLASSES[0].index) if name == "yolo_detect" else CLASSES[0].name
    for each in labels:
        ours = sorted((box.xmin, box.ymin, box.xmax, box.ymax) for box in found[each["data_key"]].boxes)
        expected = written_corners(each)
        assert len(ours) == len(expected)
        for one, other in zip(ours, expected, strict=True):
            assert one == pytest.approx(other, abs=1e-3)
        assert {box.label for box in found[each["data_key"]].boxes} <= {named}
    assert sum(len(each.boxes) for each in read) == report.objects
    assert isinstance(next(box for each in read for box in each.boxes), BoundingBox)


def test_label_studio_tasks_place_regions_in_percent():
    coord = {"cx": 32, "cy": 24, "width": 16, "height": 8, "angle": 90}
    labels = [
        label(0, shape("box", 0, {"x": 16, "y": 12, "width": 32, "height": 24}), shape("rbox", 1, coord), size=SIZE)
    ]
    files, _ = exported("label_studio", labels)

    [task] = json.loads(files["tasks.json"])

    straight, turned = task["annotations"][0]["result"]
    place = {"x": 25, "y": 25, "width": 50, "height": 50, "rotation": 0}
    assert straight["value"] == place | {"rectanglelabels": ["box class"]}
    # turned by a quarter about what was its upper left corner, which then is its upper right one
    assert turned["value"]["x"] == pytest.approx((32 + 4) / 64 * 100)
    assert turned["value"]["y"] == pytest.approx((24 - 8) / 48 * 100)
    assert (turned["value"]["width"], turned["value"]["rotation"]) == (pytest.approx(25), 90)
    assert task["data"]["image"] == "/data/local-files/?d=cells/image%200.jpg"


def _yolo(folder, **more):
    return supervision.DetectionDataset.from_yolo(
        str(folder / "images/train/cells"), str(folder / "labels/train/cells"), str(folder / "data.yaml"), **more
    )


def assert_boxes(read, labels, index=CLASSES[0].index, from_one=0):
    found = {path.replace("\\", "/").rpartition("/")[2]: detections for path, _, detections in read}
    assert found.keys() == {each["data_key"] for each in labels}
    for each in labels:
        ours = corners(found[each["data_key"]])
        expected = written_corners(each)
        assert len(ours) == len(expected)
        for one, other in zip(ours, expected, strict=True):
            left, top, right, bottom = other
            assert one == pytest.approx((left - from_one, top - from_one, right, bottom), abs=0.011)
        assert set(found[each["data_key"]].class_id) <= {index}
