"""What operators watch of labels."""

import sqlalchemy as sa
from prometheus_client import Gauge
from sqlalchemy.orm import Session

from services.labels.models import Version

storage = Gauge("labelyard_versions_storage_bytes", "Bytes of what is frozen for a project's versions.", ["project"])


def observe(session: Session) -> None:
    """Set the gauges."""
    sizes = sa.select(Version.project_id, sa.func.sum(Version.size)).where(
        Version.size.is_not(None), Version.deleted_at.is_(None)
    )
    storage.clear()
    for project_id, size in session.execute(sizes.group_by(Version.project_id)):
        storage.labels(str(project_id)).set(size or 0)
