"""How many exports a project may keep."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "quotas",
        sa.Column("project_id", sa.Uuid, primary_key=True),
        sa.Column("most", sa.BigInteger),
    )


def downgrade() -> None:
    op.drop_table("quotas")
