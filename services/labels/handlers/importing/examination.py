"""What of a file's labels is good, for the assets and classes that there are."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import PurePosixPath
from typing import Final
from uuid import UUID, uuid5

from pydantic import ValidationError

from contracts.body import (
    OBJECTS_MAX,
    Categories,
    CategoryAnswer,
    LabeledObject,
    ObjectClass,
    Specification,
)
from contracts.enums import AnnotationType, AssetState
from contracts.errors import Problem
from formats.types import ParsedLabel, ParsedObject
from services.labels.domain.bodies import check_answer
from services.labels.domain.geometry import GeometryError, fit
from services.labels.handlers.importing.report import Report
from services.labels.models import Asset

_NAMESPACE = UUID("6f2f5a0e-6b53-5c1c-9a58-3d3f6a4d8f10")


@dataclass(frozen=True, slots=True)
class ExaminedAsset:
    """An asset as far as an import looks at it."""

    id: UUID
    dataset_id: UUID
    data_key: str
    state: str
    width: int | None
    height: int | None


EXAMINED: Final = tuple(getattr(Asset, each.name) for each in fields(ExaminedAsset))
"""Its columns."""


@dataclass(frozen=True)
class Ready:
    """A label that can be applied: its asset, what its body's objects become, these by name of their class, and
    what the answers to image categories become, None: they stay.
    """

    file: str
    asset: ExaminedAsset
    objects: tuple[LabeledObject, ...]
    counts: Counter[str]
    answers: Categories | None


@dataclass(frozen=True)
class Known:
    """A project's specification, and its classes by name and annotation type."""

    specification: Specification
    classes: Mapping[tuple[str, AnnotationType], ObjectClass]

    @classmethod
    def of(cls, specification: Specification, *more: ObjectClass) -> "Known":
        """What follows from a specification and `more` classes."""
        classes = (*specification.object_classes, *more)
        return cls(specification, {(each.name, each.annotation_type): each for each in classes})

    @property
    def names(self) -> set[str]:
        """Of the classes."""
        return {name for name, _ in self.classes}


def examine(
    label: ParsedLabel,
    asset: ExaminedAsset | None,
    known: Known,
    project_id: UUID,
    report: Report,
) -> Ready | None:
    """`label` with its good objects, None if nothing of it is; what is wrong goes into `report`.

    `asset`: the dataset's, of the label's data key.
    """
    if asset is None:
        report.fault(label.file, "unknown_asset", f"the dataset has no asset {label.data_key!r}")
        return None
    if asset.state != AssetState.STORED or asset.width is None or asset.height is None:
        report.fault(label.file, "asset_not_stored", f"the asset {label.data_key!r} is {asset.state}")
        return None
    if len(label.objects) > OBJECTS_MAX:
        report.fault(label.file, "too_large", f"more than {OBJECTS_MAX} objects")
        return None
    # Folders are left out: the same files, packed another way, are the same objects.
    source = uuid5(_NAMESPACE, f"{project_id}/{asset.id}/{PurePosixPath(label.file).name}")
    objects: list[LabeledObject] = []
    counts: Counter[str] = Counter()
    for found in label.objects:
        try:
            objects.append(_checked(found, known.classes, source, asset.width, asset.height))
            counts[found.class_name] += 1
        except _Fault as fault:
            name = f"{found.name} ({found.class_name})"
            report.fault(label.file, fault.code, f"{found.name} {fault}", line=found.line, name=name)
    if label.objects and not objects:
        return None
    if len({each.id for each in objects}) < len(objects):
        twice = next(each for each, times in Counter(each.id for each in objects).items() if times > 1)
        report.fault(label.file, "validation_failed", f"two objects of {label.data_key!r} have the id {twice}")
        return None
    return Ready(label.file, asset, tuple(objects), counts, _answers(label, known.specification, report))


def _answers(label: ParsedLabel, specification: Specification, report: Report) -> Categories | None:
    """The good answers of a label; None if its format has none."""
    if label.answers is None:
        return None
    answers: dict[UUID, CategoryAnswer] = {}
    for position, each in enumerate(label.answers, 1):
        name = f"answer {position}"
        fields = {field: each[field] for field in CategoryAnswer.model_fields if field in each}
        try:
            answer = CategoryAnswer.model_validate(fields)
            check_answer(answer, specification)
            if answers.setdefault(answer.property_id, answer) is not answer:
                raise Problem("unknown_category", "An image category is answered twice.")
        except ValidationError as error:
            detail = f"{name} of {label.data_key!r} is not well formed: {error.errors()[0]['msg']}"
            report.fault(label.file, "validation_failed", detail, name=name)
        except Problem as problem:
            report.fault(label.file, problem.code, f"{name} of {label.data_key!r}: {problem.detail}", name=name)
    return Categories(properties=list(answers.values()))


class _Fault(Exception):
    """Why an object is not taken; says so in a sentence without a subject."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


def _checked(
    found: ParsedObject,
    classes: Mapping[tuple[str, AnnotationType], ObjectClass],
    source: UUID,
    width: int,
    height: int,
) -> LabeledObject:
    cls = classes.get((found.class_name, found.annotation_type))
    if cls is None:
        if other := next((kind for name, kind in classes if name == found.class_name), None):
            drawn = f"is a {found.annotation_type}, but {found.class_name!r} is a {other} in this project"
            raise _Fault("unknown_class", drawn)
        raise _Fault("unknown_class", f"is of class {found.class_name!r}, which the project does not have")
    try:
        coord = fit(found.annotation_type, found.annotation["coord"], width, height)
        return LabeledObject.model_validate(
            {
                "id": found.object_id or uuid5(source, str(found.position)),
                "class_id": cls.id,
                "annotation_type": cls.annotation_type,
                "annotation": {**found.annotation, "coord": coord},
                "properties": [dict(each) for each in found.properties],
            }
        )
    except GeometryError as error:
        raise _Fault("bad_geometry", str(error)) from error
    except ValidationError as error:
        raise _Fault("validation_failed", f"is not well formed: {error.errors()[0]['msg']}") from error
