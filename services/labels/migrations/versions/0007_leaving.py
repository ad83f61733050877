"""What waits for whom, so that it waits for anybody when they leave; what users are in the team."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "user_copies",
        sa.Column("user_id", sa.Uuid, primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.Column("team_role", sa.Text, nullable=False),
        sa.Column("everywhere", sa.Boolean, nullable=False),
    )
    with op.get_context().autocommit_block():
        for name in ("labels_to_do", "labels_to_review"):  # one that was interrupted is there, and not valid
            op.drop_index(name, "labels", if_exists=True, postgresql_concurrently=True)
        op.create_index(
            "labels_to_do",
            "labels",
            ["assignee", "project_id", "id"],
            postgresql_where=sa.text("status = 'in_progress' AND assignee IS NOT NULL"),
            postgresql_concurrently=True,
        )
        op.create_index(
            "labels_to_review",
            "labels",
            ["reviewer", "project_id", "review", "id"],
            postgresql_where=sa.text("review <> 'approved' AND reviewer IS NOT NULL"),
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    op.drop_index("labels_to_review", "labels")
    op.drop_index("labels_to_do", "labels")
    op.drop_table("user_copies")
