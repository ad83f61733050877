"""The one way in which labels change: the row, a line of history and an event, in one transaction.

A single label is a row that the session tracks. Many are `LabelRow`s, and are written together.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.orm import Session

from chassis import audit, outbox
from contracts.body import Body
from contracts.enums import Review, Status
from contracts.events import LabelChanged, LabelState
from services.labels.domain.bodies import chosen_options, count_objects
from services.labels.domain.life import Standing
from services.labels.handlers import label_rows
from services.labels.handlers.label_rows import AnyLabel, LabelRow
from services.labels.models import EditLock, Issue, IssueComment, Label, LabelBody, PastBody

EMPTY = Body()

_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"))

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
        digest = None if body == EMPTY else hashlib.sha256(_CANONICAL.encode(plain).encode()).hexdigest()
        return cls(plain, digest, count_objects(body), chosen_options(body))


def standing(label: AnyLabel) -> Standing:
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


def state(label: AnyLabel, *, deleted: bool = False) -> LabelState:
    """What an event says of a label."""
    return LabelState(
        label_id=label.id,
        version=label.version,
        **vars(standing(label)),
        objects=label.objects,
        categories=label.categories,
        tags=tuple(label.tags),
        open_issues=label.open_issues,
        updated_at=label.updated_at,
        deleted=deleted,
    )


def apply(
    session: Session,
    label: Label,
    moved: Standing,
    *,
    action: str,
    actor: UUID | None,
    at: datetime,
    comment: str | None = None,
    body: Stored | None = None,
) -> None:
    """Bring a locked label to `moved` (and `body`) as its next version; history and event go with it."""
    old = bodies(session, [label]) if body is not None else {}
    line = change(label, moved, action=action, actor=actor, at=at, comment=comment, body=body, old=old.get(label.id))
    write(session, [line], [] if body is None else [(label, body)])
    publish(session, [label], actor, action)
    after = {"action": action, "version": label.version, **line["after"]}
    audit.note("label", label.id, before={"version": label.version - 1, **line["before"]}, after=after)


def change(
    label: AnyLabel,
    moved: Standing,
    *,
    action: str,
    actor: UUID | None,
    at: datetime,
    comment: str | None = None,
    body: Stored | None = None,
    old: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Bring a label to its next version in memory; the line of history, for `write`, comes out.

    `old` is the body that `body` replaces, None for an empty one. History keeps digests and counts of bodies, so it
    stays small however large these are.
    """
    before, after = _difference(standing(label), moved)
    for field, value in vars(moved).items():
        setattr(label, field, value)
    if body is not None:
        before["body"] = {"digest": label.body_digest, "objects": label.objects}
        after["body"] = {"digest": body.digest, "objects": body.objects, **_edits(old or {}, body.plain)}
        label.body_digest, label.objects, label.categories = body.digest, body.objects, body.categories
    label.version += 1
    label.updated_at = at
    return history(label, action=action, actor=actor, comment=comment, before=before, after=after)


def retag(
    label: AnyLabel, tags: Sequence[UUID], *, action: str, actor: UUID | None, at: datetime, comment: str | None = None
) -> dict[str, Any]:
    """Give a label these tags in memory, as its next version; the line of history, for `write`, comes out."""
    before, after = ({"tags": [str(tag) for tag in each]} for each in (label.tags, tags))
    label.tags, label.version, label.updated_at = list(tags), label.version + 1, at
    return history(label, action=action, actor=actor, comment=comment, before=before, after=after)


def bury(label: AnyLabel, *, actor: UUID | None, at: datetime, comment: str | None = None) -> dict[str, Any]:
    """The next version of a label, its last: the line of history, for `write`, comes out and tells which it was."""
    before = {"dataset": label.dataset, "data_key": label.data_key, "status": label.status, "review": label.review}
    label.version, label.updated_at = label.version + 1, at
    return history(label, action="delete", actor=actor, comment=comment, before=before, after={"deleted": True})


def erase(session: Session, project_id: UUID, label_ids: Sequence[UUID]) -> None:
    """Delete locked labels of a project with all that is theirs; their history stays."""
    threads = sa.select(Issue.id).where(Issue.project_id == project_id, Issue.label_id.in_(label_ids))
    theirs = [IssueComment.project_id == project_id, IssueComment.issue_id.in_(threads)]
    unsynchronized = {"synchronize_session": False}
    session.execute(sa.delete(IssueComment).where(*theirs), execution_options=unsynchronized)
    for table in (EditLock, PastBody, LabelBody):
        of_them = (table.project_id == project_id, table.label_id.in_(label_ids))
        session.execute(sa.delete(table).where(*of_them), execution_options=unsynchronized)
    # before their issues: the triggers that count those have nothing to count them on any more
    gone = (Label.project_id == project_id, Label.id.in_(label_ids))
    session.execute(sa.delete(Label).where(*gone), execution_options=unsynchronized)
    threads_too = (Issue.project_id == project_id, Issue.label_id.in_(label_ids))
    session.execute(sa.delete(Issue).where(*threads_too), execution_options=unsynchronized)


def bodies(session: Session, labels: Iterable[AnyLabel]) -> dict[UUID, dict[str, Any]]:
    """The bodies of these labels of one project that are not empty, by label id."""
    filled = [label for label in labels if label.body_digest is not None]
    if not filled:
        return {}
    query = sa.select(LabelBody.label_id, LabelBody.body).where(
        LabelBody.project_id == filled[0].project_id, LabelBody.label_id.in_([label.id for label in filled])
    )
    return {row.label_id: row.body for row in session.execute(query)}


def write(
    session: Session,
    lines: Sequence[dict[str, Any]],
    new_bodies: Sequence[tuple[AnyLabel, Stored]] = (),
    rows: Sequence[LabelRow] = (),
) -> None:
    """Write changed labels of a project, their lines of history and their new bodies.

    `rows`: those of the labels that the session does not track.
    """
    session.flush()
    if not lines:
        return
    project_id = lines[0]["project_id"]
    label_rows.update(session, project_id, rows, with_contents=bool(new_bodies))
    label_rows.add_history(session, project_id, lines)
    _keep_past(session, lines)
    stored = [{"label_id": label.id, "body": body.plain} for label, body in new_bodies if body.digest is not None]
    label_rows.put_bodies(session, project_id, stored)
    emptied = [label.id for label, body in new_bodies if body.digest is None]
    if emptied:
        session.execute(sa.delete(LabelBody).where(LabelBody.project_id == project_id, LabelBody.label_id.in_(emptied)))


def _keep_past(session: Session, lines: Sequence[dict[str, Any]]) -> None:
    """Keep the bodies that the labels of these lines have stored yet, before others take their place."""
    past = [(line["label_id"], line["before"]["body"]["digest"]) for line in lines if "body" in line["before"]]
    past = [(label_id, digest) for label_id, digest in past if digest is not None]
    if not past:
        return
    ids, digests = (list(each) for each in zip(*past, strict=True))
    replaced = (
        sa.func.unnest(sa.cast(ids, ARRAY(sa.Uuid)), sa.cast(digests, ARRAY(sa.Text)))
        .table_valued("label_id", "digest")
        .render_derived()
    )
    kept = (
        sa.select(LabelBody.project_id, LabelBody.label_id, replaced.c.digest, LabelBody.body)
        .join(replaced, replaced.c.label_id == LabelBody.label_id)
        .where(LabelBody.project_id == lines[0]["project_id"])
    )
    columns = ["project_id", "label_id", "digest", "body"]
    session.execute(insert(PastBody).from_select(columns, kept).on_conflict_do_nothing())


def history(
    label: AnyLabel,
    *,
    action: str,
    actor: UUID | None,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    comment: str | None = None,
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


def publish(
    session: Session, labels: Sequence[AnyLabel], actor: UUID | None, cause: str, *, deleted: bool = False
) -> None:
    """Tell others what these labels of one project are now, or were last; at most 5,000, of none nothing."""
    if labels:
        states = tuple(state(label, deleted=deleted) for label in labels)
        outbox.add(session, LabelChanged(project_id=labels[0].project_id, labels=states, actor=actor, cause=cause))


def _difference(was: Standing, now: Standing) -> tuple[dict[str, Any], dict[str, Any]]:
    before, after = vars(was), vars(now)
    changed = [field for field in _IN_HISTORY if before[field] != after[field]]
    return {field: _plain(before[field]) for field in changed}, {field: _plain(after[field]) for field in changed}


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, UUID) else value


def _edits(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, int]:
    """How many objects were added, removed and changed."""
    was = {obj["id"]: obj for obj in old.get("objects", [])}
    now = {obj["id"]: obj for obj in new.get("objects", [])}
    return {
        "added": len(now.keys() - was.keys()),
        "removed": len(was.keys() - now.keys()),
        "changed": sum(now[each] != was[each] for each in now.keys() & was.keys()),
    }
