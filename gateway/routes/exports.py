"""Label exports and their history."""

from uuid import UUID

from flask import Response

from contracts.permissions import Permission
from contracts.rpc.exports import (
    CancelExport,
    CreateExport,
    DeleteExport,
    Export,
    ExportPage,
    GetExport,
    LinkExport,
    ListExports,
    RenameExport,
    RepeatExport,
    ShareExport,
    UnshareExport,
)
from gateway.asker import Asker
from gateway.responses import redirect
from gateway.routing import Group
from gateway.schemas import ExportBody, ExportsQuery, MadeLink, RenameBody, ShareBody
from gateway.shared import made
from gateway.state import gateway

group = Group("exports", "Label exports")


@group.route("GET", "/projects/{project_id}/exports", Permission.EXPORT)
def list_exports(project_id: UUID, query: ExportsQuery) -> ExportPage:
    """A project's exports, newest first; `name`: what is in their name, in whatever case."""
    return gateway().calls(ListExports(project_id=project_id, **query.model_dump()))


@group.route(
    "POST",
    "/projects/{project_id}/exports",
    Permission.EXPORT,
    status=202,
    location="/projects/{project_id}/exports/{id}",
)
def create_export(asker: Asker, project_id: UUID, body: ExportBody, key: str) -> Export:
    """Ask for an export, of labels as they are now or of a version."""
    command = CreateExport(
        project_id=project_id,
        name=body.name,
        format=body.format,
        filter=body.filter,
        version_id=body.version_id,
        options=body.options,
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


@group.route("POST", "/projects/{project_id}/exports/{export_id}:cancel", Permission.EXPORT)
def cancel_export(project_id: UUID, export_id: UUID, key: str) -> Export:
    """Stop an export that is under way; one that has ended stays as it is."""
    return gateway().calls(CancelExport(project_id=project_id, export_id=export_id, idempotency_key=key))


@group.route(
    "POST",
    "/projects/{project_id}/exports/{export_id}:again",
    Permission.EXPORT,
    status=202,
    location="/projects/{project_id}/exports/{id}",
)
def repeat_export(asker: Asker, project_id: UUID, export_id: UUID, key: str) -> Export:
    """Ask for another export as this one was asked for: of the labels as they are now, or of the same version."""
    command = RepeatExport(project_id=project_id, export_id=export_id, actor=asker.user_id, idempotency_key=key)
    return gateway().calls(command)


@group.route("DELETE", "/projects/{project_id}/exports/{export_id}", Permission.EXPORT)
def delete_export(project_id: UUID, export_id: UUID, key: str) -> None:
    """Delete an export and its file."""
    gateway().calls(DeleteExport(project_id=project_id, export_id=export_id, idempotency_key=key))


@group.route("GET", "/projects/{project_id}/exports/{export_id}/download", Permission.EXPORT, status=302)
def download_export(project_id: UUID, export_id: UUID) -> Response:
    """A redirect to the export's file, at an address signed for 60 s."""
    return redirect(gateway().calls(LinkExport(project_id=project_id, export_id=export_id)))


@group.route("POST", "/projects/{project_id}/exports/{export_id}/link", Permission.EXPORT, status=201)
def share_export(asker: Asker, project_id: UUID, export_id: UUID, body: ShareBody, key: str) -> MadeLink:
    """Make an address by which anyone may download the export's file, in place of the one that stands.

    It is told this once. It works until `expires_at`, for `max_downloads` downloads, or until it is revoked; without
    either for ever. A client counts once an hour. Made before the file is done, it answers `not_ready` until then.
    """
    command = ShareExport(
        project_id=project_id,
        export_id=export_id,
        expires_at=body.expires_at,
        max_downloads=body.max_downloads,
        actor=asker.user_id,
        idempotency_key=key,
    )
    return made(gateway().calls(command))


@group.route("DELETE", "/projects/{project_id}/exports/{export_id}/link", Permission.EXPORT)
def unshare_export(project_id: UUID, export_id: UUID, key: str) -> None:
    """Revoke the export's share link. Whoever has just followed it may still begin to download for 60 s."""
    gateway().calls(UnshareExport(project_id=project_id, export_id=export_id, idempotency_key=key))
