"""What a body may hold."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import ValidationError

from contracts.body import (
    Annotation,
    Body,
    Categories,
    CategoryAnswer,
    CategoryOption,
    ImageCategory,
    LabeledObject,
    ObjectClass,
    Specification,
)
from contracts.enums import AnnotationType, CategoryType
from contracts.errors import Problem
from services.labels.domain.bodies import checked_body, chosen_options, count_objects

CAT, DOG = (
    ObjectClass(id=uuid4(), name=name, annotation_type=AnnotationType.BOX, color="#000000") for name in ("cat", "dog")
)
OPTIONS = tuple(CategoryOption(id=uuid4(), name=name) for name in ("day", "night", "dusk"))


def category(kind: CategoryType) -> ImageCategory:
    options = () if kind is CategoryType.FREE_RESPONSE else OPTIONS
    return ImageCategory(id=uuid4(), name=kind.value, type=kind, options=options)


CATEGORIES = {kind: category(kind) for kind in CategoryType}
SPECIFICATION = Specification(object_classes=(CAT, DOG), image_categories=tuple(CATEGORIES.values()))


def shape(cls: ObjectClass = CAT, *, x: float = 1, object_id: UUID | None = None) -> LabeledObject:
    return LabeledObject(
        id=object_id or uuid4(),
        class_id=cls.id,
        annotation_type=cls.annotation_type,
        annotation=Annotation(coord={"x": x, "y": 1, "width": 5, "height": 5}),
    )


def answer(kind: CategoryType, *options: CategoryOption, value: str | None = None) -> CategoryAnswer:
    return CategoryAnswer(property_id=CATEGORIES[kind].id, option_ids=[each.id for each in options], value=value)


def check(*objects: LabeledObject, answers: list[CategoryAnswer] | None = None) -> Body:
    body = Body(objects=list(objects), categories=Categories(properties=answers or []))
    return checked_body(body, SPECIFICATION, 10, 10)


def refusal(*objects: LabeledObject, answers: list[CategoryAnswer] | None = None) -> tuple[str, dict[str, Any]]:
    with pytest.raises(Problem) as caught:
        check(*objects, answers=answers)
    return caught.value.code, caught.value.extra


def test_a_good_body_is_stored_clamped_and_counted() -> None:
    given = [shape(x=-1), shape(DOG), shape()]
    body = check(*given, answers=[answer(CategoryType.CHECKBOX, *OPTIONS[:2])])
    assert [obj.id for obj in body.objects] == [obj.id for obj in given]
    assert body.objects[0].annotation.coord == {"x": 0, "y": 1, "width": 4, "height": 5}
    assert count_objects(body) == {str(CAT.id): 2, str(DOG.id): 1}
    assert chosen_options(body) == {
        str(CATEGORIES[CategoryType.CHECKBOX].id): [str(option.id) for option in OPTIONS[:2]]
    }


def test_the_object_at_fault_is_named() -> None:
    bad = shape(x=50)
    assert refusal(shape(), bad) == ("bad_geometry", {"object": str(bad.id), "position": 1})


def test_an_object_id_is_taken_once() -> None:
    one = shape()
    code, extra = refusal(one, shape(object_id=one.id))
    assert (code, extra) == ("validation_failed", {"object": str(one.id)})


def test_classes_are_the_projects_and_drawn_as_it_says() -> None:
    stranger = ObjectClass(id=uuid4(), name="cow", annotation_type=AnnotationType.BOX, color="#000000")
    assert refusal(shape(stranger))[0] == "unknown_class"
    turned = LabeledObject(
        id=uuid4(),
        class_id=CAT.id,
        annotation_type=AnnotationType.RBOX,
        annotation=Annotation(coord={"cx": 5, "cy": 5, "width": 2, "height": 2, "angle": 0}),
    )
    assert refusal(turned)[0] == "unknown_class"


@pytest.mark.parametrize(
    "answers",
    [
        [answer(CategoryType.RADIO, OPTIONS[0])],
        [answer(CategoryType.DROPDOWN, OPTIONS[2])],
        [answer(CategoryType.CHECKBOX, *OPTIONS)],
        [answer(CategoryType.CHECKBOX)],
        [answer(CategoryType.FREE_RESPONSE, value="foggy")],
    ],
)
def test_answers_that_fit_their_category(answers: list[CategoryAnswer]) -> None:
    assert check(answers=answers).categories.properties == answers


@pytest.mark.parametrize(
    "answers",
    [
        [CategoryAnswer(property_id=uuid4())],
        [answer(CategoryType.RADIO, *OPTIONS[:2])],
        [answer(CategoryType.DROPDOWN, *OPTIONS[:2])],
        [answer(CategoryType.RADIO, value="day")],
        [answer(CategoryType.FREE_RESPONSE, OPTIONS[0])],
        [answer(CategoryType.CHECKBOX, OPTIONS[0], OPTIONS[0])],
        [answer(CategoryType.CHECKBOX, CategoryOption(id=uuid4(), name="other"))],
        [answer(CategoryType.RADIO, OPTIONS[0]), answer(CategoryType.RADIO, OPTIONS[1])],
    ],
)
def test_answers_that_do_not(answers: list[CategoryAnswer]) -> None:
    assert refusal(answers=answers)[0] == "unknown_category"


# --- what was removed from the project ---

GONE = ObjectClass(id=uuid4(), name="gone", annotation_type=AnnotationType.BOX, color="#000000")
GONE_ANSWER = CategoryAnswer(property_id=uuid4(), option_ids=[uuid4()])


def test_what_was_there_before_it_was_removed_may_stay() -> None:
    old = shape(GONE)
    present = Body(objects=[old], categories=Categories(properties=[GONE_ANSWER]))
    moved = shape(GONE, x=3, object_id=old.id)
    body = Body(objects=[shape(CAT), moved], categories=Categories(properties=[GONE_ANSWER]))
    assert checked_body(body, SPECIFICATION, 10, 10, present) == body


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (Body(objects=[shape(GONE)]), "unknown_class"),
        (Body(categories=Categories(properties=[GONE_ANSWER])), "unknown_category"),
    ],
)
def test_nothing_new_is_made_of_what_was_removed(body: Body, code: str) -> None:
    other = CategoryAnswer(property_id=GONE_ANSWER.property_id, option_ids=[uuid4()])
    present = Body(objects=[shape(GONE)], categories=Categories(properties=[other]))
    for known in (present, Body(), None):
        with pytest.raises(Problem, match=code):
            checked_body(body, SPECIFICATION, 10, 10, known)


def test_an_object_does_not_become_one_of_a_removed_class() -> None:
    old = shape(CAT)
    with pytest.raises(Problem, match="unknown_class"):
        checked_body(Body(objects=[shape(GONE, object_id=old.id)]), SPECIFICATION, 10, 10, Body(objects=[old]))


@pytest.mark.parametrize(
    ("kind", "coord"),
    [
        (AnnotationType.BOX, {"x": "1", "y": 1, "width": 5, "height": 5}),
        (AnnotationType.BOX, {"x": True, "y": 1, "width": 5, "height": 5}),
        (AnnotationType.BOX, {"x": 1, "y": 1, "width": 5, "height": 5, "depth": 5}),
        (AnnotationType.POLYLINE, {"points": [[{"x": 1, "y": 1}, {"x": 2, "y": "2"}]]}),
        (AnnotationType.KEYPOINT, {"points": [{"name": "a", "x": 1, "y": 1, "state": {"visible": "yes"}}]}),
    ],
)
def test_coordinates_are_numbers_of_their_form(kind: AnnotationType, coord: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        LabeledObject(id=uuid4(), class_id=CAT.id, annotation_type=kind, annotation=Annotation(coord=coord))
