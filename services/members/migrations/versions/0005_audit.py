"""The audit."""

from alembic import op

from chassis.migrations import create_audit_v1

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    create_audit_v1()


def downgrade() -> None:
    op.drop_table("audit")
