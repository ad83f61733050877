"""Resolved issues are counted at their labels, and labels from before 0011 get what its triggers give to new ones.

The pages are transactions of their own; whatever was interrupted is begun again, which does no harm.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

_OF_ISSUES = """
CREATE OR REPLACE FUNCTION issues_project() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    was integer := CASE WHEN TG_OP <> 'INSERT' AND OLD.state = 'resolved' THEN 1 ELSE 0 END;
    now integer := CASE WHEN TG_OP <> 'DELETE' AND NEW.state = 'resolved' THEN 1 ELSE 0 END;
    changed issues := CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
BEGIN
    IF was <> now THEN
        UPDATE labels SET resolved_issues = resolved_issues + now - was
        WHERE project_id = changed.project_id AND id = changed.label_id;
    END IF;
    RETURN NULL;
END $$
"""

_PAGE = sa.text("""
    WITH page AS (
        SELECT project_id, id FROM labels WHERE (project_id, id) > (:project_id, :id)
        ORDER BY project_id, id LIMIT 5000
    ), changed AS (
        UPDATE labels SET objects = labels.objects FROM page
        WHERE labels.project_id = page.project_id AND labels.id = page.id
            AND (labels.objects <> '{}' OR labels.categories <> '{}')
            AND cardinality(labels.class_ids) + cardinality(labels.answers) = 0
    )
    SELECT project_id, id FROM page ORDER BY project_id DESC, id DESC LIMIT 1
""")

_FIRST = "00000000-0000-0000-0000-000000000000"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute(_OF_ISSUES)
    op.execute(  # nobody moves an issue from here on until they are counted
        "CREATE OR REPLACE TRIGGER issues_project AFTER INSERT OR DELETE OR UPDATE OF state ON issues FOR EACH ROW"
        " EXECUTE FUNCTION issues_project()"
    )
    op.execute(
        "UPDATE labels SET resolved_issues = counted.issues FROM (SELECT project_id, label_id, count(*) AS issues"
        " FROM issues WHERE state = 'resolved' GROUP BY project_id, label_id) AS counted"
        " WHERE labels.project_id = counted.project_id AND labels.id = counted.label_id"
    )
    with op.get_context().autocommit_block():
        last = {"project_id": _FIRST, "id": _FIRST}
        while (row := op.get_bind().execute(_PAGE, last).one_or_none()) is not None:
            last = {"project_id": row.project_id, "id": row.id}


def downgrade() -> None:
    op.execute("DROP TRIGGER issues_project ON issues")
    op.execute("DROP FUNCTION issues_project()")
