"""Versions: labels that are frozen for ever."""

from uuid import UUID

from contracts.permissions import Permission
from contracts.rpc.labels import (
    ChangeVersion,
    CompareVersions,
    Comparison,
    CreateVersion,
    DeleteVersion,
    DifferencePage,
    GetComparison,
    GetVersion,
    ListDifferences,
    ListVersions,
    Version,
    VersionPage,
)
from gateway.asker import Asker
from gateway.routing import MIB, Group
from gateway.schemas import ComparisonBody, DifferencesQuery, PageQuery, VersionBody, VersionPatch
from gateway.state import gateway

group = Group("versions", "Versions: labels that are frozen for ever")

_VERSION = "/projects/{project_id}/versions/{version_id}"
_COMPARISON = "/projects/{project_id}/comparisons/{comparison_id}"


@group.route("GET", "/projects/{project_id}/versions", Permission.MANAGE_DATA)
def list_versions(project_id: UUID, query: PageQuery) -> VersionPage:
    """A project's versions, newest first."""
    return gateway().calls(ListVersions(project_id=project_id, cursor=query.cursor, limit=query.limit))


@group.route(
    "POST",
    "/projects/{project_id}/versions",
    Permission.MANAGE_DATA,
    status=202,
    location="/projects/{project_id}/versions/{id}",
    max_body=8 * MIB,
)
def create_version(asker: Asker, project_id: UUID, body: VersionBody, key: str) -> Version:
    """Freeze labels as they are now, under a name that no other version of the project has."""
    command = CreateVersion(
        project_id=project_id,
        name=body.name,
        note=body.note,
        selection=body.selection,
        actor=asker.actor,
        idempotency_key=key,
    )
    return gateway().calls(command)


@group.route("GET", _VERSION, Permission.MANAGE_DATA)
def get_version(project_id: UUID, version_id: UUID) -> Version:
    """A version, and how far its freezing is."""
    return gateway().calls(GetVersion(project_id=project_id, version_id=version_id))


@group.route("PATCH", _VERSION, Permission.MANAGE_DATA)
def change_version(asker: Asker, project_id: UUID, version_id: UUID, body: VersionPatch, key: str) -> Version:
    """Give a version another name or note; what is frozen stays."""
    command = ChangeVersion(
        project_id=project_id,
        version_id=version_id,
        name=body.name,
        note=body.note,
        actor=asker.actor,
        idempotency_key=key,
    )
    return gateway().calls(command)


@group.route("DELETE", _VERSION, Permission.MANAGE_DATA)
def delete_version(asker: Asker, project_id: UUID, version_id: UUID, key: str) -> None:
    """Delete a version and what was frozen for it, or stop freezing it. Exports that were made of it stay."""
    command = DeleteVersion(project_id=project_id, version_id=version_id, actor=asker.actor, idempotency_key=key)
    gateway().calls(command)


@group.route(
    "POST",
    "/projects/{project_id}/comparisons",
    Permission.MANAGE_DATA,
    status=202,
    location="/projects/{project_id}/comparisons/{id}",
)
def compare_versions(asker: Asker, project_id: UUID, body: ComparisonBody, key: str) -> Comparison:
    """Have two versions compared. Two that were compared before are not compared again."""
    command = CompareVersions(
        project_id=project_id, before=body.before, after=body.after, actor=asker.actor, idempotency_key=key
    )
    return gateway().calls(command)


@group.route("GET", _COMPARISON, Permission.MANAGE_DATA)
def get_comparison(project_id: UUID, comparison_id: UUID) -> Comparison:
    """How many labels and objects were added, removed and changed from one version to another."""
    return gateway().calls(GetComparison(project_id=project_id, comparison_id=comparison_id))


@group.route("GET", _COMPARISON + "/labels", Permission.MANAGE_DATA)
def list_differences(project_id: UUID, comparison_id: UUID, query: DifferencesQuery) -> DifferencePage:
    """The labels that differ, and in which fields and objects; while versions are compared, those found so far."""
    question = ListDifferences(project_id=project_id, comparison_id=comparison_id, **query.model_dump())
    return gateway().calls(question)
