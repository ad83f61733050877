"""Comparing two versions, part by part of their snapshots.

Both have their labels in the order of their ids, so they are read side by side, of each one part at a time. What was
found, and how far it is, is one transaction: whoever goes on after a worker died begins with what was not compared. A
delivery works for SLICE_SECONDS at most and then queues up again.
"""

import time
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from uuid import UUID
from zlib import crc32

import sqlalchemy as sa

from chassis import outbox
from chassis.chunks import chunks
from chassis.database import Database
from chassis.logs import get_logger
from chassis.objects import ObjectStore
from contracts.enums import JobState
from contracts.errors import Problem
from contracts.events import ComparisonDue
from contracts.snapshots import Manifest, Part
from formats import native
from services.labels.domain import differences
from services.labels.domain.differences import Counts
from services.labels.handlers import comparisons, versions
from services.labels.models import Comparison, Difference

log = get_logger()

SLICE_SECONDS = 10.0
"""How long one delivery of a comparison works, before others have their turn."""

TELL_SECONDS = 1.0
"""Between two words on how far it is."""

AT_ONCE = 1000
"""Differing labels that are written in one statement."""


class _Overtaken(Exception):
    """Another worker has done this step, or nobody wants it any more."""


def compare(database: Database, event: ComparisonDue) -> None:
    """Do a slice of a comparison; one that has ended is left alone."""
    run(database, event, ObjectStore.shared())


def run(database: Database, event: ComparisonDue, store: ObjectStore) -> None:
    """`compare` with its port."""
    try:
        work = _begin(database, event, store)
        until = time.monotonic() + SLICE_SECONDS
        while work is not None and work.step():
            if time.monotonic() > until:
                with database.session() as session:
                    outbox.add(session, event)
                return
    except _Overtaken:
        log.info("comparison overtaken", comparison_id=str(event.comparison_id))
    except Problem as problem:
        if problem.status >= 500:
            raise
        with database.session() as session:
            row = session.get(Comparison, (event.project_id, event.comparison_id), with_for_update=True)
            if row is not None and row.state in comparisons.UNFINISHED:
                comparisons.end(session, row, JobState.FAILED, problem.detail or problem.title)


def _begin(database: Database, event: ComparisonDue, store: ObjectStore) -> "_Work | None":
    with database.session() as session:
        row = session.get(Comparison, (event.project_id, event.comparison_id))
        if row is None or row.state not in comparisons.UNFINISHED:
            return None
        keys = [versions.get_manifest(session, row.project_id, each).manifest for each in (row.before_id, row.after_id)]
    before, after = (_Side(store, _manifest(store, key).parts) for key in keys)
    before.part, before.taken, after.part, after.taken = row.position
    return _Work(database, row, before, after)


@dataclass
class _Side:
    """One of the versions: the next of its labels is the one behind the `taken` first of its part number `part`."""

    store: ObjectStore
    parts: tuple[Part, ...]
    part: int = 0
    taken: int = 0
    _read: tuple[int, list[dict[str, Any]]] = field(default=(-1, []), repr=False)

    @property
    def present(self) -> Part | None:
        """The part that is at hand; None: there is no more."""
        return self.parts[self.part] if self.part < len(self.parts) else None

    def waiting(self) -> list[dict[str, Any]]:
        """Those labels of the part at hand that were not taken yet."""
        part = self.present
        if part is None:
            return []
        if self._read[0] != self.part:
            self._read = self.part, list(native.labels(_data(self.store, part)))
        return self._read[1][self.taken :]

    def take(self, count: int) -> None:
        """So many of the labels that are waiting are done."""
        self.taken += count
        part = self.present
        if part is not None and self.taken >= part.labels:
            self.part, self.taken = self.part + 1, 0


class _Work:
    """A comparison that is gone on with."""

    def __init__(self, database: Database, row: Comparison, before: _Side, after: _Side) -> None:
        self._database, self._key = database, (row.project_id, row.id)
        self._before, self._after = before, after
        self._told = time.monotonic()

    def step(self) -> bool:
        """Compare up to where the part at hand of one side ends, and write that; whether there is more to do."""
        began = self._position()
        counts, found = Counts(), list[differences.Difference]()
        before, after = self._before.present, self._after.present
        if _same(before, after) and not self._before.taken and not self._after.taken:
            assert before is not None and after is not None
            counts.unchanged = before.labels
            self._before.take(before.labels)
            self._after.take(after.labels)
        else:
            old, new = self._before.waiting(), self._after.waiting()
            if old and new:  # behind the first end it is not known what the other side has
                end = min(old[-1]["id"], new[-1]["id"])
                old, new = ([label for label in each if label["id"] <= end] for each in (old, new))
            for one, other in differences.pairs(old, new):
                difference = differences.differ(one, other)
                counts.take(difference, one, other)
                if difference is not None:
                    found.append(difference)
            self._before.take(len(old))
            self._after.take(len(new))
        return self._write(began, counts, found)

    def _position(self) -> list[int]:
        return [self._before.part, self._before.taken, self._after.part, self._after.taken]

    def _write(self, began: list[int], counts: Counts, found: list[differences.Difference]) -> bool:
        project_id, comparison_id = self._key
        with self._database.session() as session:
            row = session.get(Comparison, self._key, with_for_update=True)
            if row is None or row.state not in comparisons.UNFINISHED or row.position != began:
                raise _Overtaken
            for some in chunks(found, AT_ONCE):
                values = [_row(project_id, comparison_id, each) for each in some]
                session.execute(sa.insert(Difference), values)
            for name in ("added", "removed", "changed", "unchanged"):
                setattr(row, name, getattr(row, name) + getattr(counts, name))
            row.done += counts.added + counts.removed + 2 * (counts.changed + counts.unchanged)
            row.objects = _sum(row.objects, counts.objects)
            row.position, row.state = self._position(), JobState.RUNNING
            row.version += 1
            more = self._before.present is not None or self._after.present is not None
            if not more:
                comparisons.end(session, row, JobState.DONE)
            elif time.monotonic() - self._told >= TELL_SECONDS:
                outbox.add(session, comparisons.changed(row))
                self._told = time.monotonic()
        return more


def _same(before: Part | None, after: Part | None) -> bool:
    """Whether two parts are known to be the same bytes without being read."""
    if before is None or after is None or not before.etag or not before.crc32:
        return False
    names = ("etag", "crc32", "size", "offset", "labels")
    return all(getattr(before, name) == getattr(after, name) for name in names)


def _row(project_id: UUID, comparison_id: UUID, found: differences.Difference) -> dict[str, Any]:
    return {
        "project_id": project_id,
        "comparison_id": comparison_id,
        "label_id": UUID(found.label["id"]),
        "dataset": found.label["dataset"],
        "data_key": found.label["data_key"],
        "change": found.change,
        "fields": list(found.fields),
        "objects_added": [UUID(each) for each in found.added],
        "objects_removed": [UUID(each) for each in found.removed],
        "objects_changed": [UUID(each) for each in found.changed],
    }


def _sum(one: dict[str, list[int]], other: dict[str, list[int]]) -> dict[str, list[int]]:
    none = [0, 0, 0]
    return {
        each: [a + b for a, b in zip(one.get(each, none), other.get(each, none), strict=True)]
        for each in {**one, **other}
    }


@lru_cache(maxsize=4)
def _manifest(store: ObjectStore, key: str) -> Manifest:
    try:
        return Manifest.model_validate_json(store.get(key))
    except KeyError:
        raise Problem("gone", f"An object is missing: {key}.") from None


def _data(store: ObjectStore, part: Part) -> bytes:
    """The labels of a part, checked."""
    try:
        data = store.get(part.key)
    except KeyError:
        raise Problem("gone", f"An object is missing: {part.key}.") from None
    if len(data) != part.offset + part.size or part.crc32 not in (None, crc32(data)):
        raise Problem("gone", f"A part is damaged: {part.key}.")
    return data[part.offset :]
