"""Files that the object store puts together: their checksum, and uploads that have not ended."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("exports", sa.Column("crc32", sa.BigInteger))
    op.create_table(
        "multipart_uploads",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("upload_id", sa.Text, primary_key=True),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    )
    op.create_index("multipart_uploads_age", "multipart_uploads", ["began_at"])


def downgrade() -> None:
    op.drop_table("multipart_uploads")
    op.drop_column("exports", "crc32")
