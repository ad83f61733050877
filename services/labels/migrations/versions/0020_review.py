"""Labels by their review alone: what was rejected may be one in a hundred, and old."""

from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        # one that was interrupted is there, and not valid
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS labels_review")
        op.execute("CREATE INDEX CONCURRENTLY labels_review ON labels (project_id, review, id)")


def downgrade() -> None:
    op.drop_index("labels_review")
