"""Issues of labels and their comments."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import UUID

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "issues",
        sa.Column("project_id", UUID, primary_key=True),
        sa.Column("id", UUID, primary_key=True),
        sa.Column("label_id", UUID, nullable=False),
        sa.Column("object_id", UUID),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("comments", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("created_by", UUID, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resolved_by", UUID),
        sa.Column("resolved_at", sa.DateTime(timezone=True)),
    )
    op.create_index("issues_label", "issues", ["project_id", "label_id", "id"])
    op.create_table(
        "issue_comments",
        sa.Column("project_id", UUID, primary_key=True),
        sa.Column("issue_id", UUID, primary_key=True),
        sa.Column("id", UUID, primary_key=True),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("created_by", UUID, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )
