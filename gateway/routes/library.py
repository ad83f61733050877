"""The data library: datasets, assets, and their files."""

import time
from uuid import UUID

from flask import Response

from contracts.enums import AssetState
from contracts.rpc.labels import (
    Asset,
    AssetPage,
    CompleteAssets,
    CreateDataset,
    Dataset,
    DatasetPage,
    GetAssets,
    LinkAsset,
    ListAssets,
    ListDatasets,
    RegisterAssets,
    RegisteredAssets,
)
from gateway.asker import Asker
from gateway.calls import DEADLINE
from gateway.responses import redirect
from gateway.routing import MIB, Access, Group
from gateway.schemas import (
    AssetLinkQuery,
    Assets,
    AssetsQuery,
    CompleteAssetsBody,
    DatasetBody,
    PageQuery,
    RegisterAssetsBody,
)
from gateway.state import gateway

group = Group("library", "The team's data library")

POLL_FIRST, POLL_LONGEST = 0.01, 0.5
"""Seconds between looks at assets that are being verified."""


@group.route("GET", "/datasets", Access.DATA_LIBRARY)
def list_datasets(query: PageQuery) -> DatasetPage:
    """All datasets."""
    return gateway().calls(ListDatasets(cursor=query.cursor, limit=query.limit))


@group.route("POST", "/datasets", Access.DATA_LIBRARY, status=201, location="/datasets/{name}/assets")
def create_dataset(body: DatasetBody, key: str) -> Dataset:
    """Make a dataset, or find it."""
    return gateway().calls(CreateDataset(name=body.name, idempotency_key=key))


@group.route("GET", "/datasets/{name}/assets", Access.DATA_LIBRARY)
def list_assets(name: str, query: AssetsQuery) -> AssetPage:
    """A dataset's assets."""
    return gateway().calls(ListAssets(dataset=name, state=query.state, cursor=query.cursor, limit=query.limit))


@group.route("POST", "/datasets/{name}/assets", Access.DATA_LIBRARY, status=201, max_body=8 * MIB)
def register_assets(asker: Asker, name: str, body: RegisterAssetsBody, key: str) -> RegisteredAssets:
    """Say which assets will be uploaded, and get a signed policy for each. The dataset is made on first use."""
    command = RegisterAssets(dataset=name, items=body.items, actor=asker.user_id, idempotency_key=key)
    return gateway().calls(command)


@group.route("POST", "/datasets/{name}/assets:complete", Access.DATA_LIBRARY)
def complete_assets(asker: Asker, name: str, body: CompleteAssetsBody, key: str) -> Assets:
    """Say that uploads have ended; the answer comes when they are verified, or after `wait` seconds."""
    until = time.monotonic() + body.wait
    command = CompleteAssets(dataset=name, ids=body.ids, actor=asker.user_id, idempotency_key=key)
    known = {asset.id: asset for asset in gateway().calls(command).items}
    with gateway().waits.one() as free:
        pause = POLL_FIRST
        # without a slot to wait in, the asker looks again by itself
        while free and (open_ := _unverified(known)) and (left := until - time.monotonic()) > 0:
            time.sleep(min(pause, left))
            pause = min(pause * 1.5, POLL_LONGEST)
            known |= {asset.id: asset for asset in gateway().calls(GetAssets(ids=open_), DEADLINE).items}
    return Assets(items=tuple(known[asset_id] for asset_id in dict.fromkeys(body.ids) if asset_id in known))


@group.route("GET", "/assets/{asset_id}/content", Access.ASSET, status=302)
def get_content(asker: Asker, asset_id: UUID, query: AssetLinkQuery) -> Response:
    """A redirect to the asset's file, at an address signed for 60 s."""
    question = LinkAsset(asset_id=asset_id, variant="content", project_id=query.project_id, viewer=asker.viewer)
    return redirect(gateway().calls(question))


@group.route("GET", "/assets/{asset_id}/thumbnail", Access.ASSET, status=302)
def get_thumbnail(asker: Asker, asset_id: UUID, query: AssetLinkQuery) -> Response:
    """A redirect to the asset's thumbnail, at an address signed for 60 s."""
    question = LinkAsset(asset_id=asset_id, variant="thumbnail", project_id=query.project_id, viewer=asker.viewer)
    return redirect(gateway().calls(question))


def _unverified(assets: dict[UUID, Asset]) -> tuple[UUID, ...]:
    return tuple(asset.id for asset in assets.values() if asset.state is AssetState.REGISTERED)
