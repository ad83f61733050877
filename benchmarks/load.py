"""Projects full of labels, quickly.

Labels are written into the labels service's own tables together with the events that tell of them, as that service
does it itself, but without their images, bodies and history, which no overview reads. From there on it is the
product: its relay publishes the events, its projector counts them. Labels are spread over all segments, five
labelers, ten object classes and the quarter hours of thirty days.
"""

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from chassis import outbox
from chassis.database import Database
from chassis.ids import new_id
from contracts.enums import SEGMENTS, Review, Status
from contracts.events import LabelChanged, LabelState
from services.labels.models import Label

AT_ONCE = 5000  # labels in one event, as in a bulk change


def load(
    project_id: UUID,
    class_ids: list[str],
    labelers: list[UUID],
    count: int,
    segments: Sequence[tuple[Status, Review]] = SEGMENTS,
) -> list[UUID]:
    """Gives the project `count` labels in these segments, and their ids; the projector has yet to count them."""
    chance = random.Random(count)
    database = Database.of("labels")
    ids = []
    for start in range(0, count, AT_ONCE):
        rows = [_row(project_id, class_ids, labelers, chance, segments) for _ in range(min(AT_ONCE, count - start))]
        ids += [row["id"] for row in rows]
        with database.session() as session:
            session.execute(sa.insert(Label), rows)
            outbox.add(session, LabelChanged(project_id=project_id, labels=tuple(_states(rows)), cause="import"))
    with database.session() as session:
        session.execute(sa.text("ANALYZE labels"))  # as autovacuum would in its own time
    return ids


def _row(
    project_id: UUID,
    class_ids: list[str],
    labelers: list[UUID],
    chance: random.Random,
    segments: Sequence[tuple[Status, Review]],
) -> dict[str, Any]:
    status, review = chance.choice(segments)
    at = datetime.now(UTC) - timedelta(days=30 * chance.random())
    label_id = new_id()
    return {
        "project_id": project_id,
        "id": label_id,
        "asset_id": new_id(),
        "dataset_id": project_id,
        "dataset": "benchmark",
        "data_key": f"{label_id}.png",
        "width": 640,
        "height": 480,
        "status": status,
        "review": review,
        "round": 0,
        "assignee": chance.choice(labelers),
        "objects": {class_id: chance.randrange(1, 9) for class_id in chance.sample(class_ids, 3)},
        "version": 1,
        "created_at": at,
        "updated_at": at,
    }


def _states(rows: list[dict[str, Any]]) -> Iterator[LabelState]:
    fields = ("version", "status", "review", "round", "assignee", "objects", "updated_at")
    for row in rows:
        yield LabelState(label_id=row["id"], **{field: row[field] for field in fields})
