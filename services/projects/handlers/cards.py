"""What the overview shows of a project, in one answer."""

from uuid import UUID

from sqlalchemy.orm import Session

from contracts.rpc.projects import ProjectCards
from services.projects.handlers import auto_label
from services.projects.handlers.projects import find, to_project


def get_project_cards(session: Session, project_id: UUID) -> ProjectCards:
    """A project with the figures of its cards; Problem `not_found`."""
    row = find(session, project_id)
    return ProjectCards(
        project=to_project(row), guidelines=row.guidelines, auto_label=auto_label.card(session, project_id)
    )
