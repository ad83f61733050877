"""Projects full of labels, quickly.

Labels are written into the labels service's own tables together with the events that tell of them, as that service
does it itself, but without their images, bodies and history, which no overview reads. From there on it is the
product: its relay publishes the events, its projector counts them. Labels are spread over all segments, five
labelers, ten object classes and the quarter hours of thirty days.

What reads bodies (exports) has labels of its own (`copy`): with boxes, but nobody is told of them.
"""

import json
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import sqlalchemy as sa

from chassis import outbox
from chassis.database import Database
from chassis.ids import new_id
from chassis.settings import settings
from contracts.enums import SEGMENTS, Review, Status
from contracts.events import LabelChanged, LabelState
from services.labels.models import Label, LabelBody

AT_ONCE = 5000  # labels in one event, as in a bulk change
SUBMITTED = (Status.SUBMITTED, Review.PENDING_REVIEW)
BOXES = 3  # of a label that is copied


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
    _analyze()
    return ids


def _row(
    project_id: UUID,
    class_ids: Sequence[str],
    labelers: Sequence[UUID],
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
        "assignee": chance.choice(labelers) if labelers else None,
        "objects": {class_id: chance.randrange(1, 9) for class_id in chance.sample(class_ids, 3)},
        "version": 1,
        "created_at": at,
        "updated_at": at,
    }


def _states(rows: list[dict[str, Any]]) -> Iterator[LabelState]:
    fields = ("version", "status", "review", "round", "assignee", "objects", "updated_at")
    for row in rows:
        yield LabelState(label_id=row["id"], **{field: row[field] for field in fields})


def copy(project_id: UUID, class_ids: Sequence[str], count: int) -> None:
    """Gives the project `count` submitted labels of BOXES boxes each, straight into the tables by COPY: an import of a
    million would take longer than what is measured. No event tells of them, so counters do not know them."""
    chance = random.Random(count)
    for start in range(0, count, 10 * AT_ONCE):
        rows = [_row(project_id, class_ids, [], chance, [SUBMITTED]) for _ in range(min(10 * AT_ONCE, count - start))]
        bodies = []
        for row in rows:
            chosen = [chance.choice(class_ids) for _ in range(BOXES)]
            row["objects"] = json.dumps({class_id: chosen.count(class_id) for class_id in chosen})
            row["submitted_at"] = row["updated_at"]
            boxes = [_box(class_id, place, chance) for place, class_id in enumerate(chosen, 1)]
            body = json.dumps({"objects": boxes, "categories": {"properties": []}})
            bodies.append({"project_id": project_id, "label_id": row["id"], "body": body})
        _copy_rows(Label.__tablename__, rows)
        _copy_rows(LabelBody.__tablename__, bodies)
    _analyze()


def _analyze() -> None:
    """As autovacuum would in its own time; only who owns the tables can."""
    with Database(settings().migration_dsn("labels")).session() as session:
        session.execute(sa.text("ANALYZE labels, label_bodies"))


def _box(class_id: str, place: int, chance: random.Random) -> dict[str, Any]:
    left, top = round(400 * chance.random(), 2), round(300 * chance.random(), 2)
    return {
        "id": str(new_id()),
        "class_id": class_id,
        "annotation_type": "box",
        "annotation": {
            "coord": {"x": left, "y": top, "width": round(240 * chance.random(), 2), "height": 120.5},
            "meta": {"z_index": place},
            "multiple": False,
        },
        "properties": [],
    }


def _copy_rows(table: str, rows: Sequence[dict[str, Any]]) -> None:
    with Database.of("labels").session() as session:
        session.execute(sa.text("SET LOCAL statement_timeout = 0"))
        driver = session.connection().connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        with driver.cursor() as cursor, cursor.copy(f"COPY {table} ({', '.join(rows[0])}) FROM STDIN".encode()) as into:
            for row in rows:
                into.write_row(tuple(row.values()))
