"""What filters look for comes with the label where many are written; the triggers give it to the others alone."""

from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute(
        "CREATE OR REPLACE TRIGGER labels_project_made BEFORE INSERT ON labels FOR EACH ROW"
        " WHEN ((NEW.objects <> '{}' OR NEW.categories <> '{}')"
        " AND NEW.class_ids = '{}' AND NEW.answers = '{}')"
        " EXECUTE FUNCTION labels_project()"
    )
    op.execute(
        "CREATE OR REPLACE TRIGGER labels_project_changed BEFORE UPDATE OF objects, categories ON labels FOR EACH ROW"
        " WHEN ((NEW.objects, NEW.categories) IS DISTINCT FROM (OLD.objects, OLD.categories)"
        " AND (NEW.object_count, NEW.class_ids, NEW.answers)"
        " IS NOT DISTINCT FROM (OLD.object_count, OLD.class_ids, OLD.answers))"
        " EXECUTE FUNCTION labels_project()"
    )


def downgrade() -> None:
    op.execute(
        "CREATE OR REPLACE TRIGGER labels_project_made BEFORE INSERT ON labels FOR EACH ROW"
        " WHEN (NEW.objects <> '{}' OR NEW.categories <> '{}') EXECUTE FUNCTION labels_project()"
    )
    op.execute(
        "CREATE OR REPLACE TRIGGER labels_project_changed BEFORE UPDATE OF objects, categories ON labels FOR EACH ROW"
        " EXECUTE FUNCTION labels_project()"
    )
