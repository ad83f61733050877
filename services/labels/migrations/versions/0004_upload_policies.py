"""What people may upload is remembered, so that it can be swept; what they might upload before is told by the rows."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "upload_policies",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("upload_policies_until", "upload_policies", ["until"])
    op.execute(
        "INSERT INTO upload_policies SELECT 'assets/' || dataset_id || '/' || id || '/' || upload_id, updated_at"
        " FROM assets WHERE state <> 'stored'"
    )
    op.execute("INSERT INTO upload_policies SELECT 'imports/' || project_id || '/' || id, created_at FROM uploads")


def downgrade() -> None:
    op.drop_table("upload_policies")
