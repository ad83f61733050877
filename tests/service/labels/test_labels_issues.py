"""Issues: threads on labels, and what they change of them."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest

from chassis.ids import new_id
from contracts.body import Point
from contracts.enums import IssueState, LabelAction
from contracts.errors import Problem
from contracts.events import ProjectDeleted
from contracts.permissions import ProjectRole, Role
from contracts.rpc.labels import (
    ActOnLabel,
    Actor,
    CommentOnIssue,
    GetHistory,
    Issue,
    LabelFilter,
    ListIssueComments,
    ListIssues,
    ListLabels,
    MoveIssue,
    OpenIssue,
    SaveBody,
    Viewer,
)
from services.labels.handlers import actions, copies, issues, labels, search
from tests.service.labels.conftest import MANAGER, Desk


def opened(desk: Desk, label_id: UUID, text: str = "Is this one?", actor: Actor = MANAGER, **more: Any) -> Issue:
    request = OpenIssue(project_id=desk.project_id, label_id=label_id, text=text, actor=actor, **more)
    with desk.database.session() as session:
        return issues.open_issue(session, desk.owners, request)


def move(desk: Desk, issue: Issue, state: IssueState, actor: Actor = MANAGER) -> Issue:
    request = MoveIssue(
        project_id=desk.project_id, label_id=issue.label_id, issue_id=issue.id, state=state, actor=actor
    )
    with desk.database.session() as session:
        return issues.move_issue(session, desk.owners, request)


def comment(desk: Desk, issue: Issue, text: str) -> None:
    request = CommentOnIssue(
        project_id=desk.project_id, label_id=issue.label_id, issue_id=issue.id, text=text, actor=MANAGER
    )
    with desk.database.session() as session:
        issues.comment_on_issue(session, desk.owners, request)


def listed(desk: Desk, label_id: UUID, viewer: Viewer | None = None, limit: int = 50, **by: Any) -> list[Issue]:
    """All of them, page by page."""
    found: list[Issue] = []
    cursor = None
    while True:
        request = ListIssues(
            project_id=desk.project_id,
            label_id=label_id,
            viewer=viewer or Viewer(),
            cursor=cursor,
            limit=limit,
            **by,
        )
        with desk.database.session() as session:
            page = issues.list_issues(session, request)
        found += page.items
        cursor = page.next
        if cursor is None:
            return found


def test_an_issue_is_opened_resolved_and_opened_again(desk: Desk) -> None:
    label_id, other = desk.labels(2)
    first = opened(desk, label_id)
    second = opened(desk, label_id, "And this?")
    assert (first.state, first.created_by, first.comments) == (IssueState.OPEN, MANAGER.user_id, 0)
    assert [each.text for each in listed(desk, label_id, limit=1)] == ["And this?", "Is this one?"]
    resolved = move(desk, first, IssueState.RESOLVED)
    assert (resolved.state, resolved.resolved_by) == (IssueState.RESOLVED, MANAGER.user_id)
    assert move(desk, first, IssueState.RESOLVED) == resolved
    assert listed(desk, label_id, state=IssueState.OPEN) == [second]
    again = move(desk, first, IssueState.OPEN)
    assert (again.resolved_by, again.resolved_at) == (None, None)
    assert listed(desk, other) == []

    label = desk.label(label_id)
    assert (label.open_issues, label.version) == (2, 5)
    told = [(event.cause, state.version, state.open_issues) for event in desk.events() for state in event.labels]
    assert told[2:] == [
        ("open_issue", 2, 1),
        ("open_issue", 3, 2),
        ("resolve_issue", 4, 1),
        ("reopen_issue", 5, 2),
    ]
    with desk.database.session() as session:
        by = LabelFilter(has_open_issues=True)
        page = search.list_labels(session, ListLabels(project_id=desk.project_id, filter=by))
    assert [each.id for each in page.items] == [label_id]


def test_history_tells_of_issues_and_visitors_of_no_words(desk: Desk) -> None:
    (label_id,) = desk.labels(1)
    issue = opened(desk, label_id, "Ask Lena")
    for viewer, actor, words in ((Viewer(), MANAGER.user_id, "Ask Lena"), (Viewer(anonymous=True), None, None)):
        with desk.database.session() as session:
            request = GetHistory(project_id=desk.project_id, label_id=label_id, viewer=viewer)
            newest = labels.get_history(session, request).items[0]
        assert (newest.action, newest.actor, newest.comment) == ("open_issue", actor, words)
        assert newest.before == {"open_issues": 0}
        assert newest.after == {"open_issues": 1, "issue": str(issue.id)}


def test_a_comment_changes_nothing_but_its_thread(desk: Desk) -> None:
    (label_id,) = desk.labels(1)
    issue = opened(desk, label_id)
    events = len(desk.events())
    for text in ("Yes.", "No.", "Perhaps."):
        comment(desk, issue, text)
    assert listed(desk, label_id)[0].comments == 3
    assert (desk.label(label_id).version, len(desk.events())) == (2, events)
    texts, cursor = [], None
    for _ in range(2):
        request = ListIssueComments(
            project_id=desk.project_id, label_id=label_id, issue_id=issue.id, cursor=cursor, limit=2
        )
        with desk.database.session() as session:
            page = issues.list_comments(session, request)
        texts += [each.text for each in page.items]
        cursor = page.next
    assert (texts, cursor) == (["Yes.", "No.", "Perhaps."], None)


def test_an_issue_may_be_about_an_object_that_is_there(desk: Desk) -> None:
    (label_id,) = desk.labels(1)
    body = desk.body((1, 1, 5, 5), (3, 3, 5, 5))
    with desk.database.session() as session:
        request = SaveBody(project_id=desk.project_id, label_id=label_id, expected_version=1, body=body, actor=MANAGER)
        actions.save_body(session, desk.owners, request)
    assert opened(desk, label_id, object_id=body.objects[1].id).object_id == body.objects[1].id
    with pytest.raises(Problem, match="validation_failed"):
        opened(desk, label_id, object_id=new_id())
    assert desk.label(label_id).open_issues == 1


def test_labelers_talk_about_their_own_labels(desk: Desk) -> None:
    mine, theirs = desk.labels(2)
    labeler = Actor(user_id=new_id(), role=Role.LABELER)
    desk.owners.add_member(desk.project_id, labeler.user_id, ProjectRole.LABELER)
    with desk.database.session() as session:
        request = ActOnLabel(
            project_id=desk.project_id,
            label_id=mine,
            action=LabelAction.ASSIGN_LABELER,
            user_id=labeler.user_id,
            actor=MANAGER,
        )
        actions.act(session, desk.owners, request)
    own = opened(desk, mine, actor=labeler)
    assert move(desk, own, IssueState.RESOLVED, labeler).state is IssueState.RESOLVED
    assert listed(desk, mine, Viewer(only_assignee=labeler.user_id)) == listed(desk, mine)
    foreign = opened(desk, theirs)
    for use in (
        lambda: opened(desk, theirs, actor=labeler),
        lambda: move(desk, foreign, IssueState.RESOLVED, labeler),
        lambda: listed(desk, theirs, Viewer(only_assignee=labeler.user_id)),
        lambda: move(desk, foreign.model_copy(update={"label_id": mine}), IssueState.RESOLVED, labeler),
    ):
        with pytest.raises(Problem, match="not_found"):
            use()
    assert listed(desk, theirs) == [foreign]


def test_of_many_at_once_each_is_counted(desk: Desk) -> None:
    (label_id,) = desk.labels(1)
    with ThreadPoolExecutor(10) as pool:
        made = list(pool.map(lambda number: opened(desk, label_id, f"No. {number}"), range(10)))
        assert desk.label(label_id).open_issues == 10
        list(pool.map(lambda issue: move(desk, issue, IssueState.RESOLVED), made[:7] * 2))
    label = desk.label(label_id)
    assert (label.open_issues, label.version) == (3, 18)


def test_a_deleted_project_has_none(desk: Desk) -> None:
    (label_id,) = desk.labels(1)
    with desk.database.session() as session:
        copies.project_deleted(session, ProjectDeleted(project_id=desk.project_id, version=5))
    del desk.owners.projects[desk.project_id]
    with pytest.raises(Problem, match="not_found"):
        opened(desk, label_id)


def test_a_thread_points_at_a_place_and_at_people(desk: Desk) -> None:
    (label_id,) = desk.labels(1)
    member = new_id()
    desk.owners.add_member(desk.project_id, member, ProjectRole.LABELER)
    issue = opened(desk, label_id, point=Point(x=100, y=0.5), mentions=(member,))
    assert (issue.point, issue.mentions) == (Point(x=100, y=0.5), (member,))
    assert listed(desk, label_id) == [issue]
    request = CommentOnIssue(
        project_id=desk.project_id, label_id=label_id, issue_id=issue.id, text="?", mentions=(member,), actor=MANAGER
    )
    with desk.database.session() as session:
        assert issues.comment_on_issue(session, desk.owners, request).mentions == (member,)
    for place in (Point(x=-1, y=0), Point(x=0, y=81)):
        with pytest.raises(Problem, match="validation_failed"):
            opened(desk, label_id, point=place)
    with pytest.raises(Problem, match="not_a_member"):
        opened(desk, label_id, mentions=(new_id(),))
    assert desk.label(label_id).open_issues == 1
