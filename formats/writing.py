"""What writers of all formats have in common: what they are given, what they yield, and how it is put together.

A writer works part by part, so that several workers can write one export: what it makes of a part depends on that part
alone, on the project, the options, and what was counted before the part (`Offsets`) or over all of them (`Survey`).
"""

import hashlib
import json
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Self

from contracts.body import ObjectClass, Specification
from contracts.enums import Status
from formats import names

Label = Mapping[str, Any]
"""A label as it stands in a native document (`native.schema.json`)."""

Object = Mapping[str, Any]
"""One of its objects."""


@dataclass(frozen=True)
class Project:
    """Whose labels are written, as they were at `exported_at`."""

    id: str
    name: str
    specification: Specification
    exported_at: datetime

    @property
    def classes(self) -> tuple[ObjectClass, ...]:
        """All that there are and were, by index: what stands at a place never changes but for its name."""
        specification = self.specification
        every = (*specification.object_classes, *specification.removed_object_classes)
        return tuple(sorted(every, key=lambda each: each.index))


@dataclass(frozen=True)
class Split:
    """How images are dealt into train, val and test: shares that add up to 1 or less (the rest is test).

    By a hash of `seed`, dataset and data key, so an image stays where it is in every export of the same seed, in
    whatever project, and however many others come or go.
    """

    train: float = 0.8
    val: float = 0.1
    seed: int = 0

    def of(self, dataset: str, data_key: str) -> str:
        """`train`, `val` or `test`."""
        digest = hashlib.sha256(f"{self.seed}\0{dataset}\0{data_key}".encode()).digest()
        drawn = int.from_bytes(digest[:8]) / 2**64
        return "train" if drawn < self.train else "val" if drawn < self.train + self.val else "test"

    @property
    def names(self) -> tuple[str, ...]:
        """Those that can have images."""
        shares = {"train": self.train, "val": self.val, "test": 1 - self.train - self.val}
        return tuple(name for name, share in shares.items() if share > 1e-9)


@dataclass(frozen=True)
class Options:
    """What somebody chose. `skipped`: labels that were skipped, too. `empty`: labels without any object (to
    classifiers: without an answer), too. `images`: the images themselves, which makes every export a zip. `category`:
    the image category whose answers are the classes, by id; for classification, where a project has several.
    """

    skipped: bool = True
    empty: bool = True
    images: bool = False
    split: Split | None = None
    category: str | None = None


@dataclass(frozen=True)
class Offsets:
    """How many labels and objects a snapshot has before a part, whether they are written or not."""

    labels: int = 0
    objects: int = 0


@dataclass
class Survey:
    """What a writer must know of all parts before it writes one of them.

    `keypoints`, where `Writer.surveys`: the names of the keypoints of each class, by its id, in the order that they
    first came. `ambiguous`, where `Writer.archive`: (dataset, data key) of labels that have the same name as another
    when extension and letter case are left aside.
    """

    keypoints: dict[str, list[str]] = field(default_factory=dict)
    ambiguous: set[tuple[str, str]] = field(default_factory=set)

    def take(self, labels: Iterable[Label]) -> None:
        """Add the keypoints of a part's labels. The order of parts matters."""
        for label in labels:
            for each in label["objects"]:
                if each["annotation_type"] == "keypoint":
                    known = self.keypoints.setdefault(each["class_id"], [])
                    points = (point["name"] for point in each["annotation"]["coord"]["points"])
                    known += [name for name in dict.fromkeys(points) if name not in known]

    def __iadd__(self, later: "Survey") -> Self:
        for class_id, found in later.keypoints.items():
            known = self.keypoints.setdefault(class_id, [])
            known += [name for name in found if name not in known]
        self.ambiguous |= later.ambiguous
        return self

    def plain(self) -> dict[str, Any]:
        """As JSON values; `of` reads it back."""
        return {"keypoints": self.keypoints, "ambiguous": sorted(map(list, self.ambiguous))}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> "Survey":
        """The survey that `plain` was written of."""
        return cls(dict(plain["keypoints"]), {(dataset, data_key) for dataset, data_key in plain["ambiguous"]})


@dataclass(frozen=True)
class File:
    """A whole file of the export. Its `path` is safe and no other file's."""

    path: str
    data: bytes


@dataclass(frozen=True)
class Piece:
    """What belongs into a section of the document `path`, which other parts write, too."""

    path: str
    section: int
    data: bytes


@dataclass(frozen=True)
class Image:
    """Where in the export the image of a label belongs."""

    path: str
    label_id: str
    dataset: str
    data_key: str


@dataclass(frozen=True)
class Section:
    """Where pieces go in a document: `head`, then the pieces in the order of the parts, `separator` between two."""

    head: bytes
    separator: bytes = b","


@dataclass(frozen=True)
class Document:
    """A file that the parts write together: its sections one behind the other, then `tail`."""

    path: str
    sections: tuple[Section, ...]
    tail: bytes = b""


class Report:
    """What is in an export and what is not. `left_out` and `changed` count by (what, why)."""

    def __init__(self) -> None:
        self.labels = self.objects = 0
        self.left_out: Counter[tuple[str, str]] = Counter()
        self.changed: Counter[tuple[str, str]] = Counter()

    def __iadd__(self, other: "Report") -> Self:
        self.labels += other.labels
        self.objects += other.objects
        self.left_out += other.left_out
        self.changed += other.changed
        return self

    def plain(self) -> dict[str, Any]:
        """As JSON values; `of` reads it back."""
        lists = {"left_out": self.left_out, "changed": self.changed}
        return {"labels": self.labels, "objects": self.objects} | {
            name: [{"what": what, "why": why, "count": count} for (what, why), count in sorted(counts.items())]
            for name, counts in lists.items()
        }

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> "Report":
        """The report that `plain` was written of."""
        report = cls()
        report.labels, report.objects = plain["labels"], plain["objects"]
        for name in ("left_out", "changed"):
            getattr(report, name).update({(each["what"], each["why"]): each["count"] for each in plain[name]})
        return report


SKIPPED = ("label", "it was skipped, and those were not asked for")
EMPTY = ("label", "it has no objects, and those were not asked for")
CLASSLESS = "its class is not known to the project"
NO_SHAPE = "the format has no such shape"
BOXED = "written as the upright box around it"
HOLES = "written without its holes"
PARTS = "written as an object for each of its parts"
OUTLINED = "written as a polygon of its corners"


class Writer(ABC):
    """Writes one project's labels in one format. See the package's docstring for how it is used."""

    extension: ClassVar[str]
    """Of the export's file, unless it is an `archive`."""

    single: ClassVar[bool] = False
    """Whether the whole export is one document, as long as there are neither images nor a split."""

    def __init__(self, project: Project, options: Options | None = None, survey: Survey | None = None) -> None:
        self.project = project
        self.options = options or Options()
        self.survey = survey or Survey()
        self.classes = {str(each.id): each for each in project.classes}

    @property
    def archive(self) -> bool:
        """Whether the export is a zip: of the files, the documents and the images. Else it is its one document."""
        return not self.single or self.options.images or self.options.split is not None

    @property
    def surveys(self) -> bool:
        """Whether the keypoints of all parts must be known (`Survey.take`) before one of them is written."""
        return False

    @property
    def verbatim(self) -> bool:
        """Whether the parts of a snapshot are the pieces of the one document, byte for byte."""
        return False

    def documents(self) -> Sequence[Document]:
        """What the parts write together; one that gets no pieces is written all the same."""
        return ()

    def files(self) -> Iterable[File]:
        """What is in the export whatever the parts bring."""
        return ()

    def part(self, labels: Iterable[Label], start: Offsets, report: Report) -> Iterator[File | Piece | Image]:
        """What the export gets of one part, a label at a time; `report` has it all when the last has been taken."""
        done = 0
        for number, label in enumerate(labels):
            objects = label["objects"]
            if label["status"] == Status.SKIPPED and not self.options.skipped:
                report.left_out[SKIPPED] += 1
            elif not self.options.empty and self._empty(label):
                report.left_out[EMPTY] += 1
            else:
                report.labels += 1
                yield from self.write(label, Offsets(start.labels + number, start.objects + done), report)
            done += len(objects)

    @abstractmethod
    def write(self, label: Label, start: Offsets, report: Report) -> Iterator[File | Piece | Image]:
        """What the export gets of one label."""

    def _empty(self, label: Label) -> bool:
        return not label["objects"]

    def split(self, label: Label) -> str | None:
        """Where the label's image belongs; None without a split."""
        split = self.options.split
        return split.of(label["dataset"], label["data_key"]) if split else None

    def place(self, label: Label, extension: str | None = None) -> str:
        """The path that stands for a label's image: `dataset/data_key`, safe, and no other label's. With an
        `extension`: that instead of its own.
        """
        dataset, data_key = label["dataset"], label["data_key"]
        ambiguous = (dataset, data_key) in self.survey.ambiguous
        return names.place(dataset, data_key, marked=ambiguous, extension=extension)

    def image(self, label: Label, path: str) -> Iterator[Image]:
        """The label's image at `path`, if images were asked for."""
        if self.options.images:
            yield Image(path, label["id"], label["dataset"], label["data_key"])

    def no_answers(self, label: Label, report: Report) -> None:
        """Count the answers to image categories as left out."""
        if answered := len(label["categories"]["properties"]):
            report.left_out["answer", "the format has none to questions about a whole image"] += answered

    def drawn(self, label: Label, kinds: Collection[str], report: Report) -> Iterator[tuple[int, Object, ObjectClass]]:
        """The objects that are of one of these annotation types, each with its position and class; the others are
        counted as left out.
        """
        for position, each in enumerate(label["objects"]):
            known = self.classes.get(each["class_id"])
            if each["annotation_type"] not in kinds:
                report.left_out[each["annotation_type"], NO_SHAPE] += 1
            elif known is None:
                report.left_out[each["annotation_type"], CLASSLESS] += 1
            else:
                report.objects += 1
                yield position, each, known


@dataclass
class Gathered:
    """What the export gets of one part, all in memory: `pieces` by document and section, joined already."""

    files: list[File]
    images: list[Image]
    pieces: dict[tuple[str, int], bytes]
    report: Report


def gather(writer: Writer, labels: Iterable[Label], start: Offsets) -> Gathered:
    """One part in one go."""
    separators = {
        (each.path, number): section.separator
        for each in writer.documents()
        for number, section in enumerate(each.sections)
    }
    gathered = Gathered([], [], {}, Report())
    pieces: dict[tuple[str, int], list[bytes]] = {}
    for found in writer.part(labels, start, gathered.report):
        if isinstance(found, Piece):
            pieces.setdefault((found.path, found.section), []).append(found.data)
        elif isinstance(found, File):
            gathered.files.append(found)
        else:
            gathered.images.append(found)
    gathered.pieces = {key: separators[key].join(found) for key, found in pieces.items()}
    return gathered


def document(each: Document, pieces: Iterable[Iterable[bytes]]) -> Iterator[bytes]:
    """A document's bytes. `pieces`: for each section those of all parts in their order; empty ones are passed over."""
    for section, found in zip(each.sections, pieces, strict=True):
        yield section.head
        separator = b""
        for piece in filter(None, found):
            yield separator
            yield piece
            separator = section.separator
    yield each.tail


def compact(value: object) -> bytes:
    """JSON without spaces; a number that is whole is written so."""
    return _ENCODER.encode(value).encode()


def indented(value: object) -> bytes:
    """JSON for people."""
    return (json.dumps(value, ensure_ascii=False, allow_nan=False, indent=2) + "\n").encode()


_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
