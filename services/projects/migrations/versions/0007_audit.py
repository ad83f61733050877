"""The audit."""

from alembic import op

from chassis.migrations import create_audit_v1

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    create_audit_v1()


def downgrade() -> None:
    op.drop_table("audit")
