"""The writer of each format that labels can be exported in."""

from collections.abc import Mapping
from typing import Final

from formats import coco_writer, csv_table, json_lines, label_studio, native, suite, voc_writer, yolo_writer
from formats.writing import Writer

WRITERS: Final[Mapping[str, type[Writer]]] = {
    "native": native.NativeWriter,
    "jsonl": json_lines.JsonLinesWriter,
    "suite": suite.SuiteWriter,
    "coco": coco_writer.CocoWriter,
    "yolo_detect": yolo_writer.DetectWriter,
    "yolo_segment": yolo_writer.SegmentWriter,
    "yolo_obb": yolo_writer.ObbWriter,
    "yolo_pose": yolo_writer.PoseWriter,
    "yolo_classify": yolo_writer.ClassifyWriter,
    "voc": voc_writer.VocWriter,
    "csv": csv_table.CsvWriter,
    "label_studio": label_studio.LabelStudioWriter,
}
"""By the names that `contracts.enums.ExportFormat` has for them."""
