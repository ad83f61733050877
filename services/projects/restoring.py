"""What this service tells again after a restore, and the objects that its rows promise (chassis.restoring)."""

from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis.restoring import Kept
from contracts.body import Specification
from contracts.events import EventData, ProjectDeleted, ProjectRestored
from services.projects.handlers.guidelines import stored_key
from services.projects.models import GuidelineRow, ProjectRow


def present(session: Session) -> Iterator[EventData]:
    """Every project: that it is deleted, or is there (in the one event which everybody takes who keeps a copy)."""
    for row in session.scalars(sa.select(ProjectRow).execution_options(yield_per=100)):
        if row.deleted_at is not None:
            yield ProjectDeleted(project_id=row.id, version=row.version)
        else:
            yield ProjectRestored(
                project_id=row.id,
                version=row.version,
                name=row.name,
                data_type=row.data_type.value,
                visibility=row.visibility,
                specification=Specification.model_validate(row.specification),
                spec_version=row.spec_version,
            )


def objects(session: Session) -> Iterator[Kept]:
    """The files of guidelines."""
    for row in session.scalars(sa.select(GuidelineRow).where(GuidelineRow.sha256.is_not(None))):
        assert row.sha256 is not None
        yield Kept(f"guideline {row.id}", stored_key(row, row.sha256), row.size, row.sha256)
