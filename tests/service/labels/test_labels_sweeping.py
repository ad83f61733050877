"""What was uploaded and is not needed goes; whatever somebody may still wait for stays."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa

from chassis import uploads
from chassis.database import Database
from chassis.ids import new_id
from chassis.objects import ObjectStore
from chassis.sweeper import Sweeper
from chassis.uploads import upload_policies
from contracts.enums import AssetState
from contracts.events import AssetChanged, AssetsCompleted
from contracts.rpc.labels import Asset, AssetDraft, CreateUpload, UploadPolicy
from services.labels import sweeping
from services.labels.handlers import data_library, imports
from services.labels.handlers.verification import verify_assets
from services.labels.models import Asset as AssetRow
from tests.service.labels.conftest import MANAGER, Desk, post

Picture = Callable[..., bytes]


def register(desk: Desk, data: bytes, key: str = "a.png") -> tuple[Asset, UploadPolicy]:
    with desk.database.session() as session:
        draft = AssetDraft(data_key=key, size=len(data))
        (item,) = data_library.register_assets(session, desk.store, desk.dataset, [draft]).items
    assert item.asset is not None and item.upload is not None
    return item.asset, item.upload


def send(policy: UploadPolicy, data: bytes) -> str:
    """Upload; the key of the object."""
    post(policy.url, policy.fields, data)
    return policy.fields["key"]


def asset_of(desk: Desk, asset: Asset) -> Asset:
    with desk.database.session() as session:
        return data_library.get_assets(session, [asset.id]).items[0]


def later(desk: Desk, passed: timedelta = timedelta(hours=6) + uploads.KEPT + timedelta(minutes=1)) -> None:
    """So much time passes for the project's uploads; then somebody sweeps."""
    with desk.database.session() as session:
        dataset = data_library.create_dataset(session, desk.dataset)
        ours = upload_policies.c.key.like(f"%/{dataset.id}/%") | upload_policies.c.key.like(f"%/{desk.project_id}/%")
        session.execute(sa.update(upload_policies).where(ours).values(until=upload_policies.c.until - passed))
        assets = sa.update(AssetRow).where(AssetRow.dataset_id == dataset.id)
        session.execute(assets.values(updated_at=AssetRow.updated_at - passed))
    sweeping.sweep(desk.database)


def test_an_abandoned_upload_is_swept_and_its_asset_rejected(desk: Desk, picture: Picture) -> None:
    data = picture()
    asset, policy = register(desk, data)
    key = send(policy, data)  # and nobody completes it
    later(desk)
    assert desk.store.size(key) is None
    swept = asset_of(desk, asset)
    assert (swept.state, (swept.reason or "").split(":")[0]) == (AssetState.REJECTED, "upload_abandoned")
    told = [change for event in desk.events(AssetChanged) for change in event.assets if change.asset_id == asset.id]
    assert [change.state for change in told] == ["registered", "rejected"]
    (again,) = desk.upload({"a.png": data})
    assert (again.id, again.state) == (asset.id, AssetState.STORED)


def test_nothing_goes_that_somebody_may_still_wait_for(desk: Desk, picture: Picture) -> None:
    data = picture()
    asset, policy = register(desk, data)
    key = send(policy, data)
    later(desk, uploads.KEPT)  # its policy has been over for six hours less than that
    assert desk.store.size(key) == len(data)
    assert asset_of(desk, asset).state is AssetState.REGISTERED
    verify_assets(desk.database, AssetsCompleted(asset_ids=(asset.id,)))
    later(desk)
    stored = asset_of(desk, asset)
    assert stored.state is AssetState.STORED
    with desk.database.session() as session:
        row = session.get_one(AssetRow, asset.id)
    assert row.object_key is not None
    assert desk.store.size(row.object_key) == len(data)


def test_an_attempt_that_was_replaced_is_swept(desk: Desk, picture: Picture) -> None:
    first, second = picture(), picture(41)
    asset, policy = register(desk, first)
    key = send(policy, first)
    (stored,) = desk.upload({"a.png": second})
    assert (stored.id, stored.state) == (asset.id, AssetState.STORED)
    assert desk.store.size(key) == len(first)
    later(desk)
    assert desk.store.size(key) is None


def test_what_is_uploaded_again_while_the_policy_holds_is_swept(desk: Desk, picture: Picture) -> None:
    data = picture()
    asset, policy = register(desk, data)
    send(policy, data)
    verify_assets(desk.database, AssetsCompleted(asset_ids=(asset.id,)))
    key = send(policy, data)
    later(desk)
    assert desk.store.size(key) is None
    assert asset_of(desk, asset).state is AssetState.STORED


def test_registering_again_gives_it_the_whole_time_once_more(desk: Desk, picture: Picture) -> None:
    data = picture()
    asset, policy = register(desk, data)
    later(desk, uploads.KEPT)
    asset, policy = register(desk, data)
    key = send(policy, data)
    later(desk, uploads.KEPT)
    assert desk.store.size(key) == len(data)
    assert asset_of(desk, asset).state is AssetState.REGISTERED


def test_a_file_that_nobody_imports_is_swept(desk: Desk) -> None:
    with desk.database.session() as session:
        wanted = CreateUpload(project_id=desk.project_id, filename="labels.zip", size=5, actor=MANAGER)
        upload = imports.create_upload(session, desk.owners, desk.store, wanted)
    key = send(upload.policy, b"12345")
    later(desk)
    assert desk.store.size(key) is None


def test_several_at_once_share_the_work(
    database: Database, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than fit into one batch: each is swept once, by one of them, whoever comes first."""
    monkeypatch.setattr(uploads, "SWEPT", 10)
    prefix = f"assets/{new_id()}/"
    keys = [f"{prefix}{number}" for number in range(60)]
    for key in keys[::6]:
        store.put(key, b"x")
    with database.session() as session:
        uploads.remember(session, keys, -int(uploads.KEPT.total_seconds()) - 1)
    with ThreadPoolExecutor(4) as sweepers:
        swept = sum(sweepers.map(lambda _: uploads.sweep(database, store), range(4)))
    assert swept >= len(keys)  # other tests leave some, too
    assert list(store.find(prefix)) == []
    with database.session() as session:
        left = sa.select(sa.func.count()).where(upload_policies.c.key.startswith(prefix))
        assert session.scalar(left) == 0


def test_what_could_not_be_swept_is_swept_the_next_time(
    desk: Desk, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = picture()
    _, policy = register(desk, data)
    key = send(policy, data)
    away = ObjectStore(
        endpoint="http://127.0.0.1:9",
        public_endpoint="http://127.0.0.1:9",
        access_key="a",
        secret_key="b" * 8,
        bucket="nowhere",
        region="us-east-1",
    )
    sweeper = Sweeper("labels", desk.database, threading.Event())
    with monkeypatch.context() as patch:
        patch.setattr(ObjectStore, "shared", lambda: away)
        with pytest.raises(Exception, match="Max retries"):
            later(desk)
        sweeper.sweep()
    assert desk.store.size(key) == len(data)
    sweeper.sweep()
    assert desk.store.size(key) is None
