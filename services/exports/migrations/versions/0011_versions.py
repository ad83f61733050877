"""Exports of versions."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.add_column("exports", sa.Column("version_id", sa.Uuid))
    op.add_column("exports", sa.Column("version_name", sa.Text))


def downgrade() -> None:
    op.drop_column("exports", "version_name")
    op.drop_column("exports", "version_id")
