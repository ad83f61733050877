"""Selections in words."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from contracts.body import ObjectClass, Specification
from contracts.enums import AnnotationType, Review, Status
from contracts.filters import AndFilter, NotFilter, NumberFilter, TextFilter
from contracts.rpc.labels import LabelFilter
from services.exports.domain import in_words

RBC = ObjectClass(id=UUID(int=1), name="RBC", annotation_type=AnnotationType.BOX, color="#ff0000")
GONE = ObjectClass(id=UUID(int=2), name="gone", annotation_type=AnnotationType.BOX, color="#ff0000")
SPECIFICATION = Specification(object_classes=(RBC,), removed_object_classes=(GONE,))
WHERE = AndFilter.model_validate(
    {
        "and": [
            NumberFilter(field="round", op="ge", value=2),
            NotFilter.model_validate({"not": TextFilter(field="dataset", op="eq", value="old")}),
        ]
    }
)


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        (LabelFilter(), "all labels"),
        (
            LabelFilter(status=(Status.SUBMITTED, Status.SKIPPED), review=(Review.PENDING_REVIEW,)),
            "submitted or skipped; pending review",
        ),
        (LabelFilter(object_class=(RBC.id, GONE.id, UUID(int=3))), f"with objects of RBC or gone or {UUID(int=3)}"),
        (
            LabelFilter(assignee=(UUID(int=4),), tag=(UUID(int=5), UUID(int=6)), has_open_issues=False),
            "assigned to 1 person; with one of 2 tags; not with open issues",
        ),
        (
            LabelFilter(dataset="blood", data_key="2026", updated_since=datetime(2026, 11, 23, 9, 30, tzinfo=UTC)),
            "in the dataset blood; with 2026 in their name; changed since 2026-11-23 09:30 UTC",
        ),
        (LabelFilter(round=(1, 2), where=WHERE), "in round 1 or 2; by a filter of 2 conditions"),
    ],
)
def test_a_selection_in_words(chosen: LabelFilter, words: str) -> None:
    assert in_words(chosen, SPECIFICATION) == words


def test_every_field_has_words() -> None:
    examples = {
        "status": ("skipped",),
        "review": ("approved",),
        "round": (1,),
        "annotation_type": ("box",),
        "dataset": "x",
        "data_key": "x",
        "where": WHERE,
    }
    for name in LabelFilter.model_fields:
        ids = name in ("assignee", "reviewer", "tag", "object_class", "answer")
        example = (UUID(int=9),) if ids else True if name.startswith("has_") else datetime.now(UTC)
        assert in_words(LabelFilter(**{name: examples.get(name, example)}), SPECIFICATION) != "all labels", name
