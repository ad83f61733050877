"""The raw-data archive: the zip of a project's images; and how long it and exports are kept."""

from uuid import UUID

from flask import Response

from contracts.errors import Problem
from contracts.permissions import Permission
from contracts.rpc.exports import (
    Archive,
    CancelArchive,
    DeleteArchive,
    GetArchive,
    GetRetention,
    LinkArchive,
    Retention,
    SetRetention,
    ShareArchive,
    UnshareArchive,
    UpdateArchive,
)
from contracts.rpc.labels import CountImages
from gateway.asker import Asker
from gateway.problems import AWAY
from gateway.responses import redirect
from gateway.routing import Group
from gateway.schemas import ArchiveCard, ArchiveChanges, MadeLink, RetentionBody, ShareBody
from gateway.shared import made
from gateway.state import gateway

group = Group("raw data", "The raw-data archive")


@group.route("GET", "/projects/{project_id}/raw-data", Permission.EXPORT)
def get_archive(project_id: UUID) -> ArchiveCard:
    """The project's raw-data archive: when it was built, of what, what has changed since, and how far a build is."""
    archive = gateway().calls(GetArchive(project_id=project_id))
    return ArchiveCard(**archive.model_dump(), changes=_changes(archive))


def _changes(archive: Archive) -> ArchiveChanges | None:
    then = None if archive.report is None else archive.report.counts
    if then is None:
        return None
    try:
        now = gateway().calls(CountImages(project_id=archive.project_id))
    except Problem as problem:
        if problem.code in AWAY:
            return None
        raise
    if now.added < then.added or now.removed < then.removed:  # counted by a version that knew nothing of this
        return None
    return ArchiveChanges(
        added=now.added - then.added,
        added_size=now.added_size - then.added_size,
        removed=now.removed - then.removed,
    )


@group.route("POST", "/projects/{project_id}/raw-data:update", Permission.EXPORT, status=202)
def update_archive(asker: Asker, project_id: UUID, key: str) -> Archive:
    """Have the archive built or brought up to date; one that is being built goes on.

    What stands can be downloaded until the new one does.
    """
    return gateway().calls(UpdateArchive(project_id=project_id, actor=asker.user_id, idempotency_key=key))


@group.route("POST", "/projects/{project_id}/raw-data:cancel", Permission.EXPORT)
def cancel_archive(project_id: UUID, key: str) -> Archive:
    """Stop the build; the archive that stands stays."""
    return gateway().calls(CancelArchive(project_id=project_id, idempotency_key=key))


@group.route("DELETE", "/projects/{project_id}/raw-data", Permission.EXPORT)
def delete_archive(project_id: UUID, key: str) -> None:
    """Delete the archive, and stop the one that is being built. Its share link answers `gone` from now on."""
    gateway().calls(DeleteArchive(project_id=project_id, idempotency_key=key))


@group.route("GET", "/projects/{project_id}/raw-data/download", Permission.EXPORT, status=302)
def download_archive(project_id: UUID) -> Response:
    """A redirect to the archive, at an address signed for 60 s."""
    return redirect(gateway().calls(LinkArchive(project_id=project_id)))


@group.route("POST", "/projects/{project_id}/raw-data/link", Permission.EXPORT, status=201)
def share_archive(asker: Asker, project_id: UUID, body: ShareBody, key: str) -> MadeLink:
    """Make an address by which anyone may download the archive as it is then, in place of the one that stands.

    It is told this once, and holds as that of an export does.
    """
    command = ShareArchive(
        project_id=project_id,
        expires_at=body.expires_at,
        max_downloads=body.max_downloads,
        actor=asker.user_id,
        idempotency_key=key,
    )
    return made(gateway().calls(command))


@group.route("DELETE", "/projects/{project_id}/raw-data/link", Permission.EXPORT)
def unshare_archive(project_id: UUID, key: str) -> None:
    """Revoke the archive's share link. Whoever has just followed it may still begin to download for 60 s."""
    gateway().calls(UnshareArchive(project_id=project_id, idempotency_key=key))


@group.route("GET", "/projects/{project_id}/retention", Permission.EXPORT)
def get_retention(project_id: UUID) -> Retention:
    """After how many days the project's exports and its archive are deleted; null: never."""
    return gateway().calls(GetRetention(project_id=project_id))


@group.route("PUT", "/projects/{project_id}/retention", Permission.EDIT_PROJECT)
def set_retention(project_id: UUID, body: RetentionBody, key: str) -> Retention:
    """Say after how many days the project's exports and its archive are deleted, and what links to them answers `gone`.

    Counted from when an export ended, and from when the archive was built or last brought up to date.
    """
    return gateway().calls(SetRetention(project_id=project_id, days=body.days, idempotency_key=key))
