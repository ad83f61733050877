"""Actions over many labels, and tags."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "tags",
        sa.Column("project_id", sa.Uuid, primary_key=True),
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("labels", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created_by", sa.Uuid, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
    )
    op.create_index(
        "tags_name", "tags", ["project_id", "name"], unique=True, postgresql_where=sa.text("ended_at IS NULL")
    )
    op.create_table(
        "tasks",
        sa.Column("project_id", sa.Uuid, primary_key=True),
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("order", JSONB, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("part", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("done", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("total", sa.Integer),
        sa.Column("changed", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("unchanged", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("skipped", JSONB, nullable=False, server_default=sa.text("'{}'")),
        sa.Column("given", JSONB, nullable=False, server_default=sa.text("'{}'")),
        sa.Column("failure", sa.Text),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created_by", sa.Uuid, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
    )
    op.create_table(
        "task_parts",
        sa.Column("project_id", sa.Uuid, primary_key=True),
        sa.Column("task_id", sa.Uuid, primary_key=True),
        sa.Column("part", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("labels", ARRAY(sa.Uuid), nullable=False),
        sa.Column("users", ARRAY(sa.Uuid)),
    )
    op.create_table(
        "skipped_labels",
        sa.Column("project_id", sa.Uuid, primary_key=True),
        sa.Column("task_id", sa.Uuid, primary_key=True),
        sa.Column("label_id", sa.Uuid, primary_key=True),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("skipped_labels")
    op.drop_table("task_parts")
    op.drop_table("tasks")
    op.drop_table("tags")
