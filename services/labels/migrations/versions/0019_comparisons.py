"""Comparisons of versions."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.create_table(
        "comparisons",
        sa.Column("project_id", sa.Uuid, primary_key=True),
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("before_id", sa.Uuid, nullable=False),
        sa.Column("after_id", sa.Uuid, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("position", ARRAY(sa.Integer), nullable=False, server_default=sa.text("'{0,0,0,0}'")),
        sa.Column("done", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("total", sa.Integer, nullable=False),
        sa.Column("added", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("removed", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("changed", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("unchanged", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("objects", JSONB, nullable=False),
        sa.Column("failure", sa.Text),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created_by", sa.Uuid, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.UniqueConstraint("project_id", "before_id", "after_id", name="comparisons_pair"),
    )
    op.create_table(
        "differences",
        sa.Column("project_id", sa.Uuid, primary_key=True),
        sa.Column("comparison_id", sa.Uuid, primary_key=True),
        sa.Column("label_id", sa.Uuid, primary_key=True),
        sa.Column("dataset", sa.Text, nullable=False),
        sa.Column("data_key", sa.Text(collation="C"), nullable=False),
        sa.Column("change", sa.Text, nullable=False),
        sa.Column("fields", ARRAY(sa.Text), nullable=False),
        sa.Column("objects_added", ARRAY(sa.Uuid), nullable=False),
        sa.Column("objects_removed", ARRAY(sa.Uuid), nullable=False),
        sa.Column("objects_changed", ARRAY(sa.Uuid), nullable=False),
    )
    op.create_index("differences_change", "differences", ["project_id", "comparison_id", "change", "label_id"])


def downgrade() -> None:
    op.drop_table("differences")
    op.drop_table("comparisons")
