"""Exports and archives that are older than their project keeps them."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from chassis.database import Database
from chassis.ids import new_id
from contracts.enums import JobState
from contracts.rpc.exports import SetRetention
from services.exports.handlers import retention
from services.exports.models import ArchiveRow, ExportRow

SOMEBODY = UUID(int=1)
NOW = datetime.now(UTC)


@pytest.fixture
def database(settings_environment: dict[str, str]) -> Database:
    return Database.of("exports")


def _export(database: Database, project_id: UUID, days: int, state: JobState = JobState.DONE) -> UUID:
    """An export that ended so many days ago."""
    ended = NOW - timedelta(days=days)
    row = ExportRow(
        project_id=project_id,
        id=new_id(),
        name="kept",
        format="native",
        filter={},
        options={},
        state=state,
        version=1,
        attempt=1,
        done=0,
        created_by=SOMEBODY,
        created_at=ended,
        ended_at=ended if state == JobState.DONE else None,
    )
    with database.session() as session:
        session.add(row)
        return row.id


def _archive(database: Database, project_id: UUID, days: int, state: JobState = JobState.DONE) -> None:
    taken = NOW - timedelta(days=days)
    with database.session() as session:
        session.add(ArchiveRow(project_id=project_id, version=1, key="archives/a.zip", taken_at=taken, state=state))


def _set(database: Database, project_id: UUID, days: int | None) -> None:
    with database.session() as session:
        retention.set_retention(session, SetRetention(project_id=project_id, days=days, actor=SOMEBODY))


def _kept(database: Database, project_id: UUID, export_id: UUID) -> bool:
    with database.session() as session:
        return session.get_one(ExportRow, (project_id, export_id)).deleted_at is None


def test_what_is_older_goes_and_what_is_not_stays(database: Database) -> None:
    project_id, other = new_id(), new_id()
    old, young = (_export(database, project_id, days) for days in (8, 6))
    running = _export(database, project_id, 8, JobState.RUNNING)
    elsewhere = _export(database, other, 800)
    _archive(database, project_id, 8)
    _set(database, project_id, 7)
    assert retention.delete_old(database) == 2
    kept = {each: _kept(database, project_id, each) for each in (old, young, running)}
    assert kept == {old: False, young: True, running: True}
    assert _kept(database, other, elsewhere)
    with database.session() as session:
        row = session.get_one(ArchiveRow, project_id)
        assert row.key is None and row.deleted_at is not None
    assert retention.delete_old(database) == 0


@pytest.mark.parametrize("days", [None, 30])
def test_nothing_goes_for_ever_or_before_its_time(database: Database, days: int | None) -> None:
    project_id = new_id()
    export_id = _export(database, project_id, 8)
    _archive(database, project_id, 800, JobState.RUNNING)  # it is being brought up to date
    _set(database, project_id, 7)
    _set(database, project_id, days)
    assert retention.delete_old(database) == 0
    assert _kept(database, project_id, export_id)
    with database.session() as session:
        assert retention.get_retention(session, project_id).days == days
        assert session.get_one(ArchiveRow, project_id).key is not None
