"""Saved filters: whose they are, what they find, and how many there may be."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest

from chassis.ids import new_id
from contracts.enums import FilterScope, LabelSort
from contracts.errors import Problem
from contracts.permissions import Role
from contracts.rpc.labels import (
    Actor,
    ChangeSavedFilter,
    CreateSavedFilter,
    DeleteSavedFilter,
    GetSavedFilter,
    LabelFilter,
    ListLabels,
    ListSavedFilters,
    SavedFilter,
    Viewer,
)
from services.labels.handlers import saved_filters, search
from tests.service.labels.conftest import MANAGER, Desk, Owners
from tests.service.labels.shelf import PEOPLE, Shelf

LABELER = Actor(user_id=UUID(int=2), role=Role.LABELER)
REVIEWER = Actor(user_id=UUID(int=3), role=Role.REVIEWER)
SUBMITTED = LabelFilter.model_validate({"status": ["submitted"]})
DEEP = LabelFilter.model_validate(
    {
        "created_since": "2026-11-01T00:00:00Z",
        "where": {
            "or": [
                {"not": {"field": "tags", "op": "exists", "value": True}},
                {"field": "round", "op": "ge", "value": 2},
            ]
        },
    }
)


def save(desk: Desk, name: str, actor: Actor = LABELER, **more: Any) -> SavedFilter:
    command = CreateSavedFilter(project_id=desk.project_id, name=name, actor=actor, **{"filter": SUBMITTED, **more})
    with desk.database.session() as session:
        return saved_filters.create_filter(session, desk.owners, command)


def change(desk: Desk, saved: SavedFilter, actor: Actor = LABELER, **changes: Any) -> SavedFilter:
    command = ChangeSavedFilter(
        project_id=desk.project_id,
        filter_id=saved.id,
        actor=actor,
        **{"expected_version": saved.version, **changes},
    )
    with desk.database.session() as session:
        return saved_filters.change_filter(session, command)


def delete(desk: Desk, saved: SavedFilter, actor: Actor = LABELER) -> None:
    command = DeleteSavedFilter(project_id=desk.project_id, filter_id=saved.id, actor=actor)
    with desk.database.session() as session:
        saved_filters.delete_filter(session, command)


def get(desk: Desk, saved: SavedFilter, actor: Actor = LABELER) -> SavedFilter:
    question = GetSavedFilter(project_id=desk.project_id, filter_id=saved.id, actor=actor)
    with desk.database.reading() as session:
        return saved_filters.get_filter(session, question)


def names(desk: Desk, actor: Actor, **asked: Any) -> list[str]:
    found: list[str] = []
    cursor = None
    while True:
        question = ListSavedFilters(project_id=desk.project_id, actor=actor, cursor=cursor, **asked)
        with desk.database.reading() as session:
            page = saved_filters.list_filters(session, question)
        found += [each.name for each in page.items]
        if (cursor := page.next) is None:
            return found


def refused(call: Any, *arguments: Any, **more: Any) -> str:
    with pytest.raises(Problem) as problem:
        call(*arguments, **more)
    return problem.value.code


def test_it_is_kept_as_it_was_given(desk: Desk) -> None:
    made = save(desk, "deep", filter=DEEP, sort=LabelSort.MOST_OBJECTS)
    assert (made.filter, made.sort, made.scope, made.owner) == (
        DEEP,
        LabelSort.MOST_OBJECTS,
        FilterScope.OWN,
        LABELER.user_id,
    )
    assert get(desk, made) == made


def test_own_ones_are_their_owners_alone(desk: Desk) -> None:
    mine = save(desk, "mine")
    for other in (REVIEWER, MANAGER):
        assert names(desk, other) == []
        for call in (get, change, delete):
            assert refused(call, desk, mine, other) == "not_found"
    assert names(desk, LABELER) == ["mine"]
    delete(desk, mine)
    assert refused(get, desk, mine) == "not_found"


def test_the_projects_are_for_everybody_to_see_and_for_managers_to_change(desk: Desk) -> None:
    made = save(desk, "all", MANAGER, scope=FilterScope.PROJECT)
    for actor in (LABELER, REVIEWER, MANAGER):
        assert names(desk, actor) == ["all"]
        assert get(desk, made, actor) == made
    for actor in (LABELER, REVIEWER):
        assert refused(change, desk, made, actor, name="x") == "forbidden"
        assert refused(delete, desk, made, actor) == "forbidden"
    other_manager = Actor(user_id=UUID(int=9), role=Role.MANAGER)
    assert change(desk, made, other_manager, name="ours").owner == MANAGER.user_id
    delete(desk, made, other_manager)
    assert names(desk, MANAGER) == []


def test_a_name_is_used_once_by_each_and_once_by_the_project(desk: Desk) -> None:
    mine = save(desk, "a")
    save(desk, "b")
    assert refused(save, desk, "a") == "name_taken"
    assert refused(change, desk, mine, name="b") == "name_taken"
    save(desk, "a", MANAGER)
    save(desk, "a", MANAGER, scope=FilterScope.PROJECT)
    assert refused(save, desk, " a ", MANAGER, scope=FilterScope.PROJECT) == "name_taken"
    assert names(desk, LABELER, limit=1) == ["a", "a", "b"]
    assert names(desk, LABELER, scope=FilterScope.PROJECT) == ["a"]
    assert names(desk, LABELER, scope=FilterScope.OWN) == ["a", "b"]


def test_a_change_that_was_overtaken_is_refused(desk: Desk) -> None:
    made = save(desk, "a")
    changed = change(desk, made, filter=DEEP, sort=LabelSort.UPDATED)
    assert (changed.version, changed.filter, changed.sort, changed.name) == (2, DEEP, LabelSort.UPDATED, "a")
    assert refused(change, desk, made, name="b") == "stale_version"
    assert get(desk, made) == changed
    assert change(desk, changed, name="a", filter=DEEP).version == 2, "nothing was changed"


def test_there_are_only_so_many_whoever_hurries(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved_filters, "_MOST", {FilterScope.OWN: 3, FilterScope.PROJECT: 2})

    def attempt(number: int) -> str:
        try:
            return save(desk, f"filter {number}").name
        except Problem as problem:
            return problem.code

    with ThreadPoolExecutor(8) as pool:
        said = [*pool.map(attempt, range(8))]
    assert said.count("quota_exceeded") == 5
    assert len(names(desk, LABELER)) == 3
    for number in range(2):
        save(desk, f"{number}", MANAGER, scope=FilterScope.PROJECT)
    assert refused(save, desk, "2", MANAGER, scope=FilterScope.PROJECT) == "quota_exceeded"
    save(desk, "somebody else's", REVIEWER)


def test_a_cursor_of_something_else_is_refused(desk: Desk) -> None:
    question = ListSavedFilters(project_id=desk.project_id, actor=LABELER, cursor="x")
    with desk.database.reading() as session:
        assert refused(saved_filters.list_filters, session, question) == "bad_cursor"


def test_in_a_project_that_is_not_there_nothing_is_saved(desk: Desk) -> None:
    command = CreateSavedFilter(project_id=new_id(), name="a", filter=SUBMITTED, actor=LABELER)
    with desk.database.session() as session:
        assert refused(saved_filters.create_filter, session, desk.owners, command) == "not_found"


# --- finding labels by one ---


def saved_on(shelf: Shelf, chosen: dict[str, Any], *, sort: LabelSort = LabelSort.LAST_CREATED) -> UUID:
    command = CreateSavedFilter(
        project_id=shelf.project_id,
        name=str(new_id()),
        filter=LabelFilter.model_validate(chosen),
        sort=sort,
        actor=Actor(user_id=PEOPLE[0], role=Role.LABELER),
    )
    with shelf.database.session() as session:
        return saved_filters.create_filter(session, Owners(), command).id


def labels(shelf: Shelf, saved: UUID, actor: UUID | None = PEOPLE[0], **asked: Any) -> list[UUID]:
    found: list[UUID] = []
    cursor = None
    while True:
        question = ListLabels(project_id=shelf.project_id, saved=saved, actor=actor, cursor=cursor, limit=9, **asked)
        with shelf.database.reading() as session:
            page = search.list_labels(session, question)
        found += [label.id for label in page.items]
        if (cursor := page.next) is None:
            return found


ROUNDS = {"where": {"field": "round", "op": "ge", "value": 2}, "status": ["submitted", "in_progress"]}


def test_what_is_asked_beside_it_must_hold_too(shelf: Shelf) -> None:
    saved = saved_on(shelf, ROUNDS)
    beside = LabelFilter.model_validate({"status": ["submitted"], "has_assignee": True})
    wanted = shelf.found(ROUNDS) & shelf.found({"status": ["submitted"], "has_assignee": True})
    found = labels(shelf, saved, filter=beside)
    assert found == sorted(wanted, reverse=True) and 0 < len(wanted) < len(shelf.found(ROUNDS))


def test_its_order_stands_unless_another_is_asked_for(shelf: Shelf) -> None:
    saved = saved_on(shelf, ROUNDS, sort=LabelSort.DATA_KEY)
    wanted = shelf.found(ROUNDS)
    by_key = sorted(wanted, key=lambda each: (shelf.labels[each]["data_key"].encode(), each))
    assert labels(shelf, saved, sort=None) == by_key
    assert labels(shelf, saved, sort=LabelSort.CREATED) == sorted(wanted) != by_key


def test_it_shows_nobody_more_than_they_see(shelf: Shelf) -> None:
    saved = saved_on(shelf, ROUNDS)
    own = Viewer(only_assignee=PEOPLE[0])
    assert set(labels(shelf, saved, viewer=own)) == shelf.found(ROUNDS, own)
    for asked, code in (({"actor": PEOPLE[1]}, "not_found"), ({"viewer": Viewer(anonymous=True)}, "forbidden")):
        assert refused(labels, shelf, saved, **asked) == code


def test_one_of_another_project_is_none(desk: Desk, shelf: Shelf) -> None:
    elsewhere = save(desk, "a", MANAGER, scope=FilterScope.PROJECT)
    assert refused(labels, shelf, elsewhere.id, actor=MANAGER.user_id) == "not_found"


def test_what_names_something_that_is_gone_stays_valid(desk: Desk, shelf: Shelf) -> None:
    gone = str(new_id())
    nodes: list[dict[str, Any]] = [
        {"field": "tags", "op": "any", "value": [gone]},
        {"field": "objects", "class_id": gone, "op": "ge", "value": 1},
        {"field": "answer", "category_id": gone, "op": "exists", "value": True},
        {"field": "assignee", "op": "in", "value": [gone]},
    ]
    for node in nodes:
        saved = saved_on(shelf, {"where": node})
        assert labels(shelf, saved) == []
        other = saved_on(shelf, {"where": {"not": node}})
        assert set(labels(shelf, other)) == {*shelf.labels}
