"""Issues: comment threads on labels.

Opening, resolving and reopening change what is counted of a label, and so are actions on it: its next version, a line
of history, an event. A comment changes nothing but its thread.
"""

from datetime import UTC, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis import audit, paging
from chassis.ids import new_id
from contracts.body import Point
from contracts.enums import IssueState
from contracts.errors import Problem
from contracts.rpc import Owners
from contracts.rpc.labels import (
    Actor,
    CommentOnIssue,
    Issue,
    IssueComment,
    IssueCommentPage,
    IssuePage,
    ListIssueComments,
    ListIssues,
    MoveIssue,
    OpenIssue,
)
from services.labels.handlers import changes, copies
from services.labels.handlers.actions import eyes
from services.labels.handlers.labels import visible
from services.labels.models import Issue as IssueRow
from services.labels.models import IssueComment as CommentRow
from services.labels.models import Label, LabelBody


def open_issue(session: Session, owners: Owners, request: OpenIssue) -> Issue:
    """Begin a thread; Problem `not_found`, `validation_failed`."""
    label = _changing(session, owners, request)
    if request.object_id is not None and not _has_object(session, label, request.object_id):
        raise Problem("validation_failed", f"The label has no object {request.object_id}.")
    point = request.point
    if point is not None and not (0 <= point.x <= label.width and 0 <= point.y <= label.height):
        raise Problem("validation_failed", f"The point is outside the image of {label.width} by {label.height} pixels.")
    now = datetime.now(UTC)
    row = IssueRow(
        project_id=request.project_id,
        id=new_id(),
        label_id=label.id,
        object_id=request.object_id,
        x=None if point is None else point.x,
        y=None if point is None else point.y,
        mentions=list(request.mentions),
        text=request.text,
        state=IssueState.OPEN,
        comments=0,
        created_by=request.actor.user_id,
        created_at=now,
    )
    session.add(row)
    _count(session, label, row, 1, "open_issue", request.actor, now, comment=request.text)
    return _to_issue(row)


def move_issue(session: Session, owners: Owners, request: MoveIssue) -> Issue:
    """Resolve an issue or open it again; Problem `not_found`."""
    label = _changing(session, owners, request)
    row = _row(session, request.project_id, request.label_id, request.issue_id)
    if row.state == request.state:
        return _to_issue(row)
    now, resolved = datetime.now(UTC), request.state is IssueState.RESOLVED
    row.state = request.state
    row.resolved_by, row.resolved_at = (request.actor.user_id, now) if resolved else (None, None)
    action, difference = ("resolve_issue", -1) if resolved else ("reopen_issue", 1)
    _count(session, label, row, difference, action, request.actor, now)
    return _to_issue(row)


def comment_on_issue(session: Session, owners: Owners, request: CommentOnIssue) -> IssueComment:
    """Answer in a thread; Problem `not_found`."""
    _changing(session, owners, request)
    issue = _row(session, request.project_id, request.label_id, request.issue_id)
    row = CommentRow(
        project_id=request.project_id,
        issue_id=issue.id,
        id=new_id(),
        text=request.text,
        mentions=list(request.mentions),
        created_by=request.actor.user_id,
        created_at=datetime.now(UTC),
    )
    session.add(row)
    issue.comments += 1
    audit.note("issue_comment", row.id, after={"issue": issue.id, "label": request.label_id, "text": row.text})
    return _to_comment(row)


def list_issues(session: Session, request: ListIssues) -> IssuePage:
    """A label's issues, newest first; Problem `not_found`."""
    visible(session, request.project_id, request.label_id, request.viewer)
    query = sa.select(IssueRow).where(IssueRow.project_id == request.project_id, IssueRow.label_id == request.label_id)
    if request.state is not None:
        query = query.where(IssueRow.state == request.state)
    if request.cursor:
        query = query.where(IssueRow.id < paging.decode(request.cursor, UUID)[0])
    found = session.scalars(query.order_by(IssueRow.id.desc()).limit(request.limit + 1))
    rows, following = paging.page(found, request.limit, lambda row: row.id)
    return IssuePage(items=tuple(map(_to_issue, rows)), next=following)


def list_comments(session: Session, request: ListIssueComments) -> IssueCommentPage:
    """An issue's comments, oldest first; Problem `not_found`."""
    visible(session, request.project_id, request.label_id, request.viewer)
    issue = _row(session, request.project_id, request.label_id, request.issue_id)
    query = sa.select(CommentRow).where(CommentRow.project_id == request.project_id, CommentRow.issue_id == issue.id)
    if request.cursor:
        query = query.where(CommentRow.id > paging.decode(request.cursor, UUID)[0])
    found = session.scalars(query.order_by(CommentRow.id).limit(request.limit + 1))
    rows, following = paging.page(found, request.limit, lambda row: row.id)
    return IssueCommentPage(items=tuple(map(_to_comment, rows)), next=following)


def _changing(session: Session, owners: Owners, request: OpenIssue | MoveIssue | CommentOnIssue) -> Label:
    """The label, locked: of two changes to its threads, the second counts from what the first one left."""
    copies.require_project(session, owners, request.project_id)
    for user_id in () if isinstance(request, MoveIssue) else sorted({*request.mentions}):
        copies.require_role(session, owners, request.project_id, user_id, copies.WORKERS)
    return visible(session, request.project_id, request.label_id, eyes(request.actor), lock=True)


def _row(session: Session, project_id: UUID, label_id: UUID, issue_id: UUID) -> IssueRow:
    row = session.get(IssueRow, (project_id, issue_id), populate_existing=True)
    if row is None or row.label_id != label_id:
        raise Problem("not_found", f"There is no issue {issue_id}.")
    return row


def _has_object(session: Session, label: Label, object_id: UUID) -> bool:
    there = sa.select(LabelBody.label_id).where(
        LabelBody.project_id == label.project_id,
        LabelBody.label_id == label.id,
        LabelBody.body["objects"].contains([{"id": str(object_id)}]),
    )
    return session.scalar(sa.select(there.exists())) or False


def _count(
    session: Session,
    label: Label,
    issue: IssueRow,
    difference: int,
    action: str,
    actor: Actor,
    at: datetime,
    comment: str | None = None,
) -> None:
    before = {"open_issues": label.open_issues}
    label.open_issues += difference
    label.version += 1
    label.updated_at = at
    after = {"open_issues": label.open_issues, "issue": str(issue.id)}
    line = changes.history(label, action=action, actor=actor.user_id, comment=comment, before=before, after=after)
    audit.note("issue", issue.id, before=before, after={"label": label.id, "state": issue.state, **after})
    changes.write(session, [line])
    changes.publish(session, [label], actor.user_id, action)


def _to_issue(row: IssueRow) -> Issue:
    return Issue(
        id=row.id,
        label_id=row.label_id,
        object_id=row.object_id,
        point=None if row.x is None or row.y is None else Point(x=row.x, y=row.y),
        mentions=tuple(row.mentions),
        text=row.text,
        state=IssueState(row.state),
        comments=row.comments,
        created_by=row.created_by,
        created_at=row.created_at,
        resolved_by=row.resolved_by,
        resolved_at=row.resolved_at,
    )


def _to_comment(row: CommentRow) -> IssueComment:
    return IssueComment(
        id=row.id,
        text=row.text,
        mentions=tuple(row.mentions),
        created_by=row.created_by,
        created_at=row.created_at,
    )
