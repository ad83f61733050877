"""Auto-label: what it is to do, and the models it may do that with."""

from datetime import UTC, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis import audit, paging
from chassis.ids import new_id
from contracts.body import Specification
from contracts.errors import Problem
from contracts.rpc.projects import (
    AutoLabel,
    AutoLabelModel,
    AutoLabelModelPage,
    AutoLabelSettings,
    CreateAutoLabelModel,
    ListAutoLabelModels,
    SetAutoLabel,
)
from services.projects.handlers.projects import find
from services.projects.models import AutoLabelModelRow, AutoLabelRow, ProjectRow


def get_auto_label(session: Session, project_id: UUID) -> AutoLabelSettings:
    """What auto-label is to do; classes that the project has no longer are left out. Problem `not_found`."""
    return _settings(session, find(session, project_id))


def set_auto_label(session: Session, request: SetAutoLabel) -> AutoLabelSettings:
    """Say what it is to do; Problem `not_found`, `unknown_model`, `unknown_class`, `validation_failed`."""
    project, wanted = find(session, request.project_id), request.settings
    if wanted.enabled and wanted.model is None:
        raise Problem("validation_failed", "Name the model that is to be applied.")
    if wanted.model is not None and session.get(AutoLabelModelRow, (project.id, wanted.model)) is None:
        raise Problem("unknown_model", f"The project has no model {wanted.model}.")
    unknown = set(wanted.classes or ()) - _classes(project)
    if unknown:
        raise Problem("unknown_class", f"The project has no object class {min(unknown)}.")
    values = {
        "enabled": wanted.enabled,
        "model_id": wanted.model,
        "classes": None if wanted.classes is None else list(dict.fromkeys(wanted.classes)),
        "threshold": wanted.threshold,
        "updated_by": request.actor,
        "updated_at": datetime.now(UTC),
    }
    was = _settings(session, project)
    statement = insert(AutoLabelRow).values(project_id=project.id, **values)
    session.execute(statement.on_conflict_do_update(index_elements=[AutoLabelRow.project_id], set_=values))
    now = _settings(session, project)
    before, after = audit.differing(dict(was), dict(now))
    audit.note("auto_label", project.id, before=before, after=after)
    return now


def create_model(session: Session, request: CreateAutoLabelModel) -> AutoLabelModel:
    """Make a model known; Problem `not_found`, `name_taken`."""
    find(session, request.project_id)
    values = {
        "project_id": request.project_id,
        "id": new_id(),
        "name": request.name,
        "description": request.description,
        "endpoint": request.endpoint,
        "created_by": request.actor,
        "created_at": datetime.now(UTC),
    }
    made = insert(AutoLabelModelRow).values(values)
    by_name = [AutoLabelModelRow.project_id, AutoLabelModelRow.name]
    row = session.scalar(made.on_conflict_do_nothing(index_elements=by_name).returning(AutoLabelModelRow))
    if row is None:
        raise Problem("name_taken", f"The project has a model named {request.name!r} already.")
    return _to_model(row)


def list_models(session: Session, request: ListAutoLabelModels) -> AutoLabelModelPage:
    """A project's models, newest first; Problem `not_found`."""
    find(session, request.project_id)
    query = sa.select(AutoLabelModelRow).where(AutoLabelModelRow.project_id == request.project_id)
    if request.cursor:
        query = query.where(AutoLabelModelRow.id < paging.decode(request.cursor, UUID)[0])
    found = session.scalars(query.order_by(AutoLabelModelRow.id.desc()).limit(request.limit + 1))
    rows, more = paging.page(found, request.limit, lambda row: row.id)
    return AutoLabelModelPage(items=tuple(map(_to_model, rows)), next=more)


def card(session: Session, project_id: UUID) -> AutoLabel:
    """The auto-label card."""
    applied = (
        sa.select(AutoLabelModelRow.name)
        .join(
            AutoLabelRow,
            (AutoLabelRow.project_id == AutoLabelModelRow.project_id) & (AutoLabelRow.model_id == AutoLabelModelRow.id),
        )
        .where(AutoLabelRow.project_id == project_id, AutoLabelRow.enabled)
    )
    name = session.scalar(applied)
    return AutoLabel() if name is None else AutoLabel(status="configured", model=name)


def _settings(session: Session, project: ProjectRow) -> AutoLabelSettings:
    row = session.get(AutoLabelRow, project.id, populate_existing=True)
    if row is None:
        return AutoLabelSettings()
    there = _classes(project)
    return AutoLabelSettings(
        enabled=row.enabled,
        model=row.model_id,
        classes=None if row.classes is None else tuple(each for each in row.classes if each in there),
        threshold=row.threshold,
    )


def _classes(project: ProjectRow) -> set[UUID]:
    return {each.id for each in Specification.model_validate(project.specification).object_classes}


def _to_model(row: AutoLabelModelRow) -> AutoLabelModel:
    return AutoLabelModel(
        id=row.id,
        project_id=row.project_id,
        name=row.name,
        description=row.description,
        endpoint=row.endpoint,
        created_by=row.created_by,
        created_at=row.created_at,
    )
