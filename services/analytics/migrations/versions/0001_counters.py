"""Counted labels, counters and their versions."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from chassis.migrations import create_chassis_tables_v1

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_chassis_tables_v1()
    op.create_table(
        "project_versions",
        sa.Column("project_id", sa.Uuid, primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("deleted", sa.Boolean, nullable=False),
        # updated with every batch: room in the page lets the new row version stay there, without index writes
        postgresql_with={"fillfactor": "50"},
    )
    op.create_table(
        "labels",
        sa.Column("project_id", sa.Uuid, primary_key=True),
        sa.Column("label_id", sa.Uuid, primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("deleted", sa.Boolean, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("review", sa.Text, nullable=False),
        sa.Column("assignee", sa.Uuid, nullable=True),
        sa.Column("objects", JSONB, nullable=False),
        sa.Column("has_open_issue", sa.Boolean, nullable=False),
        sa.Column("updated", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "counters",
        sa.Column("project_id", sa.Uuid, primary_key=True),
        sa.Column("scope", sa.Uuid, primary_key=True),
        sa.Column("key", sa.Text(collation="C"), primary_key=True),
        sa.Column("value", sa.BigInteger, nullable=False),
        postgresql_with={"fillfactor": "50"},
    )


def downgrade() -> None:
    for table in ("counters", "labels", "project_versions"):
        op.drop_table(table)
