"""Auto-label: what it is to do, and the project's own models."""

from uuid import UUID

from contracts.permissions import Permission
from contracts.rpc.projects import (
    AutoLabelModel,
    AutoLabelModelPage,
    AutoLabelSettings,
    CreateAutoLabelModel,
    GetAutoLabel,
    ListAutoLabelModels,
    SetAutoLabel,
)
from gateway.asker import Asker
from gateway.routing import Group
from gateway.schemas import AutoLabelBody, AutoLabelModelBody, PageQuery
from gateway.state import gateway

group = Group("auto-label", "What auto-label is to do, and with which models")

_AUTO_LABEL = "/projects/{project_id}/auto-label"


@group.route("GET", _AUTO_LABEL, Permission.EDIT_PROJECT)
def get_auto_label(project_id: UUID) -> AutoLabelSettings:
    """What auto-label is to do."""
    return gateway().calls(GetAutoLabel(project_id=project_id))


@group.route("PUT", _AUTO_LABEL, Permission.EDIT_PROJECT)
def set_auto_label(asker: Asker, project_id: UUID, body: AutoLabelBody, key: str) -> AutoLabelSettings:
    """Say what auto-label is to do. It is kept and shown; nothing runs it yet."""
    settings = AutoLabelSettings(**dict(body))
    return gateway().calls(
        SetAutoLabel(project_id=project_id, settings=settings, actor=asker.user_id, idempotency_key=key)
    )


@group.route("GET", _AUTO_LABEL + "/models", Permission.EDIT_PROJECT)
def list_auto_label_models(project_id: UUID, query: PageQuery) -> AutoLabelModelPage:
    """The project's own models, newest first."""
    return gateway().calls(ListAutoLabelModels(project_id=project_id, cursor=query.cursor, limit=query.limit))


@group.route("POST", _AUTO_LABEL + "/models", Permission.EDIT_PROJECT, status=201)
def create_auto_label_model(asker: Asker, project_id: UUID, body: AutoLabelModelBody, key: str) -> AutoLabelModel:
    """Make a model known to the project."""
    command = CreateAutoLabelModel(
        project_id=project_id,
        name=body.name,
        description=body.description,
        endpoint=body.endpoint,
        actor=asker.user_id,
        idempotency_key=key,
    )
    return gateway().calls(command)
