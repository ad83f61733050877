"""nameko entrypoints: wire to handler and back."""

from sqlalchemy.orm import Session

from chassis.objects import ObjectStore
from chassis.rpc.client import RpcClient
from chassis.rpc.server import Service, rpc
from contracts.rpc import Nothing
from contracts.rpc.exports import (
    Archive,
    CancelArchive,
    CancelExport,
    CountShareLinks,
    CreateExport,
    DeleteArchive,
    DeleteExport,
    Export,
    ExportPage,
    FollowShareLink,
    GetArchive,
    GetExport,
    GetExportQuota,
    GetRetention,
    LinkArchive,
    LinkExport,
    ListExports,
    NewShareLink,
    RenameExport,
    RepeatExport,
    Retention,
    SetExportQuota,
    SetRetention,
    ShareArchive,
    ShareExport,
    ShareLinkCount,
    UnshareArchive,
    UnshareExport,
    UpdateArchive,
)
from contracts.rpc.labels import Link, Quota
from services.exports.handlers import archives, exports, retention, sharing


class Exports(Service):
    """RPC of the exports service (contracts.rpc.exports)."""

    name = "exports"

    @rpc
    def create_export(self, session: Session, request: CreateExport) -> Export:
        return exports.create_export(session, RpcClient.shared(), request)

    @rpc
    def get_export(self, session: Session, request: GetExport) -> Export:
        return exports.get_export(session, request.project_id, request.export_id)

    @rpc
    def list_exports(self, session: Session, request: ListExports) -> ExportPage:
        return exports.list_exports(session, request)

    @rpc
    def rename_export(self, session: Session, request: RenameExport) -> Export:
        return exports.rename_export(session, request)

    @rpc
    def cancel_export(self, session: Session, request: CancelExport) -> Export:
        return exports.cancel_export(session, request.project_id, request.export_id)

    @rpc
    def repeat_export(self, session: Session, request: RepeatExport) -> Export:
        return exports.repeat_export(session, RpcClient.shared(), request)

    @rpc
    def delete_export(self, session: Session, request: DeleteExport) -> Nothing:
        return exports.delete_export(session, request.project_id, request.export_id)

    @rpc
    def link_export(self, session: Session, request: LinkExport) -> Link:
        return exports.link_export(session, ObjectStore.shared(), request.project_id, request.export_id)

    @rpc
    def count_share_links(self, session: Session, request: CountShareLinks) -> ShareLinkCount:
        return sharing.count_links(session, request.project_id)

    @rpc(again=sharing.share_export_again)
    def share_export(self, session: Session, request: ShareExport) -> NewShareLink:
        return sharing.share_export(session, request)

    @rpc
    def unshare_export(self, session: Session, request: UnshareExport) -> Nothing:
        return sharing.unshare_export(session, request)

    @rpc
    def get_export_quota(self, session: Session, request: GetExportQuota) -> Quota:
        return exports.get_quota(session, request.project_id)

    @rpc
    def set_export_quota(self, session: Session, request: SetExportQuota) -> Quota:
        return exports.set_quota(session, request)

    @rpc(transaction=False)
    def follow_share_link(self, request: FollowShareLink) -> Link:
        with self.database.session() as session:  # a question that counts who asks
            return sharing.follow(session, ObjectStore.shared(), request)

    @rpc
    def get_archive(self, session: Session, request: GetArchive) -> Archive:
        return archives.get_archive(session, request.project_id)

    @rpc
    def update_archive(self, session: Session, request: UpdateArchive) -> Archive:
        return archives.update_archive(session, RpcClient.shared(), request)

    @rpc
    def cancel_archive(self, session: Session, request: CancelArchive) -> Archive:
        return archives.cancel_archive(session, request.project_id)

    @rpc
    def delete_archive(self, session: Session, request: DeleteArchive) -> Nothing:
        return archives.delete_archive(session, request.project_id)

    @rpc
    def link_archive(self, session: Session, request: LinkArchive) -> Link:
        return archives.link_archive(session, ObjectStore.shared(), request.project_id)

    @rpc(again=sharing.share_archive_again)
    def share_archive(self, session: Session, request: ShareArchive) -> NewShareLink:
        return sharing.share_archive(session, request)

    @rpc
    def unshare_archive(self, session: Session, request: UnshareArchive) -> Nothing:
        return sharing.unshare_archive(session, request)

    @rpc
    def get_retention(self, session: Session, request: GetRetention) -> Retention:
        return retention.get_retention(session, request.project_id)

    @rpc
    def set_retention(self, session: Session, request: SetRetention) -> Retention:
        return retention.set_retention(session, request)
