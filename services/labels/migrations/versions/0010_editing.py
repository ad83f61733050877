"""Bodies to go back to, who is editing, a project's history, and whom and what issues point at."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "past_bodies",
        sa.Column("project_id", sa.Uuid, primary_key=True),
        sa.Column("label_id", sa.Uuid, primary_key=True),
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column("body", JSONB, nullable=False),
    )
    op.create_table(
        "edit_locks",
        sa.Column("project_id", sa.Uuid, primary_key=True),
        sa.Column("label_id", sa.Uuid, primary_key=True),
        sa.Column("user_id", sa.Uuid, nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
    )
    op.add_column("issues", sa.Column("x", sa.Float))
    op.add_column("issues", sa.Column("y", sa.Float))
    for table in ("issues", "issue_comments"):
        op.add_column(table, sa.Column("mentions", ARRAY(sa.Uuid), nullable=False, server_default=sa.text("'{}'")))
    with op.get_context().autocommit_block():
        # one that was interrupted is there, and not valid
        op.drop_index("label_history_at", "label_history", if_exists=True, postgresql_concurrently=True)
        op.create_index(
            "label_history_at",
            "label_history",
            ["project_id", "at", "label_id", "version"],
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    op.drop_index("label_history_at", "label_history")
    for table in ("issue_comments", "issues"):
        op.drop_column(table, "mentions")
    op.drop_column("issues", "y")
    op.drop_column("issues", "x")
    op.drop_table("edit_locks")
    op.drop_table("past_bodies")
