"""What a project may have at most. Each quota is kept by the service that has what it limits, and set by itself."""

from uuid import UUID

from contracts.permissions import Permission
from contracts.rpc.exports import GetExportQuota, SetExportQuota
from contracts.rpc.labels import GetStorageQuota, Quota, SetStorageQuota
from gateway.asker import Asker
from gateway.routing import Group
from gateway.schemas import QuotaBody
from gateway.state import gateway

group = Group("quotas", "What a project may have at most")

_EXPORTS = "/projects/{project_id}/quotas/exports"
_STORAGE = "/projects/{project_id}/quotas/storage"


@group.route("GET", _EXPORTS, Permission.EXPORT)
def get_export_quota(project_id: UUID) -> Quota:
    """How many exports the project keeps (all that are not deleted), and how many it may."""
    return gateway().calls(GetExportQuota(project_id=project_id))


@group.route("PUT", _EXPORTS, Permission.OPERATE)
def set_export_quota(asker: Asker, project_id: UUID, body: QuotaBody, key: str) -> Quota:
    """Say how many exports the project may keep. A limit below what there is only refuses new ones."""
    command = SetExportQuota(project_id=project_id, limit=body.limit, actor=asker.user_id, idempotency_key=key)
    return gateway().calls(command)


@group.route("GET", _STORAGE, Permission.MANAGE_DATA)
def get_storage_quota(project_id: UUID) -> Quota:
    """Bytes of the images that the project's labels are of, and how many they may be."""
    return gateway().calls(GetStorageQuota(project_id=project_id))


@group.route("PUT", _STORAGE, Permission.OPERATE)
def set_storage_quota(asker: Asker, project_id: UUID, body: QuotaBody, key: str) -> Quota:
    """Say how many bytes the project's images may have. A limit below what there is only refuses new labels."""
    command = SetStorageQuota(project_id=project_id, limit=body.limit, actor=asker.user_id, idempotency_key=key)
    return gateway().calls(command)
