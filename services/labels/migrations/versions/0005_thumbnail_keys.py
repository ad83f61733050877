"""Where an asset's thumbnail stands, by the hash of its file."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("assets", sa.Column("thumbnail_key", sa.Text))


def downgrade() -> None:
    op.drop_column("assets", "thumbnail_key")
