"""Labels: making, listing, one label's body, life and history."""

from uuid import UUID

from contracts.body import Body
from contracts.enums import GroupField, LabelAction, LabelSort
from contracts.errors import Problem
from contracts.permissions import Permission, Scope
from contracts.rpc.labels import (
    ActOnLabel,
    AddLabels,
    CountLabels,
    Editor,
    GetHistory,
    GetLabel,
    GetProjectHistory,
    GroupLabels,
    HistoryPage,
    Label,
    LabelCount,
    LabelFilter,
    LabelGroups,
    LabelPage,
    LabelsAdded,
    LabelWithBody,
    ListLabels,
    LockLabel,
    ProjectHistoryPage,
    RestoreBody,
    SaveBody,
    TakeNext,
    TakeReview,
    UnlockLabel,
)
from gateway.asker import Asker
from gateway.routing import MIB, Group
from gateway.schemas import (
    AddLabelsBody,
    AssignBody,
    CommentBody,
    CountBody,
    GroupBody,
    HistoryQuery,
    LabelsQuery,
    NextReviewBody,
    PageQuery,
    RestoreBodyBody,
    SearchBody,
    UnassignBody,
)
from gateway.state import gateway

group = Group("labels", "Labels and their life")

_LABEL = "/projects/{project_id}/labels/{label_id}"


@group.route("POST", "/projects/{project_id}/labels:add", Permission.MANAGE_DATA, max_body=8 * MIB)
def add_labels(asker: Asker, project_id: UUID, body: AddLabelsBody, key: str) -> LabelsAdded:
    """Make labels of stored assets; an asset that has one keeps it."""
    command = AddLabels(
        project_id=project_id,
        assets=body.assets,
        dataset=body.dataset,
        data_keys=body.data_keys,
        actor=asker.actor,
        idempotency_key=key,
    )
    return gateway().calls(command)


@group.route("GET", "/projects/{project_id}/labels", Permission.READ_LABELS)
def list_labels(asker: Asker, project_id: UUID, query: LabelsQuery) -> LabelPage:
    """Labels, the newest first unless sorted otherwise; `cursor` is `next` or `previous` of a page of the same sort."""
    return _search(asker, project_id, query.filter, query.order, query, query.saved)


@group.route("POST", "/projects/{project_id}/labels:search", Permission.READ_LABELS)
def search_labels(asker: Asker, project_id: UUID, body: SearchBody) -> LabelPage:
    """Labels that a filter of any form chooses; changes nothing."""
    return _search(asker, project_id, body.filter, body.sort, body)


def _search(
    asker: Asker,
    project_id: UUID,
    chosen: LabelFilter,
    sort: LabelSort | None,
    page: PageQuery,
    saved: UUID | None = None,
) -> LabelPage:
    _hide_people(asker, names_people=chosen.names_people())
    question = ListLabels(
        project_id=project_id,
        filter=chosen,
        saved=saved,
        sort=sort,
        viewer=asker.viewer,
        actor=asker.principal.user.id if asker.principal else None,
        cursor=page.cursor,
        limit=page.limit,
    )
    return gateway().calls(question)


def _hide_people(asker: Asker, *, names_people: bool) -> None:
    if names_people and asker.scope is Scope.ANONYMOUS:
        raise Problem("forbidden", "Visitors are not told about people.")


@group.route("POST", "/projects/{project_id}/labels:count", Permission.READ_LABELS)
def count_labels(asker: Asker, project_id: UUID, body: CountBody) -> LabelCount:
    """How many labels a filter chooses: exactly up to 10,000, else that there are more; changes nothing."""
    _hide_people(asker, names_people=body.filter.names_people())
    return gateway().calls(CountLabels(project_id=project_id, filter=body.filter, viewer=asker.viewer))


@group.route("POST", "/projects/{project_id}/labels:group", Permission.READ_LABELS)
def group_labels(asker: Asker, project_id: UUID, body: GroupBody) -> LabelGroups:
    """How many labels have which values of one or two fields, and the filter that opens each group; changes nothing."""
    people = {GroupField.ASSIGNEE, GroupField.REVIEWER}
    _hide_people(asker, names_people=body.filter.names_people() or not people.isdisjoint(body.by))
    question = GroupLabels(
        project_id=project_id,
        filter=body.filter,
        by=body.by,
        viewer=asker.viewer,
        cursor=body.cursor,
        limit=body.limit,
    )
    return gateway().calls(question)


@group.route("POST", "/projects/{project_id}/labels:next", Permission.WORK_ON_LABELS, etag=True)
def take_next(asker: Asker, project_id: UUID, key: str) -> Label:
    """Take the next label that nobody has; `not_found` when there is none."""
    return gateway().calls(TakeNext(project_id=project_id, actor=asker.actor, idempotency_key=key))


@group.route("POST", "/projects/{project_id}/labels:next-review", Permission.WORK_ON_LABELS, etag=True)
def take_review(asker: Asker, project_id: UUID, body: NextReviewBody, key: str) -> Label:
    """The next label that waits for the asker's review; one without a reviewer becomes theirs."""
    command = TakeReview(project_id=project_id, after=body.after, actor=asker.actor, idempotency_key=key)
    return gateway().calls(command)


@group.route("GET", "/projects/{project_id}/history", Permission.MANAGE_DATA)
def get_project_history(project_id: UUID, query: HistoryQuery) -> ProjectHistoryPage:
    """What was done to the project's labels, newest first."""
    question = GetProjectHistory(
        project_id=project_id,
        action=query.action,
        by=query.by,
        since=query.since,
        cursor=query.cursor,
        limit=query.limit,
    )
    return gateway().calls(question)


@group.route("PUT", _LABEL + "/lock", Permission.WORK_ON_LABELS)
def lock_label(asker: Asker, project_id: UUID, label_id: UUID, key: str) -> Editor:
    """Say for a minute that one is editing; answers who is, which keeps nobody from saving."""
    return gateway().calls(LockLabel(project_id=project_id, label_id=label_id, actor=asker.actor, idempotency_key=key))


@group.route("DELETE", _LABEL + "/lock", Permission.WORK_ON_LABELS)
def unlock_label(asker: Asker, project_id: UUID, label_id: UUID, key: str) -> None:
    """Say that one is not editing any more."""
    gateway().calls(UnlockLabel(project_id=project_id, label_id=label_id, actor=asker.actor, idempotency_key=key))


@group.route("POST", _LABEL + ":restore-body", Permission.WORK_ON_LABELS, etag=True)
def restore_body(
    asker: Asker, project_id: UUID, label_id: UUID, body: RestoreBodyBody, if_match: int, key: str
) -> Label:
    """Save the body of an earlier version again."""
    command = RestoreBody(
        project_id=project_id,
        label_id=label_id,
        version=body.version,
        expected_version=if_match,
        actor=asker.actor,
        idempotency_key=key,
    )
    return gateway().calls(command)


@group.route("GET", _LABEL, Permission.READ_LABELS, etag=True)
def get_label(asker: Asker, project_id: UUID, label_id: UUID) -> LabelWithBody:
    """One label with its body."""
    return gateway().calls(GetLabel(project_id=project_id, label_id=label_id, viewer=asker.viewer))


@group.route("PUT", _LABEL + "/body", Permission.WORK_ON_LABELS, etag=True, max_body=32 * MIB)
def save_body(asker: Asker, project_id: UUID, label_id: UUID, body: Body, if_match: int, key: str) -> Label:
    """Replace the body of the version that was read."""
    command = SaveBody(
        project_id=project_id,
        label_id=label_id,
        expected_version=if_match,
        body=body,
        actor=asker.actor,
        idempotency_key=key,
    )
    return gateway().calls(command)


@group.route("GET", _LABEL + "/history", Permission.READ_LABELS)
def get_history(asker: Asker, project_id: UUID, label_id: UUID, query: PageQuery) -> HistoryPage:
    """What was done to a label, newest first."""
    question = GetHistory(
        project_id=project_id, label_id=label_id, viewer=asker.viewer, cursor=query.cursor, limit=query.limit
    )
    return gateway().calls(question)


@group.route("POST", _LABEL + ":submit", Permission.WORK_ON_LABELS, etag=True)
def submit(asker: Asker, project_id: UUID, label_id: UUID, body: CommentBody, if_match: int | None, key: str) -> Label:
    """Hand in for review."""
    return _act(LabelAction.SUBMIT, asker, project_id, label_id, if_match, key, comment=body.comment)


@group.route("POST", _LABEL + ":skip", Permission.WORK_ON_LABELS, etag=True)
def skip(asker: Asker, project_id: UUID, label_id: UUID, body: CommentBody, if_match: int | None, key: str) -> Label:
    """Hand in as not to be labeled."""
    return _act(LabelAction.SKIP, asker, project_id, label_id, if_match, key, comment=body.comment)


@group.route("POST", _LABEL + ":approve", Permission.WORK_ON_LABELS, etag=True)
def approve(asker: Asker, project_id: UUID, label_id: UUID, body: CommentBody, if_match: int | None, key: str) -> Label:
    """Accept what was handed in."""
    return _act(LabelAction.APPROVE, asker, project_id, label_id, if_match, key, comment=body.comment)


@group.route("POST", _LABEL + ":reject", Permission.WORK_ON_LABELS, etag=True)
def reject(asker: Asker, project_id: UUID, label_id: UUID, body: CommentBody, if_match: int | None, key: str) -> Label:
    """Send back to work; a comment is required."""
    return _act(LabelAction.REJECT, asker, project_id, label_id, if_match, key, comment=body.comment)


@group.route("POST", _LABEL + ":reopen", Permission.WORK_ON_LABELS, etag=True)
def reopen(asker: Asker, project_id: UUID, label_id: UUID, body: CommentBody, if_match: int | None, key: str) -> Label:
    """Take back into work."""
    return _act(LabelAction.REOPEN, asker, project_id, label_id, if_match, key, comment=body.comment)


@group.route("POST", _LABEL + ":assign", Permission.MANAGE_DATA, etag=True)
def assign(asker: Asker, project_id: UUID, label_id: UUID, body: AssignBody, if_match: int | None, key: str) -> Label:
    """Give to a labeler or a reviewer."""
    action = LabelAction.ASSIGN_LABELER if body.as_ == "labeler" else LabelAction.ASSIGN_REVIEWER
    return _act(action, asker, project_id, label_id, if_match, key, user_id=body.user_id)


@group.route("POST", _LABEL + ":unassign", Permission.MANAGE_DATA, etag=True)
def unassign(
    asker: Asker, project_id: UUID, label_id: UUID, body: UnassignBody, if_match: int | None, key: str
) -> Label:
    """Take from its labeler or reviewer."""
    action = LabelAction.UNASSIGN_LABELER if body.as_ == "labeler" else LabelAction.UNASSIGN_REVIEWER
    return _act(action, asker, project_id, label_id, if_match, key)


@group.route("POST", _LABEL + ":initialize", Permission.MANAGE_DATA, etag=True)
def initialize(asker: Asker, project_id: UUID, label_id: UUID, if_match: int | None, key: str) -> Label:
    """Empty the body and start over."""
    return _act(LabelAction.INITIALIZE, asker, project_id, label_id, if_match, key)


def _act(
    action: LabelAction,
    asker: Asker,
    project_id: UUID,
    label_id: UUID,
    if_match: int | None,
    key: str,
    *,
    user_id: UUID | None = None,
    comment: str | None = None,
) -> Label:
    command = ActOnLabel(
        project_id=project_id,
        label_id=label_id,
        action=action,
        user_id=user_id,
        comment=comment,
        expected_version=if_match,
        actor=asker.actor,
        idempotency_key=key,
    )
    return gateway().calls(command)
