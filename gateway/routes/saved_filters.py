"""Saved filters, own and project-wide."""

from uuid import UUID

from contracts.permissions import Permission
from contracts.rpc.labels import (
    ChangeSavedFilter,
    CreateSavedFilter,
    DeleteSavedFilter,
    GetSavedFilter,
    ListSavedFilters,
    SavedFilter,
    SavedFilterPage,
)
from gateway.asker import Asker
from gateway.routing import KIB, Group
from gateway.schemas import SavedFilterBody, SavedFilterChangeBody, SavedFiltersQuery
from gateway.state import gateway

group = Group("saved filters", "Filters that have a name")

_FILTERS = "/projects/{project_id}/filters"
_FILTER = _FILTERS + "/{filter_id}"
_LARGEST = 64 * KIB  # lists hold them whole


@group.route("GET", _FILTERS, Permission.WORK_ON_LABELS)
def list_saved_filters(asker: Asker, project_id: UUID, query: SavedFiltersQuery) -> SavedFilterPage:
    """The project's saved filters and the asker's own, by name."""
    question = ListSavedFilters(
        project_id=project_id, scope=query.scope, actor=asker.actor, cursor=query.cursor, limit=query.limit
    )
    return gateway().calls(question)


@group.route(
    "POST",
    _FILTERS,
    Permission.WORK_ON_LABELS,
    status=201,
    location=_FILTERS + "/{id}",
    etag=True,
    max_body=_LARGEST,
)
def create_saved_filter(asker: Asker, project_id: UUID, body: SavedFilterBody, key: str) -> SavedFilter:
    """Save a filter for oneself or, for those who manage data, for the project."""
    command = CreateSavedFilter(
        project_id=project_id,
        name=body.name,
        scope=body.scope,
        filter=body.filter,
        sort=body.sort,
        actor=asker.actor,
        idempotency_key=key,
    )
    return gateway().calls(command)


@group.route("GET", _FILTER, Permission.WORK_ON_LABELS, etag=True)
def get_saved_filter(asker: Asker, project_id: UUID, filter_id: UUID) -> SavedFilter:
    """One saved filter; its `filter` goes wherever a filter does."""
    return gateway().calls(GetSavedFilter(project_id=project_id, filter_id=filter_id, actor=asker.actor))


@group.route("PATCH", _FILTER, Permission.WORK_ON_LABELS, etag=True, max_body=_LARGEST)
def change_saved_filter(
    asker: Asker, project_id: UUID, filter_id: UUID, body: SavedFilterChangeBody, if_match: int, key: str
) -> SavedFilter:
    """Change a saved filter's name, what it chooses, or its order."""
    command = ChangeSavedFilter(
        project_id=project_id,
        filter_id=filter_id,
        expected_version=if_match,
        name=body.name,
        filter=body.filter,
        sort=body.sort,
        actor=asker.actor,
        idempotency_key=key,
    )
    return gateway().calls(command)


@group.route("DELETE", _FILTER, Permission.WORK_ON_LABELS)
def delete_saved_filter(asker: Asker, project_id: UUID, filter_id: UUID, key: str) -> None:
    """Delete a saved filter."""
    command = DeleteSavedFilter(project_id=project_id, filter_id=filter_id, actor=asker.actor, idempotency_key=key)
    gateway().calls(command)
