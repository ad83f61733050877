"""The filter language: which labels, as a tree of `and`, `or`, `not` and conditions on one field each.

A condition is true or false of every label: one on something that a label does not have (an assignee, a day of
submitting) is false, and its `not` true. Text is compared character by character, upper and lower
case as they are.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, StringConstraints, Tag
from pydantic_core import PydanticCustomError

from contracts.enums import AnnotationType, Review, Status
from contracts.message import AskedTime, Strict

DEPTH_MAX: Final = 8
"""How deep a filter may be: a condition alone is 1."""

NODES_MAX: Final = 100
"""How many conditions, ands, ors and nots a filter may have."""

VALUES_MAX: Final = 200
"""How many values one condition may name."""

PERSON_FIELDS: Final = frozenset({"assignee", "reviewer", "submitter"})
"""Fields that tell of people: hidden from visitors."""

Ids = Annotated[tuple[UUID, ...], Field(min_length=1, max_length=VALUES_MAX)]
SearchedText = Annotated[str, StringConstraints(min_length=1, max_length=1000)]
Figure = Annotated[int, Field(ge=0, le=2**31 - 1)]
Comparison = Literal["eq", "ne", "lt", "le", "gt", "ge"]


class StatusFilter(Strict):
    """Where it stands in the labeling work."""

    field: Literal["status"]
    op: Literal["in", "not_in"]
    value: tuple[Status, ...] = Field(min_length=1, max_length=len(Status))


class ReviewFilter(Strict):
    """Where it stands in validation."""

    field: Literal["review"]
    op: Literal["in", "not_in"]
    value: tuple[Review, ...] = Field(min_length=1, max_length=len(Review))


class IdFilter(Strict):
    """The label itself, or somebody's part in it."""

    field: Literal["id", "assignee", "reviewer", "submitter"]
    op: Literal["in", "not_in"]
    value: Ids


class ExistsFilter(Strict):
    """Whether there is one."""

    field: Literal["assignee", "reviewer", "submitter", "tags", "submitted_at", "reviewed_at"]
    op: Literal["exists"]
    value: bool


class NumberFilter(Strict):
    """How many."""

    field: Literal["round", "open_issues", "resolved_issues"]
    op: Comparison
    value: Figure


class TagsFilter(Strict):
    """Its tags: `any` of these, `all` of these, `only` these (one at least), or `none` of these."""

    field: Literal["tags"]
    op: Literal["any", "all", "only", "none"]
    value: Ids


class TextFilter(Strict):
    """The dataset's name or the data key. In `like`, `*` stands for any characters and `?` for one."""

    field: Literal["dataset", "data_key"]
    op: Literal["eq", "ne", "contains", "starts", "ends", "like"]
    value: SearchedText


class TextListFilter(Strict):
    """The dataset's name or the data key is one of these, or none of them."""

    field: Literal["dataset", "data_key"]
    op: Literal["in", "not_in"]
    value: tuple[SearchedText, ...] = Field(min_length=1, max_length=VALUES_MAX)


class MomentFilter(Strict):
    """When it was added, changed, submitted or reviewed last: at that moment or later, or before it."""

    field: Literal["created_at", "updated_at", "submitted_at", "reviewed_at"]
    op: Literal["since", "until"]
    value: AskedTime


class ObjectsFilter(Strict):
    """How many objects it has: of a class, of an annotation type, or at all."""

    field: Literal["objects"]
    class_id: UUID | None = None
    annotation_type: AnnotationType | None = None
    op: Comparison
    value: Figure

    def model_post_init(self, _: Any) -> None:
        """Objects are counted by one thing at a time."""
        if self.class_id is not None and self.annotation_type is not None:
            raise PydanticCustomError("filter_node", "name either a class or an annotation type")


class AnswerFilter(Strict):
    """The options chosen in an image category: `any` of these, `all`, or `none`."""

    field: Literal["answer"]
    category_id: UUID
    op: Literal["any", "all", "none"]
    value: Ids


class AnsweredFilter(Strict):
    """Whether an option was chosen in an image category."""

    field: Literal["answer"]
    category_id: UUID
    op: Literal["exists"]
    value: bool


class AndFilter(Strict):
    """All of these."""

    model_config = ConfigDict(serialize_by_alias=True)

    nodes: tuple["Node", ...] = Field(alias="and", min_length=1, max_length=NODES_MAX)


class OrFilter(Strict):
    """At least one of these."""

    model_config = ConfigDict(serialize_by_alias=True)

    nodes: tuple["Node", ...] = Field(alias="or", min_length=1, max_length=NODES_MAX)


class NotFilter(Strict):
    """Not this."""

    model_config = ConfigDict(serialize_by_alias=True)

    node: "Node" = Field(alias="not")


Condition = (
    StatusFilter
    | ReviewFilter
    | IdFilter
    | ExistsFilter
    | NumberFilter
    | TagsFilter
    | TextFilter
    | TextListFilter
    | MomentFilter
    | ObjectsFilter
    | AnswerFilter
    | AnsweredFilter
)

_BRANCHES: Final[Mapping[str, type[Strict]]] = {"and": AndFilter, "or": OrFilter, "not": NotFilter}

_CONDITIONS: Final[Mapping[str, tuple[type[Strict], ...]]] = {
    "id": (IdFilter,),
    "status": (StatusFilter,),
    "review": (ReviewFilter,),
    "round": (NumberFilter,),
    "assignee": (IdFilter, ExistsFilter),
    "reviewer": (IdFilter, ExistsFilter),
    "submitter": (IdFilter, ExistsFilter),
    "tags": (TagsFilter, ExistsFilter),
    "dataset": (TextFilter, TextListFilter),
    "data_key": (TextFilter, TextListFilter),
    "objects": (ObjectsFilter,),
    "answer": (AnswerFilter, AnsweredFilter),
    "open_issues": (NumberFilter,),
    "resolved_issues": (NumberFilter,),
    "created_at": (MomentFilter,),
    "updated_at": (MomentFilter,),
    "submitted_at": (MomentFilter, ExistsFilter),
    "reviewed_at": (MomentFilter, ExistsFilter),
}
"""The conditions on each field."""

MARK: Final = "#"
"""What a place in a refused filter begins with that is not in the filter itself, but says how it was read."""


def _operators(condition: type[Strict]) -> tuple[str, ...]:
    operators: tuple[str, ...] = condition.model_fields["op"].annotation.__args__  # type: ignore[union-attr]
    return operators


def _kind(node: Any) -> str | None:
    """Which of the forms a node has; None if it has none."""
    if isinstance(node, BaseModel):
        return MARK + type(node).__name__
    if not isinstance(node, Mapping):
        return None
    branch = next((name for name in _BRANCHES if name in node), None)
    if branch is not None:
        return MARK + _BRANCHES[branch].__name__
    field, op = node.get("field"), node.get("op")
    conditions = _CONDITIONS.get(field, ()) if isinstance(field, str) else ()
    found = [each for each in conditions if op in _operators(each)] or conditions
    return MARK + found[0].__name__ if found else None


Node = Annotated[
    Annotated[AndFilter, Tag("#AndFilter")]
    | Annotated[OrFilter, Tag("#OrFilter")]
    | Annotated[NotFilter, Tag("#NotFilter")]
    | Annotated[StatusFilter, Tag("#StatusFilter")]
    | Annotated[ReviewFilter, Tag("#ReviewFilter")]
    | Annotated[IdFilter, Tag("#IdFilter")]
    | Annotated[ExistsFilter, Tag("#ExistsFilter")]
    | Annotated[NumberFilter, Tag("#NumberFilter")]
    | Annotated[TagsFilter, Tag("#TagsFilter")]
    | Annotated[TextFilter, Tag("#TextFilter")]
    | Annotated[TextListFilter, Tag("#TextListFilter")]
    | Annotated[MomentFilter, Tag("#MomentFilter")]
    | Annotated[ObjectsFilter, Tag("#ObjectsFilter")]
    | Annotated[AnswerFilter, Tag("#AnswerFilter")]
    | Annotated[AnsweredFilter, Tag("#AnsweredFilter")],
    Discriminator(
        _kind,
        custom_error_type="filter_node",
        custom_error_message="neither and, or, not nor a condition on one of the fields " + ", ".join(_CONDITIONS),
    ),
]
"""A filter, or a part of one."""

for _branch in _BRANCHES.values():
    _branch.model_rebuild()


def walk(node: Node, pointer: str = "", depth: int = 1) -> Iterator[tuple[Node, str, int]]:
    """A filter's nodes, each with its JSON pointer from the top and how deep it is."""
    yield node, pointer, depth
    if isinstance(node, AndFilter | OrFilter):
        name = "and" if isinstance(node, AndFilter) else "or"
        for index, each in enumerate(node.nodes):
            yield from walk(each, f"{pointer}/{name}/{index}", depth + 1)
    elif isinstance(node, NotFilter):
        yield from walk(node.node, f"{pointer}/not", depth + 1)


def _bounded(filter_: Node) -> Node:
    for index, (_, pointer, depth) in enumerate(walk(filter_)):
        if depth > DEPTH_MAX:
            raise PydanticCustomError("filter_too_large", "more than {most} deep", {"most": DEPTH_MAX, "at": pointer})
        if index >= NODES_MAX:
            raise PydanticCustomError("filter_too_large", "more than {most} nodes", {"most": NODES_MAX, "at": pointer})
    return filter_


Where = Annotated[Node, AfterValidator(_bounded)]
"""A filter of bounded depth and size."""


def names_people(filter_: Node) -> bool:
    """Whether a filter asks for anybody's part in the work."""
    return any(getattr(node, "field", None) in PERSON_FIELDS for node, _, _ in walk(filter_))
