"""Tags: names on labels. Tasks put them on and take them off (bulk)."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from chassis import audit, paging
from chassis.ids import new_id
from contracts.errors import Problem
from contracts.rpc import Owners
from contracts.rpc.labels import CreateTag, EndTag, ListTags, RenameTag, Tag, TagPage
from services.labels.handlers import copies
from services.labels.models import Label
from services.labels.models import Tag as TagRow


def list_tags(session: Session, request: ListTags) -> TagPage:
    """A project's tags, by name."""
    query = sa.select(TagRow).where(TagRow.project_id == request.project_id, TagRow.ended_at.is_(None))
    if request.cursor:
        query = query.where(TagRow.name > paging.decode(request.cursor, str)[0])
    found = session.scalars(query.order_by(TagRow.name).limit(request.limit + 1))
    rows, following = paging.page(found, request.limit, lambda row: row.name)
    items = tuple(map(_to_tag, rows))
    if request.viewer.only_assignee is not None:
        own = _counted(session, request.project_id, request.viewer.only_assignee)
        items = tuple(each.model_copy(update={"labels": own.get(each.id, 0)}) for each in items)
    return TagPage(items=items, next=following)


def _counted(session: Session, project_id: UUID, assignee: UUID) -> dict[UUID, int]:
    """How many of somebody's labels carry which tag."""
    theirs = (Label.project_id == project_id, Label.assignee == assignee)
    tag = sa.select(sa.func.unnest(Label.tags).label("id")).where(*theirs).subquery()
    return {row[0]: row[1] for row in session.execute(sa.select(tag.c.id, sa.func.count()).group_by(tag.c.id))}


def create_tag(session: Session, owners: Owners, request: CreateTag) -> Tag:
    """Make a tag; Problem `name_taken`."""
    copies.require_project(session, owners, request.project_id)
    row = TagRow(
        project_id=request.project_id,
        id=new_id(),
        name=request.name,
        labels=0,
        version=1,
        created_by=request.actor.user_id,
        created_at=datetime.now(UTC),
    )
    session.add(row)
    _store(session, request.name)
    audit.note("tag", row.id, after={"name": row.name})
    return _to_tag(row)


def rename_tag(session: Session, request: RenameTag) -> Tag:
    """Give a tag another name; Problem `not_found`, `name_taken`."""
    row = find(session, request.project_id, request.tag_id, lock=True)
    audit.note("tag", row.id, before={"name": row.name}, after={"name": request.name})
    if row.name != request.name:
        row.name, row.version = request.name, row.version + 1
        _store(session, request.name)
    return _to_tag(row)


def end_tag(session: Session, request: EndTag) -> None:
    """Take a tag out of the list; Problem `not_found`, `validation_failed`. Its labels still carry it."""
    if request.into == request.tag_id:
        raise Problem("validation_failed", "A tag can't be merged into itself.")
    into = () if request.into is None else (request.into,)
    for tag_id in sorted((request.tag_id, *into)):  # one order for all, against deadlocks
        row = find(session, request.project_id, tag_id, lock=True)
        if tag_id == request.tag_id:
            row.ended_at, row.version = datetime.now(UTC), row.version + 1
            audit.note("tag", row.id, before={"name": row.name, "labels": row.labels}, after={"into": request.into})


def find(session: Session, project_id: UUID, tag_id: UUID, *, lock: bool = False) -> TagRow:
    """A tag that has not ended; Problem `not_found`."""
    row = session.get(TagRow, (project_id, tag_id), with_for_update=lock or None, populate_existing=True)
    if row is None or row.ended_at is not None:
        raise Problem("not_found", f"There is no tag {tag_id}.")
    return row


def locked(session: Session, project_id: UUID, tag_ids: Sequence[UUID]) -> dict[UUID, TagRow]:
    """These tags, ended ones too, locked until the transaction ends."""
    query = sa.select(TagRow).where(TagRow.project_id == project_id, TagRow.id.in_(tag_ids)).order_by(TagRow.id)
    found = session.scalars(query.with_for_update().execution_options(populate_existing=True))
    return {row.id: row for row in found}


def _store(session: Session, name: str) -> None:
    try:
        session.flush()
    except IntegrityError as error:
        raise Problem("name_taken", f"There is a tag {name!r}.") from error


def _to_tag(row: TagRow) -> Tag:
    return Tag(
        id=row.id,
        project_id=row.project_id,
        name=row.name,
        labels=row.labels,
        version=row.version,
        created_at=row.created_at,
    )
