"""Issues: comment threads on labels."""

from uuid import UUID

from contracts.enums import IssueState
from contracts.permissions import Permission
from contracts.rpc.labels import (
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
from gateway.asker import Asker
from gateway.routing import Group
from gateway.schemas import IssueBody, IssueCommentBody, IssuesQuery, PageQuery
from gateway.state import gateway

group = Group("issues", "Comment threads on labels")

_ISSUES = "/projects/{project_id}/labels/{label_id}/issues"
_ISSUE = _ISSUES + "/{issue_id}"


@group.route("GET", _ISSUES, Permission.ISSUES)
def list_issues(asker: Asker, project_id: UUID, label_id: UUID, query: IssuesQuery) -> IssuePage:
    """A label's issues, newest first."""
    question = ListIssues(
        project_id=project_id,
        label_id=label_id,
        state=query.state,
        viewer=asker.viewer,
        cursor=query.cursor,
        limit=query.limit,
    )
    return gateway().calls(question)


@group.route("POST", _ISSUES, Permission.ISSUES, status=201)
def open_issue(asker: Asker, project_id: UUID, label_id: UUID, body: IssueBody, key: str) -> Issue:
    """Begin a thread on a label, or on one of its objects."""
    command = OpenIssue(
        project_id=project_id,
        label_id=label_id,
        text=body.text,
        object_id=body.object_id,
        point=body.point,
        mentions=body.mentions,
        actor=asker.actor,
        idempotency_key=key,
    )
    return gateway().calls(command)


@group.route("POST", _ISSUE + ":resolve", Permission.ISSUES)
def resolve_issue(asker: Asker, project_id: UUID, label_id: UUID, issue_id: UUID, key: str) -> Issue:
    """Say that an issue is settled."""
    return _move(IssueState.RESOLVED, asker, project_id, label_id, issue_id, key)


@group.route("POST", _ISSUE + ":reopen", Permission.ISSUES)
def reopen_issue(asker: Asker, project_id: UUID, label_id: UUID, issue_id: UUID, key: str) -> Issue:
    """Say that an issue is not settled after all."""
    return _move(IssueState.OPEN, asker, project_id, label_id, issue_id, key)


@group.route("GET", _ISSUE + "/comments", Permission.ISSUES)
def list_issue_comments(
    asker: Asker, project_id: UUID, label_id: UUID, issue_id: UUID, query: PageQuery
) -> IssueCommentPage:
    """What was answered, oldest first."""
    question = ListIssueComments(
        project_id=project_id,
        label_id=label_id,
        issue_id=issue_id,
        viewer=asker.viewer,
        cursor=query.cursor,
        limit=query.limit,
    )
    return gateway().calls(question)


@group.route("POST", _ISSUE + "/comments", Permission.ISSUES, status=201)
def comment_on_issue(
    asker: Asker, project_id: UUID, label_id: UUID, issue_id: UUID, body: IssueCommentBody, key: str
) -> IssueComment:
    """Answer in a thread."""
    command = CommentOnIssue(
        project_id=project_id,
        label_id=label_id,
        issue_id=issue_id,
        text=body.text,
        mentions=body.mentions,
        actor=asker.actor,
        idempotency_key=key,
    )
    return gateway().calls(command)


def _move(state: IssueState, asker: Asker, project_id: UUID, label_id: UUID, issue_id: UUID, key: str) -> Issue:
    command = MoveIssue(
        project_id=project_id,
        label_id=label_id,
        issue_id=issue_id,
        state=state,
        actor=asker.actor,
        idempotency_key=key,
    )
    return gateway().calls(command)
