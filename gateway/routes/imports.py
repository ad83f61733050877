"""Importing annotations from an uploaded file."""

from uuid import UUID

from contracts.permissions import Permission
from contracts.rpc.labels import CreateUpload, GetImport, Import, StartImport, Upload
from gateway.asker import Asker
from gateway.routing import Group
from gateway.schemas import ImportBody, UploadBody
from gateway.state import gateway

group = Group("imports", "Importing annotations")


@group.route("POST", "/projects/{project_id}/uploads", Permission.MANAGE_DATA, status=201)
def create_upload(asker: Asker, project_id: UUID, body: UploadBody, key: str) -> Upload:
    """A place for a file to import from, with a signed policy to upload it."""
    command = CreateUpload(
        project_id=project_id, filename=body.filename, size=body.size, actor=asker.actor, idempotency_key=key
    )
    return gateway().calls(command)


@group.route(
    "POST",
    "/projects/{project_id}/imports",
    Permission.MANAGE_DATA,
    status=202,
    location="/projects/{project_id}/imports/{id}",
)
def start_import(asker: Asker, project_id: UUID, body: ImportBody, key: str) -> Import:
    """Start an import."""
    command = StartImport(
        project_id=project_id,
        upload=body.upload,
        format=body.format,
        dataset=body.dataset,
        status=body.status,
        on_error=body.on_error,
        create_classes=body.create_classes,
        actor=asker.actor,
        idempotency_key=key,
    )
    return gateway().calls(command)


@group.route("GET", "/projects/{project_id}/imports/{import_id}", Permission.MANAGE_DATA)
def get_import(project_id: UUID, import_id: UUID) -> Import:
    """An import with its report so far."""
    return gateway().calls(GetImport(project_id=project_id, import_id=import_id))
