"""Versions: a selection frozen as it was, whatever becomes of its labels and tags, and whoever is killed meanwhile."""

import hashlib
import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from chassis import restoring
from chassis.failed import NOT_TRIED
from chassis.ids import new_id
from chassis.objects import NO_ROOM, Full
from contracts.enums import BulkAction, JobState
from contracts.errors import Problem
from contracts.events import ProjectDeleted, TaskChanged, VersionDue
from contracts.rpc.labels import (
    ChangeVersion,
    CreateVersion,
    DeleteVersion,
    LabelFilter,
    ListVersions,
    Selection,
    Version,
)
from contracts.snapshots import ImageList, Manifest
from formats import native
from services.labels.handlers import copies, freezing, versions
from services.labels.models import Label, VersionObject
from services.labels.models import Version as VersionRow
from services.labels.restoring import frozen as frozen_objects
from services.labels.workers import snapshot
from tests.service.labels.conftest import MANAGER, Desk
from tests.service.labels.test_labels_bulk import done as bulk
from tests.service.labels.test_labels_bulk import end_tag, finish, new_tag
from tests.service.labels.test_labels_snapshot import Watched, save, submit


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "IMAGES", 3)


def create(desk: Desk, name: str = "v1", *, note: str = "", **selection: Any) -> Version:
    request = CreateVersion(
        project_id=desk.project_id,
        name=name,
        note=note,
        selection=Selection.model_validate(selection or {"filter": {}}),
        actor=MANAGER,
    )
    with desk.database.session() as session:
        return versions.create_version(session, desk.owners, request)


def freeze(desk: Desk, version: Version, store: Any = None) -> Version:
    freezing.run(desk.database, due(desk, version), store or desk.store, desk.owners)
    return look(desk, version)


def due(desk: Desk, version: Version) -> VersionDue:
    return VersionDue(project_id=desk.project_id, version_id=version.id)


def frozen(desk: Desk, name: str = "v1", **selection: Any) -> Version:
    return freeze(desk, create(desk, name, **selection))


def look(desk: Desk, version: Version) -> Version:
    with desk.database.session() as session:
        return versions.get_version(session, desk.project_id, version.id)


def delete(desk: Desk, version: Version) -> None:
    with desk.database.session() as session:
        versions.delete_version(
            session, DeleteVersion(project_id=desk.project_id, version_id=version.id, actor=MANAGER)
        )


def change(desk: Desk, version: Version, **what: str) -> Version:
    request = ChangeVersion(project_id=desk.project_id, version_id=version.id, actor=MANAGER, **what)
    with desk.database.session() as session:
        return versions.change_version(session, request)


def manifest_of(desk: Desk, version: Version) -> Manifest:
    with desk.database.session() as session:
        row = session.get_one(VersionRow, (desk.project_id, version.id))
    assert row.manifest is not None
    return Manifest.model_validate_json(desk.store.get(row.manifest))


def labels_of(desk: Desk, version: Version) -> list[dict[str, Any]]:
    """What stands in a version, by id."""
    parts = [desk.store.get(part.key)[part.offset :] for part in manifest_of(desk, version).parts]
    return [label for part in parts for label in native.labels(part)]


def ids_of(desk: Desk, version: Version) -> list[UUID]:
    return [UUID(label["id"]) for label in labels_of(desk, version)]


def keys(desk: Desk, version: Version) -> set[str]:
    """The objects that there are of a version."""
    return {each.key for each in desk.store.find(f"snapshots/{version.id}/")}


def promised(desk: Desk, version: Version) -> dict[str, tuple[int, str]]:
    with desk.database.session() as session:
        rows = session.scalars(sa.select(VersionObject).where(VersionObject.version_id == version.id)).all()
    return {row.key: (row.size, row.sha256) for row in rows}


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(Problem) as caught:
        call()
    return caught.value.code


# --- freezing ---


def test_a_version_holds_what_was_selected_for_every_format(desk: Desk) -> None:
    ids = sorted(desk.labels(7))
    save(desk, ids[2], (1, 2, 3, 4), (5, 6, 7, 8))
    asked = create(desk, "before the review", note="for the paper")
    assert (asked.state, asked.labels, asked.of.filter) == (JobState.QUEUED, None, LabelFilter())
    version = freeze(desk, asked)
    assert (version.state, version.labels, version.objects, version.done) == (JobState.DONE, 7, 2, 7)
    assert version.taken_at is not None and version.ended_at is not None and version.note == "for the paper"
    manifest = manifest_of(desk, version)
    assert [part.labels for part in manifest.parts] == [each.images for each in manifest.images] == [3, 3, 1]
    assert ids_of(desk, version) == ids
    listed = [image for each in manifest.images for image in ImageList.read(desk.store.get(each.key))]
    assert [UUID(each.label_id) for each in listed] == ids


def test_a_version_stays_as_it_is_whatever_becomes_of_its_labels(desk: Desk) -> None:
    ids = sorted(desk.labels(4))
    save(desk, ids[0], (1, 2, 3, 4))
    version = frozen(desk)
    before = labels_of(desk, version)
    save(desk, ids[0], (9, 9, 9, 9))
    submit(desk, ids[1])
    bulk(desk, BulkAction.DELETE, ids[1:3])
    desk.labels(2)
    freeze(desk, version)  # its message came again
    assert labels_of(desk, version) == before
    assert [label["status"] for label in before] == ["in_progress"] * 4
    later = frozen(desk, "v2")
    assert later.labels == 4 and set(ids_of(desk, later)) != set(ids)


def test_a_tag_may_be_renamed_and_deleted_afterwards(desk: Desk) -> None:
    ids = sorted(desk.labels(5))
    tag = new_tag(desk, "good")
    bulk(desk, BulkAction.ADD_TAGS, ids[:2], tags=(tag.id,))
    version = frozen(desk, filter={"tag": [str(tag.id)]})
    nested = {
        "or": [{"field": "tags", "op": "all", "value": [str(tag.id)]}, {"field": "round", "op": "gt", "value": 5}]
    }
    other = frozen(desk, "v2", filter={"where": nested})
    finish(desk, end_tag(desk, tag))
    for each in (version, other):
        assert ids_of(desk, each) == ids[:2]
        assert [label["tags"] for label in labels_of(desk, each)] == [["good"]] * 2
        assert look(desk, each).of.tags == {str(tag.id): "good"}


@pytest.mark.parametrize("order", ["oldest", "newest", "random"])
def test_a_selection_is_the_one_that_a_task_would_take(desk: Desk, order: str) -> None:
    ids = desk.labels(9)
    selection: dict[str, Any] = {"filter": {}, "limit": 4, "order": order, "seed": 3}
    version = frozen(desk, **selection)
    assert (version.of.limit, version.of.order, version.labels) == (4, order, 4)
    chosen = set(ids_of(desk, version))
    bulk(desk, BulkAction.SUBMIT, **selection)
    assert {label_id for label_id in ids if desk.label(label_id).status == "submitted"} == chosen


def test_labels_by_their_ids(desk: Desk) -> None:
    ids = sorted(desk.labels(5))
    version = frozen(desk, ids=[ids[3], ids[1], new_id()])  # one that is not there is not in it
    assert ids_of(desk, version) == [ids[1], ids[3]]
    assert (version.of.ids, version.of.filter) == (3, None)


def test_a_version_of_nothing(desk: Desk) -> None:
    version = frozen(desk)
    assert (version.state, version.labels, version.objects, ids_of(desk, version)) == (JobState.DONE, 0, 0, [])


def test_how_far_it_is_is_told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "TELL_SECONDS", 0)
    desk.labels(7)
    version = frozen(desk)
    told = [(each.state, each.done, each.total) for each in desk.events(TaskChanged) if each.task_id == version.id]
    running = [(JobState.RUNNING, done, 7) for done in (3, 6, 7)]
    assert told == [(JobState.QUEUED, 0, None), *running, (JobState.DONE, 7, 7)]
    numbers = [each.version for each in desk.events(TaskChanged) if each.task_id == version.id]
    assert numbers == sorted(set(numbers))


def test_what_it_promises_is_there_byte_by_byte(desk: Desk) -> None:
    desk.labels(4)
    version = frozen(desk)
    objects = promised(desk, version)
    assert keys(desk, version) == set(objects) and len(objects) == 5  # two parts, two lists, the manifest
    assert version.size == sum(size for size, _ in objects.values())
    for key, (size, digest) in objects.items():
        data = desk.store.get(key)
        assert (len(data), hashlib.sha256(data).hexdigest()) == (size, digest)
    with desk.database.session() as session:
        kept = [each for each in frozen_objects(session) if each.key in objects]
    assert {(each.key, (each.size, each.sha256)) for each in kept} == set(objects.items())
    assert {each.what for each in kept} == {f"version v1 ({version.id})"}


# --- killed, given up, deleted meanwhile ---


class Died(BaseException):
    """The worker was killed."""


def test_it_goes_on_after_a_death_and_leaves_nothing_of_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = sorted(desk.labels(7))
    version = create(desk)

    def die(key: str) -> None:
        if key.endswith("images-000001.jsonl"):
            raise Died

    with pytest.raises(Died):
        freeze(desk, version, Watched(desk.store, die))
    assert keys(desk, version) and promised(desk, version) == {}
    again = freeze(desk, version)
    assert (again.state, ids_of(desk, again)) == (JobState.DONE, ids)
    assert keys(desk, version) == set(promised(desk, version))


def test_one_that_died_before_it_had_cleared_up_does_it_when_it_comes_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.labels(2)
    version = create(desk)
    desk.store.put(f"snapshots/{version.id}/{new_id()}/part-000000.json", b"of an attempt before")

    def die(*_: object) -> None:
        raise Died

    with monkeypatch.context() as patch, pytest.raises(Died):
        patch.setattr(freezing, "_clear_away", die)
        freeze(desk, version)
    assert look(desk, version).state == JobState.DONE
    freeze(desk, version)
    assert keys(desk, version) == set(promised(desk, version))


def test_of_two_attempts_at_once_one_counts(desk: Desk) -> None:
    ids = sorted(desk.labels(4))
    version = create(desk)
    begun: list[str] = []

    def meanwhile(key: str) -> None:
        if not begun:
            begun.append(key)
            freeze(desk, version)
            desk.labels(1)

    freeze(desk, version, Watched(desk.store, meanwhile))
    assert ids_of(desk, version) == ids
    assert keys(desk, version) == set(promised(desk, version))
    assert len([each for each in desk.events(TaskChanged) if each.state == JobState.DONE]) == 1


def test_deleted_while_it_is_frozen_nothing_stays(desk: Desk) -> None:
    desk.labels(4)
    version = create(desk)
    begun: list[str] = []

    def meanwhile(key: str) -> None:
        if not begun:
            begun.append(key)
            delete(desk, version)
            freezing.run(desk.database, due(desk, version), desk.store, desk.owners)

    freezing.run(desk.database, due(desk, version), Watched(desk.store, meanwhile), desk.owners)
    assert begun and keys(desk, version) == set() and promised(desk, version) == {}
    assert refusal(lambda: look(desk, version)) == "gone"


def test_what_cannot_be_frozen_has_failed_and_says_why(desk: Desk) -> None:
    version = create(desk)
    with desk.database.session() as session:
        copies.project_deleted(session, ProjectDeleted(project_id=desk.project_id, version=2))
    del desk.owners.projects[desk.project_id]
    failed = freeze(desk, version)
    assert (failed.state, failed.labels, bool(failed.failure)) == (JobState.FAILED, None, True)


def test_where_the_store_is_full_it_has_failed_and_leaves_nothing(desk: Desk) -> None:
    desk.labels(7)
    version = create(desk)

    def fill(key: str) -> None:
        if key.endswith("part-000001.json"):
            raise Full(key)

    failed = freeze(desk, version, Watched(desk.store, fill))
    assert (failed.state, failed.failure, keys(desk, version)) == (JobState.FAILED, NO_ROOM, set())


def test_one_that_is_given_up_has_failed_and_leaves_nothing(desk: Desk) -> None:
    version = create(desk)
    desk.store.put(f"snapshots/{version.id}/{new_id()}/part-000000.json", b"of an attempt that came to nothing")
    for _ in range(2):
        with desk.database.session() as session:
            versions.give_up(session, due(desk, version))
    assert len([event for event in desk.events(VersionDue) if event.version_id == version.id]) == 2
    failed = freeze(desk, version)
    assert (failed.state, failed.failure) == (JobState.FAILED, NOT_TRIED)
    assert keys(desk, version) == set()
    with desk.database.session() as session:
        versions.give_up(session, due(desk, done := frozen(desk, "v2")))
    assert look(desk, done).state == JobState.DONE


# --- looking, naming, deleting ---


def test_names_are_their_own_until_they_are_deleted(desk: Desk) -> None:
    version = frozen(desk, "a")
    other = frozen(desk, "b")
    assert refusal(lambda: create(desk, "a")) == "name_taken"
    assert refusal(lambda: change(desk, other, name="a")) == "name_taken"
    renamed = change(desk, version, name="c", note="why")
    assert (renamed.name, renamed.note, renamed.version) == ("c", "why", version.version + 1)
    assert change(desk, version, note="").name == "c"
    assert create(desk, "a").name == "a"
    delete(desk, other)
    assert create(desk, "b").name == "b"
    assert refusal(lambda: change(desk, other, name="d")) == "gone"
    assert refusal(lambda: delete(desk, other)) == "gone"


def test_a_deleted_one_takes_no_room(desk: Desk) -> None:
    desk.labels(4)
    version, other = frozen(desk, "a"), frozen(desk, "b")
    delete(desk, version)
    with desk.database.session() as session:
        told = list(restoring.present("labels", session))
        kept = {each.key for each in frozen_objects(session)}
    assert due(desk, version) in told and due(desk, other) not in told
    assert not kept & keys(desk, version) and kept >= keys(desk, other)
    freezing.run(desk.database, due(desk, version), desk.store, desk.owners)
    assert keys(desk, version) == set() and promised(desk, version) == {}
    assert ids_of(desk, other) and keys(desk, other) == set(promised(desk, other))


def test_lists_are_paged_newest_first_and_hold_no_ids(desk: Desk) -> None:
    made = [create(desk, f"v{number}", ids=desk.labels(1)) for number in range(5)]
    delete(desk, create(desk, "deleted"))
    found, cursor = [], None
    while True:
        with desk.database.session() as session:
            request = ListVersions(project_id=desk.project_id, limit=2, cursor=cursor)
            page = versions.list_versions(session, request)
        found += page.items
        if (cursor := page.next) is None:
            break
    assert [each.id for each in found] == [each.id for each in reversed(made)]
    assert str(sorted(desk_labels(desk))[0]) not in json.dumps([each.model_dump(mode="json") for each in found])


def desk_labels(desk: Desk) -> list[UUID]:
    with desk.database.session() as session:
        return list(session.scalars(sa.select(Label.id).where(Label.project_id == desk.project_id)))


def test_nothing_leads_to_another_projects_version(desk: Desk) -> None:
    version = frozen(desk)
    desk.project_id = new_id()
    assert refusal(lambda: look(desk, version)) == "not_found"
    assert refusal(lambda: delete(desk, version)) == "not_found"
    assert refusal(lambda: change(desk, version, name="mine")) == "not_found"
