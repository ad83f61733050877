"""Failed messages: each once, and how many tries ended with their process."""

from chassis.migrations import change_chassis_tables_v2, undo_chassis_tables_v2

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    change_chassis_tables_v2()


def downgrade() -> None:
    undo_chassis_tables_v2()
