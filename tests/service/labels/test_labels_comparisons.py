"""Comparing versions: held against a plain reading, killed half-way, done once, gone with its versions."""

import random
import uuid
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from chassis import restoring
from chassis.failed import NOT_TRIED
from chassis.ids import new_id
from contracts.enums import BulkAction, JobState, LabelChange
from contracts.events import ComparisonDue, TaskChanged
from contracts.rpc.labels import CompareVersions, Comparison, DifferingLabel, ListDifferences, SaveBody, Version
from services.labels.handlers import actions, comparing, comparisons, freezing
from services.labels.models import Comparison as ComparisonRow
from services.labels.models import Difference
from services.labels.workers import snapshot
from tests.service.labels.conftest import MANAGER, Desk
from tests.service.labels.test_labels_bulk import done as bulk
from tests.service.labels.test_labels_bulk import new_tag
from tests.service.labels.test_labels_snapshot import submit
from tests.service.labels.test_labels_versions import create, delete, due, frozen, labels_of, manifest_of, refusal
from tests.unit.labels.comparing import Expected, expected


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "IMAGES", 3)
    monkeypatch.setattr(comparing, "TELL_SECONDS", 0)
    monkeypatch.setattr(comparing, "SLICE_SECONDS", 600)  # on a slow machine, too, one delivery does it


class Counted:
    """The real store, which counts what is read, and may stop it."""

    def __init__(self, store: Any, before_get: Callable[[str], None] = lambda key: None) -> None:
        self.store, self.before_get = store, before_get
        self.read: list[str] = []

    def get(self, key: str) -> bytes:
        self.before_get(key)
        self.read.append(key)
        data: bytes = self.store.get(key)
        return data


def ask(desk: Desk, before: Version, after: Version) -> Comparison:
    request = CompareVersions(project_id=desk.project_id, before=before.id, after=after.id, actor=MANAGER)
    with desk.database.session() as session:
        return comparisons.compare_versions(session, request)


def order(desk: Desk, comparison: Comparison) -> ComparisonDue:
    return ComparisonDue(project_id=desk.project_id, comparison_id=comparison.id)


def look(desk: Desk, comparison: Comparison) -> Comparison:
    with desk.database.session() as session:
        return comparisons.get_comparison(session, desk.project_id, comparison.id)


def run(desk: Desk, comparison: Comparison, store: Any = None) -> Comparison:
    comparing.run(desk.database, order(desk, comparison), store or desk.store)
    return look(desk, comparison)


def compared(desk: Desk, before: Version, after: Version) -> Comparison:
    return run(desk, ask(desk, before, after))


def differing(
    desk: Desk, comparison: Comparison, change: LabelChange | None = None, limit: int = 2
) -> list[DifferingLabel]:
    found, cursor = [], None
    while True:
        request = ListDifferences(
            project_id=desk.project_id, comparison_id=comparison.id, change=change, limit=limit, cursor=cursor
        )
        with desk.database.session() as session:
            page = comparisons.list_differences(session, request)
        found += page.items
        if (cursor := page.next) is None:
            return found


def as_found(desk: Desk, comparison: Comparison) -> Expected:
    rows = {
        str(each.label_id): (
            each.change.value,
            set(each.fields),
            *({str(id_) for id_ in ids} for ids in (each.objects_added, each.objects_removed, each.objects_changed)),
        )
        for each in differing(desk, comparison)
    }
    classes = {name: (each.added, each.removed, each.changed) for name, each in comparison.by_class.items()}
    return Expected(rows, comparison.unchanged, classes)


def keep(desk: Desk, label_id: UUID, boxes: int, moved: float = 0) -> None:
    """Save a body of so many boxes, whose ids are the same each time."""
    body = desk.body(*((1 + moved, 2, 3 + each, 4) for each in range(boxes)))
    objects = [
        each.model_copy(update={"id": uuid.uuid5(label_id, str(number))}) for number, each in enumerate(body.objects)
    ]
    request = SaveBody(
        project_id=desk.project_id,
        label_id=label_id,
        expected_version=desk.label(label_id).version,
        body=body.model_copy(update={"objects": objects}),
        actor=MANAGER,
    )
    with desk.database.session() as session:
        actions.save_body(session, desk.owners, request)


def edited(desk: Desk, seed: int = 4) -> tuple[Version, Version]:
    """Two versions, between which labels were added, deleted, edited, tagged and submitted."""
    chance = random.Random(seed)
    ids = desk.labels(14)
    for label_id in ids:
        if boxes := chance.randrange(4):
            keep(desk, label_id, boxes)
    before = frozen(desk, "before")
    tag = new_tag(desk, "good")
    chance.shuffle(ids)
    for label_id in ids[:3]:
        keep(desk, label_id, 2, moved=1)
    keep(desk, ids[3], 5)
    submit(desk, ids[4])
    bulk(desk, BulkAction.ADD_TAGS, ids[5:7], tags=(tag.id,))
    bulk(desk, BulkAction.DELETE, ids[7:10])
    for label_id in desk.labels(4):
        keep(desk, label_id, 1)
    return before, frozen(desk, "after")


def test_it_finds_what_a_plain_reading_finds_and_the_same_backwards(desk: Desk) -> None:
    before, after = edited(desk)
    comparison = compared(desk, before, after)
    wanted = expected(labels_of(desk, before), labels_of(desk, after))
    assert as_found(desk, comparison) == wanted
    assert {change for change, *_ in wanted.rows.values()} == {"added", "removed", "changed"}
    assert (comparison.state, comparison.done, comparison.total) == (JobState.DONE, 29, 29)
    counts = [sum(row[0] == change for row in wanted.rows.values()) for change in ("added", "removed", "changed")]
    assert [comparison.added, comparison.removed, comparison.changed] == counts == [4, 3, 7]
    objects = comparison.objects
    assert (objects.added, objects.removed, objects.changed) == tuple(
        sum(len(row[kind]) for row in wanted.rows.values()) for kind in (2, 3, 4)
    )
    back = compared(desk, after, before)
    assert (back.id != comparison.id) and as_found(desk, back) == expected(
        labels_of(desk, after), labels_of(desk, before)
    )
    assert back.by_class.keys() == comparison.by_class.keys() == {str(desk.box.id)}


def test_lists_are_paged_by_label_and_by_change(desk: Desk) -> None:
    comparison = compared(desk, *edited(desk))
    every = differing(desk, comparison)
    assert [each.label_id for each in every] == sorted(each.label_id for each in every)
    for change in LabelChange:
        assert differing(desk, comparison, change) == [each for each in every if each.change == change]


def test_labels_that_were_deleted_since_are_named(desk: Desk) -> None:
    ids = desk.labels(2)
    before = frozen(desk, "before")
    key = desk.label(ids[0]).data_key
    bulk(desk, BulkAction.DELETE, ids[:1])
    (removed,) = differing(desk, compared(desk, before, frozen(desk, "after")))
    assert (removed.label_id, removed.dataset, removed.data_key) == (ids[0], desk.dataset, key)


@pytest.mark.parametrize("step", range(1, 9))
def test_killed_half_way_it_goes_on_and_finds_the_same(desk: Desk, step: int) -> None:
    """The worker dies at any of its readings: what it had written stays, and counts agree with it."""
    before, after = edited(desk, step)
    comparison = ask(desk, before, after)
    whole = expected(labels_of(desk, before), labels_of(desk, after))
    gone_wrong: list[str] = []

    def die(key: str) -> None:
        gone_wrong.append(key)
        if len(gone_wrong) == step + 2:  # two manifests
            raise InterruptedError(key)

    with pytest.raises(InterruptedError):
        run(desk, comparison, Counted(desk.store, die))
    half = look(desk, comparison)
    assert half.state in (JobState.QUEUED, JobState.RUNNING)
    assert half.added + half.removed + half.changed == len(differing(desk, half)) < len(whole.rows) + 1
    done = run(desk, comparison)
    assert (done.state, as_found(desk, done)) == (JobState.DONE, whole)
    assert run(desk, comparison) == done  # its message came again


def test_of_two_workers_one_goes_on(desk: Desk) -> None:
    before, after = edited(desk)
    comparison = ask(desk, before, after)
    begun: list[str] = []

    def meanwhile(key: str) -> None:
        if not begun:
            begun.append(key)
            run(desk, comparison)

    done = run(desk, comparison, Counted(desk.store, meanwhile))
    assert as_found(desk, done) == expected(labels_of(desk, before), labels_of(desk, after))


def test_it_takes_turns(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparing, "SLICE_SECONDS", -1)
    before, after = edited(desk)
    comparison = ask(desk, before, after)
    deliveries = 0
    while look(desk, comparison).state != JobState.DONE:
        deliveries += 1
        run(desk, comparison)
        assert list(desk.events(ComparisonDue)) == [order(desk, comparison)] * (
            deliveries + (look(desk, comparison).state != JobState.DONE)
        )
    assert deliveries > 4
    told = [each for each in desk.events(TaskChanged) if each.task_id == comparison.id]
    assert [each.done for each in told] == sorted({each.done for each in told})
    assert (told[-1].kind, told[-1].state) == ("comparison", JobState.DONE)
    assert as_found(desk, look(desk, comparison)) == expected(labels_of(desk, before), labels_of(desk, after))


def test_parts_that_are_the_same_are_not_read(desk: Desk) -> None:
    ids = sorted(desk.labels(9))
    keep(desk, ids[0], 1)
    before = frozen(desk, "before")
    keep(desk, ids[4], 1)
    after = frozen(desk, "after")
    store = Counted(desk.store)
    comparison = run(desk, ask(desk, before, after), store)
    parts = [manifest_of(desk, each).parts[1].key for each in (before, after)]
    assert [key for key in store.read if "part-" in key] == parts
    assert (comparison.changed, comparison.unchanged, comparison.done) == (1, 8, 18)


def test_two_versions_are_compared_once(desk: Desk) -> None:
    before, after = edited(desk)
    comparison = compared(desk, before, after)
    assert ask(desk, before, after) == comparison
    assert len(desk.events(ComparisonDue)) == 1
    nothing = compared(desk, before, before)
    assert (nothing.unchanged, nothing.added, differing(desk, nothing)) == (14, 0, [])


def test_versions_of_nothing(desk: Desk) -> None:
    none = frozen(desk, "none")
    desk.labels(4)
    some = frozen(desk, "some")
    assert compared(desk, none, none).state == JobState.DONE
    assert (compared(desk, none, some).added, compared(desk, some, none).removed) == (4, 4)


def test_one_that_failed_goes_on_when_it_is_asked_for_again(desk: Desk) -> None:
    before, after = edited(desk)
    comparison = ask(desk, before, after)
    key = manifest_of(desk, after).parts[2].key
    data = desk.store.get(key)
    desk.store.put(key, data[:-1] + b"?")
    broken = run(desk, comparison)
    assert (broken.state, "damaged" in (broken.failure or "")) == (JobState.FAILED, True)
    desk.store.delete(key)
    assert ask(desk, before, after).state == JobState.QUEUED
    missing = run(desk, comparison)
    assert (missing.state, "missing" in (missing.failure or "")) == (JobState.FAILED, True)
    desk.store.put(key, data)
    ask(desk, before, after)
    with desk.database.session() as session:
        comparisons.give_up(session, order(desk, comparison))
        assert comparisons.get_comparison(session, desk.project_id, comparison.id).failure == NOT_TRIED
    assert ask(desk, before, after).failure is None
    done = run(desk, comparison)
    assert as_found(desk, done) == expected(labels_of(desk, before), labels_of(desk, after))


def test_what_cannot_be_compared_is_refused(desk: Desk) -> None:
    stands, waits, deleted = frozen(desk, "stands"), create(desk, "waits"), frozen(desk, "deleted")
    delete(desk, deleted)
    for other, code in ((waits, "not_ready"), (deleted, "gone")):
        assert refusal(lambda other=other: ask(desk, stands, other)) == code  # type: ignore[misc]
        assert refusal(lambda other=other: ask(desk, other, stands)) == code  # type: ignore[misc]
    assert refusal(lambda: ask(desk, stands, stands.model_copy(update={"id": new_id()}))) == "not_found"
    comparison = compared(desk, stands, stands)
    desk.project_id = new_id()
    assert refusal(lambda: look(desk, comparison)) == "not_found"
    assert refusal(lambda: differing(desk, comparison)) == "not_found"
    assert refusal(lambda: ask(desk, stands, stands)) == "not_found"


def test_a_deleted_version_takes_its_comparisons_along(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparisons, "FORGOTTEN_AT_ONCE", 2)
    before, after = edited(desk)
    other = frozen(desk, "other")
    gone, also, stays = compared(desk, before, after), ask(desk, other, before), compared(desk, after, other)
    kept = differing(desk, stays)
    delete(desk, before)
    freezing.run(desk.database, due(desk, before), desk.store, desk.owners)
    for each in (gone, also):
        assert refusal(lambda each=each: look(desk, each)) == "not_found"  # type: ignore[misc]
        run_of_none = order(desk, each)
        comparing.run(desk.database, run_of_none, desk.store)
    with desk.database.session() as session:
        rows = session.scalars(sa.select(Difference).where(Difference.comparison_id == gone.id)).all()
        assert rows == [] and session.get(ComparisonRow, (desk.project_id, also.id)) is None
    assert (look(desk, stays), differing(desk, stays)) == (stays, kept)


def test_a_restored_system_goes_on(desk: Desk) -> None:
    before, after = edited(desk)
    comparison, done = ask(desk, before, after), compared(desk, after, before)
    with desk.database.session() as session:
        told = list(restoring.present("labels", session))
    assert order(desk, comparison) in told and order(desk, done) not in told
