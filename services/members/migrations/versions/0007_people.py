"""People are found by parts of name and address, their last activity is known; invitations."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")  # a trusted one: who owns the database may
    op.add_column("users", sa.Column("last_active_at", sa.DateTime(timezone=True)))
    search_key = sa.Computed("lower(name || ' ' || email_key)", persisted=True)
    op.add_column("users", sa.Column("search_key", sa.Text, search_key, nullable=False))
    op.create_index(
        "users_search", "users", ["search_key"], postgresql_using="gin", postgresql_ops={"search_key": "gin_trgm_ops"}
    )
    op.create_index("users_by_team_role", "users", ["team_role", "id"])
    op.create_table(
        "invitations",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("project_id", sa.Uuid),
        sa.Column("project_name", sa.Text),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("email_key", sa.Text, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary),
        sa.Column("round", sa.Integer, nullable=False),
        sa.Column("mailed_round", sa.Integer, nullable=False),
        sa.Column("mail_failed", sa.Boolean, nullable=False),
        sa.Column("created_by", sa.Uuid, sa.ForeignKey("users.id"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("accepted_by", sa.Uuid, sa.ForeignKey("users.id")),
        sa.UniqueConstraint("secret_hash", name="invitations_secret_hash_unique"),
    )
    op.create_index("invitations_by_state", "invitations", ["project_id", "state", "id"])
    op.create_index("invitations_of_project", "invitations", ["project_id", "id"])
    op.create_index(
        "invitations_pending",
        "invitations",
        [sa.text("coalesce(project_id, '00000000-0000-0000-0000-000000000000'::uuid)"), "email_key"],
        unique=True,
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        "invitations_of_inviter", "invitations", ["created_by"], postgresql_where=sa.text("state = 'pending'")
    )


def downgrade() -> None:
    op.drop_table("invitations")
    op.drop_column("users", "search_key")
    op.drop_column("users", "last_active_at")
    op.drop_index("users_by_team_role", "users")
