"""Labels: making them of assets, and reading them."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, insert
from sqlalchemy.dialects.postgresql import UUID as UUID_TYPE
from sqlalchemy.orm import Session

from chassis import audit, outbox, paging, quotas
from chassis.chunks import chunks
from chassis.ids import new_id
from chassis.settings import settings
from contracts.body import Body
from contracts.enums import AssetState, Review, Status
from contracts.errors import Problem
from contracts.events import LabelChanged, LabelState
from contracts.rpc import Owners
from contracts.rpc.labels import (
    AddLabels,
    Editor,
    GetHistory,
    GetProjectHistory,
    HistoryEntry,
    HistoryPage,
    Label,
    LabelQuick,
    LabelsAdded,
    LabelWithBody,
    ObjectCounts,
    ProjectHistoryEntry,
    ProjectHistoryPage,
    Viewer,
)
from services.labels.domain import life
from services.labels.handlers import copies, storage
from services.labels.handlers.data_library import find_dataset
from services.labels.models import Asset as AssetRow
from services.labels.models import Dataset as DatasetRow
from services.labels.models import EditLock, LabelBody, LabelHistory
from services.labels.models import Label as LabelRow

MADE_AT_ONCE = 1000
"""Labels made by one statement and told of in one event."""

FIRST_VERSION = 1
"""Of a label that was just made."""

FIRST = {field: getattr(life.Standing(), field) for field in ("status", "review", "round")}
"""What history tells of a label that was just made."""

_COUNT_OBJECTS = sa.text("""
    SELECT counted.key AS class_id, CAST(sum(CAST(counted.value AS bigint)) AS bigint) AS objects
    FROM labels CROSS JOIN LATERAL jsonb_each_text(labels.objects) AS counted
    WHERE project_id = :project AND labels.objects ?| CAST(:classes AS text[])
        AND counted.key = ANY (CAST(:classes AS text[]))
    GROUP BY counted.key ORDER BY counted.key
""")

_PEOPLE = ("assignee", "reviewer", "submitter")


def add_labels(session: Session, owners: Owners, request: AddLabels) -> LabelsAdded:
    """Make labels of stored assets; see `AddLabels`. Of a whole dataset: of what is stored in it now."""
    copies.require_project(session, owners, request.project_id)
    if (request.assets is None) == (request.dataset is None):
        raise Problem("validation_failed", "Name either assets or a dataset.")
    made = total = 0
    actor, now = request.actor.user_id, datetime.now(UTC)
    for assets in _chosen_assets(session, request):
        created = make_labels(session, request.project_id, assets, actor, now)
        _publish_made(session, request.project_id, created, actor, now)
        made, total = made + len(created), total + len(assets)
    ids = None if request.assets is None else _label_ids(session, request.project_id, request.assets)
    after = {"created": made, "existing": total - made, "dataset": request.dataset}
    audit.note("project", request.project_id, after=after)
    return LabelsAdded(created=made, existing=total - made, ids=ids)


def make_labels(session: Session, project_id: UUID, assets: Sequence[UUID], actor: UUID, at: datetime) -> list[UUID]:
    """A label for each of these stored assets that has none; the new ones, for the caller to tell of.

    Problem `quota_exceeded` where the project may not have as much.
    """
    limit = quotas.hold(session, project_id, settings().quota_bytes)  # before any label, against deadlocks
    asset_ids = sorted(assets)  # one order for all, against deadlocks
    new = (
        sa.func.unnest(_uuids(new_id() for _ in asset_ids), _uuids(asset_ids))
        .table_valued("id", "asset_id")
        .render_derived()
    )
    standing = life.Standing()
    values = {
        "project_id": sa.literal(project_id),
        "id": new.c.id,
        "asset_id": AssetRow.id,
        "dataset_id": AssetRow.dataset_id,
        "dataset": DatasetRow.name,
        "data_key": AssetRow.data_key,
        "width": AssetRow.width,
        "height": AssetRow.height,
        "status": sa.literal(standing.status.value),
        "review": sa.literal(standing.review.value),
        "round": sa.literal(standing.round),
        "version": sa.literal(FIRST_VERSION),
        "created_at": sa.literal(at),
        "updated_at": sa.literal(at),
    }
    rows = (
        sa.select(*values.values())
        .select_from(new)
        .join(AssetRow, AssetRow.id == new.c.asset_id)
        .join(DatasetRow, DatasetRow.id == AssetRow.dataset_id)
        .where(AssetRow.state == AssetState.STORED)
        .order_by(AssetRow.id)
    )
    statement = insert(LabelRow).from_select(list(values), rows).on_conflict_do_nothing().returning(LabelRow.id)
    made = list(session.scalars(statement))
    storage.take(session, project_id, made, limit)
    line = {
        "project_id": sa.literal(project_id),
        "label_id": sa.func.unnest(_uuids(made)),
        "version": sa.literal(FIRST_VERSION),
        "action": sa.literal("add"),
        "actor": sa.literal(actor),
        "at": sa.literal(at),
        "before": sa.literal({}, JSONB),
        "after": sa.literal(FIRST, JSONB),
    }
    session.execute(insert(LabelHistory).from_select(list(line), sa.select(*line.values())))
    return made


def _publish_made(session: Session, project_id: UUID, made: Sequence[UUID], actor: UUID, at: datetime) -> None:
    new = life.Standing()
    states = tuple(
        LabelState(label_id=label_id, version=FIRST_VERSION, status=new.status, review=new.review, updated_at=at)
        for label_id in made
    )
    if states:
        outbox.add(session, LabelChanged(project_id=project_id, labels=states, actor=actor, cause="add"))


def _uuids(values: Iterable[UUID]) -> sa.BindParameter[list[UUID]]:
    return sa.literal(list(values), ARRAY(UUID_TYPE(as_uuid=True)))


def _chosen_assets(session: Session, request: AddLabels) -> Iterator[list[UUID]]:
    columns = sa.select(AssetRow.id, AssetRow.data_key, AssetRow.state)
    if request.assets is not None:
        assets = session.execute(columns.where(AssetRow.id.in_(request.assets))).all()
        _refuse_missing(request.assets, {asset.id for asset in assets})
        _refuse_unstored(assets)
        yield from chunks((asset.id for asset in assets), MADE_AT_ONCE)
        return
    assert request.dataset is not None
    dataset = find_dataset(session, request.dataset)
    columns = columns.where(AssetRow.dataset_id == dataset.id)
    if request.data_keys is not None:
        assets = session.execute(columns.where(AssetRow.data_key.in_(request.data_keys))).all()
        _refuse_missing(request.data_keys, {asset.data_key for asset in assets})
        _refuse_unstored(assets)
        yield from chunks((asset.id for asset in assets), MADE_AT_ONCE)
        return
    stored = columns.where(AssetRow.state == AssetState.STORED).order_by(AssetRow.data_key).limit(MADE_AT_ONCE)
    last = ""
    while assets := session.execute(stored.where(AssetRow.data_key > last)).all():
        last = assets[-1].data_key
        yield [asset.id for asset in assets]


def _refuse_missing(wanted: Iterable[object], found: Iterable[object]) -> None:
    missing = list(dict.fromkeys(wanted).keys() - set(found))
    if missing:
        raise Problem("unknown_asset", f"There is no asset {missing[0]}.", assets=[str(each) for each in missing[:100]])


def _refuse_unstored(assets: Iterable[sa.Row[UUID, str, str]]) -> None:
    unstored = [asset for asset in assets if asset.state != AssetState.STORED]
    if unstored:
        raise Problem(
            "asset_not_stored",
            f"{unstored[0].data_key!r} is {unstored[0].state}.",
            assets=[{"id": str(each.id), "data_key": each.data_key, "state": each.state} for each in unstored[:100]],
        )


def _label_ids(session: Session, project_id: UUID, assets: Sequence[UUID]) -> tuple[UUID, ...]:
    query = sa.select(LabelRow.asset_id, LabelRow.id).where(
        LabelRow.project_id == project_id, LabelRow.asset_id.in_(assets)
    )
    found = {row.asset_id: row.id for row in session.execute(query)}
    return tuple(found[asset_id] for asset_id in assets)


def get_label(session: Session, project_id: UUID, label_id: UUID, viewer: Viewer) -> LabelWithBody:
    """One label with its body."""
    row = visible(session, project_id, label_id, viewer)
    body = session.scalars(
        sa.select(LabelBody.body).where(LabelBody.project_id == project_id, LabelBody.label_id == label_id)
    ).one_or_none()
    editor = None if viewer.anonymous else _editor(session, project_id, label_id)
    return LabelWithBody(**dict(to_label(row, viewer)), body=Body.model_validate(body or {}), editor=editor)


def _editor(session: Session, project_id: UUID, label_id: UUID) -> Editor | None:
    """Who says that they are editing a label."""
    row = session.get(EditLock, (project_id, label_id), populate_existing=True)
    if row is None or row.until < datetime.now(UTC):
        return None
    return Editor(user_id=row.user_id, until=row.until)


def get_history(session: Session, request: GetHistory) -> HistoryPage:
    """One label's actions, newest first."""
    visible(session, request.project_id, request.label_id, request.viewer)
    query = sa.select(LabelHistory).where(
        LabelHistory.project_id == request.project_id, LabelHistory.label_id == request.label_id
    )
    if request.cursor:
        query = query.where(LabelHistory.version < paging.decode(request.cursor, int)[0])
    found = session.scalars(query.order_by(LabelHistory.version.desc()).limit(request.limit + 1))
    rows, following = paging.page(found, request.limit, lambda row: row.version)
    return HistoryPage(items=tuple(_to_entry(row, request.viewer) for row in rows), next=following)


def get_project_history(session: Session, request: GetProjectHistory) -> ProjectHistoryPage:
    """Actions on a project's labels, newest first."""
    key = (LabelHistory.at, LabelHistory.label_id, LabelHistory.version)
    query = sa.select(LabelHistory).where(LabelHistory.project_id == request.project_id)
    if request.action is not None:
        query = query.where(LabelHistory.action == request.action)
    if request.by is not None:
        query = query.where(LabelHistory.actor == request.by)
    if request.since is not None:
        query = query.where(LabelHistory.at >= request.since)
    if request.cursor:
        query = query.where(sa.tuple_(*key) < paging.decode(request.cursor, datetime.fromisoformat, UUID, int))
    rows = session.scalars(query.order_by(*(each.desc() for each in key)).limit(request.limit + 1)).all()
    items = tuple(
        ProjectHistoryEntry(**dict(_to_entry(row, Viewer())), label_id=row.label_id) for row in rows[: request.limit]
    )
    more = len(rows) > request.limit
    following = paging.encode(items[-1].at.isoformat(), items[-1].label_id, items[-1].version) if more else None
    return ProjectHistoryPage(items=items, next=following)


def get_cards(session: Session, project_id: UUID) -> LabelQuick:
    """What this service adds to the overview."""
    # Ordered as the primary key is: otherwise PostgreSQL may read the whole table until it meets a small project.
    first = sa.select(LabelRow.id).where(LabelRow.project_id == project_id).order_by(LabelRow.id).limit(1)
    return LabelQuick(has_data=session.scalar(first) is not None)


def count_objects(session: Session, project_id: UUID, class_ids: Sequence[UUID]) -> ObjectCounts:
    """How many objects of these classes a project's labels have."""
    rows = session.execute(_COUNT_OBJECTS, {"project": project_id, "classes": [str(each) for each in class_ids]})
    return ObjectCounts(objects={row.class_id: row.objects for row in rows})


def to_label(row: LabelRow, viewer: Viewer) -> Label:
    """What `viewer` may know of a label."""
    people = {} if viewer.anonymous else {field: getattr(row, field) for field in _PEOPLE}
    return Label(
        id=row.id,
        project_id=row.project_id,
        asset_id=row.asset_id,
        dataset=row.dataset,
        data_key=row.data_key,
        width=row.width,
        height=row.height,
        status=Status(row.status),
        review=Review(row.review),
        round=row.round,
        **people,
        tags=tuple(row.tags),
        open_issues=row.open_issues,
        objects=row.objects,
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
        submitted_at=row.submitted_at,
        reviewed_at=row.reviewed_at,
    )


def visible(session: Session, project_id: UUID, label_id: UUID, viewer: Viewer, *, lock: bool = False) -> LabelRow:
    """The label, locked if asked; Problem `not_found` also where `viewer` may not see it."""
    row = session.get(LabelRow, (project_id, label_id), with_for_update=lock or None, populate_existing=True)
    if row is None or (viewer.only_assignee is not None and row.assignee != viewer.only_assignee):
        raise Problem("not_found", f"There is no label {label_id}.")
    return row


def _to_entry(row: LabelHistory, viewer: Viewer) -> HistoryEntry:
    hidden = _PEOPLE if viewer.anonymous else ()
    return HistoryEntry(
        version=row.version,
        action=row.action,
        actor=None if viewer.anonymous else row.actor,
        at=row.at,
        comment=None if viewer.anonymous else row.comment,  # people write names into these
        before={field: value for field, value in row.before.items() if field not in hidden},
        after={field: value for field, value in row.after.items() if field not in hidden},
    )
