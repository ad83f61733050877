"""What helps those who edit the same label: the bodies that it had, and who is at it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis import audit
from contracts.body import Body
from contracts.permissions import Role
from contracts.rpc import Nothing
from contracts.rpc.labels import EDITING_SECONDS, Editor, LockLabel, UnlockLabel, Viewer
from services.labels.handlers.labels import visible
from services.labels.models import EditLock, Label, LabelBody, LabelHistory, PastBody


def body_at(session: Session, label: Label, version: int) -> dict[str, Any] | None:
    """The body that a label had at a version, None where it was not kept; Problem `not_found` for no such version."""
    edits = LabelHistory.after["body"]["digest"]
    last = (
        sa.select(edits.astext.label("digest"))
        .where(
            LabelHistory.project_id == label.project_id,
            LabelHistory.label_id == label.id,
            LabelHistory.version <= version,
            LabelHistory.after.has_key("body"),
        )
        .order_by(LabelHistory.version.desc())
        .limit(1)
    )
    digest = session.scalar(last)
    if digest is None:
        return Body().model_dump(mode="json")
    key = (label.project_id, label.id)
    if digest == label.body_digest:
        present = session.get_one(LabelBody, key, populate_existing=True)
        return present.body
    past = session.get(PastBody, (*key, digest))
    return None if past is None else past.body


def lock(session: Session, request: LockLabel) -> Editor:
    """Say that somebody is editing; whoever says so already is answered."""
    visible(session, request.project_id, request.label_id, _eyes(request))
    now = datetime.now(UTC)
    statement = insert(EditLock).values(
        project_id=request.project_id,
        label_id=request.label_id,
        user_id=request.actor.user_id,
        until=now + timedelta(seconds=EDITING_SECONDS),
    )
    new = statement.excluded
    statement = statement.on_conflict_do_update(
        index_elements=[EditLock.project_id, EditLock.label_id],
        set_={"user_id": new.user_id, "until": new.until},
        where=(EditLock.user_id == new.user_id) | (EditLock.until < now),
    )
    session.execute(statement)
    row = session.get_one(EditLock, (request.project_id, request.label_id), populate_existing=True)
    audit.note("label", request.label_id, after={"editor": row.user_id})
    return Editor(user_id=row.user_id, until=row.until)


def unlock(session: Session, request: UnlockLabel) -> Nothing:
    """Say that somebody is not editing any more."""
    visible(session, request.project_id, request.label_id, _eyes(request))
    own = (EditLock.label_id == request.label_id, EditLock.user_id == request.actor.user_id)
    session.execute(sa.delete(EditLock).where(EditLock.project_id == request.project_id, *own))
    audit.note("label", request.label_id, after={"editor": None})
    return Nothing()


def _eyes(request: LockLabel | UnlockLabel) -> Viewer:
    actor = request.actor
    return Viewer(only_assignee=actor.user_id if actor.role is Role.LABELER else None)
