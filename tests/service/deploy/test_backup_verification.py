"""What is promised is compared with what is there while others go on working."""

import hashlib
import threading
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from chassis.database import Database
from chassis.ids import new_id
from chassis.objects import ObjectStore
from chassis.settings import settings
from contracts.enums import ExportFormat, JobState
from deploy.backup.verification import differing_objects
from services.exports.handlers.exports import file_key
from services.exports.models import ExportRow

NOW = datetime.now(UTC)
DATA = b"{}"


class Asked(ObjectStore):
    """Where somebody deletes an export, row and file, when the first object is asked for."""

    def __init__(self, **where: str) -> None:
        super().__init__(**where)
        self.lock = threading.Lock()
        self.goes: UUID | None = None
        self.open_transactions: list[str] = []

    def size(self, key: str) -> int | None:
        with self.lock:
            if self.goes is not None:
                with Database.of("exports").session() as session:
                    waiting = "SELECT query FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'"
                    self.open_transactions = list(session.scalars(sa.text(waiting)))
                    session.execute(sa.update(ExportRow).where(ExportRow.id == self.goes).values(deleted_at=NOW))
                self.delete(file_key(self.goes, 1))
                self.goes = None
        return super().size(key)


@pytest.fixture
def store(settings_environment: dict[str, str]) -> Asked:
    settings.cache_clear()
    Asked.shared.cache_clear()
    store = Asked.shared()
    assert isinstance(store, Asked)
    store.make_bucket()
    return store


def _export(store: ObjectStore | None, sha256: str) -> UUID:
    """A finished export; its file is in `store`."""
    row = ExportRow(
        project_id=uuid4(),
        id=new_id(),
        name="an export",
        format=ExportFormat.NATIVE,
        filter={},
        state=JobState.DONE,
        attempt=1,
        size=len(DATA),
        sha256=sha256,
        version=1,
        created_by=uuid4(),
        created_at=NOW,
    )
    with Database.of("exports").session() as session:
        session.add(row)
        session.flush()
        made = row.id
    if store is not None:
        store.put(file_key(made, 1), DATA)
    return made


def test_what_goes_meanwhile_is_no_difference_and_what_is_missing_is_one(store: Asked) -> None:
    right = hashlib.sha256(DATA).hexdigest()
    stands, lacks, spoiled = _export(store, right), _export(None, right), _export(store, "0" * 64)
    goes = store.goes = _export(store, right)

    promised, lines = differing_objects(store, read=1)

    assert store.goes is None
    assert promised >= 4
    found = {each: [line for line in lines if str(each) in line] for each in (stands, lacks, spoiled, goes)}
    assert found[stands] == found[goes] == []
    assert "is missing" in found[lacks][0]
    assert "SHA-256" in found[spoiled][0]
    assert store.open_transactions == []
    with Database.of("exports").session() as session:
        session.execute(sa.delete(ExportRow).where(ExportRow.id.in_(found)))
