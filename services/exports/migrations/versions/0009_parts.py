"""Parts of exports, each a message; the step that an export is at."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("exports", sa.Column("step", sa.Text))
    op.add_column("exports", sa.Column("step_began_at", sa.DateTime(timezone=True)))
    op.add_column("exports", sa.Column("total", sa.Integer))
    op.add_column("exports", sa.Column("project_name", sa.Text))
    op.create_table(
        "export_parts",
        sa.Column("project_id", sa.Uuid, primary_key=True),
        sa.Column("export_id", sa.Uuid, primary_key=True),
        sa.Column("step", sa.Text, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("labels", sa.Integer, nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True)),
    )
    op.create_index("export_parts_sent", "export_parts", ["sent_at"], postgresql_where=sa.text("state = 'sent'"))


def downgrade() -> None:
    op.drop_table("export_parts")
    for name in ("project_name", "total", "step_began_at", "step"):
        op.drop_column("exports", name)
