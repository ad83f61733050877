"""What others compare with what they have counted of labels: the same states that events carry, page by page."""

from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from contracts.enums import Review, Status
from contracts.rpc.labels import (
    LOAD_COUNTED,
    GetLabelStates,
    GetLoads,
    LabelStates,
    ListLabeledProjects,
    ListLabelStates,
    Load,
    Loads,
    ProjectIds,
)
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


def get_loads(session: Session, request: GetLoads) -> Loads:
    """How much waits for whom. Read from two indexes that hold just that, and from a part of each at most."""
    people = sa.func.unnest(sa.cast(list(request.user_ids), ARRAY(sa.Uuid))).table_valued("id").render_derived()

    def waiting(*which: sa.ColumnElement[bool]) -> sa.ScalarSelect[int]:
        some = sa.select(sa.literal(1).label("one")).where(Label.project_id == request.project_id, *which)
        counted = some.limit(LOAD_COUNTED).correlate(people).subquery()
        return sa.select(sa.func.count()).select_from(counted).scalar_subquery()

    # not as parameters: a plan for any status could not use indexes of one
    working, pending, approved = (
        sa.literal(each.value, literal_execute=True)
        for each in (Status.IN_PROGRESS, Review.PENDING_REVIEW, Review.APPROVED)
    )
    to_label = waiting(Label.assignee == people.c.id, Label.status == working)
    to_review = waiting(Label.reviewer == people.c.id, Label.review == pending, Label.review != approved)
    rows = session.execute(sa.select(people.c.id, to_label, to_review))
    return Loads(loads={str(user_id): Load(to_label=label, to_review=review) for user_id, label, review in rows})
