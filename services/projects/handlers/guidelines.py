"""Guidelines: PDFs that are uploaded, verified, listed and deleted.

As in the data library, an upload never touches a verified file: the policy is for an object of its own
(`upload_key`), and what was read and found good is stored under a key for which no policy was ever given.
What else arrives is swept (chassis.uploads).
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis import audit, outbox, paging, uploads
from chassis.database import Database
from chassis.ids import new_id
from chassis.objects import ObjectStore
from contracts.errors import Problem
from contracts.events import GuidelineChanged
from contracts.rpc.labels import Link
from contracts.rpc.projects import CreateGuideline, Guideline, GuidelinePage, GuidelineUpload, ListGuidelines
from services.projects.handlers.projects import find
from services.projects.models import GuidelineRow, ProjectRow

SIZE_MAX = 50 * 1024 * 1024
"""Bytes of the largest guideline."""

UPLOAD_SECONDS = 3600
"""How long the policy of an upload holds."""

LINK_SECONDS = 60
"""How long the address of a file holds."""

ABANDONED = timedelta(days=1)
"""How long after it was asked for an upload is not expected any more."""

FORGOTTEN_AT_ONCE = 50
"""Abandoned uploads that are forgotten in one transaction."""

CountPages = Callable[[bytes], int]
"""services.projects.pdf.count_pages, run where it holds nobody up."""


@dataclass(frozen=True)
class Verified:
    """What was found in a good PDF."""

    pages: int
    sha256: str


def upload_key(row: GuidelineRow) -> str:
    """Where an upload writes."""
    return f"{_prefix(row.project_id, row.id)}upload"


def stored_key(row: GuidelineRow, sha256: str) -> str:
    """Where a verified file stands."""
    return f"{_prefix(row.project_id, row.id)}{sha256}.pdf"


def create_guideline(session: Session, store: ObjectStore, request: CreateGuideline) -> GuidelineUpload:
    """Expect an upload; Problem `not_found`, `too_large`."""
    find(session, request.project_id)
    if request.size > SIZE_MAX:
        raise Problem("too_large", f"A guideline has at most {SIZE_MAX:,} bytes.", limit=SIZE_MAX)
    row = GuidelineRow(
        project_id=request.project_id,
        id=new_id(),
        name=request.name,
        size=request.size,
        created_by=request.actor,
        created_at=datetime.now(UTC),
    )
    session.add(row)
    audit.note("guideline", row.id, after={"name": row.name, "size": row.size})
    return _upload(session, store, row)


def upload_again(session: Session, store: ObjectStore, request: CreateGuideline, kept: Any) -> GuidelineUpload:
    """What `create_guideline` has answered, with a new policy; Problem `not_found` if it was deleted meanwhile."""
    return _upload(session, store, _row(session, request.project_id, UUID(kept["guideline"]["id"])))


def _upload(session: Session, store: ObjectStore, row: GuidelineRow) -> GuidelineUpload:
    uploads.remember(session, [upload_key(row)], UPLOAD_SECONDS)
    policy = store.upload_policy(upload_key(row), max_size=row.size, min_size=row.size, expires=UPLOAD_SECONDS)
    return GuidelineUpload(guideline=_to_guideline(row), upload=policy)


def verify(
    database: Database, store: ObjectStore, count_pages: CountPages, project_id: UUID, guideline_id: UUID
) -> Verified | None:
    """Read an upload and put it where it stays; None if that was done before.

    Problem `not_found`, `not_ready`, or what `count_pages` refuses, whereupon the upload is removed.
    """
    with database.session() as session:
        row = _row(session, project_id, guideline_id)
    if row.stored_at is not None:
        return None
    try:
        data = store.get(upload_key(row))
    except KeyError:
        raise Problem("not_ready", "The file has not arrived yet.") from None
    try:
        pages = count_pages(data)
    except Problem as problem:
        if problem.status < 500:
            store.delete(upload_key(row))
        raise
    sha256 = hashlib.sha256(data).hexdigest()
    store.put(stored_key(row, sha256), data, "application/pdf")
    return Verified(pages, sha256)


def complete(session: Session, project_id: UUID, guideline_id: UUID, verified: Verified | None) -> Guideline:
    """Make a verified upload a guideline; Problem `not_found` if it was deleted meanwhile."""
    project = find(session, project_id, lock=True)  # one after the other, so that the count is right
    row = _row(session, project_id, guideline_id)
    if row.stored_at is None and verified is not None:
        row.pages, row.sha256, row.stored_at = verified.pages, verified.sha256, datetime.now(UTC)
        _count(session, project, row, 1)
        audit.note("guideline", row.id, after={"name": row.name, "pages": row.pages, "sha256": row.sha256})
    return _to_guideline(row)


def list_guidelines(session: Session, request: ListGuidelines) -> GuidelinePage:
    """A project's guidelines, newest first."""
    find(session, request.project_id)
    query = sa.select(GuidelineRow).where(
        GuidelineRow.project_id == request.project_id, GuidelineRow.stored_at.is_not(None)
    )
    if request.cursor:
        query = query.where(GuidelineRow.id < paging.decode(request.cursor, UUID)[0])
    found = session.scalars(query.order_by(GuidelineRow.id.desc()).limit(request.limit + 1))
    rows, more = paging.page(found, request.limit, lambda row: row.id)
    return GuidelinePage(items=tuple(map(_to_guideline, rows)), next=more)


def get_guideline(session: Session, project_id: UUID, guideline_id: UUID) -> Guideline:
    """One guideline; Problem `not_found`."""
    return _to_guideline(_stored(session, project_id, guideline_id))


def link_guideline(session: Session, store: ObjectStore, project_id: UUID, guideline_id: UUID) -> Link:
    """An address of a guideline's file; Problem `not_found`."""
    row = _stored(session, project_id, guideline_id)
    assert row.sha256 is not None
    name = row.name if row.name.lower().endswith(".pdf") else f"{row.name}.pdf"
    return store.link(stored_key(row, row.sha256), LINK_SECONDS, filename=name, content_type="application/pdf")


def delete_guideline(session: Session, project_id: UUID, guideline_id: UUID) -> None:
    """Delete a guideline; its file follows (`clear_away`). Problem `not_found`."""
    project = find(session, project_id, lock=True)
    row = _stored(session, project_id, guideline_id)
    session.delete(row)
    audit.note("guideline", row.id, before={"name": row.name, "pages": row.pages, "sha256": row.sha256})
    _count(session, project, row, -1)


def clear_away(database: Database, event: GuidelineChanged) -> None:
    """Remove what is needed no longer: a verified upload, everything of a deleted guideline.

    By an event, so that this too survives a crash and is tried again.
    """
    store = ObjectStore.shared()
    with database.session() as session:
        row = session.get(GuidelineRow, (event.project_id, event.guideline_id))
    if row is None:
        store.delete_prefix(_prefix(event.project_id, event.guideline_id))
    else:
        store.delete(upload_key(row))


def forget_abandoned(database: Database, store: ObjectStore) -> None:
    """Forget the uploads that were never completed, with what came of them."""
    query = (
        sa.select(GuidelineRow)
        .where(GuidelineRow.stored_at.is_(None), GuidelineRow.created_at < datetime.now(UTC) - ABANDONED)
        .order_by(GuidelineRow.created_at)
        .limit(FORGOTTEN_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    while True:
        with database.session() as session:
            abandoned = session.scalars(query).all()
            for row in abandoned:
                store.delete_prefix(_prefix(row.project_id, row.id))
                session.delete(row)
        if not abandoned:
            return


def _prefix(project_id: UUID, guideline_id: UUID) -> str:
    return f"guidelines/{project_id}/{guideline_id}/"


def _row(session: Session, project_id: UUID, guideline_id: UUID) -> GuidelineRow:
    find(session, project_id)
    row = session.get(GuidelineRow, (project_id, guideline_id), populate_existing=True)
    if row is None:
        raise Problem("not_found", "There is no such guideline.")
    return row


def _stored(session: Session, project_id: UUID, guideline_id: UUID) -> GuidelineRow:
    row = _row(session, project_id, guideline_id)
    if row.stored_at is None:
        raise Problem("not_found", "There is no such guideline.")
    return row


def _count(session: Session, project: ProjectRow, row: GuidelineRow, difference: int) -> None:
    project.guidelines += difference
    project.guidelines_version += 1
    changed = GuidelineChanged(
        project_id=project.id, guideline_id=row.id, version=project.guidelines_version, count=project.guidelines
    )
    outbox.add(session, changed)


def _to_guideline(row: GuidelineRow) -> Guideline:
    return Guideline(
        id=row.id,
        project_id=row.project_id,
        name=row.name,
        size=row.size,
        pages=row.pages,
        sha256=row.sha256,
        created_by=row.created_by,
        created_at=row.created_at,
        stored_at=row.stored_at,
    )
