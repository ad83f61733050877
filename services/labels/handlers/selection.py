"""The filter language (contracts.rpc.labels.LabelFilter, contracts.filters) as conditions on the table of labels.

Every condition is true or false of a label, never null: what is null must not come out of a `not` either.
"""

import functools
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.dialects.postgresql import UUID as UUID_TYPE

from contracts.enums import AnnotationType
from contracts.filters import (
    AndFilter,
    AnsweredFilter,
    AnswerFilter,
    Condition,
    ExistsFilter,
    IdFilter,
    MomentFilter,
    Node,
    NotFilter,
    NumberFilter,
    ObjectsFilter,
    OrFilter,
    ReviewFilter,
    StatusFilter,
    TagsFilter,
    TextFilter,
    TextListFilter,
)
from contracts.rpc.labels import LabelFilter, Viewer
from services.labels.models import NEVER, Asset, Label, ProjectCopy

_Condition = sa.ColumnElement[bool]

_COMPARED: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    name: getattr(operator, name) for name in ("eq", "ne", "lt", "le", "gt", "ge")
}

_COLUMNS: Final[Mapping[str, Any]] = {
    name: getattr(Label, name)
    for name in (
        "id",
        "status",
        "review",
        "round",
        "assignee",
        "reviewer",
        "submitter",
        "dataset",
        "data_key",
        "open_issues",
        "resolved_issues",
        "created_at",
        "updated_at",
        "submitted_at",
        "reviewed_at",
    )
}


_SOME: Final = frozenset({("gt", 0), ("ge", 1), ("ne", 0)})
"""Comparisons of a figure that say that there is something, ..."""

_NONE: Final = frozenset({("eq", 0), ("le", 0), ("lt", 1)})
"""... and those that say that there is nothing."""


def selected(project_id: UUID, chosen: LabelFilter, viewer: Viewer) -> list[_Condition]:
    """The conditions of a filter, as far as `viewer` sees."""
    conditions: list[_Condition] = [Label.project_id == project_id]
    if viewer.only_assignee is not None:
        conditions.append(Label.assignee == viewer.only_assignee)
    conditions += [make(value) for name, make in _FLAT.items() if (value := getattr(chosen, name)) is not None]
    if chosen.annotation_type is not None:
        conditions.append(Label.class_ids.overlap(_classes_of(project_id, chosen.annotation_type)))
    if chosen.where is not None:
        conditions.append(_node(project_id, chosen.where))
    conditions += map(_among_assets, _searched(chosen))
    return conditions


def _searched(chosen: LabelFilter) -> Iterator[TextFilter]:
    """Conditions on parts of the data key that hold of every label that is chosen."""
    if chosen.data_key:
        yield TextFilter(field="data_key", op="contains", value=chosen.data_key)
    nodes = [] if chosen.where is None else [chosen.where]
    while nodes:
        node = nodes.pop()
        if isinstance(node, AndFilter):
            nodes += node.nodes
        elif isinstance(node, TextFilter) and node.field == "data_key" and node.op in ("contains", "ends", "like"):
            yield node


def _among_assets(node: TextFilter) -> _Condition:
    """The same of the label's asset: that says nothing new, but there parts of data keys are in an index."""
    return Label.asset_id.in_(sa.select(Asset.id).where(_PATTERNS[node.op](Asset.data_key, node.value)))


def _node(project_id: UUID, node: Node) -> _Condition:
    match node:
        case AndFilter():
            return sa.and_(*(_node(project_id, each) for each in node.nodes))
        case OrFilter():
            return sa.or_(*(_node(project_id, each) for each in node.nodes))
        case NotFilter():
            return sa.not_(_node(project_id, node.node))
        case ObjectsFilter():
            return _objects(project_id, node)
    return _OF[type(node)](node)


def _known(column: Any, condition: Callable[[Any], _Condition]) -> _Condition:
    """A condition on what a label may lack: then it is false."""
    return sa.and_(column.is_not(None), condition(column)) if column.nullable else condition(column)


def _there(column: Any, wanted: bool) -> _Condition:
    there: _Condition = column.is_not(None) if wanted else column.is_(None)
    return there


def _listed(node: StatusFilter | ReviewFilter | IdFilter | TextListFilter) -> _Condition:
    found = _known(_COLUMNS[node.field], lambda column: column.in_(node.value))
    return sa.not_(found) if node.op == "not_in" else found


def _exists(node: ExistsFilter) -> _Condition:
    return _tagged(node.value) if node.field == "tags" else _there(_COLUMNS[node.field], node.value)


def _number(node: NumberFilter) -> _Condition:
    compared: _Condition = _COMPARED[node.op](_COLUMNS[node.field], node.value)
    return compared


def _moment(node: MomentFilter) -> _Condition:
    return (_since if node.op == "since" else _until)(_COLUMNS[node.field], node.value)


def _since(column: Any, value: datetime) -> _Condition:
    return _moment_of(column) >= value


def _until(column: Any, value: datetime) -> _Condition:
    return _known(column, lambda column: _moment_of(column) < value)


def _moment_of(column: Any) -> sa.ColumnElement[datetime]:
    """As it stands in its index."""
    moment: sa.ColumnElement[datetime] = sa.func.coalesce(column, NEVER) if column.nullable else column
    return moment


def _answered(node: AnsweredFilter) -> _Condition:
    answered: _Condition = Label.answers.contains(_uuids([node.category_id]))
    return answered if node.value else sa.not_(answered)


def _tagged(wanted: bool) -> _Condition:
    none: _Condition = Label.tags == _uuids(())
    return sa.not_(none) if wanted else none


def _text(node: TextFilter) -> _Condition:
    found: _Condition = (_PATTERNS.get(node.op) or _COMPARED[node.op])(_COLUMNS[node.field], node.value)
    return found


def _pattern(wildcards: str) -> str:
    """SQL's LIKE pattern, with `/` as its escape, for text in which * and ? are wildcards."""
    spoken = {"*": "%", "?": "_", "%": "/%", "_": "/_", "/": "//"}
    return "".join(spoken.get(each, each) for each in wildcards)


_PATTERNS: Final[Mapping[str, Callable[[Any, str], _Condition]]] = {
    "contains": lambda column, text: column.contains(text, autoescape=True),
    "starts": lambda column, text: column.startswith(text, autoescape=True),
    "ends": lambda column, text: column.endswith(text, autoescape=True),
    "like": lambda column, text: column.like(_pattern(text), escape="/"),
}


def _tags(node: TagsFilter) -> _Condition:
    tags = _uuids(node.value)
    some: _Condition = Label.tags.overlap(tags)
    each: _Condition = Label.tags.contains(tags)
    return {
        "any": some,
        "all": each,
        "only": sa.and_(some, Label.tags.contained_by(tags)),
        "none": sa.not_(some),
    }[node.op]


def _objects(project_id: UUID, node: ObjectsFilter) -> _Condition:
    """By the list of a label's classes where that tells enough: that is in an index, the figures are not."""
    compare = _COMPARED[node.op]
    present: _Condition
    count: Any
    if node.class_id is not None:
        present = Label.class_ids.contains(_uuids([node.class_id]))
        count = sa.cast(Label.objects.op("->>")(str(node.class_id)), sa.Integer)
    elif node.annotation_type is not None:
        classes = _classes_of(project_id, [node.annotation_type])
        present = Label.class_ids.overlap(classes)
        each = sa.func.jsonb_each_text(Label.objects).table_valued("key", "value").render_derived(name="counted")
        count = (
            sa.select(sa.func.sum(sa.cast(each.c.value, sa.Integer)))
            .where(sa.cast(each.c.key, UUID_TYPE) == sa.any_(classes))
            .scalar_subquery()
        )
    else:
        compared: _Condition = compare(Label.object_count, node.value)
        return compared
    if (node.op, node.value) in _SOME:
        return present
    if (node.op, node.value) in _NONE:
        return sa.not_(present)
    counted = sa.and_(present, sa.func.coalesce(compare(count, node.value), sa.false()))
    return sa.or_(sa.not_(present), counted) if compare(0, node.value) else counted


def _answer(node: AnswerFilter) -> _Condition:
    """By the list of all answers, which is in an index, and then by the category's."""
    chosen, options = Label.categories.op("->")(str(node.category_id)), _texts(node.value)
    given = sa.and_(
        Label.answers.contains(_uuids([node.category_id])),
        Label.answers.contains(_uuids(node.value)) if node.op == "all" else Label.answers.overlap(_uuids(node.value)),
        sa.func.coalesce(chosen.op("?&" if node.op == "all" else "?|", return_type=sa.Boolean)(options), sa.false()),
    )
    return sa.not_(given) if node.op == "none" else given


def _classes_of(project_id: UUID, kinds: Iterable[AnnotationType]) -> sa.ColumnElement[Sequence[UUID]]:
    """The ids of a project's classes that are drawn in one of these ways, removed ones too, as an array."""
    classes = sa.func.coalesce(ProjectCopy.specification["object_classes"], sa.literal([], JSONB)).op("||")(
        sa.func.coalesce(ProjectCopy.specification["removed_object_classes"], sa.literal([], JSONB))
    )
    each = sa.func.jsonb_array_elements(classes).table_valued(sa.column("class", JSONB)).render_derived(name="each")
    ids = (
        sa.select(sa.cast(each.c["class"]["id"].astext, UUID_TYPE))
        .select_from(sa.join(ProjectCopy, each, sa.true()))
        .where(
            ProjectCopy.project_id == project_id,
            each.c["class"]["annotation_type"].astext.in_([kind.value for kind in kinds]),
        )
    )
    return sa.type_coerce(sa.func.array(ids.scalar_subquery()), ARRAY(UUID_TYPE(as_uuid=True)))


def _uuids(values: Iterable[UUID]) -> sa.BindParameter[list[UUID]]:
    return sa.literal(list(values), ARRAY(UUID_TYPE(as_uuid=True)))


def _texts(values: Iterable[UUID]) -> sa.BindParameter[list[str]]:
    return sa.literal([str(each) for each in values], ARRAY(sa.Text))


_FLAT: Final[Mapping[str, Callable[[Any], _Condition]]] = {
    **{
        name: functools.partial(lambda column, values: column.in_(values), _COLUMNS[name])
        for name in ("status", "review", "round", "assignee", "reviewer")
    },
    **{f"has_{name}": functools.partial(_there, _COLUMNS[name]) for name in ("assignee", "reviewer")},
    "tag": lambda tags: Label.tags.overlap(_uuids(tags)),
    "has_tags": _tagged,
    "dataset": lambda name: Label.dataset == name,
    "data_key": lambda part: Label.data_key.contains(part, autoescape=True),
    "object_class": lambda classes: Label.class_ids.overlap(_uuids(classes)),
    "answer": lambda options: Label.answers.overlap(_uuids(options)),
    "has_open_issues": lambda wanted: Label.open_issues > 0 if wanted else Label.open_issues == 0,
    "has_resolved_issues": lambda wanted: Label.resolved_issues > 0 if wanted else Label.resolved_issues == 0,
    **{
        f"{name}_{op}": functools.partial(compare, _COLUMNS[f"{name}_at"])
        for name in ("created", "updated", "submitted", "reviewed")
        for op, compare in (("since", _since), ("until", _until))
    },
}
"""The fields of a LabelFilter, but for those that need to know the project."""

_OF: Final[Mapping[type[Condition], Callable[[Any], _Condition]]] = {
    StatusFilter: _listed,
    ReviewFilter: _listed,
    IdFilter: _listed,
    TextListFilter: _listed,
    ExistsFilter: _exists,
    NumberFilter: _number,
    TagsFilter: _tags,
    TextFilter: _text,
    MomentFilter: _moment,
    AnswerFilter: _answer,
    AnsweredFilter: _answered,
}
