"""Indexes of the lists of labels: every sort, and what filters look for (docs/decisions/indexes-of-labels.md)."""

from alembic import op

revision = "0018"
down_revision = "0017"

INDEXES = {
    "assets_search": "assets USING gin (data_key gin_trgm_ops)",
    "labels_by_updated": "labels (project_id, updated_at, id)",
    "labels_by_submitted": "labels (project_id, coalesce(submitted_at, '-infinity'::timestamptz), id)",
    "labels_by_reviewed": "labels (project_id, coalesce(reviewed_at, '-infinity'::timestamptz), id)",
    "labels_by_data_key": "labels (project_id, data_key, id)",
    "labels_by_round": "labels (project_id, round, id)",
    "labels_by_objects": "labels (project_id, object_count, id)",
    "labels_by_open_issues": "labels (project_id, open_issues, id)",
    "labels_dataset": "labels (project_id, dataset, id)",
    "labels_reviewer": "labels (project_id, reviewer, id) WHERE reviewer IS NOT NULL",
    "labels_found": "labels USING gin (tags, class_ids, answers)",
    "labels_groups": "labels (project_id, status, review, assignee, reviewer, round, dataset)",
}


def upgrade() -> None:
    # a trusted extension: whoever owns the database may make it
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public")
    with op.get_context().autocommit_block():
        for name, columns in INDEXES.items():
            # one that was interrupted is there, and not valid
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.execute(f"CREATE INDEX CONCURRENTLY {name} ON {columns}")
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS labels_updated")  # labels_by_updated does its work, too


def downgrade() -> None:
    op.create_index("labels_updated", "labels", ["project_id", "updated_at"])
    for name in INDEXES:
        op.drop_index(name)
