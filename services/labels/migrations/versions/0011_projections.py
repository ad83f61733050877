"""What filters look for, in a form that indexes take: kept by triggers, which no way of writing leaves behind."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, UUID

revision = "0011"
down_revision = "0010"

_OF_LABELS = """
CREATE FUNCTION labels_project() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.object_count := coalesce((SELECT sum(value::integer) FROM jsonb_each_text(NEW.objects)), 0);
    NEW.class_ids := ARRAY(SELECT key::uuid FROM jsonb_object_keys(NEW.objects) AS key);
    NEW.answers := ARRAY(
        SELECT key::uuid FROM jsonb_object_keys(NEW.categories) AS key
        UNION SELECT option::uuid FROM jsonb_each(NEW.categories), jsonb_array_elements_text(value) AS option
    );
    RETURN NEW;
END $$
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '10s'")
    ids = ARRAY(UUID(as_uuid=True))
    for column in (
        sa.Column("object_count", sa.Integer, nullable=False, server_default=sa.text("0")),
        sa.Column("class_ids", ids, nullable=False, server_default=sa.text("'{}'")),
        sa.Column("answers", ids, nullable=False, server_default=sa.text("'{}'")),
        sa.Column("resolved_issues", sa.Integer, nullable=False, server_default=sa.text("0")),
    ):
        op.add_column("labels", column)
    op.execute(_OF_LABELS)
    # A label without objects and answers has what the columns begin with: most are made so, at no cost.
    op.execute(
        "CREATE TRIGGER labels_project_made BEFORE INSERT ON labels FOR EACH ROW"
        " WHEN (NEW.objects <> '{}' OR NEW.categories <> '{}') EXECUTE FUNCTION labels_project()"
    )
    op.execute(
        "CREATE TRIGGER labels_project_changed BEFORE UPDATE OF objects, categories ON labels FOR EACH ROW"
        " EXECUTE FUNCTION labels_project()"
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER labels_project_changed ON labels")
    op.execute("DROP TRIGGER labels_project_made ON labels")
    op.execute("DROP FUNCTION labels_project()")
    for column in ("resolved_issues", "answers", "class_ids", "object_count"):
        op.drop_column("labels", column)
