"""How many bytes of assets a project's labels are of, and may be of."""

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
    op.create_table(
        "storage_uses",
        sa.Column("project_id", sa.Uuid, primary_key=True),
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("size", sa.BigInteger, nullable=False),
    )
    # What there is. Labels that processes of the version before make from now on are counted when a quota is set.
    op.execute("""
        INSERT INTO storage_uses (project_id, id, size)
        SELECT labels.project_id, gen_random_uuid(), sum(assets.size)
        FROM labels JOIN assets ON assets.id = labels.asset_id
        GROUP BY labels.project_id HAVING sum(assets.size) > 0
    """)


def downgrade() -> None:
    op.drop_table("storage_uses")
    op.drop_table("quotas")
