"""Label exports and their history."""

from uuid import UUID

from flask import Response

from contracts.permissions import Permission
from contracts.rpc.exports import (
    CreateExport,
    DeleteExport,
    Export,
    ExportPage,
    GetExport,
    LinkExport,
    ListExports,
    RenameExport,
)
from gateway.asker import Asker
from gateway.responses import redirect
from gateway.routing import Group
from gateway.schemas import ExportBody, PageQuery, RenameBody
from gateway.state import gateway

group = Group("exports", "Label exports")


@group.route("GET", "/projects/{project_id}/exports", Permission.EXPORT)
def list_exports(project_id: UUID, query: PageQuery) -> ExportPage:
    """A project's exports, newest first."""
    return gateway().calls(ListExports(project_id=project_id, cursor=query.cursor, limit=query.limit))


@group.route(
    "POST",
    "/projects/{project_id}/exports",
    Permission.EXPORT,
    status=202,
    location="/projects/{project_id}/exports/{id}",
)
def create_export(asker: Asker, project_id: UUID, body: ExportBody, key: str) -> Export:
    """Ask for an export."""
    command = CreateExport(
        project_id=project_id,
        name=body.name,
        format=body.format,
        filter=body.filter,
        actor=asker.user_id,
        idempotency_key=key,
    )
    return gateway().calls(command)


@group.route("GET", "/projects/{project_id}/exports/{export_id}", Permission.EXPORT)
def get_export(project_id: UUID, export_id: UUID) -> Export:
    """One export."""
    return gateway().calls(GetExport(project_id=project_id, export_id=export_id))


@group.route("PATCH", "/projects/{project_id}/exports/{export_id}", Permission.EXPORT)
def rename_export(project_id: UUID, export_id: UUID, body: RenameBody, key: str) -> Export:
    """Give an export another name."""
    command = RenameExport(project_id=project_id, export_id=export_id, name=body.name, idempotency_key=key)
    return gateway().calls(command)


@group.route("DELETE", "/projects/{project_id}/exports/{export_id}", Permission.EXPORT)
def delete_export(project_id: UUID, export_id: UUID, key: str) -> None:
    """Delete an export and its file."""
    gateway().calls(DeleteExport(project_id=project_id, export_id=export_id, idempotency_key=key))


@group.route("GET", "/projects/{project_id}/exports/{export_id}/download", Permission.EXPORT, status=302)
def download_export(project_id: UUID, export_id: UUID) -> Response:
    """A redirect to the export's file, at an address signed for 60 s."""
    return redirect(gateway().calls(LinkExport(project_id=project_id, export_id=export_id)))
