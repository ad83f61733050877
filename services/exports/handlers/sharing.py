"""Share links: addresses by which anyone may download a file, until revoked, expired or used up.

Of a token only its digest is kept. What it leads to is an address of the object store that is signed for a minute, so
that is how long a link works on for those who have followed it before it was revoked.
"""

import hashlib
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis import audit
from chassis.database import Database
from chassis.ids import new_id
from chassis.objects import ObjectStore
from contracts.errors import Problem
from contracts.rpc import Nothing
from contracts.rpc.exports import (
    FollowShareLink,
    NewShareLink,
    ShareArchive,
    ShareExport,
    ShareLink,
    ShareLinkCount,
    UnshareArchive,
    UnshareExport,
)
from contracts.rpc.labels import Link
from services.exports.handlers import archives, exports
from services.exports.models import ProjectCopy, ShareLinkRow, ShareVisitRow

TOKEN_BYTES = 24
"""Random bytes of a token: 192 bits are not guessed."""

HOUR = timedelta(hours=1)
"""A client that comes back within this of its last visit is not counted again: it goes on with its download."""


def share_export(session: Session, request: ShareExport) -> NewShareLink:
    """A link to an export's file, in place of the one that stands. Problem `not_found`, `gone`, `validation_failed`."""
    exports.require_export(session, request.project_id, request.export_id, lock=True)
    return _share(session, request, request.export_id)


def share_archive(session: Session, request: ShareArchive) -> NewShareLink:
    """A link to a project's archive, as it will be whenever it is followed. Problem `not_found`, `gone`,
    `validation_failed`."""
    archives.require_archive(session, request.project_id)
    return _share(session, request, request.project_id)


def _share(session: Session, request: ShareExport | ShareArchive, target_id: UUID) -> NewShareLink:
    now = datetime.now(UTC)
    if request.expires_at is not None and request.expires_at <= now:
        raise Problem("validation_failed", "expires_at is over already.")
    _revoke(session, request.project_id, target_id)
    token = secrets.token_urlsafe(TOKEN_BYTES)
    row = ShareLinkRow(
        project_id=request.project_id,
        id=new_id(),
        target_id=target_id,
        digest=_digest(token),
        created_by=request.actor,
        created_at=now,
        expires_at=request.expires_at,
        max_downloads=request.max_downloads,
        downloads=0,
    )
    session.add(row)
    what = "archive" if target_id == request.project_id else "export"
    after = {what: row.target_id, "expires_at": row.expires_at, "max_downloads": row.max_downloads}
    audit.note("share_link", row.id, after=after)
    return _told(row, token)


def share_export_again(session: Session, request: ShareExport, _kept: dict[str, Any]) -> NewShareLink:
    """The answer to the same command sent again: its token was not kept, so the link gets another."""
    return _share_again(session, request.project_id, request.export_id)


def share_archive_again(session: Session, request: ShareArchive, _kept: dict[str, Any]) -> NewShareLink:
    """As `share_export_again`."""
    return _share_again(session, request.project_id, request.project_id)


def _share_again(session: Session, project_id: UUID, target_id: UUID) -> NewShareLink:
    row = _standing(session, project_id, target_id)
    if row is None:
        raise Problem("gone", "The link was revoked since.")
    token = secrets.token_urlsafe(TOKEN_BYTES)
    row.digest = _digest(token)
    return _told(row, token)


def unshare_export(session: Session, request: UnshareExport) -> Nothing:
    """Revoke an export's link; none there is fine. Problem `not_found`, `gone`."""
    exports.require_export(session, request.project_id, request.export_id, lock=True)
    _revoke(session, request.project_id, request.export_id)
    return Nothing()


def unshare_archive(session: Session, request: UnshareArchive) -> Nothing:
    """Revoke the archive's link; none there is fine. Problem `not_found`, `gone`."""
    archives.require_archive(session, request.project_id)
    row = _revoke(session, request.project_id, request.project_id)
    if row is not None:
        audit.note("share_link", row.id, before={"archive": row.target_id, "downloads": row.downloads})
    return Nothing()


def follow(session: Session, store: ObjectStore, request: FollowShareLink) -> Link:
    """Where a link leads, signed for a minute, and its client counted. Problem `not_found`, `gone`, `not_ready`."""
    # locked, so that two at once do not both take the last download
    query = sa.select(ShareLinkRow).where(ShareLinkRow.digest == _digest(request.token)).with_for_update()
    row = session.scalars(query).one_or_none()
    if row is None or row.revoked_at is not None:
        raise Problem("not_found", "There is no such link, or it was revoked.")
    copy = session.get(ProjectCopy, row.project_id)
    if copy is not None and copy.deleted:
        raise Problem("gone", "The project was deleted.")
    method: Literal["GET", "HEAD"] = "HEAD" if request.looks else "GET"
    if row.target_id == row.project_id:
        link = archives.link_archive(session, store, row.project_id, method)
    else:
        link = exports.link_export(session, store, row.project_id, row.target_id, method)
    now = datetime.now(UTC)
    if row.expires_at is not None and row.expires_at <= now:
        raise Problem("gone", "The link has expired.")
    client = hashlib.sha256(row.id.bytes + request.address.encode()).digest()
    visit = session.get(ShareVisitRow, (row.id, client))
    if visit is None or visit.seen_at <= now - HOUR:
        if row.max_downloads is not None and row.downloads >= row.max_downloads:
            raise Problem("gone", "The link is used up.")
        if request.looks:
            return link
        row.downloads += 1
    seen = insert(ShareVisitRow).values(link_id=row.id, client=client, seen_at=now)
    session.execute(seen.on_conflict_do_update(index_elements=["link_id", "client"], set_={"seen_at": now}))
    return link


def count_links(session: Session, project_id: UUID) -> ShareLinkCount:
    """How many of a project's links may still be followed."""
    row = ShareLinkRow
    standing = (
        row.project_id == project_id,
        row.revoked_at.is_(None),
        row.expires_at.is_(None) | (row.expires_at > datetime.now(UTC)),
        row.max_downloads.is_(None) | (row.downloads < row.max_downloads),
    )
    return ShareLinkCount(count=session.scalar(sa.select(sa.func.count()).where(*standing)) or 0)


def forget_visits(database: Database) -> None:
    """Drop visits that count no more."""
    with database.session() as session:
        session.execute(sa.delete(ShareVisitRow).where(ShareVisitRow.seen_at <= datetime.now(UTC) - HOUR))


def _standing(session: Session, project_id: UUID, target_id: UUID) -> ShareLinkRow | None:
    query = sa.select(ShareLinkRow).where(
        ShareLinkRow.project_id == project_id,
        ShareLinkRow.target_id == target_id,
        ShareLinkRow.revoked_at.is_(None),
    )
    return session.scalars(query.with_for_update()).one_or_none()


def _revoke(session: Session, project_id: UUID, target_id: UUID) -> ShareLinkRow | None:
    """End the link that stands; it, or None."""
    row = _standing(session, project_id, target_id)
    if row is not None:
        row.revoked_at = datetime.now(UTC)
        session.flush()  # before another takes its place
    return row


def _told(row: ShareLinkRow, token: str) -> NewShareLink:
    plain = ShareLink.model_validate(row, from_attributes=True)
    return NewShareLink(**plain.model_dump(), token=token)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
