"""Use cases of raw-data archives: the zip of a project's images, built and brought up to date.

A build is a state of the archive's row and then events: labels lists the images (SnapshotRequested, SnapshotCompleted),
an export worker makes the file (ArchiveReady, services.exports.archiving), and what is needed no longer is cleared away
(ArchiveChanged, `clear_away`). The archive that stands stays until the next one does, and a while longer: somebody may
have been led to it just now.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis import audit, failed, outbox
from chassis.database import Database
from chassis.ids import new_id
from chassis.multiparts import Uploads
from chassis.objects import ObjectStore
from contracts.enums import JobState
from contracts.errors import Problem
from contracts.events import (
    ArchiveChanged,
    ArchiveReady,
    SnapshotCanceled,
    SnapshotCompleted,
    SnapshotFailed,
    SnapshotRequested,
)
from contracts.rpc import Nothing, Owners
from contracts.rpc.exports import Archive, ArchiveBuild, ArchiveReport, UpdateArchive
from contracts.rpc.labels import Link
from services.exports import domain
from services.exports.handlers import exports
from services.exports.models import ArchiveRow, ProjectCopy, ShareLinkRow, SupersededFile

BUILDS = "exports.archive.v1"
"""The queue in which an archive waits to be built."""

GRACE = timedelta(minutes=15)
"""How long a file stays that another has taken the place of: for those who are downloading it."""

OPEN = (JobState.QUEUED, JobState.RUNNING)
INDEX = ".index"


# --- commands and queries ---


def get_archive(session: Session, project_id: UUID) -> Archive:
    """The archive as it is; one that nobody has asked for is empty."""
    return _told(session, project_id, _find(session, project_id))


def update_archive(session: Session, owners: Owners, request: UpdateArchive) -> Archive:
    """Have the archive built or brought up to date; Problem `not_found` where the project is known to be deleted."""
    project_id = request.project_id
    copy = session.get(ProjectCopy, project_id)
    if copy is not None and copy.deleted:
        exports.require_project(session, owners, project_id)  # it may just have been restored
    session.execute(insert(ArchiveRow).values(project_id=project_id, version=0).on_conflict_do_nothing())
    row = session.get_one(ArchiveRow, project_id, with_for_update=True)
    if row.state not in OPEN:
        row.build_id, row.state, row.attempt = new_id(), JobState.QUEUED, 0
        row.done, row.total, row.manifest, row.failure = 0, None, None, None
        row.waiting_for_worker = False
        row.asked_by, row.asked_at, row.started_at, row.ended_at = request.actor, datetime.now(UTC), None, None
        audit.note("archive", project_id, after={"build": row.build_id})
        outbox.add(session, list_request(row))
        _change(session, row)
    return _told(session, project_id, row)


def cancel_archive(session: Session, project_id: UUID) -> Archive:
    """Stop a build; none under way is fine."""
    row = _find(session, project_id, lock=True)
    if row is not None:
        before = row.state
        if before in OPEN:
            _end(session, row, JobState.CANCELED)
        audit.note("archive", project_id, before={"state": before}, after={"state": row.state})
    return _told(session, project_id, row)


def delete_archive(session: Session, project_id: UUID) -> Nothing:
    """Delete the archive, and stop the one that is being built."""
    row = _find(session, project_id, lock=True)
    if row is not None:
        audit.note("archive", project_id, before={"built_at": row.built_at, "state": row.state})
        delete(session, row)
    return Nothing()


def delete(session: Session, row: ArchiveRow) -> None:
    """Delete what stands and what is being built. The link goes with it: it does not lead to the next archive."""
    if row.key is not None:
        supersede(session, row.key, timedelta(0))
        row.key = row.report = row.taken_at = row.built_at = None
        row.deleted_at = datetime.now(UTC)
    this = (ShareLinkRow.project_id == row.project_id, ShareLinkRow.target_id == row.project_id)
    session.execute(sa.update(ShareLinkRow).where(*this).values(expires_at=datetime.now(UTC)))
    if row.state in OPEN:
        _end(session, row, JobState.CANCELED)
    else:
        _change(session, row)


def link_archive(
    session: Session, store: ObjectStore, project_id: UUID, method: Literal["GET", "HEAD"] = "GET"
) -> Link:
    """An address to download the archive; Problem `not_ready`, `gone`."""
    row = _find(session, project_id)
    if row is None or (row.key is None and row.deleted_at is None):
        raise Problem("not_ready", "There is no archive yet: ask for an update.")
    if row.key is None:
        raise Problem("gone", "The archive was deleted.")
    copy = session.get(ProjectCopy, project_id)
    name = f"{copy.name} raw data" if copy is not None and copy.name else "raw data"
    return store.link(row.key, exports.LINK_SECONDS, domain.file_name(name, ".zip"), "application/zip", method)


def require_archive(session: Session, project_id: UUID) -> ArchiveRow:
    """The archive, built or being built, locked; Problem `not_found`, `gone`."""
    row = _find(session, project_id, lock=True)
    if row is None:
        raise Problem("not_found", "There is no archive: ask for an update.")
    if row.key is None and row.deleted_at is not None and row.state not in OPEN:
        raise Problem("gone", "The archive was deleted.")
    return row


# --- events ---


def list_request(row: ArchiveRow) -> SnapshotRequested:
    """What labels is asked for."""
    assert row.build_id is not None
    return SnapshotRequested(project_id=row.project_id, snapshot_id=row.build_id, labels=False, images=True)


def list_completed(session: Session, event: SnapshotCompleted) -> None:
    """The list of images of a build stands; of another snapshot: nothing to do."""
    row = _building(session, event.project_id, event.snapshot_id)
    if row is not None and row.state == JobState.QUEUED:
        row.state = JobState.RUNNING
        row.started_at = datetime.now(UTC)
        row.waiting_for_worker = False
        row.manifest = event.manifest
        _change(session, row)
        outbox.add(session, ArchiveReady(project_id=row.project_id, build_id=event.snapshot_id))
    elif row is not None and row.state not in OPEN:
        outbox.add(session, changed(row))  # nobody waits for it any more: it is cleared away


def list_failed(session: Session, event: SnapshotFailed) -> None:
    """The list of a build could not be had."""
    row = _building(session, event.project_id, event.snapshot_id)
    if row is not None and row.state == JobState.QUEUED:
        _end(session, row, JobState.FAILED, failure=event.detail or event.code)


def give_up(session: Session, event: SnapshotCompleted | SnapshotFailed | ArchiveReady) -> None:
    """End a build of which a step is not tried any more; one that has ended stays as it is."""
    build_id = event.build_id if isinstance(event, ArchiveReady) else event.snapshot_id
    row = _building(session, event.project_id, build_id)
    if row is not None and row.state in OPEN:
        _end(session, row, JobState.FAILED, failure=failed.NOT_TRIED)


def clear_away(database: Database, event: ArchiveChanged) -> None:
    """Remove what a build that has ended has left behind, and files whose time is over."""
    with database.session() as session:
        row = _find(session, event.project_id)
        if row is None or event.build_id is None or (row.build_id == event.build_id and row.state in OPEN):
            return
        kept = set(session.scalars(sa.select(SupersededFile.key)))
        if row.key is not None:
            kept |= {row.key, row.key + INDEX}
    store, prefix = ObjectStore.shared(), build_prefix(event.project_id, event.build_id)
    Uploads(database).abort(store, prefix)
    store.delete_prefix(f"snapshots/{event.build_id}/")
    for found in store.find(prefix):
        if found.key not in kept:
            store.delete(found.key)
    delete_superseded(database, store)


def supersede(session: Session, key: str, grace: timedelta) -> None:
    """Have an archive deleted when `grace` is over."""
    for each in (key, key + INDEX):
        session.merge(SupersededFile(key=each, delete_after=datetime.now(UTC) + grace))


def delete_superseded(database: Database, store: ObjectStore) -> int:
    """Delete the files whose time is over; how many that were."""
    with database.session() as session:
        due = sa.select(SupersededFile.key).where(SupersededFile.delete_after <= datetime.now(UTC))
        keys = list(session.scalars(due))
    for key in keys:
        store.delete(key)
        with database.session() as session:
            session.execute(sa.delete(SupersededFile).where(SupersededFile.key == key))
    return len(keys)


def watch_workers(session: Session, consumers: Mapping[str, int]) -> None:
    """Note for each archive that is being built whether anybody goes on with it. `consumers`: of each queue."""
    there = {JobState.QUEUED: consumers[exports.SNAPSHOTS], JobState.RUNNING: consumers[BUILDS]}
    for state, count in there.items():
        changing = sa.select(ArchiveRow).where(ArchiveRow.state == state, ArchiveRow.waiting_for_worker == (count > 0))
        for row in session.scalars(changing.with_for_update(skip_locked=True)):
            row.waiting_for_worker = count == 0
            _change(session, row)


# --- building, as the export worker does it ---


@dataclass(frozen=True)
class Build:
    """One attempt to build an archive. `attempt` is its fencing token; `standing`: the archive to go on from."""

    project_id: UUID
    build_id: UUID
    attempt: int
    manifest: str
    standing: str | None

    @property
    def prefix(self) -> str:
        """Where its objects go."""
        return build_prefix(self.project_id, self.build_id)


@dataclass(frozen=True)
class Built:
    """An archive that stands under `key`."""

    key: str
    taken_at: datetime
    report: ArchiveReport


def build_prefix(project_id: UUID, build_id: UUID) -> str:
    """Where the objects of a build go."""
    return f"archives/{project_id}/{build_id}/"


def begin(session: Session, event: ArchiveReady) -> Build | None:
    """A new attempt, which makes earlier ones void; None if the build has ended."""
    row = _building(session, event.project_id, event.build_id)
    if row is None or row.state != JobState.RUNNING:
        return None
    assert row.manifest is not None
    row.attempt += 1
    return Build(row.project_id, event.build_id, row.attempt, row.manifest, row.key)


def progressed(session: Session, build: Build, done: int, total: int) -> bool:
    """So many bytes stand, about; whether the archive is still to be built, and by this attempt."""
    row = _current(session, build)
    if row is None:
        return False
    if row.done < done or row.total != total:
        row.done, row.total = max(row.done, min(done, total)), total
        _change(session, row)
    return True


def hand_over(session: Session, build: Build) -> None:
    """Have another delivery go on with the build."""
    if _current(session, build) is not None:
        outbox.add(session, ArchiveReady(project_id=build.project_id, build_id=build.build_id))


def finish(session: Session, build: Build, outcome: Built | Problem) -> bool:
    """End the build if `build` is still its newest attempt; whether it was."""
    row = _current(session, build)
    if row is None:
        return False
    if isinstance(outcome, Problem):
        _end(session, row, JobState.FAILED, failure=outcome.detail or outcome.title)
        return True
    if row.key != outcome.key:
        if row.key is not None:
            supersede(session, row.key, GRACE)
        row.key = outcome.key
        row.built_at = datetime.now(UTC)
    row.taken_at = outcome.taken_at
    row.report = outcome.report.model_dump(mode="json")
    row.done = row.total = outcome.report.size
    row.deleted_at = None
    _end(session, row, JobState.DONE)
    return True


# --- rows ---


def _find(session: Session, project_id: UUID, *, lock: bool = False) -> ArchiveRow | None:
    return session.get(ArchiveRow, project_id, with_for_update=lock or None)


def _building(session: Session, project_id: UUID, build_id: UUID) -> ArchiveRow | None:
    """The archive, locked, if this is its latest build."""
    row = _find(session, project_id, lock=True)
    return row if row is not None and row.build_id == build_id else None


def _current(session: Session, build: Build) -> ArchiveRow | None:
    """The archive, locked, if `build` is the newest attempt at its latest build, and that has not ended."""
    row = _building(session, build.project_id, build.build_id)
    return row if row is not None and row.attempt == build.attempt and row.state == JobState.RUNNING else None


def _end(session: Session, row: ArchiveRow, state: JobState, *, failure: str | None = None) -> None:
    if state == JobState.CANCELED and row.state == JobState.QUEUED:
        assert row.build_id is not None
        outbox.add(session, SnapshotCanceled(project_id=row.project_id, snapshot_id=row.build_id))
    row.state, row.failure = state, failure
    row.ended_at = datetime.now(UTC)
    row.waiting_for_worker = False
    _change(session, row)


def _change(session: Session, row: ArchiveRow) -> None:
    row.version += 1
    outbox.add(session, changed(row))


def changed(row: ArchiveRow) -> ArchiveChanged:
    """What an event says of an archive."""
    return ArchiveChanged(
        project_id=row.project_id,
        version=row.version,
        build_id=row.build_id,
        state=None if row.state is None else JobState(row.state),
        ready=row.key is not None,
        done=row.done,
        total=row.total,
        waiting_for_worker=row.waiting_for_worker,
    )


def _told(session: Session, project_id: UUID, row: ArchiveRow | None) -> Archive:
    if row is None:
        return Archive(project_id=project_id, version=0)
    build = None
    if row.state is not None:
        left = None
        if row.state == JobState.RUNNING and row.started_at is not None and row.done and row.total:
            spent = (datetime.now(UTC) - row.started_at).total_seconds()
            left = round(spent * (row.total - row.done) / row.done, 1)
        assert row.asked_by is not None and row.asked_at is not None
        build = ArchiveBuild(
            state=JobState(row.state),
            failure=row.failure,
            done=row.done,
            total=row.total,
            remaining_seconds=left,
            waiting_for_worker=row.waiting_for_worker,
            asked_by=row.asked_by,
            asked_at=row.asked_at,
            ended_at=row.ended_at,
        )
    return Archive(
        project_id=project_id,
        version=row.version,
        taken_at=row.taken_at,
        built_at=row.built_at,
        report=None if row.report is None else ArchiveReport.model_validate(row.report),
        build=build,
        link=exports.links_of(session, project_id, [project_id]).get(project_id),
    )
