"""A deleted project may come back."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    restored = sa.Column("restored", sa.Boolean, nullable=False, server_default=sa.false())
    op.add_column("deleted_projects", restored)
