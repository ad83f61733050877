"""nameko entrypoints: wire to handler and back."""

from sqlalchemy.orm import Session

from chassis.objects import ObjectStore
from chassis.rpc.client import RpcClient
from chassis.rpc.server import Service, rpc
from contracts.rpc import Nothing
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
from contracts.rpc.labels import Link
from services.exports import handlers


class Exports(Service):
    """RPC of the exports service (contracts.rpc.exports)."""

    name = "exports"

    @rpc
    def create_export(self, session: Session, request: CreateExport) -> Export:
        return handlers.create_export(session, RpcClient.shared(), request)

    @rpc
    def get_export(self, session: Session, request: GetExport) -> Export:
        return handlers.get_export(session, request.project_id, request.export_id)

    @rpc
    def list_exports(self, session: Session, request: ListExports) -> ExportPage:
        return handlers.list_exports(session, request)

    @rpc
    def rename_export(self, session: Session, request: RenameExport) -> Export:
        return handlers.rename_export(session, request)

    @rpc
    def delete_export(self, session: Session, request: DeleteExport) -> Nothing:
        return handlers.delete_export(session, request.project_id, request.export_id)

    @rpc
    def link_export(self, session: Session, request: LinkExport) -> Link:
        return handlers.link_export(session, ObjectStore.shared(), request.project_id, request.export_id)
