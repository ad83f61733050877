"""Verifying and rebuilding counters; which projects may have labels that were never counted here."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from chassis.migrations import is_new_database

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("project_versions", sa.Column("complete", sa.Boolean, nullable=False, server_default=sa.true()))
    op.add_column("project_versions", sa.Column("mends", sa.BigInteger, nullable=False, server_default=sa.text("0")))
    birth = op.create_table("birth", sa.Column("born_at", sa.DateTime(timezone=True), primary_key=True))
    # a database that is upgraded has counted every project from its beginning
    born_at = sa.func.now() if is_new_database() else sa.text("TIMESTAMPTZ '1970-01-01T00:00:00Z'")
    op.execute(birth.insert().values(born_at=born_at))
    op.create_table(
        "counter_checks",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("project_id", sa.Uuid, nullable=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("step", sa.BigInteger, nullable=False),
        sa.Column("cursor", JSONB, nullable=False),
        sa.Column("report", JSONB, nullable=False),
        sa.Column("created_by", sa.Uuid, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
    )


def downgrade() -> None:
    for table in ("counter_checks", "birth"):
        op.drop_table(table)
    for column in ("mends", "complete"):
        op.drop_column("project_versions", column)
