"""Formats: what was chosen for an export, and what its format could not express."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("exports", sa.Column("options", JSONB, nullable=False, server_default=sa.text("'{}'")))
    op.add_column("exports", sa.Column("report", JSONB))


def downgrade() -> None:
    op.drop_column("exports", "report")
    op.drop_column("exports", "options")
