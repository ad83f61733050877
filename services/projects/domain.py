"""What makes a specification valid, and how a new one follows from an old one: plain Python, no I/O."""

import colorsys
import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar
from uuid import UUID

from contracts.body import (
    CLASSES_EVER_MAX,
    CLASSES_MAX,
    CategoryOption,
    CategoryOptionDraft,
    ImageCategory,
    ImageCategoryDraft,
    ObjectClass,
    ObjectClassDraft,
    Specification,
    SpecificationDraft,
)
from contracts.enums import AnnotationType, CategoryType, DataType
from contracts.errors import Problem

OBJECT_CLASS: Final = "object class"
"""The kind of a removed object class."""

_GOLDEN: Final = 0.6180339887498949

NewId = Callable[[], UUID]
Item = TypeVar("Item", ObjectClass, ImageCategory, CategoryOption)


@dataclass(frozen=True)
class Removed:
    """A class, category or option that a change took away; its id is never given again."""

    id: UUID
    kind: str
    name: str


def check_data_type(data_type: DataType) -> None:
    """Problem `unsupported_data_type` for what is not built."""
    if data_type is not DataType.IMAGE:
        raise Problem("unsupported_data_type", f"Projects of {data_type.value} are not built yet; use image.")


def color(position: int) -> str:
    """The default colour at `position` (from 0): as `#rrggbb`.

    Hues are a golden section of the circle apart, so that each new one lies in a wide gap between the others;
    saturation and the three lightnesses in turn show on dark and on light images.
    """
    hue = (0.58 + position * _GOLDEN) % 1
    lightness = (0.56, 0.44, 0.68)[position % 3]
    red, green, blue = colorsys.hls_to_rgb(hue, lightness, 0.68)
    return f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"


def applied(present: Specification, draft: SpecificationDraft, new_id: NewId) -> Specification:
    """The specification that `draft` asks for, where `present` holds.

    A part with an id is that part, renamed perhaps; one without is the part of the same name (and annotation type)
    where there is one, or new, with an id of `new_id`. Problem `unknown_class`, `unknown_category` for ids that
    `present` does not have, `validation_failed` for what cannot be.
    """
    classes = _classes(present, draft.object_classes, new_id)
    kept = {each.id for each in classes}
    gone = tuple(each for each in present.object_classes if each.id not in kept)
    return Specification(
        object_classes=classes,
        image_categories=_categories(present.image_categories, draft.image_categories, new_id),
        removed_object_classes=(*present.removed_object_classes, *gone),
    )


def with_classes(present: Specification, drafts: Sequence[ObjectClassDraft], new_id: NewId) -> Specification:
    """`present` and those of `drafts` that it has no class of that name and annotation type for."""
    known = {_class_key(known_class) for known_class in present.object_classes}
    missing = {_class_key(draft): draft for draft in drafts if _class_key(draft) not in known}
    if not missing:
        return present
    kept = [ObjectClassDraft(**known_class.model_dump()) for known_class in present.object_classes]
    # an id that came along would be another class's
    added = [draft.model_copy(update={"id": None, "index": None}) for draft in missing.values()]
    return present.model_copy(update={"object_classes": _classes(present, [*kept, *added], new_id)})


def removed(before: Specification, after: Specification) -> list[Removed]:
    """What a change from `before` to `after` takes away."""
    kept = {part.id for part in _parts(after)}
    return [part for part in _parts(before) if part.id not in kept]


def _classes(present: Specification, drafts: Sequence[ObjectClassDraft], new_id: NewId) -> tuple[ObjectClass, ...]:
    """The classes of `drafts`; new ones have the next indexes, in their order."""
    if len(drafts) > CLASSES_MAX:
        raise Problem("validation_failed", f"A project has at most {CLASSES_MAX} object classes.")
    for draft in drafts:
        if draft.annotation_type is AnnotationType.IMAGE_CATEGORY:
            raise Problem("validation_failed", f"{draft.name!r}: an image category is not an object class.")
    _refuse_twice((f"The object class {draft.name!r} ({draft.annotation_type.value})" for draft in drafts), "name")
    matched = _matched(present.object_classes, drafts, _class_key, "unknown_class", "object class")
    used = {(draft.color or (old and old.color) or "").lower() for draft, old in matched}
    unused = (value for value in map(color, range(2 * CLASSES_MAX)) if value not in used)
    following = itertools.count(present.next_index)
    classes = []
    for draft, old in matched:
        if draft.index is not None and (old is None or draft.index != old.index):
            raise Problem(
                "validation_failed",
                f"The index of {draft.name!r} is given by the project and stays so; send a new class without one.",
            )
        if old is not None and old.annotation_type is not draft.annotation_type:
            raise Problem(
                "validation_failed",
                f"The annotation type of {old.name!r} is {old.annotation_type.value} and stays so: "
                "objects are drawn with it. Make a new class.",
            )
        classes.append(
            ObjectClass(
                id=old.id if old else new_id(),
                name=draft.name,
                annotation_type=draft.annotation_type,
                color=draft.color or (old.color if old else next(unused)),
                index=old.index if old else next(following),
            )
        )
    if any(each.index >= CLASSES_EVER_MAX for each in classes):
        raise Problem("validation_failed", f"A project has at most {CLASSES_EVER_MAX} object classes in all its life.")
    return tuple(classes)


def _categories(
    present: Sequence[ImageCategory], drafts: Sequence[ImageCategoryDraft], new_id: NewId
) -> tuple[ImageCategory, ...]:
    _refuse_twice((f"The image category {draft.name!r}" for draft in drafts), "name")
    categories = []
    for draft, old in _matched(present, drafts, _name, "unknown_category", "image category"):
        if old is not None and old.type is not draft.type:
            raise Problem(
                "validation_failed", f"The type of {old.name!r} is {old.type.value} and stays so. Make a new one."
            )
        free = draft.type is CategoryType.FREE_RESPONSE
        if free == bool(draft.options):
            raise Problem(
                "validation_failed",
                f"{draft.name!r}: a free response has no options."
                if free
                else f"{draft.name!r}: a {draft.type.value} needs options to choose from.",
            )
        categories.append(
            ImageCategory(
                id=old.id if old else new_id(),
                name=draft.name,
                type=draft.type,
                options=_options(old.options if old else (), draft, new_id),
                required=draft.required,
            )
        )
    return tuple(categories)


def _options(
    present: Sequence[CategoryOption], category: ImageCategoryDraft, new_id: NewId
) -> tuple[CategoryOption, ...]:
    _refuse_twice((f"{category.name!r}: the option {draft.name!r}" for draft in category.options), "name")
    matched = _matched(present, category.options, _name, "unknown_category", "option")
    return tuple(CategoryOption(id=old.id if old else new_id(), name=draft.name) for draft, old in matched)


Draft = TypeVar("Draft", ObjectClassDraft, ImageCategoryDraft, CategoryOptionDraft)


def _matched(
    present: Sequence[Item],
    drafts: Sequence[Draft],
    key: Callable[[Item | Draft], object],
    code: str,
    kind: str,
) -> list[tuple[Draft, Item | None]]:
    """Each draft with the part of `present` that it is: by its id, else by `key`; None for a new one."""
    by_id = {item.id: item for item in present}
    asked = [draft.id for draft in drafts if draft.id is not None]
    for given in asked:
        if given not in by_id:
            raise Problem(code, f"The project has no {kind} of the id {given}. New ones are sent without an id.")
    _refuse_twice((f"The {kind} {given}" for given in asked), "id")
    claimed = set(asked)
    by_key = {key(item): item for item in present if item.id not in claimed}
    return [(draft, by_id[draft.id] if draft.id is not None else by_key.get(key(draft))) for draft in drafts]


def _class_key(part: ObjectClass | ObjectClassDraft) -> tuple[str, AnnotationType]:
    return part.name, part.annotation_type


def _name(part: ImageCategory | ImageCategoryDraft | CategoryOption | CategoryOptionDraft) -> str:
    return part.name


def _refuse_twice(names: Iterable[str], what: str) -> None:
    for name, times in Counter(names).items():
        if times > 1:
            raise Problem("validation_failed", f"{name} stands there {times} times; each {what} may once.")


def _parts(specification: Specification) -> Iterable[Removed]:
    for object_class in specification.object_classes:
        yield Removed(object_class.id, OBJECT_CLASS, object_class.name)
    for category in specification.image_categories:
        yield Removed(category.id, "image category", category.name)
        for option in category.options:
            yield Removed(option.id, "option", option.name)
