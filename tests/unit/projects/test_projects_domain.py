"""What makes a specification valid, and how a new one follows from an old one."""

import string
from itertools import count
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.body import (
    CategoryOptionDraft,
    ImageCategoryDraft,
    ObjectClassDraft,
    Specification,
    SpecificationDraft,
)
from contracts.enums import AnnotationType, CategoryType, DataType
from contracts.errors import Problem
from services.projects import domain

BOX = AnnotationType.BOX
POLYGON = AnnotationType.POLYGON

_numbers = count(1)


def new_id() -> UUID:
    return UUID(int=next(_numbers))


def box(name: str, **more: object) -> ObjectClassDraft:
    return ObjectClassDraft.model_validate({"name": name, "annotation_type": BOX, **more})


def radio(name: str, *options: str, **more: object) -> ImageCategoryDraft:
    drafts = [CategoryOptionDraft(name=option) for option in options]
    return ImageCategoryDraft.model_validate({"name": name, "type": "radio", "options": drafts, **more})


def draft(*classes: ObjectClassDraft, categories: tuple[ImageCategoryDraft, ...] = ()) -> SpecificationDraft:
    return SpecificationDraft(object_classes=list(classes), image_categories=list(categories))


def made(*classes: ObjectClassDraft, categories: tuple[ImageCategoryDraft, ...] = ()) -> Specification:
    return domain.applied(Specification(), draft(*classes, categories=categories), new_id)


def refusal(present: Specification, asked: SpecificationDraft) -> str:
    with pytest.raises(Problem) as caught:
        domain.applied(present, asked, new_id)
    return caught.value.code


def test_only_images_are_built() -> None:
    domain.check_data_type(DataType.IMAGE)
    for data_type in (DataType.IMAGE_SEQUENCE, DataType.POINT_CLOUD):
        with pytest.raises(Problem, match="unsupported_data_type"):
            domain.check_data_type(data_type)


def test_new_parts_get_ids_of_their_own_and_keep_their_order() -> None:
    specification = made(box("b"), box("a"), categories=(radio("light", "day", "night"),))
    assert [each.name for each in specification.object_classes] == ["b", "a"]
    (category,) = specification.image_categories
    ids = [each.id for each in (*specification.object_classes, category, *category.options)]
    assert len(set(ids)) == 5


def test_renaming_keeps_the_id_and_the_colour() -> None:
    present = made(box("cat"), box("dog"))
    cat, dog = present.object_classes
    changed = domain.applied(present, draft(box("kitten", id=cat.id), box("dog", id=dog.id)), new_id)
    assert changed.object_classes == (cat.model_copy(update={"name": "kitten"}), dog)


def test_two_classes_swap_names() -> None:
    present = made(box("cat"), box("dog"))
    cat, dog = present.object_classes
    changed = domain.applied(present, draft(box("dog", id=cat.id), box("cat", id=dog.id)), new_id)
    assert [(each.id, each.name) for each in changed.object_classes] == [(cat.id, "dog"), (dog.id, "cat")]


def test_a_class_without_id_is_the_one_of_that_name_and_type() -> None:
    present = made(box("cat"))
    changed = domain.applied(
        present, draft(box("cat", color="#123456"), ObjectClassDraft(name="cat", annotation_type=POLYGON)), new_id
    )
    boxed, outlined = changed.object_classes
    assert (boxed.id, boxed.color) == (present.object_classes[0].id, "#123456")
    assert outlined.id != boxed.id


def test_a_class_without_id_is_new_where_the_one_of_that_name_gets_another() -> None:
    present = made(box("cat"))
    changed = domain.applied(present, draft(box("kitten", id=present.object_classes[0].id), box("cat")), new_id)
    assert changed.object_classes[0].id == present.object_classes[0].id
    assert changed.object_classes[1].id not in {each.id for each in present.object_classes}


def test_the_id_of_a_removed_class_is_refused_and_its_name_gets_a_new_id() -> None:
    present = made(box("cat"), box("dog"))
    cat, dog = present.object_classes
    without = domain.applied(present, draft(box("dog", id=dog.id)), new_id)
    assert domain.removed(present, without) == [domain.Removed(cat.id, "object class", "cat")]
    assert refusal(without, draft(box("dog", id=dog.id), box("cat", id=cat.id))) == "unknown_class"
    again = domain.applied(without, draft(box("dog"), box("cat")), new_id)
    assert again.object_classes[0].id == dog.id
    assert again.object_classes[1].id not in (cat.id, dog.id)


def test_a_class_keeps_its_annotation_type() -> None:
    present = made(box("cat"))
    (cat,) = present.object_classes
    asked = draft(ObjectClassDraft(id=cat.id, name="cat", annotation_type=POLYGON))
    assert refusal(present, asked) == "validation_failed"


@pytest.mark.parametrize(
    "asked",
    [
        draft(box("cat"), box("cat")),
        draft(box("cat"), box(" cat ")),
        draft(ObjectClassDraft(name="what", annotation_type=AnnotationType.IMAGE_CATEGORY)),
        draft(categories=(radio("light", "day"), radio("light", "night"))),
        draft(categories=(radio("light", "day", "day"),)),
        draft(categories=(radio("light"),)),
        draft(
            categories=(
                ImageCategoryDraft(
                    name="note", type=CategoryType.FREE_RESPONSE, options=[CategoryOptionDraft(name="x")]
                ),
            )
        ),
    ],
)
def test_what_cannot_be(asked: SpecificationDraft) -> None:
    assert refusal(Specification(), asked) == "validation_failed"


def test_one_id_stands_for_one_class() -> None:
    present = made(box("cat"))
    (cat,) = present.object_classes
    assert refusal(present, draft(box("cat", id=cat.id), box("dog", id=cat.id))) == "validation_failed"


def test_names_differ_by_case_and_by_annotation_type() -> None:
    made(box("cat"), box("Cat"), ObjectClassDraft(name="cat", annotation_type=POLYGON))


def test_categories_keep_their_ids_and_type() -> None:
    present = made(categories=(radio("light", "day", "night"),))
    (light,) = present.image_categories
    options = [
        CategoryOptionDraft(id=light.options[1].id, name="dark"),
        CategoryOptionDraft(name="day"),
        CategoryOptionDraft(name="dusk"),
    ]
    asked = ImageCategoryDraft(id=light.id, name="Light", type=CategoryType.RADIO, options=options)
    (changed,) = domain.applied(present, draft(categories=(asked,)), new_id).image_categories
    assert (changed.id, changed.name) == (light.id, "Light")
    assert [each.id for each in changed.options[:2]] == [light.options[1].id, light.options[0].id]
    assert changed.options[2].id not in {each.id for each in light.options}
    other_type = asked.model_copy(update={"type": CategoryType.CHECKBOX})
    assert refusal(present, draft(categories=(other_type,))) == "validation_failed"
    unknown = asked.model_copy(update={"id": new_id()})
    assert refusal(present, draft(categories=(unknown,))) == "unknown_category"


def test_another_categorys_option_is_unknown() -> None:
    present = made(categories=(radio("light", "day"), radio("weather", "rain")))
    light, weather = present.image_categories
    stolen = [CategoryOptionDraft(id=light.options[0].id, name="day")]
    asked = ImageCategoryDraft(id=weather.id, name="weather", type=CategoryType.RADIO, options=stolen)
    assert refusal(present, draft(categories=(asked,))) == "unknown_category"


def test_what_a_change_removes_is_named() -> None:
    present = made(box("cat"), categories=(radio("light", "day", "night"), radio("weather", "rain")))
    kept = draft(categories=(radio("light", "day"),))
    gone = domain.removed(present, domain.applied(present, kept, new_id))
    assert [(part.kind, part.name) for part in gone] == [
        ("object class", "cat"),
        ("option", "night"),
        ("image category", "weather"),
        ("option", "rain"),
    ]


def test_adding_classes_leaves_those_that_are_there() -> None:
    present = made(box("cat", color="#123456"), categories=(radio("light", "day"),))
    asked = [box("cat", color="#654321"), box("dog"), box("dog"), box("bird", id=present.object_classes[0].id)]
    changed = domain.with_classes(present, asked, new_id)
    assert changed.object_classes[0] == present.object_classes[0]
    assert [each.name for each in changed.object_classes] == ["cat", "dog", "bird"]
    assert len({each.id for each in changed.object_classes}) == 3
    assert changed.image_categories == present.image_categories
    assert domain.with_classes(changed, asked, new_id) == changed


def test_a_project_has_at_most_a_thousand_classes() -> None:
    present = made(*(box(f"class {number}") for number in range(1000)))
    assert len({each.color for each in present.object_classes}) > 990
    with pytest.raises(Problem, match="validation_failed"):
        domain.with_classes(present, [box("one more")], new_id)


def test_default_colours_do_not_repeat_those_in_use() -> None:
    present = made(box("cat", color=domain.color(0).upper()), box("dog"), box("bird"))
    assert len({each.color.lower() for each in present.object_classes}) == 3


names = st.sampled_from(string.ascii_lowercase[:6])
asks = st.lists(st.lists(names, unique=True, max_size=6), max_size=8)


@given(asks)
def test_an_id_that_went_never_comes_back(changes: list[list[str]]) -> None:
    present, ever, gone = Specification(), set[UUID](), set[UUID]()
    for asked in changes:
        after = domain.applied(present, draft(*(box(name) for name in asked)), new_id)
        gone |= {part.id for part in domain.removed(present, after)}
        ids = {each.id for each in after.object_classes}
        ever |= ids
        assert not ids & gone
        assert gone <= ever
        assert [each.name for each in after.object_classes] == asked
        present = after


def test_a_class_keeps_its_index_and_no_other_ever_gets_it() -> None:
    present = made(box("a"), box("b"), box("c"))
    a, b, c = present.object_classes
    assert [each.index for each in present.object_classes] == [0, 1, 2]

    fewer = domain.applied(present, draft(box("c"), box("a", id=a.id, index=0)), new_id)
    assert [(each.name, each.index) for each in fewer.object_classes] == [("c", 2), ("a", 0)]
    assert fewer.removed_object_classes == (b,)

    emptied = domain.applied(fewer, draft(), new_id)
    again = domain.applied(emptied, draft(box("b"), box("a")), new_id)
    assert [(each.name, each.index) for each in again.object_classes] == [("b", 3), ("a", 4)]
    assert set(again.removed_object_classes) == {a, b, c}
    more = domain.with_classes(again, [box("d"), box("e")], new_id)
    assert [each.index for each in more.object_classes] == [3, 4, 5, 6]
    assert refusal(again, draft(box("b", id=again.object_classes[0].id, index=0))) == "validation_failed"
    assert refusal(again, draft(box("new", index=9))) == "validation_failed"


def test_what_was_read_may_be_sent_back_as_it_is() -> None:
    present = domain.applied(made(box("a"), box("b")), draft(box("b")), new_id)
    sent = SpecificationDraft.model_validate(present.model_dump(mode="json"))
    assert domain.applied(present, sent, new_id) == present


def test_classes_from_before_there_were_indexes_have_them_by_age() -> None:
    present = made(box("a"), box("b"), box("c"))
    written = present.model_dump(mode="json", exclude={"object_classes": {"__all__": {"index"}}})
    written["object_classes"].reverse()

    read = Specification.model_validate(written)

    assert [(each.name, each.index) for each in read.object_classes] == [("c", 2), ("b", 1), ("a", 0)]
    more = domain.with_classes(read, [box("d")], new_id)
    assert [each.index for each in more.object_classes] == [2, 1, 0, 3]
