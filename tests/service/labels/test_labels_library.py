"""Datasets and assets: registering, uploading, verification."""

import hashlib
import io
import zlib
from collections.abc import Callable
from uuid import UUID

import httpx
import pytest
from PIL import Image

from chassis.ids import new_id
from contracts.enums import AssetState
from contracts.errors import Problem
from contracts.events import AssetChanged, AssetsCompleted
from contracts.rpc.labels import AssetDraft, LinkAsset, RegisteredAsset
from services.labels.handlers import data_library
from services.labels.handlers.verification import verify, verify_assets
from services.labels.models import Asset as AssetRow

Picture = Callable[..., bytes]


def register(desk, *drafts: AssetDraft) -> tuple[RegisteredAsset, ...]:
    with desk.database.session() as session:
        return data_library.register_assets(session, desk.store, desk.dataset, drafts).items


def draft(key: str, data: bytes, **more) -> AssetDraft:
    return AssetDraft(data_key=key, size=len(data), sha256=hashlib.sha256(data).hexdigest(), **more)


def test_an_upload_is_decoded_hashed_and_given_a_thumbnail(desk, picture: Picture) -> None:
    data = picture(640, 480, "JPEG")
    (asset,) = desk.upload({"folder/a.jpg": data})
    assert asset.state is AssetState.STORED
    assert (asset.width, asset.height, asset.size, asset.content_type) == (640, 480, len(data), "image/jpeg")
    assert asset.sha256 == hashlib.sha256(data).hexdigest()
    assert asset.crc32 == f"{zlib.crc32(data):08x}"
    with desk.database.session() as session:
        content = data_library.link_asset(session, desk.store, LinkAsset(asset_id=asset.id, variant="content"))
        thumbnail = data_library.link_asset(session, desk.store, LinkAsset(asset_id=asset.id, variant="thumbnail"))
    answer = httpx.get(content.url)
    assert answer.content == data
    assert 'filename="a.jpg"' in answer.headers["content-disposition"]
    with Image.open(io.BytesIO(httpx.get(thumbnail.url).content)) as small:
        assert (small.format, small.size) == ("WEBP", (256, 192))
    (change,) = [c for e in desk.events(AssetChanged) for c in e.assets if c.asset_id == asset.id and c.sha256]
    assert change.state is AssetState.STORED


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"not an image", "unsupported_format"), (b"\x89PNG\r\n\x1a\n garbage", "damaged_image")],
)
def test_what_is_no_image_is_rejected(desk, data: bytes, code: str) -> None:
    (asset,) = desk.upload({"a.png": data})
    assert asset.state is AssetState.REJECTED
    assert asset.reason is not None and asset.reason.startswith(code)


def test_a_truncated_image_is_rejected_and_can_be_uploaded_again(desk, picture: Picture) -> None:
    good = picture(64, 64, "JPEG")
    (asset,) = desk.upload({"a.jpg": good[:-200]})
    assert asset.state is AssetState.REJECTED
    (again,) = desk.upload({"a.jpg": good})
    assert (again.id, again.state, again.reason) == (asset.id, AssetState.STORED, None)


def test_other_bytes_than_announced_are_rejected(desk, picture: Picture) -> None:
    data = picture()
    other = data[:-1] + bytes([data[-1] ^ 1])
    (item,) = register(desk, draft("a.png", data))
    desk.store.put(library_key(desk, item), other)
    verify_assets(desk.database, AssetsCompleted(asset_ids=(item.asset.id,)))
    with desk.database.session() as session:
        (asset,) = data_library.get_assets(session, [item.asset.id]).items
    assert asset.state is AssetState.REJECTED
    assert asset.reason.startswith("sha256_mismatch")


def library_key(desk, item: RegisteredAsset) -> str:
    return item.upload.fields["key"]


def test_an_upload_that_never_came_stays_expected(desk, picture: Picture) -> None:
    (item,) = register(desk, draft("a.png", picture()))
    verify_assets(desk.database, AssetsCompleted(asset_ids=(item.asset.id,)))
    with desk.database.session() as session:
        (asset,) = data_library.get_assets(session, [item.asset.id]).items
    assert asset.state is AssetState.REGISTERED
    assert asset.reason.startswith("upload_missing")


def test_a_policy_that_still_holds_cannot_change_a_stored_asset(desk, picture: Picture) -> None:
    data = picture()
    (item,) = register(desk, draft("a.png", data))
    httpx.post(item.upload.url, data=item.upload.fields, files={"file": data}).raise_for_status()
    verify_assets(desk.database, AssetsCompleted(asset_ids=(item.asset.id,)))
    evil = bytes(len(data))
    httpx.post(item.upload.url, data=item.upload.fields, files={"file": evil}).raise_for_status()
    verify_assets(desk.database, AssetsCompleted(asset_ids=(item.asset.id,)))
    with desk.database.session() as session:
        link = data_library.link_asset(session, desk.store, LinkAsset(asset_id=item.asset.id, variant="content"))
    assert httpx.get(link.url).content == data


def thumbnail_size(desk, asset_id: UUID) -> tuple[int, int]:
    with desk.database.session() as session:
        link = data_library.link_asset(session, desk.store, LinkAsset(asset_id=asset_id, variant="thumbnail"))
    with Image.open(io.BytesIO(httpx.get(link.url).raise_for_status().content)) as thumbnail:
        return thumbnail.size


def test_a_verifier_that_comes_late_does_not_change_the_thumbnail(desk, picture: Picture) -> None:
    """It is at an attempt that was replaced, and the other one's file is stored before it has ended."""
    replaced, present = picture(50, 10), picture(10, 50)
    (item,) = register(desk, draft("a.png", replaced))
    desk.store.put(library_key(desk, item), replaced)
    with desk.database.session() as session:
        attempt = session.get_one(AssetRow, item.asset.id)
    desk.upload({"a.png": present})
    assert verify(desk.store, attempt).state is AssetState.STORED
    assert thumbnail_size(desk, item.asset.id) == (10, 50)


def test_a_thumbnail_of_an_older_version_is_found(desk, picture: Picture) -> None:
    (asset,) = desk.upload({"a.png": picture(50, 10)})
    with desk.database.session() as session:
        row = session.get_one(AssetRow, asset.id)
        desk.store.put(f"thumbnails/{asset.id}.webp", desk.store.get(row.thumbnail_key))
        desk.store.delete(row.thumbnail_key)
        row.thumbnail_key = None
    assert thumbnail_size(desk, asset.id) == (50, 10)


def test_a_policy_takes_no_other_size(desk, picture: Picture) -> None:
    data = picture()
    (item,) = register(desk, draft("a.png", data))
    for wrong in (data + b"x", data[:-1]):
        assert not httpx.post(item.upload.url, data=item.upload.fields, files={"file": wrong}).is_success


def test_registering_again(desk, picture: Picture) -> None:
    data, other = picture(), picture(41)
    (first,) = register(desk, draft("a.png", data))
    (same,) = register(desk, draft("a.png", data))
    assert same.upload.fields["key"] == first.upload.fields["key"]  # two uploaders of one file
    (changed,) = register(desk, draft("a.png", other))
    assert changed.asset.id == first.asset.id
    assert changed.upload.fields["key"] != first.upload.fields["key"]
    (asset,) = desk.upload({"a.png": other})
    (stored,) = register(desk, draft("a.png", other))
    assert (stored.asset, stored.upload) == (asset, None)
    (refused,) = register(desk, draft("a.png", data))
    assert (refused.asset, refused.code) == (None, "asset_exists")


def test_a_data_key_twice_in_one_request(desk, picture: Picture) -> None:
    first, second = register(desk, draft("a.png", picture()), draft("a.png", picture(41)))
    assert first.code is None
    assert second.code == "validation_failed"


def test_completing_tells_the_verifier_in_parts_and_refuses_strangers(desk, picture: Picture) -> None:
    items = register(desk, *(draft(f"{n:03}.png", picture()) for n in range(120)))
    ids = [item.asset.id for item in items]
    with desk.database.session() as session:
        page = data_library.complete_assets(session, desk.dataset, ids)
    assert [asset.id for asset in page.items] == ids
    parts = [set(event.asset_ids) for event in desk.events(AssetsCompleted) if set(event.asset_ids) <= set(ids)]
    assert set().union(*parts) == set(ids)
    assert max(map(len, parts)) <= data_library.VERIFIED_AT_ONCE
    with pytest.raises(Problem, match="unknown_asset"), desk.database.session() as session:
        data_library.complete_assets(session, desk.dataset, [ids[0], new_id()])


def test_assets_are_listed_by_key_in_pages(desk, picture: Picture) -> None:
    register(desk, *(draft(key, picture()) for key in ("b.png", "Z.png", "a.png", "é.png")))
    seen, cursor = [], None
    while True:
        with desk.database.session() as session:
            page = data_library.list_assets(session, desk.dataset, None, cursor, 2)
        seen += [asset.data_key for asset in page.items]
        cursor = page.next
        if cursor is None:
            break
    assert seen == ["Z.png", "a.png", "b.png", "é.png"]
