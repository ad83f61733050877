"""The snapshot worker: freezes the labels that a filter selects as part objects (contracts.snapshots).

All labels come from one repeatable-read transaction. Two attempts at one snapshot (a redelivery) see the labels at
different moments, so each writes parts of its own, and the one manifest names those of one of them.
"""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from pydantic import ValidationError
from sqlalchemy.orm import Session

from chassis import failed, outbox
from chassis.consumer import Subscription
from chassis.database import Database
from chassis.ids import new_id
from chassis.objects import ObjectStore
from chassis.rpc.client import RpcClient
from contracts.body import Specification
from contracts.enums import Review, Status
from contracts.errors import Problem
from contracts.events import SnapshotCompleted, SnapshotFailed, SnapshotRequested
from contracts.rpc import Owners
from contracts.rpc.labels import LabelFilter, Viewer
from contracts.snapshots import Manifest, Part
from formats import native
from services.labels.handlers import copies
from services.labels.handlers.labels import selected
from services.labels.models import Label, LabelBody, ProjectCopy

PART_BYTES = 8 * 1024 * 1024
"""A part is closed when it has reached this size."""

ROWS = 500
"""Labels that are fetched from the database at a time."""

EMPTY: dict[str, Any] = {"objects": [], "categories": {"properties": []}}
"""The body of a label that has no row in label_bodies."""


def snapshot(database: Database, event: SnapshotRequested) -> None:
    """Write a snapshot and tell that it stands; one that stands already is only told of again."""
    run(database, event, ObjectStore.shared(), RpcClient.shared())


def run(database: Database, event: SnapshotRequested, store: ObjectStore, owners: Owners) -> None:
    """`snapshot` with its ports."""
    key = f"snapshots/{event.snapshot_id}/manifest.json"
    outcome: SnapshotCompleted | SnapshotFailed
    try:
        manifest = _standing(store, key) or _write(database, store, owners, event, key)
        outcome = SnapshotCompleted(
            project_id=event.project_id,
            snapshot_id=event.snapshot_id,
            manifest=key,
            labels=manifest.labels,
            objects=manifest.objects,
        )
    except Problem as problem:
        if problem.status >= 500:
            raise  # somebody is away; the delivery is tried again
        outcome = SnapshotFailed(
            project_id=event.project_id,
            snapshot_id=event.snapshot_id,
            code=problem.code,
            detail=problem.detail or problem.title,
        )
    with database.session() as session:
        outbox.add(session, outcome)


def give_up(session: Session, event: SnapshotRequested) -> None:
    """Tell that a snapshot will not come."""
    outbox.add(
        session,
        SnapshotFailed(
            project_id=event.project_id, snapshot_id=event.snapshot_id, code="internal", detail=failed.NOT_TRIED
        ),
    )


def _standing(store: ObjectStore, key: str) -> Manifest | None:
    try:
        return Manifest.model_validate_json(store.get(key))
    except KeyError:
        return None


def _write(database: Database, store: ObjectStore, owners: Owners, event: SnapshotRequested, key: str) -> Manifest:
    try:
        chosen = LabelFilter.model_validate(event.filter)
    except ValidationError as error:
        raise Problem("validation_failed", f"The filter is not valid: {error}") from error
    with database.session() as session:
        # the newest specification, so that no class is missing that somebody made just before they asked
        copies.specification(session, owners, event.project_id, ask=True)
    with database.session() as session:
        session.connection(execution_options={"isolation_level": "REPEATABLE READ", "postgresql_readonly": True})
        manifest = _freeze(session, store, event, chosen)
    store.put(key, manifest.model_dump_json().encode(), "application/json")
    return manifest


def _freeze(session: Session, store: ObjectStore, event: SnapshotRequested, chosen: LabelFilter) -> Manifest:
    """Write the parts from the session's transaction."""
    taken_at = session.scalars(sa.select(sa.func.now())).one()
    copy = session.get_one(ProjectCopy, event.project_id)
    specification = Specification.model_validate(copy.specification)
    class_names = {str(each.id): each.name for each in specification.object_classes}
    prefix = f"snapshots/{event.snapshot_id}/{new_id()}"
    parts: list[Part] = []
    labels = objects = 0
    for texts, counted in _in_parts(_labels(session, event.project_id, chosen, class_names)):
        data = native.SEPARATOR.join(texts)
        part = Part(key=f"{prefix}/part-{len(parts):06}.json", labels=len(texts), size=len(data))
        store.put(part.key, data, "application/json")
        parts.append(part)
        labels += len(texts)
        objects += counted
    return Manifest(
        project_id=event.project_id,
        snapshot_id=event.snapshot_id,
        taken_at=taken_at,
        project_version=copy.version,
        specification=specification,
        labels=labels,
        objects=objects,
        parts=tuple(parts),
    )


def _in_parts(labels: Iterator[tuple[bytes, int]]) -> Iterator[tuple[list[bytes], int]]:
    """Labels with their number of objects, gathered to about PART_BYTES."""
    texts: list[bytes] = []
    size = objects = 0
    for text, counted in labels:
        texts.append(text)
        size += len(text) + len(native.SEPARATOR)
        objects += counted
        if size >= PART_BYTES:
            yield texts, objects
            texts, size, objects = [], 0, 0
    if texts:
        yield texts, objects


def _labels(
    session: Session, project_id: UUID, chosen: LabelFilter, class_names: dict[str, str]
) -> Iterator[tuple[bytes, int]]:
    """Each label in the native format, by id, and how many objects it has."""
    own_body = (LabelBody.project_id == Label.project_id) & (LabelBody.label_id == Label.id)
    query = (
        sa.select(Label, LabelBody.body)
        .outerjoin(LabelBody, own_body)
        .where(*selected(project_id, chosen, Viewer()))
        .order_by(Label.id)
        .execution_options(yield_per=ROWS)
    )
    for label, body in session.execute(query):
        entry = _entry(label, body or EMPTY, class_names)
        yield native.label(entry), len(entry.objects)


def _entry(label: Label, body: dict[str, Any], class_names: dict[str, str]) -> native.Label:
    return native.Label(
        id=str(label.id),
        dataset=label.dataset,
        data_key=label.data_key,
        image_info={"width": label.width, "height": label.height},
        status=Status(label.status),
        review=Review(label.review),
        round=label.round,
        tags=[str(tag) for tag in label.tags],  # the format wants names; no label has any tags yet
        assignee=None if label.assignee is None else str(label.assignee),
        created_at=label.created_at,
        updated_at=label.updated_at,
        submitted_at=label.submitted_at,
        reviewed_at=label.reviewed_at,
        objects=[{**each, "class_name": class_names.get(each["class_id"], "")} for each in body["objects"]],
        categories=body["categories"],
    )


SUBSCRIPTIONS = (
    Subscription(
        "labels.snapshot.v1",
        {SnapshotRequested: snapshot},
        prefetch=1,
        own_transactions=True,
        given_up={SnapshotRequested: give_up},
    ),
)
