"""What differs between two sets of labels, held against a plain reading of "differs"."""

import copy
import random
from typing import Any
from uuid import UUID

import pytest

from contracts.enums import LabelChange
from services.labels.domain.differences import Counts, Difference, differ, pairs
from tests.unit.labels.comparing import Expected, any_label, changed_somehow, expected

CLASSES = [str(UUID(int=each)) for each in range(1, 4)]


def found(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> Expected:
    counts, rows = Counts(), {}
    for one, other in pairs(before, after):
        difference = differ(one, other)
        counts.take(difference, one, other)
        if difference is not None:
            rows[difference.label["id"]] = (
                difference.change.value,
                *map(set, (difference.fields, difference.added, difference.removed, difference.changed)),
            )
    return Expected(rows, counts.unchanged, {name: tuple(each) for name, each in counts.objects.items()})


@pytest.mark.parametrize("seed", range(60))
def test_it_is_what_a_plain_reading_finds(seed: int) -> None:
    chance = random.Random(seed)
    labels = [any_label(chance, number, CLASSES) for number in range(chance.randrange(12))]
    before = [label for label in labels if chance.random() < 0.8]
    after = [
        changed_somehow(chance, label, CLASSES) if chance.random() < 0.5 else copy.deepcopy(label)
        for label in labels
        if chance.random() < 0.8
    ]
    assert found(before, after) == expected(before, after)


def test_the_oracle_meets_every_kind_of_difference() -> None:
    """The test above would hold, too, if nothing ever differed."""
    chance, kinds, fields = random.Random(1), set(), set()
    for _ in range(200):
        label = any_label(chance, 0, CLASSES)
        for row in expected([label], [changed_somehow(chance, label, CLASSES)]).rows.values():
            kinds |= {name for name, ids in zip(("added", "removed", "changed"), row[2:], strict=True) if ids}
            fields |= row[1]
    assert kinds == {"added", "removed", "changed"}
    assert fields >= {"objects", "tags", "status", "categories", "assignee"}


def label(**more: Any) -> dict[str, Any]:
    return {**any_label(random.Random(5), 1, CLASSES), **more}


def test_times_order_and_names_of_classes_make_no_difference() -> None:
    before = label()
    after = copy.deepcopy(before)
    after["updated_at"] = after["reviewed_at"] = "2030-01-01T00:00:00.000000Z"
    after["objects"].reverse()
    for each in after["objects"]:
        each["class_name"] = "renamed"
    assert len(before["objects"]) > 1
    assert differ(before, after) is None


def test_a_changed_object_counts_under_the_class_that_it_has_now() -> None:
    before = label()
    after = copy.deepcopy(before)
    after["objects"][0]["class_id"] = "another"
    counts = Counts()
    difference = differ(before, after)
    assert difference == Difference(after, LabelChange.CHANGED, ("objects",), changed=(before["objects"][0]["id"],))
    counts.take(difference, before, after)
    assert counts.objects == {"another": [0, 0, 1]}
