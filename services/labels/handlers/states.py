"""What others compare with what they have counted of labels: the same states that events carry, page by page."""

from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from contracts.rpc.labels import GetLabelStates, LabelStates, ListLabeledProjects, ListLabelStates, ProjectIds
from services.labels.handlers.changes import state
from services.labels.models import Label, ProjectCopy

FIRST = UUID(int=0)
"""Before every id."""


def list_states(session: Session, request: ListLabelStates) -> LabelStates:
    """A page of a project's labels, by id."""
    query = sa.select(Label).where(Label.project_id == request.project_id, Label.id > (request.after or FIRST))
    rows = session.scalars(query.order_by(Label.id).limit(request.limit + 1)).all()
    return LabelStates(items=tuple(map(state, rows[: request.limit])), more=len(rows) > request.limit)


def get_states(session: Session, request: GetLabelStates) -> LabelStates:
    """These labels of a project, as far as there are any."""
    query = sa.select(Label).where(Label.project_id == request.project_id, Label.id.in_(request.ids))
    return LabelStates(items=tuple(map(state, session.scalars(query.order_by(Label.id)))))


def list_projects(session: Session, request: ListLabeledProjects) -> ProjectIds:
    """A page of the projects that are known here, by id; every project that has labels is."""
    query = sa.select(ProjectCopy.project_id).where(ProjectCopy.project_id > (request.after or FIRST))
    rows = session.scalars(query.order_by(ProjectCopy.project_id).limit(request.limit + 1)).all()
    return ProjectIds(items=tuple(rows[: request.limit]), more=len(rows) > request.limit)
