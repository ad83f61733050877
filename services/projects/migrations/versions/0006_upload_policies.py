"""What people may upload is remembered, so that it can be swept."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "upload_policies",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("upload_policies_until", "upload_policies", ["until"])


def downgrade() -> None:
    op.drop_table("upload_policies")
