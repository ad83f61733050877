"""Lists of labels that a filter chooses: sorted pages both ways, counts, and groups."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from pydantic import ValidationError
from sqlalchemy.orm import Session

from chassis import paging
from contracts.enums import GroupField, LabelSort
from contracts.errors import Problem
from contracts.filters import AndFilter
from contracts.rpc.labels import (
    COUNTED_MAX,
    CountLabels,
    GroupLabels,
    LabelCount,
    LabelFilter,
    LabelGroup,
    LabelGroups,
    LabelPage,
    ListLabels,
    Viewer,
)
from services.labels.handlers import saved_filters
from services.labels.handlers.labels import to_label
from services.labels.handlers.selection import selected
from services.labels.models import NEVER, Label


@dataclass(frozen=True)
class _Sort:
    """What a list is sorted by, then by id. `of` reads it from a label, "" for never; `read` from a cursor."""

    column: Any
    of: Callable[[Label], object]
    read: Callable[[str], Any]


def _moment(text: str) -> Any:
    return datetime.fromisoformat(text) if text else NEVER


def _whether(name: str) -> _Sort:
    return _Sort(sa.func.coalesce(getattr(Label, name), NEVER), lambda label: getattr(label, name) or "", _moment)


_SORTS: Final[Mapping[str, _Sort]] = {
    "created_at": _Sort(Label.id, lambda label: label.id, UUID),  # version 7: in the order of making
    "updated_at": _Sort(Label.updated_at, lambda label: label.updated_at, _moment),
    "submitted_at": _whether("submitted_at"),
    "reviewed_at": _whether("reviewed_at"),
    "data_key": _Sort(Label.data_key, lambda label: label.data_key, str),
    "round": _Sort(Label.round, lambda label: label.round, int),
    "objects": _Sort(Label.object_count, lambda label: label.object_count, int),
    "open_issues": _Sort(Label.open_issues, lambda label: label.open_issues, int),
}


def list_labels(session: Session, request: ListLabels) -> LabelPage:
    """A page of a project's labels; Problem `bad_cursor`, also for one of another sort; `not_found`, `forbidden`."""
    _hide_people(request.viewer, names_people=request.filter.names_people())
    query = sa.select(Label).where(*selected(request.project_id, request.filter, request.viewer))
    asked = request.sort
    if request.saved is not None:
        if request.viewer.anonymous:
            raise Problem("forbidden", "Saved filters are for a project's members.")
        saved = saved_filters.find(session, request.project_id, request.saved, request.actor)
        query = query.where(*selected(request.project_id, saved.filter, request.viewer))
        asked = asked or saved.sort
    asked = asked or LabelSort.LAST_CREATED
    name, falling = asked.removeprefix("-"), asked.startswith("-")
    sort, back = _SORTS[name], False
    key = [sort.column] if sort.column is Label.id else [sort.column, Label.id]
    if request.cursor:
        way, of, value, label_id = paging.decode(request.cursor, str, str, sort.read, UUID)
        if of != asked or way not in ("next", "previous"):
            raise Problem("bad_cursor", "It is of a list that is sorted in another way.")
        back = way == "previous"
        here, there = sa.tuple_(*key), sa.tuple_(*(value, label_id)[: len(key)])
        query = query.where(here < there if falling != back else here > there)
    order = [each.desc() if falling != back else each.asc() for each in key]
    rows = session.scalars(query.order_by(*order).limit(request.limit + 1)).all()
    more, rows = len(rows) > request.limit, rows[: request.limit]
    if back:
        rows = rows[::-1]

    def cursor(way: str, row: Label) -> str:
        return paging.encode(way, asked, sort.of(row), row.id)

    return LabelPage(
        items=tuple(to_label(row, request.viewer) for row in rows),
        next=cursor("next", rows[-1]) if rows and (more or back) else None,
        previous=cursor("previous", rows[0]) if rows and (more if back else request.cursor) else None,
    )


def count_labels(session: Session, request: CountLabels) -> LabelCount:
    """How many there are, up to COUNTED_MAX: what a page can show is not worth reading a million rows for."""
    _hide_people(request.viewer, names_people=request.filter.names_people())
    some = sa.select(Label.id).where(*selected(request.project_id, request.filter, request.viewer))
    counted = session.scalars(sa.select(sa.func.count()).select_from(some.limit(COUNTED_MAX + 1).subquery())).one()
    return LabelCount(labels=min(counted, COUNTED_MAX), exact=counted <= COUNTED_MAX)


_PEOPLE: Final = frozenset({GroupField.ASSIGNEE, GroupField.REVIEWER})


def group_labels(session: Session, request: GroupLabels) -> LabelGroups:
    """Groups, the largest first; Problem `filter_too_large`, `forbidden`, `validation_failed`, `bad_cursor`."""
    if len({*request.by}) < len(request.by):
        raise Problem("validation_failed", "by has one field twice.")
    named = request.filter.names_people() or not _PEOPLE.isdisjoint(request.by)
    _hide_people(request.viewer, names_people=named)
    chosen: sa.FromClause = Label.__table__
    keys = []
    for place, field in enumerate(request.by):
        listed = _LISTED.get(field)
        if listed is None:
            keys.append(_GROUPED[field].label(f"key{place}"))
        else:
            each = sa.func.unnest(listed).table_valued("value").render_derived(name=f"each{place}")
            chosen = chosen.join(each, sa.true(), isouter=True)
            keys.append(each.c.value.label(f"key{place}"))
    counted = (
        sa.select(*keys, sa.func.count().label("labels"))
        .select_from(chosen)
        .where(*selected(request.project_id, request.filter, request.viewer))
        .group_by(*keys)
        .subquery()
    )
    texts = [sa.cast(counted.c[key.name], sa.Text).label(f"text{key.name}") for key in keys]
    order = [-counted.c.labels, *(sa.func.coalesce(text, "") for text in texts)]
    query = sa.select(counted.c.labels, *texts).order_by(*order).limit(request.limit + 1)
    if request.cursor:
        labels, *values = paging.decode(request.cursor, int, *[str] * len(texts))
        query = query.where(sa.tuple_(*order) > sa.tuple_(-labels, *values))
    rows = session.execute(query).all()
    groups = [(row.labels, tuple(row[1:])) for row in rows[: request.limit]]
    more = len(rows) > request.limit
    return LabelGroups(
        items=tuple(
            LabelGroup(values=values, labels=labels, filter=_opening(request, values)) for labels, values in groups
        ),
        next=paging.encode(groups[-1][0], *(value or "" for value in groups[-1][1])) if more else None,
    )


def _hide_people(viewer: Viewer, *, names_people: bool) -> None:
    if viewer.anonymous and names_people:
        raise Problem("forbidden", "Visitors do not see who works on what.")


def _day(column: Any) -> sa.ColumnElement[date]:
    return sa.cast(sa.func.timezone("UTC", column), sa.Date)


_GROUPED: Final[Mapping[GroupField, sa.ColumnElement[Any]]] = {
    GroupField.STATUS: Label.status.expression,
    GroupField.REVIEW: Label.review.expression,
    GroupField.ROUND: Label.round.expression,
    GroupField.ASSIGNEE: Label.assignee.expression,
    GroupField.REVIEWER: Label.reviewer.expression,
    GroupField.DATASET: Label.dataset.expression,
    GroupField.HAS_OPEN_ISSUES: Label.open_issues > 0,
    GroupField.CREATED: _day(Label.created_at),
    GroupField.UPDATED: _day(Label.updated_at),
    GroupField.SUBMITTED: _day(Label.submitted_at),
    GroupField.REVIEWED: _day(Label.reviewed_at),
}

_LISTED: Final[Mapping[GroupField, Any]] = {GroupField.TAG: Label.tags, GroupField.OBJECT_CLASS: Label.class_ids}
"""Fields of which a label may have several."""


def _opening(request: GroupLabels, values: Sequence[str | None]) -> LabelFilter:
    """The filter that chooses just the labels of a group."""
    where = request.filter.where
    there = () if where is None else where.nodes if isinstance(where, AndFilter) else (where,)
    nodes = [json.loads(each.model_dump_json()) for each in there]
    for field, value in zip(request.by, values, strict=True):
        nodes += _conditions(field, value)
    plain = request.filter.model_dump(mode="json", exclude={"where"}, exclude_none=True)
    try:
        return LabelFilter.model_validate_json(json.dumps({**plain, "where": {"and": nodes}}))
    except ValidationError as error:
        detail = "With the conditions of a group it is deeper or has more nodes than a filter may."
        raise Problem("filter_too_large", detail) from error


def _conditions(field: GroupField, value: str | None) -> list[dict[str, Any]]:
    """What the labels of a group have in common, in the filter language."""
    if value is None:
        return [_OF_NONE[field]]
    if field in _OF_DAYS:
        since = datetime.combine(date.fromisoformat(value), time(), UTC)
        until = since + timedelta(days=1)
        moments = (("since", since), ("until", until))
        return [{"field": f"{field}_at", "op": op, "value": moment.isoformat()} for op, moment in moments]
    return [_OF[field](value)]


_OF_DAYS: Final = frozenset({GroupField.CREATED, GroupField.UPDATED, GroupField.SUBMITTED, GroupField.REVIEWED})

_OF: Final[Mapping[GroupField, Callable[[str], dict[str, Any]]]] = {
    GroupField.STATUS: lambda value: {"field": "status", "op": "in", "value": [value]},
    GroupField.REVIEW: lambda value: {"field": "review", "op": "in", "value": [value]},
    GroupField.ROUND: lambda value: {"field": "round", "op": "eq", "value": int(value)},
    GroupField.ASSIGNEE: lambda value: {"field": "assignee", "op": "in", "value": [value]},
    GroupField.REVIEWER: lambda value: {"field": "reviewer", "op": "in", "value": [value]},
    GroupField.DATASET: lambda value: {"field": "dataset", "op": "eq", "value": value},
    GroupField.TAG: lambda value: {"field": "tags", "op": "any", "value": [value]},
    GroupField.OBJECT_CLASS: lambda value: {"field": "objects", "class_id": value, "op": "ge", "value": 1},
    GroupField.HAS_OPEN_ISSUES: lambda value: {
        "field": "open_issues",
        "op": "gt" if value == "true" else "eq",
        "value": 0,
    },
}

_OF_NONE: Final[Mapping[GroupField, dict[str, Any]]] = {
    **{
        field: {"field": name, "op": "exists", "value": False}
        for field, name in (
            (GroupField.ASSIGNEE, "assignee"),
            (GroupField.REVIEWER, "reviewer"),
            (GroupField.TAG, "tags"),
            (GroupField.SUBMITTED, "submitted_at"),
            (GroupField.REVIEWED, "reviewed_at"),
        )
    },
    GroupField.OBJECT_CLASS: {"field": "objects", "op": "eq", "value": 0},
}
