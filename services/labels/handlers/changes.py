"""The one way in which labels change: the row, a line of history and an event, in one transaction."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis import outbox
from contracts.body import Body
from contracts.enums import Review, Status
from contracts.events import LabelChanged, LabelState
from services.labels.domain.bodies import chosen_options, count_objects
from services.labels.domain.life import Standing
from services.labels.models import Label, LabelBody, LabelHistory

EMPTY = Body()

_IN_HISTORY = ("status", "review", "round", "assignee", "reviewer", "submitter")


@dataclass(frozen=True)
class Stored:
    """A body as it is stored: plain JSON values, their SHA-256, and what is counted of it."""

    plain: dict[str, Any]
    digest: str | None
    objects: dict[str, int]
    categories: dict[str, list[str]]

    @classmethod
    def of(cls, body: Body) -> "Stored":
        """`body`, ready to be stored; an empty one has no digest."""
        plain = body.model_dump(mode="json")
        canonical = json.dumps(plain, sort_keys=True, separators=(",", ":")).encode()
        digest = None if body == EMPTY else hashlib.sha256(canonical).hexdigest()
        return cls(plain, digest, count_objects(body), chosen_options(body))


def standing(label: Label) -> Standing:
    """Where a label stands."""
    return Standing(
        status=Status(label.status),
        review=Review(label.review),
        round=label.round,
        assignee=label.assignee,
        reviewer=label.reviewer,
        submitter=label.submitter,
        submitted_at=label.submitted_at,
        reviewed_at=label.reviewed_at,
    )


def state(label: Label) -> LabelState:
    """What an event says of a label."""
    return LabelState(
        label_id=label.id,
        version=label.version,
        **asdict(standing(label)),
        objects=label.objects,
        categories=label.categories,
        tags=tuple(label.tags),
        open_issues=label.open_issues,
        updated_at=label.updated_at,
    )


def apply(
    session: Session,
    label: Label,
    moved: Standing,
    *,
    action: str,
    actor: UUID,
    at: datetime,
    comment: str | None = None,
    body: Stored | None = None,
) -> None:
    """Bring a locked label to `moved` (and `body`) as its next version; history and event go with it."""
    line = change(session, label, moved, action=action, actor=actor, at=at, comment=comment, body=body)
    session.flush()
    session.execute(insert(LabelHistory), [line])
    publish(session, [label], actor, action)


def change(
    session: Session,
    label: Label,
    moved: Standing,
    *,
    action: str,
    actor: UUID,
    at: datetime,
    comment: str | None = None,
    body: Stored | None = None,
) -> dict[str, Any]:
    """As `apply`, but the caller flushes, writes the line of history that comes out, and publishes."""
    was = standing(label)
    before, after = _difference(was, moved)
    for field, value in asdict(moved).items():
        setattr(label, field, value)
    if body is not None:
        before["body"], after["body"] = _write_body(session, label, body)
    label.version += 1
    label.updated_at = at
    return history(label, action=action, actor=actor, comment=comment, before=before, after=after)


def history(
    label: Label, *, action: str, actor: UUID, comment: str | None, before: dict[str, Any], after: dict[str, Any]
) -> dict[str, Any]:
    """A line of history for a label's present version."""
    return {
        "project_id": label.project_id,
        "label_id": label.id,
        "version": label.version,
        "action": action,
        "actor": actor,
        "at": label.updated_at,
        "comment": comment,
        "before": before,
        "after": after,
    }


def publish(session: Session, labels: Sequence[Label], actor: UUID | None, cause: str) -> None:
    """Tell others what these labels of one project are now; at most 5,000."""
    states = tuple(state(label) for label in labels)
    outbox.add(session, LabelChanged(project_id=labels[0].project_id, labels=states, actor=actor, cause=cause))


def _difference(was: Standing, now: Standing) -> tuple[dict[str, Any], dict[str, Any]]:
    before, after = asdict(was), asdict(now)
    changed = [field for field in _IN_HISTORY if before[field] != after[field]]
    return {field: _plain(before[field]) for field in changed}, {field: _plain(after[field]) for field in changed}


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, UUID) else value


def _write_body(session: Session, label: Label, body: Stored) -> tuple[dict[str, Any], dict[str, Any]]:
    """Replace a label's body; what history says of the old one and of the new one.

    History keeps digests and counts, not bodies: it stays small however large these are.
    """
    key = (LabelBody.project_id == label.project_id) & (LabelBody.label_id == label.id)
    old = {} if label.body_digest is None else session.scalars(sa.select(LabelBody.body).where(key)).one()
    before = {"digest": label.body_digest, "objects": label.objects}
    label.body_digest, label.objects, label.categories = body.digest, body.objects, body.categories
    if body.digest is None:
        session.execute(sa.delete(LabelBody).where(key))
    else:
        statement = insert(LabelBody).values(project_id=label.project_id, label_id=label.id, body=body.plain)
        session.execute(
            statement.on_conflict_do_update(
                index_elements=[LabelBody.project_id, LabelBody.label_id], set_={"body": statement.excluded.body}
            )
        )
    return before, {"digest": body.digest, "objects": body.objects, **_edits(old, body.plain)}


def _edits(old: dict[str, Any], new: dict[str, Any]) -> dict[str, int]:
    """How many objects were added, removed and changed."""
    was = {obj["id"]: obj for obj in old.get("objects", [])}
    now = {obj["id"]: obj for obj in new.get("objects", [])}
    return {
        "added": len(now.keys() - was.keys()),
        "removed": len(was.keys() - now.keys()),
        "changed": sum(now[each] != was[each] for each in now.keys() & was.keys()),
    }
