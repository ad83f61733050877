"""Pages of labels in any order and both ways, counts, and groups, each against the labels themselves."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from chassis import paging
from contracts.enums import GroupField, LabelSort
from contracts.errors import Problem
from contracts.filters import NODES_MAX
from contracts.rpc.labels import COUNTED_MAX, CountLabels, GroupLabels, LabelFilter, LabelPage, ListLabels, Viewer
from services.labels.handlers import search
from services.labels.models import Label
from tests.service.labels.conftest import Desk
from tests.service.labels.shelf import CLASSES, PEOPLE, TAGS, Shelf

NEVER = datetime.min.replace(tzinfo=UTC)

KEYS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "created_at": lambda label: label["id"],
    "updated_at": lambda label: label["updated_at"],
    "submitted_at": lambda label: label["submitted_at"] or NEVER,
    "reviewed_at": lambda label: label["reviewed_at"] or NEVER,
    "data_key": lambda label: label["data_key"].encode(),
    "round": lambda label: label["round"],
    "objects": lambda label: sum(label["objects"].values()),
    "open_issues": lambda label: label["open_issues"],
}
SUBMITTED = LabelFilter.model_validate({"status": ["submitted"]})


def page(shelf: Shelf, **asked: Any) -> LabelPage:
    with shelf.database.reading() as session:
        return search.list_labels(session, ListLabels(project_id=shelf.project_id, **asked))


@pytest.mark.parametrize("sort", [*LabelSort])
def test_every_sort_is_paged_both_ways(shelf: Shelf, sort: LabelSort) -> None:
    key = KEYS[sort.removeprefix("-")]
    chosen = [label for label in shelf.labels.values() if label["status"] == "submitted"]
    chosen.sort(key=lambda label: (key(label), label["id"]), reverse=sort.startswith("-"))
    wanted = [label["id"] for label in chosen]
    pages = [page(shelf, filter=SUBMITTED, sort=sort, limit=7)]
    while pages[-1].next:
        pages.append(page(shelf, filter=SUBMITTED, sort=sort, limit=7, cursor=pages[-1].next))
    assert [label.id for each in pages for label in each.items] == wanted
    assert pages[0].previous is None and len(pages) > 3
    back = pages[-1]
    for before in reversed(pages[:-1]):
        assert back.previous is not None
        back = page(shelf, filter=SUBMITTED, sort=sort, limit=7, cursor=back.previous)
        assert back.items == before.items
        assert back.next == before.next
    assert back.previous is None


def test_pages_go_on_where_they_were_while_labels_come_and_go(shelf: Shelf) -> None:
    first = page(shelf, limit=5)
    second = page(shelf, limit=5, cursor=first.next)
    gone = first.items[-1].id
    with shelf.database.session() as session:
        row = session.get_one(Label, (shelf.project_id, gone))
        kept = {column.key: getattr(row, column.key) for column in sa.inspect(Label).column_attrs}
        session.delete(row)
    try:
        assert page(shelf, limit=5, cursor=first.next) == second
    finally:
        with shelf.database.session() as session:
            session.add(Label(**kept))


UNDER_WRITES = [LabelSort.CREATED, LabelSort.LAST_UPDATED, LabelSort.DATA_KEY, LabelSort.MOST_OBJECTS]


@pytest.mark.parametrize("sort", UNDER_WRITES)
def test_what_nobody_touches_is_seen_once_both_ways_while_others_write(desk: Desk, sort: LabelSort) -> None:
    """Before each page a label is made, and another one is changed so that it moves, or is deleted."""
    ids = desk.labels(40)
    moving, leaving = ids[::5], ids[1::5]
    touched = iter(moving + leaving + moving + leaving)

    def read(cursor: str | None) -> LabelPage:
        label_id, turn = next(touched), len(desk.labels(1))
        which = (Label.project_id == desk.project_id, Label.id == label_id)
        moved = {"updated_at": datetime.now(UTC), "data_key": f"{label_id}", "objects": {str(desk.box.id): turn}}
        with desk.database.session() as session:
            change = sa.update(Label).values(moved) if label_id in moving else sa.delete(Label)
            session.execute(change.where(*which))
            question = ListLabels(project_id=desk.project_id, sort=sort, limit=6, cursor=cursor)
            return search.list_labels(session, question)

    pages = [read(None)]
    while pages[-1].next:
        pages.append(read(pages[-1].next))
    back = [pages[-1]]
    while back[-1].previous:
        back.append(read(back[-1].previous))
    untouched = {*ids} - {*moving} - {*leaving}
    for way in (pages, back):
        seen = [label.id for each in way for label in each.items]
        assert sorted(each for each in seen if each in untouched) == sorted(untouched)
    assert len(pages) > 6


@pytest.mark.parametrize("cursor", [paging.encode("next", "round", 1, UUID(int=1)), paging.encode(1), "x", "é"])
def test_a_cursor_of_something_else_is_refused(shelf: Shelf, cursor: str) -> None:
    with pytest.raises(Problem) as refused:
        page(shelf, sort=LabelSort.DATA_KEY, cursor=cursor)
    assert refused.value.code == "bad_cursor"


def test_counts_are_exact_as_far_as_they_go(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    def counted(chosen: LabelFilter, viewer: Viewer | None = None) -> tuple[int, bool]:
        question = CountLabels(project_id=shelf.project_id, filter=chosen, viewer=viewer or Viewer())
        with shelf.database.reading() as session:
            answer = search.count_labels(session, question)
        return answer.labels, answer.exact

    assert len(shelf.labels) < COUNTED_MAX
    many = len(shelf.found({"status": ["submitted"]}))
    assert counted(SUBMITTED) == (many, True)
    own = Viewer(only_assignee=PEOPLE[0])
    assert counted(SUBMITTED, own) == (len(shelf.found({"status": ["submitted"]}, own)), True)
    monkeypatch.setattr(search, "COUNTED_MAX", many)
    assert counted(SUBMITTED) == (many, True)
    monkeypatch.setattr(search, "COUNTED_MAX", many - 1)
    assert counted(SUBMITTED) == (many - 1, False)


def _values(field: GroupField, label: dict[str, Any]) -> list[str | None]:
    """What a label is counted under, once more and plainly."""
    match field:
        case GroupField.TAG:
            return [str(tag) for tag in label["tags"]] or [None]
        case GroupField.OBJECT_CLASS:
            return [*label["objects"]] or [None]
        case GroupField.HAS_OPEN_ISSUES:
            return [str(label["open_issues"] > 0).lower()]
        case GroupField.CREATED | GroupField.UPDATED | GroupField.SUBMITTED | GroupField.REVIEWED:
            at = label[f"{field}_at"]
            return [at and at.date().isoformat()]
    return [None if label[field] is None else str(label[field])]


def groups(shelf: Shelf, by: tuple[GroupField, ...], **asked: Any) -> list[Any]:
    found, cursor = [], None
    while True:
        question = GroupLabels(project_id=shelf.project_id, by=by, cursor=cursor, **asked)
        with shelf.database.reading() as session:
            answer = search.group_labels(session, question)
        found += answer.items
        if (cursor := answer.next) is None:
            return found


PAIRS = [(one, other) for one in GroupField for other in GroupField if one is not other]


@pytest.mark.parametrize("by", [*((one,) for one in GroupField), *PAIRS], ids="-".join)
def test_groups_count_what_their_filters_open(shelf: Shelf, by: tuple[GroupField, ...]) -> None:
    chosen = LabelFilter.model_validate(
        {"status": ["submitted", "in_progress"], "where": {"not": {"field": "round", "op": "eq", "value": 3}}}
    )
    among = [each for each in shelf.labels.values() if each["status"] != "skipped" and each["round"] != 3]
    wanted: Counter[tuple[str | None, ...]] = Counter()
    for label in among:
        wanted.update((one, *rest) for one in _values(by[0], label) for rest in _rests(by[1:], label))
    found = groups(shelf, by, filter=chosen, limit=50)
    assert {each.values: each.labels for each in found} == wanted
    assert [each.labels for each in found] == sorted(wanted.values(), reverse=True)
    for each in found[:5] + found[-2:]:
        assert len(shelf.found(each.filter.model_dump(mode="json"))) == each.labels


def _rests(by: tuple[GroupField, ...], label: dict[str, Any]) -> list[tuple[str | None, ...]]:
    return [(value,) for value in _values(by[0], label)] if by else [()]


def test_labelers_group_their_own(shelf: Shelf) -> None:
    own = Viewer(only_assignee=PEOPLE[1])
    found = groups(shelf, (GroupField.STATUS,), viewer=own, limit=1)
    assert sum(each.labels for each in found) == len(shelf.found({}, own))


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"by": (GroupField.STATUS, GroupField.STATUS)}, "validation_failed"),
        ({"by": (GroupField.ASSIGNEE,), "viewer": Viewer(anonymous=True)}, "forbidden"),
        ({"by": (GroupField.STATUS,), "cursor": "x"}, "bad_cursor"),
        (
            {
                "by": (GroupField.STATUS,),
                "filter": LabelFilter.model_validate(
                    {"where": {"or": [{"field": "tags", "op": "exists", "value": True}] * (NODES_MAX - 1)}}
                ),
            },
            "filter_too_large",
        ),
    ],
    ids=["twice", "people", "cursor", "large"],
)
def test_groups_are_refused(shelf: Shelf, asked: dict[str, Any], code: str) -> None:
    with shelf.database.reading() as session, pytest.raises(Problem) as refused:
        search.group_labels(session, GroupLabels(project_id=shelf.project_id, **asked))
    assert refused.value.code == code


def test_there_is_something_in_every_group(shelf: Shelf) -> None:
    """Else the tests above would say little."""
    assert {each for label in shelf.labels.values() for each in label["tags"]} == {*TAGS}
    assert {each for label in shelf.labels.values() for each in label["objects"]} == {str(each.id) for each in CLASSES}
