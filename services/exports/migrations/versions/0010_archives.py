"""Raw-data archives, parts of uploads that may be gone on with, files that are deleted later, and retention."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "archives",
        sa.Column("project_id", sa.Uuid, primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("key", sa.Text),
        sa.Column("report", JSONB),
        sa.Column("taken_at", sa.DateTime(timezone=True)),
        sa.Column("built_at", sa.DateTime(timezone=True)),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.Column("build_id", sa.Uuid),
        sa.Column("state", sa.Text),
        sa.Column("attempt", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("manifest", sa.Text),
        sa.Column("failure", sa.Text),
        sa.Column("done", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.Column("total", sa.BigInteger),
        sa.Column("waiting_for_worker", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("asked_by", sa.Uuid),
        sa.Column("asked_at", sa.DateTime(timezone=True)),
        sa.Column("started_at", sa.DateTime(timezone=True)),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
    )
    op.create_table(
        "multipart_parts",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("upload_id", sa.Text, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("etag", sa.Text, nullable=False),
        sa.Column("through", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "superseded_files",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("delete_after", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("superseded_files_due", "superseded_files", ["delete_after"])
    op.create_table(
        "retentions",
        sa.Column("project_id", sa.Uuid, primary_key=True),
        sa.Column("days", sa.Integer),
        sa.Column("version", sa.Integer, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("retentions")
    op.drop_table("superseded_files")
    op.drop_table("multipart_parts")
    op.drop_table("archives")
