"""Users, sessions, tokens, memberships and role counters."""

import sqlalchemy as sa
from alembic import op

from chassis.migrations import create_chassis_tables_v1

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_chassis_tables_v1()
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("email_key", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("password_hash", sa.Text, nullable=False),
        sa.Column("team_role", sa.String(20), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("email_key", name="users_email_key_unique"),
    )
    op.create_table(
        "sessions",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("user_id", sa.Uuid, sa.ForeignKey("users.id"), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary, nullable=False),
        sa.Column("device", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("secret_hash", name="sessions_secret_hash_unique"),
    )
    op.create_index("sessions_of_user", "sessions", ["user_id", "expires_at"])
    op.create_table(
        "tokens",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("user_id", sa.Uuid, sa.ForeignKey("users.id"), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("secret_hash", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        sa.Column("last_used_at", sa.DateTime(timezone=True)),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
        sa.UniqueConstraint("secret_hash", name="tokens_secret_hash_unique"),
    )
    op.create_index("tokens_of_user", "tokens", ["user_id", "id"], postgresql_where=sa.text("revoked_at IS NULL"))
    op.create_table(
        "memberships",
        sa.Column("project_id", sa.Uuid, primary_key=True),
        sa.Column("user_id", sa.Uuid, sa.ForeignKey("users.id"), primary_key=True),
        sa.Column("role", sa.String(20)),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("memberships_by_role", "memberships", ["project_id", "role", "user_id"])
    op.create_index(
        "memberships_of_user",
        "memberships",
        ["user_id", "project_id"],
        postgresql_where=sa.text("role IS NOT NULL"),
    )
    op.create_table(
        "project_role_counts",
        sa.Column("project_id", sa.Uuid, primary_key=True),
        sa.Column("manager", sa.Integer, nullable=False),
        sa.Column("reviewer", sa.Integer, nullable=False),
        sa.Column("labeler", sa.Integer, nullable=False),
    )
    counts = op.create_table(
        "team_role_counts",
        sa.Column("only", sa.Boolean, primary_key=True),
        sa.Column("owner", sa.Integer, nullable=False),
        sa.Column("admin", sa.Integer, nullable=False),
        sa.CheckConstraint('"only"', name="team_role_counts_one_row"),
    )
    op.bulk_insert(counts, [{"only": True, "owner": 0, "admin": 0}])
    op.create_table(
        "deleted_projects",
        sa.Column("project_id", sa.Uuid, primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False),
    )
