"""What tokens are limited to, known devices, and what slows the guessing of passwords."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    # tokens that are there may do everything, as they could; so do those that the version before goes on making
    op.add_column("tokens", sa.Column("scope", sa.String(20), nullable=False, server_default="full"))
    op.add_column("tokens", sa.Column("project_id", sa.Uuid))
    op.create_table(
        "known_devices",
        sa.Column("secret_hash", sa.LargeBinary, primary_key=True),
        sa.Column("user_id", sa.Uuid, sa.ForeignKey("users.id"), primary_key=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("known_devices_of_user", "known_devices", ["user_id", "expires_at"])
    op.create_table(
        "password_guards",
        sa.Column("key", sa.LargeBinary, primary_key=True),
        sa.Column("full_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("password_guards_by_end", "password_guards", ["full_at"])
