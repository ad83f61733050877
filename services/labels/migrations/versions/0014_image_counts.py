"""How many images a project's labels have added and removed since it began."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

COUNTS = ("added", "added_size", "removed")


def upgrade() -> None:
    for name in COUNTS:
        op.add_column("storage_uses", sa.Column(name, sa.BigInteger, nullable=False, server_default=sa.text("0")))
    # Those that there are count as added. Who compares two counts needs no more than that they begin somewhere.
    op.execute("""
        INSERT INTO storage_uses (project_id, id, size, added, added_size)
        SELECT labels.project_id, gen_random_uuid(), 0, count(*), coalesce(sum(assets.size), 0)
        FROM labels JOIN assets ON assets.id = labels.asset_id
        GROUP BY labels.project_id
    """)


def downgrade() -> None:
    for name in COUNTS:
        op.drop_column("storage_uses", name)
