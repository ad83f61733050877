"""The data library: datasets and assets.

An upload never touches a verified file. Each attempt to upload an asset gets a policy for an object of its own
(`attempt_key`). The verifier hashes that object, stores the very bytes that it hashed under a key that their hash
names (`stored_key`) and for which no policy was ever given, and removes the attempt. Whoever still holds the policy
can only write an object that nobody reads, and that is swept (chassis.uploads).
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis import audit, outbox, paging, uploads
from chassis.chunks import chunks
from chassis.database import Database
from chassis.ids import new_id
from chassis.objects import ObjectStore
from contracts.enums import AssetState
from contracts.errors import Problem
from contracts.events import AssetChange, AssetChanged, AssetsCompleted
from contracts.rpc.labels import (
    Asset,
    AssetDraft,
    AssetPage,
    Dataset,
    DatasetPage,
    Link,
    LinkAsset,
    RegisterAssets,
    RegisteredAsset,
    RegisteredAssets,
    UploadPolicy,
)
from services.labels.models import Asset as AssetRow
from services.labels.models import Dataset as DatasetRow
from services.labels.models import Label as LabelRow

UPLOAD_SECONDS = 6 * 3600
"""How long a policy to upload an asset holds."""

LINK_SECONDS = 60
"""How long the address of a file or thumbnail holds: it can't be taken back from who may not see it any more."""

VERIFIED_AT_ONCE = 50
"""Assets in one event: a part of seconds, so that verifiers share a large upload."""

ABANDONED = timedelta(seconds=UPLOAD_SECONDS) + uploads.KEPT
"""How long after it was last registered an asset is not expected any more: what was uploaded for it is being swept."""

NAMED = 20
"""Assets that the audit names of a command that was about many."""

REJECTED_AT_ONCE = 500
"""Abandoned assets that are rejected in one transaction and one event."""


def attempt_key(asset: AssetRow) -> str:
    """Where the present attempt to upload an asset writes."""
    return f"assets/{asset.dataset_id}/{asset.id}/{asset.upload_id}"


def stored_key(asset: AssetRow, sha256: str) -> str:
    """Where an asset's verified file stands."""
    return f"assets/{asset.dataset_id}/{asset.id}/{sha256}"


def thumbnail_key(asset: AssetRow, sha256: str) -> str:
    """Where the thumbnail of an asset's verified file stands."""
    return f"thumbnails/{asset.id}/{sha256}.webp"


def thumbnail_of(asset: AssetRow) -> str:
    """Where a stored asset's thumbnail stands; once, one key was for whatever was verified of an asset."""
    return asset.thumbnail_key or f"thumbnails/{asset.id}.webp"


def create_dataset(session: Session, name: str) -> Dataset:
    """Make a dataset, or find it."""
    return _to_dataset(_ensure_dataset(session, name))


def list_datasets(session: Session, cursor: str | None, limit: int) -> DatasetPage:
    """Datasets by name."""
    query = sa.select(DatasetRow).order_by(DatasetRow.name).limit(limit + 1)
    if cursor:
        query = query.where(DatasetRow.name > paging.decode(cursor, str)[0])
    rows, following = paging.page(session.scalars(query), limit, lambda row: row.name)
    return DatasetPage(items=tuple(map(_to_dataset, rows)), next=following)


def find_dataset(session: Session, name: str) -> DatasetRow:
    """The dataset of that name; Problem `not_found`."""
    row = session.scalars(sa.select(DatasetRow).where(DatasetRow.name == name)).one_or_none()
    if row is None:
        raise Problem("not_found", f"There is no dataset {name!r}.")
    return row


def register_assets(
    session: Session, store: ObjectStore, dataset_name: str, drafts: Sequence[AssetDraft]
) -> RegisteredAssets:
    """Say which assets will be uploaded, and how; answers in the order of `drafts`."""
    dataset = _ensure_dataset(session, dataset_name)
    now = datetime.now(UTC)
    by_key = {draft.data_key: draft for draft in reversed(drafts)}
    made = _insert_registered(session, dataset, by_key.values(), now)
    rows = session.scalars(
        sa.select(AssetRow)
        .where(AssetRow.dataset_id == dataset.id, AssetRow.data_key.in_(by_key))
        .order_by(AssetRow.data_key)
        .with_for_update()
    ).all()
    assets = {row.data_key: row for row in rows}
    changed = [row for row in rows if row.id in made or _announce_again(row, by_key[row.data_key], now)]
    session.flush()
    keys = [row.data_key for row in changed]
    audit.note("dataset", dataset.id, after={"name": dataset.name, "assets": len(keys), "data_keys": keys[:NAMED]})
    publish_assets(session, changed)
    expected = [asset for asset in rows if asset.state != AssetState.STORED]
    uploads.remember(session, map(attempt_key, expected), UPLOAD_SECONDS)
    answers = []
    for draft in drafts:
        asset = assets[draft.data_key]
        if draft is not by_key[draft.data_key]:
            detail = "This data key is twice in the request."
            refused = RegisteredAsset(asset=None, data_key=draft.data_key, code="validation_failed", detail=detail)
            answers.append(refused)
        else:
            answers.append(_registered(asset, draft, dataset.name, store))
    return RegisteredAssets(items=tuple(answers))


def registered_again(session: Session, store: ObjectStore, request: RegisterAssets, kept: Any) -> RegisteredAssets:
    """What `register_assets` has answered, with new policies for what is expected still, and nothing else done."""
    answered = RegisteredAssets.model_validate(kept).items
    ids = [item.asset.id for item in answered if item.asset is not None]
    rows = {row.id: row for row in session.scalars(sa.select(AssetRow).where(AssetRow.id.in_(ids)))}
    expected = [row for row in rows.values() if row.state == AssetState.REGISTERED]
    uploads.remember(session, map(attempt_key, expected), UPLOAD_SECONDS)
    items = []
    for draft, item in zip(request.items, answered, strict=True):
        row = None if item.asset is None else rows[item.asset.id]
        items.append(item if row is None else _registered(row, draft, request.dataset, store))
    return RegisteredAssets(items=tuple(items))


def complete_assets(session: Session, dataset_name: str, ids: Sequence[UUID]) -> AssetPage:
    """Have the uploads of these assets verified; Problem `unknown_asset` if one is not in the dataset."""
    dataset = find_dataset(session, dataset_name)
    found = get_assets(session, ids).items
    here = {asset.id for asset in found if asset.dataset_id == dataset.id}
    unknown = [asset_id for asset_id in ids if asset_id not in here]
    if unknown:
        raise Problem("unknown_asset", f"{dataset_name!r} has no asset {unknown[0]}.", assets=_some(unknown))
    expected = [asset.id for asset in found if asset.state is AssetState.REGISTERED]
    audit.note("dataset", dataset.id, after={"name": dataset.name, "assets": len(expected), "ids": expected[:NAMED]})
    outbox.add(session, *(AssetsCompleted(asset_ids=tuple(some)) for some in chunks(expected, VERIFIED_AT_ONCE)))
    return AssetPage(items=found)


def get_assets(session: Session, ids: Sequence[UUID]) -> AssetPage:
    """Assets in the order of `ids`; unknown ones are left out."""
    query = sa.select(AssetRow, DatasetRow.name).join(DatasetRow).where(AssetRow.id.in_(ids))
    found = {row.id: to_asset(row, name) for row, name in session.execute(query)}
    return AssetPage(items=tuple(found[asset_id] for asset_id in dict.fromkeys(ids) if asset_id in found))


def list_assets(
    session: Session, dataset_name: str, state: AssetState | None, cursor: str | None, limit: int
) -> AssetPage:
    """A dataset's assets by data key."""
    dataset = find_dataset(session, dataset_name)
    query = sa.select(AssetRow).where(AssetRow.dataset_id == dataset.id).order_by(AssetRow.data_key).limit(limit + 1)
    if state is not None:
        query = query.where(AssetRow.state == state)
    if cursor:
        query = query.where(AssetRow.data_key > paging.decode(cursor, str)[0])
    rows, following = paging.page(session.scalars(query), limit, lambda row: row.data_key)
    return AssetPage(items=tuple(to_asset(row, dataset.name) for row in rows), next=following)


def link_asset(session: Session, store: ObjectStore, request: LinkAsset) -> Link:
    """An address of a stored asset's file or thumbnail; see `LinkAsset` for what a project narrows it to."""
    asset = session.get(AssetRow, request.asset_id)
    if asset is None or not _may_see(session, request):
        raise Problem("not_found", f"There is no asset {request.asset_id}.")
    if asset.object_key is None:
        raise Problem("not_ready", f"{asset.data_key} is {asset.state}.")
    if request.variant == "thumbnail":
        return store.link(thumbnail_of(asset), LINK_SECONDS, content_type="image/webp")
    filename = asset.data_key.rsplit("/", 1)[-1]
    return store.link(asset.object_key, LINK_SECONDS, filename=filename, content_type=asset.content_type)


def reject_abandoned(database: Database) -> int:
    """Reject the assets whose uploads are not expected any more, how many; registered again, they are as new."""
    rejected = 0
    while some := _reject_some_abandoned(database):
        rejected += some
    return rejected


def _reject_some_abandoned(database: Database) -> int:
    now = datetime.now(UTC)
    abandoned = (AssetRow.state == AssetState.REGISTERED, AssetRow.updated_at < now - ABANDONED)
    query = sa.select(AssetRow).where(*abandoned).order_by(AssetRow.updated_at).limit(REJECTED_AT_ONCE)
    with database.session() as session:
        rows = session.scalars(query.with_for_update(skip_locked=True)).all()
        for row in rows:
            row.state = AssetState.REJECTED
            row.reason = "upload_abandoned: its upload was not completed in time"
            row.version += 1
            row.updated_at = now
        session.flush()
        publish_assets(session, rows)
    return len(rows)


def publish_assets(session: Session, rows: Iterable[AssetRow]) -> None:
    """Tell others what these assets are now."""
    states = [
        AssetChange(
            asset_id=row.id,
            dataset_id=row.dataset_id,
            data_key=row.data_key,
            version=row.version,
            state=AssetState(row.state),
            size=row.size,
            sha256=row.sha256,
        )
        for row in rows
    ]
    outbox.add(session, *(AssetChanged(assets=tuple(some)) for some in chunks(states, 500)))


def to_asset(row: AssetRow, dataset: str) -> Asset:
    """What others may know of an asset."""
    return Asset(
        id=row.id,
        dataset_id=row.dataset_id,
        dataset=dataset,
        data_key=row.data_key,
        state=AssetState(row.state),
        reason=row.reason,
        size=row.size,
        sha256=row.sha256,
        crc32=row.crc32,
        width=row.width,
        height=row.height,
        content_type=row.content_type,
        version=row.version,
        created_at=row.created_at,
    )


def _some(ids: Sequence[UUID]) -> list[str]:
    return [str(each) for each in ids[:100]]


def _to_dataset(row: DatasetRow) -> Dataset:
    return Dataset(id=row.id, name=row.name, created_at=row.created_at)


def _ensure_dataset(session: Session, name: str) -> DatasetRow:
    query = sa.select(DatasetRow).where(DatasetRow.name == name)
    row = session.scalars(query).one_or_none()
    if row is None:
        values = {"id": new_id(), "name": name, "created_at": datetime.now(UTC)}
        session.execute(insert(DatasetRow).values(values).on_conflict_do_nothing())
        row = session.scalars(query).one()
    return row


def _insert_registered(session: Session, dataset: DatasetRow, drafts: Iterable[AssetDraft], now: datetime) -> set[UUID]:
    """Rows for the drafts whose data key is new; their ids. In the order of keys, against deadlocks."""
    rows = [
        {
            "id": new_id(),
            "dataset_id": dataset.id,
            "data_key": draft.data_key,
            "state": AssetState.REGISTERED,
            "version": 1,
            "announced_size": draft.size,
            "announced_sha256": draft.sha256,
            "upload_id": new_id(),
            "content_type": draft.content_type,
            "created_at": now,
            "updated_at": now,
        }
        for draft in sorted(drafts, key=lambda draft: draft.data_key)
    ]
    statement = insert(AssetRow).on_conflict_do_nothing().returning(AssetRow.id)
    return set(session.scalars(statement, rows))


def _announce_again(asset: AssetRow, draft: AssetDraft, now: datetime) -> bool:
    """Expect another attempt at an asset that is not stored; whether that changed its state.

    The same bytes (by size and sha256) go on with the attempt at hand: two uploaders of one file do not disturb
    each other.
    """
    if asset.state == AssetState.STORED:
        return False
    same = draft.sha256 is not None and (draft.sha256, draft.size) == (asset.announced_sha256, asset.announced_size)
    asset.updated_at = now
    if same and asset.state == AssetState.REGISTERED:
        return False
    was_rejected = asset.state == AssetState.REJECTED
    asset.state = AssetState.REGISTERED
    asset.reason = None
    asset.upload_id = new_id()
    asset.announced_size = draft.size
    asset.announced_sha256 = draft.sha256
    asset.content_type = draft.content_type
    asset.version += 1
    return was_rejected


def _registered(asset: AssetRow, draft: AssetDraft, dataset: str, store: ObjectStore) -> RegisteredAsset:
    answer = RegisteredAsset(asset=to_asset(asset, dataset), data_key=asset.data_key)
    if asset.state == AssetState.REGISTERED:
        return answer.model_copy(update={"upload": _policy(asset, store)})
    if asset.state == AssetState.REJECTED:
        return answer
    if asset.size != draft.size or draft.sha256 not in (None, asset.sha256):
        detail = f"Another file is stored as {asset.data_key!r}: {asset.size} bytes, sha256 {asset.sha256}."
        return RegisteredAsset(asset=None, data_key=asset.data_key, code="asset_exists", detail=detail)
    return answer


def _policy(asset: AssetRow, store: ObjectStore) -> UploadPolicy:
    size = asset.announced_size
    return store.upload_policy(attempt_key(asset), max_size=size, min_size=size, expires=UPLOAD_SECONDS)


def _may_see(session: Session, request: LinkAsset) -> bool:
    if request.project_id is None:
        return True
    label = sa.select(LabelRow.id).where(
        LabelRow.project_id == request.project_id, LabelRow.asset_id == request.asset_id
    )
    if request.viewer.only_assignee is not None:
        label = label.where(LabelRow.assignee == request.viewer.only_assignee)
    return session.scalar(sa.select(label.exists())) or False
