"""What of a file's labels is good, for the assets and classes that there are."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from uuid import UUID, uuid5

from pydantic import ValidationError

from contracts.body import OBJECTS_MAX, Annotation, LabeledObject, ObjectClass
from contracts.enums import AssetState
from formats.types import ParsedLabel, ParsedObject
from services.labels.domain.geometry import GeometryError, fit
from services.labels.handlers.importing.report import Report
from services.labels.models import Asset

_NAMESPACE = UUID("6f2f5a0e-6b53-5c1c-9a58-3d3f6a4d8f10")


@dataclass(frozen=True)
class Ready:
    """A label that can be applied: its asset and what its body's objects become; these by name of their class."""

    file: str
    asset: Asset
    objects: tuple[LabeledObject, ...]
    counts: Counter[str]


def examine(
    label: ParsedLabel,
    asset: Asset | None,
    classes: Mapping[str, ObjectClass],
    project_id: UUID,
    report: Report,
) -> Ready | None:
    """`label` with its good objects, None if nothing of it is; what is wrong goes into `report`.

    `asset`: the dataset's, of the label's data key. `classes`: the project's, by name.
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
            objects.append(_checked(found, classes, source, asset.width, asset.height))
            counts[found.class_name] += 1
        except _Fault as fault:
            name = f"{found.name} ({found.class_name})"
            report.fault(label.file, fault.code, f"{found.name} {fault}", line=found.line, name=name)
    if label.objects and not objects:
        return None
    return Ready(label.file, asset, tuple(objects), counts)


class _Fault(Exception):
    """Why an object is not taken; says so in a sentence without a subject."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


def _checked(
    found: ParsedObject, classes: Mapping[str, ObjectClass], source: UUID, width: int, height: int
) -> LabeledObject:
    cls = classes.get(found.class_name)
    if cls is None:
        raise _Fault("unknown_class", f"is of class {found.class_name!r}, which the project does not have")
    if cls.annotation_type is not found.annotation_type:
        drawn = f"is a {found.annotation_type}, but {cls.name!r} is a {cls.annotation_type} in this project"
        raise _Fault("unknown_class", drawn)
    try:
        coord = fit(found.annotation_type, found.annotation["coord"], width, height)
        return LabeledObject(
            id=uuid5(source, str(found.position)),
            class_id=cls.id,
            annotation_type=cls.annotation_type,
            annotation=Annotation.model_validate(found.annotation | {"coord": coord}),
        )
    except GeometryError as error:
        raise _Fault("bad_geometry", str(error)) from error
    except ValidationError as error:
        raise _Fault("validation_failed", f"is not well formed: {error.errors()[0]['msg']}") from error
