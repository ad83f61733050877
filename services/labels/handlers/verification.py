"""Verification of uploads: size, hashes, a full decode, a thumbnail (see handlers/data_library.py for the keys)."""

import hashlib
import tempfile
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO
from uuid import UUID

import sqlalchemy as sa

from chassis.chunks import chunks
from chassis.database import Database
from chassis.logs import get_logger
from chassis.objects import ObjectStore
from chassis.settings import settings
from contracts.enums import AssetState
from contracts.events import AssetsCompleted
from services.labels.handlers.data_library import attempt_key, publish_assets, stored_key, thumbnail_key
from services.labels.handlers.images import Decoded, NotAnImage, decode
from services.labels.models import Asset

log = get_logger()

THREADS = 4
"""Assets verified at once: their time goes into the object store's answers and into decoders, outside Python's lock."""

COMMITTED_AT_ONCE = 10
"""Assets in one transaction: who waits for an upload sees it progress."""

IN_MEMORY = 8 * 2**20
"""Bytes of a file that are kept in memory; a larger one goes through a temporary file."""

_BLOCK = 1 << 20


@dataclass(frozen=True)
class Verdict:
    """What became of one attempt to upload an asset. `reason` with any state but stored."""

    asset: Asset
    state: AssetState
    reason: str | None = None
    size: int | None = None
    sha256: str | None = None
    crc32: str | None = None
    image: Decoded | None = None


def verify_assets(database: Database, event: AssetsCompleted) -> None:
    """Verify the uploads of these assets. Those that are not expected any more are passed over."""
    store = ObjectStore.shared()
    with ThreadPoolExecutor(THREADS, thread_name_prefix="verify") as threads:
        for ids in chunks(event.asset_ids, COMMITTED_AT_ONCE):
            with database.session() as session:
                expected = sa.select(Asset).where(Asset.id.in_(ids), Asset.state == AssetState.REGISTERED)
                assets = session.scalars(expected).all()
            verdicts = list(threads.map(lambda asset: verify(store, asset), assets))
            _store_verdicts(database, verdicts)
            for verdict in verdicts:
                if verdict.reason is None or verdict.state is AssetState.REJECTED:
                    store.delete(attempt_key(verdict.asset))


def verify(store: ObjectStore, asset: Asset) -> Verdict:
    """Examine an upload; put the file and its thumbnail where they stay, unless it is rejected."""
    with tempfile.SpooledTemporaryFile(IN_MEMORY) as file:
        try:
            size, sha256, crc32 = _fetch(store, attempt_key(asset), file)
        except KeyError:
            return Verdict(asset, AssetState.REGISTERED, "upload_missing: no file has arrived")
        reason = _mismatch(asset, size, sha256)
        if reason is not None:
            return Verdict(asset, AssetState.REJECTED, reason)
        try:
            image = decode(file, settings().image_max_pixels)
        except NotAnImage as error:
            return Verdict(asset, AssetState.REJECTED, str(error))
        file.seek(0)
        store.put_stream(stored_key(asset, sha256), file, image.content_type)
    store.put(thumbnail_key(asset, sha256), image.thumbnail, "image/webp")
    return Verdict(asset, AssetState.STORED, None, size, sha256, crc32, image)


def _fetch(store: ObjectStore, key: str, target: IO[bytes]) -> tuple[int, str, str]:
    """Copy an object into `target`; its size, SHA-256 and CRC-32 in hexadecimal."""
    size, crc32, sha256 = 0, 0, hashlib.sha256()
    with store.open(key) as stream:
        while block := stream.read(_BLOCK):
            size += len(block)
            crc32 = zlib.crc32(block, crc32)
            sha256.update(block)
            target.write(block)
    target.seek(0)
    return size, sha256.hexdigest(), f"{crc32:08x}"


def _mismatch(asset: Asset, size: int, sha256: str) -> str | None:
    if size != asset.announced_size:
        return f"size_mismatch: {size} bytes arrived, {asset.announced_size} were announced"
    if asset.announced_sha256 not in (None, sha256):
        return f"sha256_mismatch: {sha256} arrived, {asset.announced_sha256} was announced"
    return None


def _store_verdicts(database: Database, verdicts: Sequence[Verdict]) -> None:
    """Write what was found, unless another attempt has begun meanwhile or somebody else was first."""
    by_id: dict[UUID, Verdict] = {verdict.asset.id: verdict for verdict in verdicts}
    with database.session() as session:
        rows = session.scalars(
            sa.select(Asset)
            .where(Asset.id.in_(by_id), Asset.state == AssetState.REGISTERED)
            .order_by(Asset.id)
            .with_for_update()
        ).all()
        changed = [row for row in rows if row.upload_id == by_id[row.id].asset.upload_id]
        for row in changed:
            _take(row, by_id[row.id])
        session.flush()
        publish_assets(session, [row for row in changed if row.state != AssetState.REGISTERED])
    log.info("assets verified", **{state: sum(v.state is state for v in verdicts) for state in AssetState})


def _take(row: Asset, verdict: Verdict) -> None:
    row.state = verdict.state
    row.reason = verdict.reason
    row.version += 1
    row.updated_at = datetime.now(UTC)
    if verdict.image is not None and verdict.sha256 is not None:
        row.object_key, row.thumbnail_key = stored_key(row, verdict.sha256), thumbnail_key(row, verdict.sha256)
        row.size, row.sha256, row.crc32 = verdict.size, verdict.sha256, verdict.crc32
        row.width, row.height = verdict.image.width, verdict.image.height
        row.content_type = verdict.image.content_type
