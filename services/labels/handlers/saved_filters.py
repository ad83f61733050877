"""Saved filters: people's own, and those of the project, which are for those who manage data to make and change."""

import json
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from chassis import audit, paging
from chassis.ids import new_id
from contracts.enums import FilterScope, LabelSort
from contracts.errors import Problem
from contracts.permissions import Permission, scope_of
from contracts.rpc import Owners
from contracts.rpc.labels import (
    OWN_FILTERS_MAX,
    PROJECT_FILTERS_MAX,
    Actor,
    ChangeSavedFilter,
    CreateSavedFilter,
    DeleteSavedFilter,
    GetSavedFilter,
    LabelFilter,
    ListSavedFilters,
    SavedFilter,
    SavedFilterPage,
)
from services.labels.handlers import copies
from services.labels.models import SavedFilter as SavedFilterRow

_MOST: Final = {FilterScope.OWN: OWN_FILTERS_MAX, FilterScope.PROJECT: PROJECT_FILTERS_MAX}


def list_filters(session: Session, request: ListSavedFilters) -> SavedFilterPage:
    """What the actor sees, by name."""
    query = sa.select(SavedFilterRow).where(*_seen(request.project_id, request.actor.user_id))
    if request.scope is not None:
        query = query.where(SavedFilterRow.scope == request.scope)
    key = (SavedFilterRow.name, SavedFilterRow.id)  # somebody's own may have the name of one of the project's
    if request.cursor:
        query = query.where(sa.tuple_(*key) > sa.tuple_(*paging.decode(request.cursor, str, UUID)))
    rows = session.scalars(query.order_by(*key).limit(request.limit + 1)).all()
    more, rows = len(rows) > request.limit, rows[: request.limit]
    return SavedFilterPage(
        items=tuple(map(_to_filter, rows)), next=paging.encode(rows[-1].name, rows[-1].id) if more else None
    )


def get_filter(session: Session, request: GetSavedFilter) -> SavedFilter:
    """A saved filter; Problem `not_found`."""
    return find(session, request.project_id, request.filter_id, request.actor.user_id)


def find(session: Session, project_id: UUID, filter_id: UUID, user_id: UUID | None) -> SavedFilter:
    """A saved filter that somebody sees; Problem `not_found`."""
    return _to_filter(_found(session, project_id, filter_id, user_id))


def create_filter(session: Session, owners: Owners, request: CreateSavedFilter) -> SavedFilter:
    """Save a filter; Problem `name_taken`, `quota_exceeded`."""
    copies.require_project(session, owners, request.project_id)
    _refuse_beyond(session, request)
    now = datetime.now(UTC)
    row = SavedFilterRow(
        project_id=request.project_id,
        id=new_id(),
        name=request.name,
        scope=request.scope,
        owner=request.actor.user_id,
        filter=_plain(request.filter),
        sort=request.sort,
        version=1,
        created_at=now,
        updated_at=now,
    )
    session.add(row)
    _store(session, request.name)
    audit.note("saved_filter", row.id, after={**_told(row), "scope": row.scope})
    return _to_filter(row)


def change_filter(session: Session, request: ChangeSavedFilter) -> SavedFilter:
    """Change a saved filter; Problem `not_found`, `forbidden`, `stale_version`, `name_taken`."""
    row = _changeable(session, request.project_id, request.filter_id, request.actor)
    if row.version != request.expected_version:
        raise Problem(
            "stale_version",
            f"You read version {request.expected_version}; the filter is at version {row.version}.",
            expected_version=request.expected_version,
            version=row.version,
        )
    before = _told(row)
    if request.name is not None:
        row.name = request.name
    if request.filter is not None:
        row.filter = _plain(request.filter)
    if request.sort is not None:
        row.sort = request.sort
    if session.is_modified(row):
        row.version, row.updated_at = row.version + 1, datetime.now(UTC)
        _store(session, row.name)
    old, new = audit.differing(before, _told(row))
    audit.note("saved_filter", row.id, before=old, after=new)
    return _to_filter(row)


def delete_filter(session: Session, request: DeleteSavedFilter) -> None:
    """Delete a saved filter; Problem `not_found`, `forbidden`."""
    row = _changeable(session, request.project_id, request.filter_id, request.actor)
    audit.note("saved_filter", row.id, before={**_told(row), "scope": row.scope})
    session.delete(row)


def _seen(project_id: UUID, user_id: UUID | None) -> list[sa.ColumnElement[bool]]:
    whose = sa.or_(SavedFilterRow.scope == FilterScope.PROJECT, SavedFilterRow.owner == user_id)
    return [SavedFilterRow.project_id == project_id, whose]


def _found(
    session: Session, project_id: UUID, filter_id: UUID, user_id: UUID | None, *, lock: bool = False
) -> SavedFilterRow:
    query = sa.select(SavedFilterRow).where(*_seen(project_id, user_id), SavedFilterRow.id == filter_id)
    row = session.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise Problem("not_found", f"There is no saved filter {filter_id}.")
    return row


def _changeable(session: Session, project_id: UUID, filter_id: UUID, actor: Actor) -> SavedFilterRow:
    """A saved filter, locked, that the actor may change."""
    row = _found(session, project_id, filter_id, actor.user_id, lock=True)
    if row.scope == FilterScope.PROJECT and scope_of(Permission.MANAGE_DATA, actor.role) is None:
        raise Problem("forbidden", "The project's filters are for those who manage its data to change.")
    return row


def _refuse_beyond(session: Session, request: CreateSavedFilter) -> None:
    """Problem `quota_exceeded` if there are as many as there may be; nobody else makes one until this is settled."""
    owner = request.actor.user_id if request.scope is FilterScope.OWN else None
    alone = f"saved filters {request.project_id} {owner}"
    session.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(alone, 0))))
    query = sa.select(sa.func.count()).where(
        SavedFilterRow.project_id == request.project_id, SavedFilterRow.scope == request.scope
    )
    if owner is not None:
        query = query.where(SavedFilterRow.owner == owner)
    most = _MOST[request.scope]
    if session.scalars(query).one() >= most:
        raise Problem("quota_exceeded", f"There are {most} saved filters: delete one first.")


def _store(session: Session, name: str) -> None:
    try:
        session.flush()
    except IntegrityError as error:
        raise Problem("name_taken", f"There is a saved filter {name!r}.") from error


def _plain(chosen: LabelFilter) -> dict[str, Any]:
    plain: dict[str, Any] = chosen.model_dump(mode="json", exclude_none=True)
    return plain


def _told(row: SavedFilterRow) -> dict[str, Any]:
    """What is in the audit of it."""
    return {"name": row.name, "filter": row.filter, "sort": row.sort}


def _to_filter(row: SavedFilterRow) -> SavedFilter:
    return SavedFilter(
        id=row.id,
        project_id=row.project_id,
        name=row.name,
        scope=FilterScope(row.scope),
        owner=row.owner,
        filter=LabelFilter.model_validate_json(json.dumps(row.filter)),
        sort=LabelSort(row.sort),
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
