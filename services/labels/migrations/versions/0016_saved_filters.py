"""Saved filters."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.create_table(
        "saved_filters",
        sa.Column("project_id", sa.Uuid, primary_key=True),
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("owner", sa.Uuid, nullable=False),
        sa.Column("filter", JSONB, nullable=False),
        sa.Column("sort", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
    )
    for name, columns, scope in (
        ("saved_filters_own", ["project_id", "owner", "name"], "own"),
        ("saved_filters_name", ["project_id", "name"], "project"),
    ):
        op.create_index(name, "saved_filters", columns, unique=True, postgresql_where=sa.text(f"scope = '{scope}'"))


def downgrade() -> None:
    op.drop_table("saved_filters")
