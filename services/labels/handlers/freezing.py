"""Freezing a version: its labels become the part objects of a snapshot (contracts.snapshots) that stays for ever.

It carries everything that an export of any format may want, images' places too, so that nothing of today's labels is
asked for again. Images themselves are not copied: assets do not change, and are not deleted with labels.

As with other snapshots each attempt writes objects of its own, and the version's row decides which of them count; what
an attempt leaves behind that was overtaken, killed or not wanted any more is cleared away by whoever comes next.
"""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

import sqlalchemy as sa

from chassis import outbox
from chassis.chunks import chunks
from chassis.database import Database
from chassis.ids import new_id
from chassis.logs import get_logger
from chassis.objects import NO_ROOM, Full, ObjectStore
from chassis.rpc.client import RpcClient
from contracts.enums import JobState
from contracts.errors import Problem
from contracts.events import SnapshotRequested, VersionDue
from contracts.rpc import Owners
from contracts.rpc.labels import Selection, Viewer
from contracts.snapshots import Manifest
from services.labels.handlers import comparisons, copies, versions
from services.labels.handlers.bulk import planning
from services.labels.handlers.selection import selected
from services.labels.models import Label, Version, VersionObject
from services.labels.workers import snapshot

log = get_logger()

AT_ONCE = 1000
"""Objects that are looked up or written down in one statement."""


class _Unwanted(Exception):
    """The version was deleted meanwhile, or another attempt has come to its end."""


def freeze(database: Database, event: VersionDue) -> None:
    """Freeze a version, unless that was done, or clear away what is left of one that was deleted."""
    run(database, event, ObjectStore.shared(), RpcClient.shared())


def run(database: Database, event: VersionDue, store: ObjectStore, owners: Owners) -> None:
    """`freeze` with its ports."""
    key = (event.project_id, event.version_id)
    with database.session() as session:
        row = session.get_one(Version, key, options=[sa.orm.undefer(Version.selection)])
    if row.state in versions.UNFINISHED:
        try:
            _freeze(database, row, store, owners)
        except _Unwanted:
            log.info("version not wanted any more", version_id=str(row.id))
        except Problem as problem:
            if problem.status >= 500:
                raise  # somebody is away; the delivery is tried again
            _fail(database, key, problem.detail or problem.title)
        except Full:
            _fail(database, key, NO_ROOM)
    _clear_away(database, store, *key)


def _fail(database: Database, key: tuple[UUID, UUID], why: str) -> None:
    with database.session() as session:
        row = session.get_one(Version, key, with_for_update=True)
        if row.state in versions.UNFINISHED:
            versions.end(session, row, JobState.FAILED, why)


@dataclass
class _Written:
    """Puts objects into the store, and knows which: key, size in bytes and SHA-256 of each."""

    store: ObjectStore
    objects: list[tuple[str, int, str]] = field(default_factory=list)

    def put(self, key: str, data: bytes, content_type: str) -> str:
        """Store `data` under `key`; its etag."""
        etag = self.store.put(key, data, content_type)
        self.objects.append((key, len(data), hashlib.sha256(data).hexdigest()))
        return etag


def _freeze(database: Database, row: Version, store: ObjectStore, owners: Owners) -> None:
    with database.session() as session:
        # the newest specification, so that no class is missing that somebody made just before they asked
        copies.specification(session, owners, row.project_id, ask=True)
    wanted = _wanted(row.project_id, Selection.model_validate(row.selection))
    written = _Written(store)
    order = SnapshotRequested(project_id=row.project_id, snapshot_id=row.id, names=True, images=True)
    with database.session() as session:
        session.connection(execution_options={"isolation_level": "REPEATABLE READ", "postgresql_readonly": True})
        manifest = snapshot.freeze(session, written, order, wanted, _Progress(database, row, wanted).so_far)
    place = f"{_prefix(row.id)}{new_id()}/manifest.json"
    written.put(place, manifest.model_dump_json().encode(), "application/json")
    _finish(database, row, manifest, place, written.objects)


def _wanted(project_id: UUID, selection: Selection) -> list[sa.ColumnElement[bool]]:
    if selection.filter is not None and selection.limit is None:
        return selected(project_id, selection.filter, Viewer())
    return [Label.project_id == project_id, Label.id.in_(planning.selecting(project_id, selection))]


class _Progress:
    """Tells how far the freezing is, and looks whether it is still wanted."""

    def __init__(self, database: Database, row: Version, wanted: Sequence[sa.ColumnElement[bool]]) -> None:
        self._database, self._key, self._wanted = database, (row.project_id, row.id), wanted
        self._total: int | None = None
        self._told = 0.0

    def so_far(self, labels: int) -> None:
        """So many labels are frozen; `_Unwanted` if nobody waits for more."""
        if time.monotonic() - self._told < snapshot.TELL_SECONDS:
            return
        with self._database.session() as session:
            if self._total is None:  # not of the same moment: it is no more than a hint
                self._total = session.scalars(sa.select(sa.func.count()).select_from(Label).where(*self._wanted)).one()
            row = session.get_one(Version, self._key, with_for_update=True)
            if row.state not in versions.UNFINISHED:
                raise _Unwanted
            row.state, row.done, row.total = JobState.RUNNING, labels, max(labels, self._total)
            row.version += 1
            outbox.add(session, versions.changed(row))
        self._told = time.monotonic()


def _finish(
    database: Database, row: Version, manifest: Manifest, place: str, objects: Sequence[tuple[str, int, str]]
) -> None:
    """The version stands; `_Unwanted` if another attempt was first, or it was deleted."""
    with database.session() as session:
        row = session.get_one(Version, (row.project_id, row.id), with_for_update=True)
        if row.state not in versions.UNFINISHED:
            raise _Unwanted
        for some in chunks(objects, AT_ONCE):
            key = {"project_id": row.project_id, "version_id": row.id}
            values = [key | {"key": name, "size": size, "sha256": digest} for name, size, digest in some]
            session.execute(sa.insert(VersionObject), values)
        row.manifest, row.taken_at = place, manifest.taken_at
        row.labels, row.objects, row.size = manifest.labels, manifest.objects, sum(size for _, size, _ in objects)
        row.done = row.total = manifest.labels
        versions.end(session, row, JobState.DONE)


def _clear_away(database: Database, store: ObjectStore, project_id: UUID, version_id: UUID) -> None:
    """Remove what a version that has ended does not promise; of a deleted one everything."""
    own = (VersionObject.project_id == project_id, VersionObject.version_id == version_id)
    with database.session() as session:
        row = session.get_one(Version, (project_id, version_id))
        if row.state in versions.UNFINISHED:
            return
        if row.deleted_at is not None:
            session.execute(sa.delete(VersionObject).where(*own))
    if row.deleted_at is not None:
        comparisons.forget(database, project_id, version_id)
    for found in chunks(store.find(_prefix(version_id)), AT_ONCE):
        keys = [each.key for each in found]
        with database.session() as session:
            kept = set(session.scalars(sa.select(VersionObject.key).where(*own, VersionObject.key.in_(keys))))
        store.delete_all(key for key in keys if key not in kept)


def _prefix(version_id: UUID) -> str:
    return f"snapshots/{version_id}/"
