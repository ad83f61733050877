"""Where the images of labels stand: lists of them for exports and archives (contracts.snapshots)."""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Protocol

import sqlalchemy as sa
from sqlalchemy.orm import Session

from contracts.enums import AssetState
from contracts.snapshots import Image, ImageList
from services.labels.models import Asset, Label

MOST = 20_000
"""Images in a list, where no part says how many."""

_AT_A_TIME = 5_000


class Puts(Protocol):
    """Where objects are put: chassis.objects.ObjectStore, or what remembers them."""

    def put(self, key: str, data: bytes, content_type: str) -> str:
        """Store `data` under `key`; its etag."""
        ...


def write(
    session: Session,
    store: Puts,
    wanted: Sequence[sa.ColumnElement[bool]],
    prefix: str,
    counts: Iterable[int],
) -> tuple[ImageList, ...]:
    """Write the lists of the wanted labels, each of as many as `counts` says, under `prefix`."""
    stored = (Asset.id == Label.asset_id) & (Asset.state == AssetState.STORED)
    query = (
        sa.select(Label.id, Label.dataset, Label.data_key, Asset.object_key, Asset.size, Asset.crc32)
        .select_from(Label)
        .outerjoin(Asset, stored)
        .where(*wanted)
        .order_by(Label.id)
        .execution_options(yield_per=_AT_A_TIME)
    )
    session.execute(sa.text("SET LOCAL statement_timeout = 0"))  # it is one statement, for as long as it takes
    images = (
        Image(str(label_id), dataset, data_key, key, size or 0, int(crc32 or "0", 16))
        for label_id, dataset, data_key, key, size, crc32 in session.execute(query)
    )
    lists = []
    for number, count in enumerate(counts):
        found = list(islice(images, count))
        if not found:
            break
        key = f"{prefix}/images-{number:06}.jsonl"
        store.put(key, b"".join(map(ImageList.line, found)), "application/x-ndjson")
        lists.append(ImageList(key=key, images=len(found), size=sum(each.size for each in found)))
    return tuple(lists)
