"""How far an export is, and whether anybody is there to go on with it."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("exports", sa.Column("done", sa.Integer, nullable=False, server_default=sa.text("0")))
    op.add_column("exports", sa.Column("started_at", sa.DateTime(timezone=True)))
    op.add_column("exports", sa.Column("waiting_for_worker", sa.Boolean, nullable=False, server_default=sa.false()))
    op.create_index(
        "exports_open", "exports", ["created_at"], postgresql_where=sa.text("state IN ('queued', 'running')")
    )


def downgrade() -> None:
    op.drop_index("exports_open", "exports")
    op.drop_column("exports", "waiting_for_worker")
    op.drop_column("exports", "started_at")
    op.drop_column("exports", "done")
