"""The data library, labels, imports, and copies of projects and members."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, UUID

from chassis.migrations import create_chassis_tables_v1

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_chassis_tables_v1()
    _create_library()
    _create_labels()
    _create_imports()
    _create_copies()


def _create_library() -> None:
    op.create_table(
        "datasets",
        sa.Column("id", UUID, primary_key=True),
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "assets",
        sa.Column("id", UUID, primary_key=True),
        sa.Column("dataset_id", UUID, sa.ForeignKey("datasets.id"), nullable=False),
        sa.Column("data_key", sa.Text(collation="C"), nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("announced_size", sa.BigInteger, nullable=False),
        sa.Column("announced_sha256", sa.Text),
        sa.Column("upload_id", UUID, nullable=False),
        sa.Column("object_key", sa.Text),
        sa.Column("size", sa.BigInteger),
        sa.Column("sha256", sa.Text),
        sa.Column("crc32", sa.Text),
        sa.Column("width", sa.Integer),
        sa.Column("height", sa.Integer),
        sa.Column("content_type", sa.Text),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("dataset_id", "data_key", name="assets_data_key"),
    )
    expected = sa.text("state = 'registered'")
    op.create_index("assets_expected", "assets", ["updated_at"], postgresql_where=expected)


def _create_labels() -> None:
    op.create_table(
        "labels",
        sa.Column("project_id", UUID, primary_key=True),
        sa.Column("id", UUID, primary_key=True),
        sa.Column("asset_id", UUID, nullable=False),
        sa.Column("dataset_id", UUID, nullable=False),
        sa.Column("dataset", sa.Text, nullable=False),
        sa.Column("data_key", sa.Text(collation="C"), nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("review", sa.Text, nullable=False),
        sa.Column("round", sa.Integer, nullable=False),
        sa.Column("assignee", UUID),
        sa.Column("reviewer", UUID),
        sa.Column("submitter", UUID),
        sa.Column("tags", ARRAY(UUID), nullable=False, server_default=sa.text("'{}'")),
        sa.Column("open_issues", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("objects", JSONB, nullable=False, server_default=sa.text("'{}'")),
        sa.Column("categories", JSONB, nullable=False, server_default=sa.text("'{}'")),
        sa.Column("body_digest", sa.Text),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True)),
        sa.Column("reviewed_at", sa.DateTime(timezone=True)),
        sa.UniqueConstraint("project_id", "asset_id", name="labels_asset"),
    )
    op.create_index("labels_assignee", "labels", ["project_id", "assignee", "id"])
    op.create_index("labels_segment", "labels", ["project_id", "status", "review", "id"])
    op.create_index("labels_data_key", "labels", ["project_id", "dataset_id", "data_key"])
    op.create_index("labels_updated", "labels", ["project_id", "updated_at"])
    open_issues = sa.text("open_issues > 0")
    op.create_index("labels_open_issues", "labels", ["project_id", "id"], postgresql_where=open_issues)
    pool = sa.text("status = 'in_progress' AND assignee IS NULL")
    op.create_index("labels_pool", "labels", ["project_id", "id"], postgresql_where=pool)
    op.create_table(
        "label_bodies",
        sa.Column("project_id", UUID, primary_key=True),
        sa.Column("label_id", UUID, primary_key=True),
        sa.Column("body", JSONB, nullable=False),
    )
    op.create_table(
        "label_history",
        sa.Column("project_id", UUID, primary_key=True),
        sa.Column("label_id", UUID, primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("actor", UUID),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("comment", sa.Text),
        sa.Column("before", JSONB, nullable=False),
        sa.Column("after", JSONB, nullable=False),
    )


def _create_imports() -> None:
    op.create_table(
        "uploads",
        sa.Column("project_id", UUID, primary_key=True),
        sa.Column("id", UUID, primary_key=True),
        sa.Column("filename", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("created_by", UUID, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "imports",
        sa.Column("project_id", UUID, primary_key=True),
        sa.Column("id", UUID, primary_key=True),
        sa.Column("upload_id", UUID, nullable=False),
        sa.Column("format", sa.Text, nullable=False),
        sa.Column("dataset_id", UUID, nullable=False),
        sa.Column("dataset", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("on_error", sa.Text, nullable=False),
        sa.Column("create_classes", sa.Boolean, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("done", sa.Integer, nullable=False),
        sa.Column("total", sa.Integer),
        sa.Column("report", JSONB, nullable=False),
        sa.Column("failure", sa.Text),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created_by", UUID, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
    )


def _create_copies() -> None:
    op.create_table(
        "project_copies",
        sa.Column("project_id", UUID, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("deleted", sa.Boolean, nullable=False),
        sa.Column("specification", JSONB, nullable=False),
    )
    op.create_table(
        "membership_copies",
        sa.Column("project_id", UUID, primary_key=True),
        sa.Column("user_id", UUID, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("role", sa.Text),
    )
