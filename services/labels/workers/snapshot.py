"""The snapshot worker: freezes the labels that a filter selects as part objects (contracts.snapshots).

All labels come from one repeatable-read transaction. Two attempts at one snapshot (a redelivery) see the labels at
different moments, so each writes parts of its own, and the one manifest names those of one of them.
"""

import json
import sys
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from enum import StrEnum
from itertools import repeat
from zlib import crc32

import psycopg
import sqlalchemy as sa
from pydantic import ValidationError
from sqlalchemy.orm import Session

from chassis import failed, outbox
from chassis.consumer import Subscription
from chassis.database import Database
from chassis.ids import new_id
from chassis.logs import get_logger
from chassis.objects import NO_ROOM, Full, ObjectStore
from chassis.rpc.client import RpcClient
from contracts.body import Specification
from contracts.errors import Problem
from contracts.events import (
    SnapshotCompleted,
    SnapshotFailed,
    SnapshotProgressed,
    SnapshotRequested,
)
from contracts.rpc import Owners
from contracts.rpc.labels import LabelFilter, Viewer
from contracts.snapshots import ImageList, Manifest, Part
from formats import native
from services.labels.handlers import copies, image_lists, snapshots, storage
from services.labels.handlers.image_lists import Puts
from services.labels.handlers.selection import selected
from services.labels.models import Label, LabelBody, ProjectCopy

log = get_logger()

PART_BYTES = 8 * 1024 * 1024
"""A part is closed when it has reached this size."""

IMAGES = 1000
"""Or this many labels, where their images are wanted, too: whoever works on a part moves those."""

UPLOADS = 2
"""Parts that are on their way to the store at once."""

TELL_SECONDS = 1.0
"""Between two words on how far a snapshot is."""


class _Canceled(Exception):
    """Nobody wants the snapshot any more."""


def snapshot(database: Database, event: SnapshotRequested) -> None:
    """Write a snapshot and tell that it stands; one that stands already is only told of again."""
    run(database, event, ObjectStore.shared(), RpcClient.shared())


def run(database: Database, event: SnapshotRequested, store: ObjectStore, owners: Owners) -> None:
    """`snapshot` with its ports."""
    key = f"snapshots/{event.snapshot_id}/manifest.json"
    outcome: SnapshotCompleted | SnapshotFailed
    try:
        if snapshots.is_canceled(database, event.snapshot_id):
            raise _Canceled
        manifest = _standing(store, key) or _write(database, store, owners, event, key)
        outcome = SnapshotCompleted(
            project_id=event.project_id,
            snapshot_id=event.snapshot_id,
            manifest=key,
            labels=manifest.labels,
            objects=manifest.objects,
        )
    except _Canceled:
        log.info("stopped", snapshot=str(event.snapshot_id))
        store.delete_prefix(f"snapshots/{event.snapshot_id}/")
        return
    except Problem as problem:
        if problem.status >= 500:
            raise  # somebody is away; the delivery is tried again
        outcome = _failed(event, problem.code, problem.detail or problem.title)
    except Full:
        outcome = _failed(event, "too_large", NO_ROOM)
    with database.session() as session:
        outbox.add(session, outcome)


def give_up(session: Session, event: SnapshotRequested) -> None:
    """Tell that a snapshot will not come."""
    outbox.add(session, _failed(event, "internal", failed.NOT_TRIED))


def _failed(event: SnapshotRequested, code: str, detail: str) -> SnapshotFailed:
    return SnapshotFailed(project_id=event.project_id, snapshot_id=event.snapshot_id, code=code, detail=detail)


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
        wanted = selected(event.project_id, chosen, Viewer())
        manifest = freeze(session, store, event, wanted, _Progress(database, event, chosen).so_far)
    store.put(key, manifest.model_dump_json().encode(), "application/json")
    return manifest


class _Progress:
    """Tells how far a snapshot is, if it takes long, and looks whether it is still wanted."""

    def __init__(self, database: Database, event: SnapshotRequested, chosen: LabelFilter) -> None:
        self._database, self._event, self._chosen = database, event, chosen
        self._total: int | None = None
        self._told = time.monotonic()

    def so_far(self, labels: int) -> None:
        """So many labels are frozen."""
        if snapshots.is_canceled(self._database, self._event.snapshot_id):
            raise _Canceled
        if time.monotonic() - self._told < TELL_SECONDS:
            return
        event = self._event
        with self._database.session() as session:
            if self._total is None:  # not of the same moment: it is no more than a hint
                wanted = selected(event.project_id, self._chosen, Viewer())
                self._total = session.scalars(sa.select(sa.func.count()).select_from(Label).where(*wanted)).one()
            told = SnapshotProgressed(
                project_id=event.project_id, snapshot_id=event.snapshot_id, labels=labels, total=self._total
            )
            outbox.add(session, told)
        self._told = time.monotonic()


def freeze(
    session: Session,
    store: Puts,
    event: SnapshotRequested,
    wanted: Sequence[sa.ColumnElement[bool]],
    progress: Callable[[int], None],
) -> Manifest:
    """Write the parts of the `wanted` labels from the session's transaction; the next one is gathered while others are
    on their way to the store. `progress` is told how many labels are frozen, and may raise what ends it."""
    taken_at = session.scalars(sa.select(sa.func.now())).one()
    copy = session.get_one(ProjectCopy, event.project_id)
    specification = Specification.model_validate(copy.specification)
    prefix = f"snapshots/{event.snapshot_id}/{new_id()}"
    parts: list[Part] = []
    sent: list[Future[str]] = []
    labels = objects = 0
    # closed before the transaction, whatever happens: nothing can be said to the database in the middle of a COPY
    with (
        closing(_labels(session, wanted, specification)) as rows,
        ThreadPoolExecutor(UPLOADS) as uploader,
    ):
        for data, number, counted in _in_parts(rows if event.labels else (), IMAGES if event.images else sys.maxsize):
            lead = len(native.SEPARATOR) if parts else 0
            part = Part(
                key=f"{prefix}/part-{len(parts):06}.json",
                labels=number,
                objects=counted,
                size=len(data) - lead,
                offset=lead,
                crc32=crc32(data),
            )
            if len(sent) >= UPLOADS:
                sent[-UPLOADS].result()
            sent.append(uploader.submit(store.put, part.key, data, "application/json"))
            parts.append(part)
            labels += number
            objects += counted
            progress(labels)
        parts = [part.model_copy(update={"etag": each.result()}) for part, each in zip(parts, sent, strict=True)]
    images: tuple[ImageList, ...] = ()
    if event.images:
        counts = [part.labels for part in parts] if event.labels else repeat(image_lists.MOST)
        images = image_lists.write(session, store, wanted, prefix, counts)
        labels = labels if event.labels else sum(each.images for each in images)
    return Manifest(
        project_id=event.project_id,
        snapshot_id=event.snapshot_id,
        taken_at=taken_at,
        project_version=copy.version,
        specification=specification,
        labels=labels,
        objects=objects,
        parts=tuple(parts),
        ambiguous=_ambiguous(session, wanted) if event.names else (),
        images=images,
        counts=storage.images(session, event.project_id) if event.images else None,
    )


def _ambiguous(session: Session, wanted: Sequence[sa.ColumnElement[bool]]) -> tuple[tuple[str, str], ...]:
    """(dataset, data key) of labels that have the same as another but for extension and letter case."""
    stem = sa.func.lower(sa.func.regexp_replace(Label.data_key, r"\.[^./]*$", ""))
    same = sa.func.count().over(partition_by=(Label.dataset, stem)).label("same")
    named = sa.select(Label.dataset, Label.data_key, same).where(*wanted).subquery()
    query = sa.select(named.c.dataset, named.c.data_key).where(named.c.same > 1).order_by(*named.c[:2])
    return tuple((dataset, data_key) for dataset, data_key in session.execute(query))


def _in_parts(labels: Iterable[tuple[bytes, int]], most: int) -> Iterator[tuple[bytes, int, int]]:
    """Labels joined to about PART_BYTES, or `most` of them, with how many labels and objects those are. Each but the
    first begins with the comma that joins it to the one before."""
    part = bytearray()  # and no list of labels: each of those would be an object in memory
    number = objects = 0
    for text, counted in labels:
        if number:
            part += native.SEPARATOR
        part += text
        number += 1
        objects += counted
        if len(part) >= PART_BYTES or number >= most:
            yield bytes(part), number, objects
            part = bytearray(native.SEPARATOR)
            number = objects = 0
    if number:
        yield bytes(part), number, objects


# The label as formats.native has it, built by the database: fields in the order of the format, those of anything inside
# in the order of jsonb. Tags are their names. Objects come as they stand in the array, since nothing sorts or joins
# them: ORDER BY, or an array made anew of them, would take a quarter of all the time.
_TIME = """coalesce('"' || to_char(labels.%s, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') || '"', 'null')"""
_TAGS = """CASE WHEN labels.tags = '{}' THEN '[]' ELSE coalesce((
  SELECT json_agg(tags.name ORDER BY tags.name)::text FROM tags
  WHERE tags.project_id = labels.project_id AND tags.id = ANY (labels.tags) AND tags.ended_at IS NULL), '[]') END"""
_TEXT = sa.text(
    f"""
jsonb_array_length(coalesce(label_bodies.body -> 'objects', '[]')),
'{{"id":"' || labels.id || '","dataset":' || to_json(labels.dataset) || ',"data_key":' || to_json(labels.data_key)
|| ',"image_info":{{"width":' || labels.width || ',"height":' || labels.height || '}},"status":"' || labels.status
|| '","review":"' || labels.review || '","round":' || labels.round || ',"tags":' || {_TAGS}
|| ',"assignee":' || coalesce('"' || labels.assignee || '"', 'null')
|| ',"created_at":' || {_TIME % "created_at"} || ',"updated_at":' || {_TIME % "updated_at"}
|| ',"submitted_at":' || {_TIME % "submitted_at"} || ',"reviewed_at":' || {_TIME % "reviewed_at"}
|| ',"objects":' || coalesce(
  (SELECT '[' || string_agg(
     CAST(object || jsonb_build_object('class_name', coalesce(CAST(:names AS jsonb) ->> (object ->> 'class_id'), ''))
          AS text), ', ') || ']'
   FROM jsonb_array_elements(label_bodies.body -> 'objects') AS each (object)), '[]')
|| ',"categories":' || coalesce(label_bodies.body ->> 'categories', '{{"properties": []}}') || '}}'
"""  # noqa: S608  # of constants only
)


def _labels(
    session: Session, wanted: Sequence[sa.ColumnElement[bool]], specification: Specification
) -> Generator[tuple[bytes, int], None, None]:
    """Each label in native JSON, by id, and how many objects it has."""
    with copying(session, wanted, specification) as copy:
        for row in copy:
            objects, _, text = bytes(row).partition(b"\t")
            # COPY doubles backslashes; nothing else that it would escape stands raw in JSON
            yield text[:-1].replace(b"\\\\", b"\\"), int(objects)


@contextmanager
def copying(
    session: Session, wanted: Sequence[sa.ColumnElement[bool]], specification: Specification
) -> Iterator[psycopg.Copy]:
    """A COPY of the `wanted` labels, by id: how many objects each has, a tab, and its native JSON with backslashes
    doubled."""
    # each body by its key, whatever the planner knows: right after an import it takes a project for empty, and would
    # join by comparing each label with each body. OFFSET keeps the subquery from becoming such a join.
    own_body = (
        sa.select(LabelBody.body)
        .where(LabelBody.project_id == Label.project_id, LabelBody.label_id == Label.id)
        .offset(0)
        .lateral(LabelBody.__tablename__)
    )
    names = {str(each.id): each.name for each in specification.object_classes}
    query = (
        sa.select(_TEXT.bindparams(names=json.dumps(names)))
        .select_from(Label)
        .outerjoin(own_body, sa.true())
        .where(*wanted)
        .order_by(Label.id)
    )
    connection = session.connection()
    compiled = query.compile(connection, compile_kwargs={"render_postcompile": True})
    values = {
        name: str(value) if isinstance(value, StrEnum) else value for name, value in compiled.construct_params().items()
    }
    session.execute(sa.text("SET LOCAL statement_timeout = 0"))  # it is one statement, for as long as it takes
    session.execute(sa.text("SET LOCAL jit = off"))  # the first label would come a second later, and the last no sooner
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    with driver.cursor() as cursor, cursor.copy(f"COPY ({compiled}) TO STDOUT".encode(), values) as copy:
        yield copy


SUBSCRIPTIONS = (
    Subscription(
        "labels.snapshot.v1",
        {SnapshotRequested: snapshot},
        prefetch=1,
        own_transactions=True,
        given_up={SnapshotRequested: give_up},
        threads=3,  # a small one does not wait for a large one
    ),
)
