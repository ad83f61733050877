"""Deleted projects stay, hidden. The unique name stays as it is: the version before this one leans on it."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("projects", sa.Column("deleted_at", sa.DateTime(timezone=True)))
    op.add_column("projects", sa.Column("deleted_name", sa.Text))
    op.create_index("projects_deleted", "projects", ["id"], postgresql_where=sa.text("deleted_at IS NOT NULL"))
