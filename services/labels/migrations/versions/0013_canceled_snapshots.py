"""Snapshots that are not wanted any more."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    op.create_table(
        "canceled_snapshots",
        sa.Column("snapshot_id", sa.Uuid, primary_key=True),
        sa.Column("canceled_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    )


def downgrade() -> None:
    op.drop_table("canceled_snapshots")
