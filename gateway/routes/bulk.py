"""Actions over many labels, and tags."""

from uuid import UUID

from contracts.permissions import Permission
from contracts.rpc.labels import (
    BulkOrder,
    BulkPreview,
    CancelTask,
    CreateTag,
    EndTag,
    GetTask,
    ListSkipped,
    ListTags,
    ListTasks,
    PreviewTask,
    RenameTag,
    SkippedPage,
    StartTask,
    Tag,
    TagPage,
    Task,
    TaskPage,
)
from gateway.asker import Asker
from gateway.routing import MIB, Group
from gateway.schemas import MergeTagBody, PageQuery, RenameBody, TasksQuery
from gateway.state import gateway

group = Group("bulk", "Actions over many labels, and tags")

_TASK = "/projects/{project_id}/tasks/{task_id}"
_TAG = "/projects/{project_id}/tags/{tag_id}"
_LOCATION = "/projects/{project_id}/tasks/{id}"


@group.route(
    "POST",
    "/projects/{project_id}/labels:bulk",
    Permission.MANAGE_DATA,
    status=202,
    location=_LOCATION,
    max_body=8 * MIB,
)
def bulk_labels(asker: Asker, project_id: UUID, body: BulkOrder, key: str) -> Task:
    """Start an action over a selection of labels: a task."""
    return gateway().calls(StartTask(project_id=project_id, what=body, actor=asker.actor, idempotency_key=key))


@group.route("POST", "/projects/{project_id}/labels:preview", Permission.MANAGE_DATA, max_body=8 * MIB)
def preview_bulk(project_id: UUID, body: BulkOrder) -> BulkPreview:
    """What an action over a selection would meet, and who would be given how many; changes nothing."""
    return gateway().calls(PreviewTask(project_id=project_id, what=body))


@group.route("GET", "/projects/{project_id}/tasks", Permission.MANAGE_DATA)
def list_tasks(project_id: UUID, query: TasksQuery) -> TaskPage:
    """Tasks, newest first."""
    question = ListTasks(project_id=project_id, state=query.state, cursor=query.cursor, limit=query.limit)
    return gateway().calls(question)


@group.route("GET", _TASK, Permission.MANAGE_DATA)
def get_task(project_id: UUID, task_id: UUID) -> Task:
    """How far a task is, and what it did."""
    return gateway().calls(GetTask(project_id=project_id, task_id=task_id))


@group.route("GET", _TASK + "/skipped", Permission.MANAGE_DATA)
def list_skipped(project_id: UUID, task_id: UUID, query: PageQuery) -> SkippedPage:
    """The labels that a task left as they were, and why."""
    question = ListSkipped(project_id=project_id, task_id=task_id, cursor=query.cursor, limit=query.limit)
    return gateway().calls(question)


@group.route("DELETE", _TASK, Permission.MANAGE_DATA)
def cancel_task(asker: Asker, project_id: UUID, task_id: UUID, key: str) -> None:
    """End a task before its next part; what it has done stays."""
    gateway().calls(CancelTask(project_id=project_id, task_id=task_id, actor=asker.actor, idempotency_key=key))


@group.route("GET", "/projects/{project_id}/tags", Permission.READ_LABELS)
def list_tags(asker: Asker, project_id: UUID, query: PageQuery) -> TagPage:
    """Tags by name, and how many labels carry each, of those that the asker sees."""
    question = ListTags(project_id=project_id, viewer=asker.viewer, cursor=query.cursor, limit=query.limit)
    return gateway().calls(question)


@group.route("POST", "/projects/{project_id}/tags", Permission.MANAGE_DATA, status=201)
def create_tag(asker: Asker, project_id: UUID, body: RenameBody, key: str) -> Tag:
    """Make a tag."""
    return gateway().calls(CreateTag(project_id=project_id, name=body.name, actor=asker.actor, idempotency_key=key))


@group.route("PATCH", _TAG, Permission.MANAGE_DATA)
def rename_tag(asker: Asker, project_id: UUID, tag_id: UUID, body: RenameBody, key: str) -> Tag:
    """Give a tag another name."""
    command = RenameTag(project_id=project_id, tag_id=tag_id, name=body.name, actor=asker.actor, idempotency_key=key)
    return gateway().calls(command)


@group.route("POST", _TAG + ":merge", Permission.MANAGE_DATA, status=202, location=_LOCATION)
def merge_tag(asker: Asker, project_id: UUID, tag_id: UUID, body: MergeTagBody, key: str) -> Task:
    """Put another tag in the place of this one, on every label: a task."""
    command = EndTag(project_id=project_id, tag_id=tag_id, into=body.into, actor=asker.actor, idempotency_key=key)
    return gateway().calls(command)


@group.route("DELETE", _TAG, Permission.MANAGE_DATA, status=202, location=_LOCATION)
def delete_tag(asker: Asker, project_id: UUID, tag_id: UUID, key: str) -> Task:
    """Delete a tag: it is gone at once, and a task takes it off its labels."""
    return gateway().calls(EndTag(project_id=project_id, tag_id=tag_id, actor=asker.actor, idempotency_key=key))
