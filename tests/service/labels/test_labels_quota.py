"""How many bytes the images of a project's labels may have."""

import importlib
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from uuid import UUID

import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations

from chassis.settings import settings
from contracts.enums import BulkAction
from contracts.errors import Problem
from contracts.rpc.labels import AddLabels, Quota, SetStorageQuota
from contracts.snapshots import ImageCounts
from services.labels.handlers import labels, storage
from services.labels.models import Asset, Label, StorageUse
from tests.service.labels.conftest import MANAGER, Desk
from tests.service.labels.test_labels_bulk import done

SIZE = 100


def sized(desk: Desk, number: int) -> list[UUID]:
    """Stored assets of SIZE bytes."""
    ids = desk.stored(number)
    with desk.database.session() as session:
        session.execute(sa.update(Asset).where(Asset.id.in_(ids)).values(size=SIZE))
    return ids


def limit(desk: Desk, most: int | None) -> Quota:
    request = SetStorageQuota(project_id=desk.project_id, limit=most, actor=MANAGER.user_id)
    with desk.database.session() as session:
        return storage.set_quota(session, request)


def used(desk: Desk) -> int:
    with desk.database.session() as session:
        return storage.get_quota(session, desk.project_id).used


def counts(desk: Desk) -> ImageCounts:
    with desk.database.session() as session:
        return storage.images(session, desk.project_id)


def add(desk: Desk, *assets: UUID) -> str:
    try:
        with desk.database.session() as session:
            labels.add_labels(session, desk.owners, AddLabels(project_id=desk.project_id, assets=assets, actor=MANAGER))
    except Problem as problem:
        return problem.code
    return "made"


def test_the_last_bytes_are_had_once(desk: Desk) -> None:
    assets = sized(desk, 6)
    assert add(desk, assets[0]) == "made"
    assert limit(desk, 2 * SIZE) == Quota(limit=2 * SIZE, default=None, used=SIZE)
    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda asset: add(desk, asset), assets[1:]))
    assert sorted(answers) == ["made"] + ["quota_exceeded"] * 4
    assert used(desk) == 2 * SIZE
    with desk.database.session() as session:  # and what was counted is one row, however often something was added
        rows = sa.select(sa.func.count()).where(StorageUse.project_id == desk.project_id)
        assert session.scalar(rows) == 1
    assert add(desk, *assets[:1]) == "made"  # it has a label: nothing is wanted
    with pytest.raises(Problem) as caught, desk.database.session() as session:
        more = AddLabels(project_id=desk.project_id, assets=tuple(sized(desk, 2)), actor=MANAGER)
        labels.add_labels(session, desk.owners, more)
    assert caught.value.extra == {"limit": 200, "used": 200, "wanted": 200}
    with desk.database.session() as session:
        made = sa.select(sa.func.count()).where(Label.project_id == desk.project_id)
        assert session.scalar(made) == 2


def test_what_has_a_label_already_counts_once(desk: Desk) -> None:
    assets = sized(desk, 3)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda _: add(desk, *assets), range(4))) == ["made"] * 4
    assert used(desk) == 3 * SIZE


def test_a_lower_limit_takes_nothing_away_and_the_installations_counts_without(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two, three = sized(desk, 3)
    assert add(desk, one, two) == "made"
    assert limit(desk, SIZE) == Quota(limit=SIZE, default=None, used=2 * SIZE)
    assert add(desk, three) == "quota_exceeded"
    monkeypatch.setattr(settings(), "quota_bytes", 3 * SIZE)
    assert limit(desk, None) == Quota(limit=None, default=3 * SIZE, used=2 * SIZE)
    assert add(desk, three) == "made"
    assert add(desk, *sized(desk, 1)) == "quota_exceeded"


@pytest.mark.parametrize("most", [3 * SIZE, None])
def test_what_is_deleted_counts_no_more(desk: Desk, most: int | None) -> None:
    limit(desk, most)
    assets = sized(desk, 3)
    assert add(desk, *assets) == "made"
    with desk.database.session() as session:
        ids = session.scalars(sa.select(Label.id).where(Label.project_id == desk.project_id).order_by(Label.id)).all()
    assert done(desk, BulkAction.DELETE, [*ids[:2]]).changed == 2
    assert used(desk) == SIZE
    assert add(desk, *assets[:2]) == "made"  # there is room for them again
    assert used(desk) == limit(desk, most).used == 3 * SIZE


@pytest.mark.parametrize("most", [9 * SIZE, None])
def test_images_added_and_removed_are_counted_whatever_else_happens(desk: Desk, most: int | None) -> None:
    limit(desk, most)
    assets = sized(desk, 3)
    assert add(desk, *assets[:2]) == add(desk, assets[2]) == add(desk, *assets) == "made"
    assert counts(desk) == ImageCounts(added=3, added_size=3 * SIZE)
    with desk.database.session() as session:
        ids = session.scalars(sa.select(Label.id).where(Label.project_id == desk.project_id).order_by(Label.id)).all()
    assert done(desk, BulkAction.DELETE, [*ids[:2]]).changed == 2
    assert add(desk, *assets) == "made"
    counted = ImageCounts(added=5, added_size=5 * SIZE, removed=2)
    assert counts(desk) == counted
    assert limit(desk, most).used == 3 * SIZE
    assert counts(desk) == counted


def test_what_has_gathered_becomes_one_row(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "GATHER", 4)
    assets = sized(desk, 20)
    for asset in assets[:5]:
        assert add(desk, asset) == "made"
    stop = Event()

    def gathers() -> None:
        while not stop.is_set():
            storage.gather(desk.database)

    with ThreadPoolExecutor(6) as pool:  # also while labels are made, and others gather
        gathering = [pool.submit(gathers) for _ in range(2)]
        assert list(pool.map(lambda asset: add(desk, asset), assets[5:])) == ["made"] * 15
        limit(desk, None)
        stop.set()
        for each in gathering:
            each.result()
    storage.gather(desk.database)
    assert (counts(desk), used(desk)) == (ImageCounts(added=20, added_size=20 * SIZE), 20 * SIZE)
    with desk.database.session() as session:
        rows = sa.select(sa.func.count()).where(StorageUse.project_id == desk.project_id)
        assert (session.scalar(rows) or 0) <= 4


def test_setting_a_limit_counts_anew(desk: Desk) -> None:
    assert add(desk, *sized(desk, 2)) == "made"
    with desk.database.session() as session:
        session.execute(sa.delete(StorageUse).where(StorageUse.project_id == desk.project_id))
    assert limit(desk, 10 * SIZE).used == 2 * SIZE


def test_the_migration_counts_what_there_is(desk: Desk) -> None:
    assert add(desk, *sized(desk, 3)) == "made"
    versions = "services.labels.migrations.versions"
    first = importlib.import_module(f"{versions}.0008_quotas")
    second = importlib.import_module(f"{versions}.0014_image_counts")
    owner = sa.create_engine(settings().migration_dsn("labels"))  # a service's own role makes no tables
    with owner.connect() as connection, connection.begin() as transaction:
        with Operations.context(MigrationContext.configure(connection)):
            second.downgrade()
            first.downgrade()
            first.upgrade()
            second.upgrade()
        sums = (sa.func.sum(column) for column in (StorageUse.size, StorageUse.added, StorageUse.added_size))
        counted = sa.select(*sums).where(StorageUse.project_id == desk.project_id)
        assert connection.execute(counted).one() == (3 * SIZE, 3, 3 * SIZE)
        transaction.rollback()
    owner.dispose()
