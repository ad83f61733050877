"""What a label's body may hold, and what is counted of it."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from contracts.body import Body, CategoryAnswer, LabeledObject, Specification
from contracts.enums import AnnotationType, CategoryType
from contracts.errors import Problem
from services.labels.domain.geometry import GeometryError, fit


def checked_body(
    body: Body, specification: Specification, width: int, height: int, present: Body | None = None
) -> Body:
    """The body as it is stored on an image of `width` by `height` pixels: its geometry clamped.

    What stands in the `present` body may stay, also if its class or category was removed since: the object under its
    id and class, wherever it is moved, the answer as it is (docs/decisions: removed-classes).

    Raises Problem `validation_failed` (an object id twice), `unknown_class`, `unknown_category` or
    `bad_geometry`, which name the object (`object`, its id; `position`, from 0) or the category at fault.
    """
    twice = _first_repeated(obj.id for obj in body.objects)
    if twice:
        raise Problem("validation_failed", f"Two objects have the id {twice}.", object=str(twice))
    classes = {cls.id: cls for cls in specification.object_classes}
    old = {_kind(obj) for obj in present.objects} if present else set()
    objects = []
    for position, obj in enumerate(body.objects):
        where = {"object": str(obj.id), "position": position}
        cls = classes.get(obj.class_id)
        if cls is None and _kind(obj) not in old:
            raise Problem("unknown_class", f"Object {obj.id} is of class {obj.class_id}.", **where)
        if cls is not None and cls.annotation_type is not obj.annotation_type:
            detail = f"Object {obj.id} is a {obj.annotation_type}, but {cls.name} is a {cls.annotation_type}."
            raise Problem("unknown_class", detail, **where)
        objects.append(_fitted(obj, width, height, where))
    for answer in body.categories.properties:
        if present is None or answer not in present.categories.properties:
            check_answer(answer, specification)
    if _first_repeated(answer.property_id for answer in body.categories.properties):
        raise Problem("unknown_category", "An image category is answered twice.")
    return body.model_copy(update={"objects": objects})


def _kind(obj: LabeledObject) -> tuple[UUID, UUID, AnnotationType]:
    return obj.id, obj.class_id, obj.annotation_type


def _fitted(obj: LabeledObject, width: int, height: int, where: Mapping[str, Any]) -> LabeledObject:
    try:
        coord = fit(obj.annotation_type, obj.annotation.coord, width, height)
    except GeometryError as error:
        raise Problem("bad_geometry", f"Object {obj.id} {error}.", **where) from error
    return obj.model_copy(update={"annotation": obj.annotation.model_copy(update={"coord": coord})})


def check_answer(answer: CategoryAnswer, specification: Specification) -> None:
    """Problem `unknown_category` unless the project has this question, and takes this answer to it."""
    where = {"category": str(answer.property_id)}
    category = next((c for c in specification.image_categories if c.id == answer.property_id), None)
    if category is None:
        raise Problem("unknown_category", f"The project has no image category {answer.property_id}.", **where)
    if category.type is CategoryType.FREE_RESPONSE:
        if answer.option_ids:
            raise Problem("unknown_category", f"{category.name} is answered in words.", **where)
        return
    if answer.value is not None:
        raise Problem("unknown_category", f"{category.name} is answered by its options.", **where)
    if set(answer.option_ids) - {option.id for option in category.options}:
        raise Problem("unknown_category", f"{category.name} has no such answer.", **where)
    if len(set(answer.option_ids)) < len(answer.option_ids):
        raise Problem("unknown_category", f"{category.name} is answered with one option twice.", **where)
    if len(answer.option_ids) > 1 and category.type is not CategoryType.CHECKBOX:
        raise Problem("unknown_category", f"{category.name} takes one answer.", **where)


def _first_repeated(values: Iterable[UUID]) -> UUID | None:
    return next((value for value, times in Counter(values).items() if times > 1), None)


def count_objects(body: Body) -> dict[str, int]:
    """Objects of each class, by class id."""
    return dict(sorted(Counter(str(obj.class_id) for obj in body.objects).items()))


def chosen_options(body: Body) -> dict[str, list[str]]:
    """The options chosen in each image category, by category id; free responses are not counted."""
    return {
        str(answer.property_id): [str(option) for option in answer.option_ids]
        for answer in body.categories.properties
        if answer.option_ids
    }
