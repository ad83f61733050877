"""The tables of the labels service. `project_id` leads every key of project data.

A label is spread over three tables so that lists and counters never touch bodies: `labels` (narrow),
`label_bodies` (no row while a body is empty) and `label_history` (one row an action).
"""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from chassis import quotas, uploads
from chassis.tables import attach


class Base(DeclarativeBase):
    """Everything in this database."""

    type_annotation_map = {
        str: sa.Text,
        UUID: pg.UUID(as_uuid=True),
        datetime: sa.DateTime(timezone=True),
        dict[str, Any]: pg.JSONB,
        dict[str, int]: pg.JSONB,
        dict[str, list[str]]: pg.JSONB,
        dict[str, list[int]]: pg.JSONB,
        list[int]: pg.ARRAY(sa.Integer),
        list[str]: pg.ARRAY(sa.Text),
        list[UUID]: pg.ARRAY(pg.UUID(as_uuid=True)),
    }


attach(Base.metadata)
uploads.attach(Base.metadata)
quotas.attach(Base.metadata)

NEVER = sa.literal_column("'-infinity'::timestamptz", sa.DateTime(timezone=True))
"""When something happened that did not yet: before everything else, so that lists and indexes have a place for it."""

Key = sa.Text(collation="C")
"""Text that is listed in the order of its bytes, whatever the database's locale: cursors depend on it."""


class Dataset(Base):
    """A named collection of assets."""

    __tablename__ = "datasets"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Key, unique=True)
    created_at: Mapped[datetime]


class Asset(Base):
    """One raw item of the library.

    `announced_size` and `announced_sha256`: what its uploader promised. `upload_id` names the present attempt
    to upload it and with it the object that the attempt writes; `object_key` is where its verified file
    stands, `thumbnail_key` where the thumbnail of that does.
    """

    __tablename__ = "assets"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    dataset_id: Mapped[UUID] = mapped_column(sa.ForeignKey("datasets.id"))
    data_key: Mapped[str] = mapped_column(Key)
    state: Mapped[str]
    reason: Mapped[str | None]
    version: Mapped[int]
    announced_size: Mapped[int] = mapped_column(sa.BigInteger)
    announced_sha256: Mapped[str | None]
    upload_id: Mapped[UUID]
    object_key: Mapped[str | None]
    thumbnail_key: Mapped[str | None]  # null also where an older version has verified it
    size: Mapped[int | None] = mapped_column(sa.BigInteger)
    sha256: Mapped[str | None]
    crc32: Mapped[str | None]
    width: Mapped[int | None]
    height: Mapped[int | None]
    content_type: Mapped[str | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    __table_args__ = (
        sa.UniqueConstraint("dataset_id", "data_key", name="assets_data_key"),
        # the sweep of abandoned uploads
        sa.Index("assets_expected", "updated_at", postgresql_where=sa.text("state = 'registered'")),
        # search in the data keys of labels: here they never change, and an index of their parts is dear to change
        sa.Index("assets_search", "data_key", postgresql_using="gin", postgresql_ops={"data_key": "gin_trgm_ops"}),
    )


class Label(Base):
    """The record of one asset in one project, without its body.

    `dataset`, `data_key`, `width` and `height` are copies of the asset's, which no longer change once it is
    stored. `objects` counts objects by class id, `categories` are the chosen options by category id.
    `body_digest`: SHA-256 of the body in canonical JSON, null while it is empty.

    What filters look for is beside that in a form that indexes take: `object_count`, `class_ids` (the keys of
    `objects`), `answers` (categories and options that are in `categories`) and `resolved_issues` (counted from the
    table of issues). Triggers write it, unless it comes along: many labels at once bring theirs (handlers.label_rows),
    which is five times as fast.
    """

    __tablename__ = "labels"

    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    asset_id: Mapped[UUID]
    dataset_id: Mapped[UUID]
    dataset: Mapped[str]
    data_key: Mapped[str] = mapped_column(Key)
    width: Mapped[int]
    height: Mapped[int]
    status: Mapped[str]
    review: Mapped[str]
    round: Mapped[int]
    assignee: Mapped[UUID | None]
    reviewer: Mapped[UUID | None]
    submitter: Mapped[UUID | None]
    tags: Mapped[list[UUID]] = mapped_column(server_default=sa.text("'{}'"))
    open_issues: Mapped[int] = mapped_column(server_default=sa.text("0"))
    objects: Mapped[dict[str, int]] = mapped_column(server_default=sa.text("'{}'"))
    categories: Mapped[dict[str, list[str]]] = mapped_column(server_default=sa.text("'{}'"))
    object_count: Mapped[int] = mapped_column(server_default=sa.text("0"))
    class_ids: Mapped[list[UUID]] = mapped_column(server_default=sa.text("'{}'"))
    answers: Mapped[list[UUID]] = mapped_column(server_default=sa.text("'{}'"))
    resolved_issues: Mapped[int] = mapped_column(server_default=sa.text("0"))
    body_digest: Mapped[str | None]
    version: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    submitted_at: Mapped[datetime | None]
    reviewed_at: Mapped[datetime | None]

    __table_args__ = (
        sa.UniqueConstraint("project_id", "asset_id", name="labels_asset"),
        sa.Index("labels_assignee", "project_id", "assignee", "id"),
        sa.Index("labels_segment", "project_id", "status", "review", "id"),
        sa.Index("labels_data_key", "project_id", "dataset_id", "data_key"),
        # a list for each sort; docs/decisions/indexes-of-labels.md tells what each index is for, and costs
        sa.Index("labels_by_updated", "project_id", "updated_at", "id"),
        sa.Index("labels_by_submitted", "project_id", sa.func.coalesce(sa.column("submitted_at"), NEVER), "id"),
        sa.Index("labels_by_reviewed", "project_id", sa.func.coalesce(sa.column("reviewed_at"), NEVER), "id"),
        sa.Index("labels_by_data_key", "project_id", "data_key", "id"),
        sa.Index("labels_by_round", "project_id", "round", "id"),
        sa.Index("labels_by_objects", "project_id", "object_count", "id"),
        sa.Index("labels_by_open_issues", "project_id", "open_issues", "id"),
        sa.Index("labels_dataset", "project_id", "dataset", "id"),
        sa.Index("labels_review", "project_id", "review", "id"),
        sa.Index("labels_reviewer", "project_id", "reviewer", "id", postgresql_where=sa.text("reviewer IS NOT NULL")),
        # ids of tags, classes, categories and options are of one project each
        sa.Index("labels_found", "tags", "class_ids", "answers", postgresql_using="gin"),
        # groups are counted from this alone
        sa.Index("labels_groups", "project_id", "status", "review", "assignee", "reviewer", "round", "dataset"),
        sa.Index("labels_open_issues", "project_id", "id", postgresql_where=sa.text("open_issues > 0")),
        sa.Index(
            "labels_pool",
            "project_id",
            "id",
            postgresql_where=sa.text("status = 'in_progress' AND assignee IS NULL"),
        ),
        # what waits for whom: counted from these alone, and found by the person when they leave the team
        sa.Index(
            "labels_to_do",
            "assignee",
            "project_id",
            "id",
            postgresql_where=sa.text("status = 'in_progress' AND assignee IS NOT NULL"),
        ),
        sa.Index(
            "labels_to_review",
            "reviewer",
            "project_id",
            "review",
            "id",
            postgresql_where=sa.text("review <> 'approved' AND reviewer IS NOT NULL"),
        ),
    )


class StorageUse(Base):
    """So many bytes of assets more (`size`) that a project's labels are of; their sum is its storage. Beside it what
    only grows: images `added`, of `added_size` bytes, and `removed`.

    A row for each time that labels are made or deleted, so that nobody waits for anybody where nothing is limited;
    where something is, whoever adds one makes one of all. A sweep does the same where they have become many.
    """

    __tablename__ = "storage_uses"

    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    size: Mapped[int] = mapped_column(sa.BigInteger)
    added: Mapped[int] = mapped_column(sa.BigInteger, server_default=sa.text("0"))
    added_size: Mapped[int] = mapped_column(sa.BigInteger, server_default=sa.text("0"))
    removed: Mapped[int] = mapped_column(sa.BigInteger, server_default=sa.text("0"))


class LabelBody(Base):
    """What was annotated: a `contracts.body.Body`. A label without a row here has an empty body."""

    __tablename__ = "label_bodies"

    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    label_id: Mapped[UUID] = mapped_column(primary_key=True)
    body: Mapped[dict[str, Any]]


class PastBody(Base):
    """A body that a label had, by its digest, to go back to. An empty one has none, and needs no row."""

    __tablename__ = "past_bodies"

    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    label_id: Mapped[UUID] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(primary_key=True)
    body: Mapped[dict[str, Any]]


class EditLock(Base):
    """Who says that they are editing a label, and until when. It keeps nobody from saving."""

    __tablename__ = "edit_locks"

    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    label_id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID]
    until: Mapped[datetime]


class LabelHistory(Base):
    """One action on a label: the version it led to, and what it changed."""

    __tablename__ = "label_history"

    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    label_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    action: Mapped[str]
    actor: Mapped[UUID | None]
    at: Mapped[datetime]
    comment: Mapped[str | None]
    before: Mapped[dict[str, Any]]
    after: Mapped[dict[str, Any]]

    __table_args__ = (sa.Index("label_history_at", "project_id", "at", "label_id", "version"),)


class Issue(Base):
    """A comment thread on a label; `comments` counts the answers. `labels.open_issues` counts the open ones."""

    __tablename__ = "issues"

    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    label_id: Mapped[UUID]
    object_id: Mapped[UUID | None]
    x: Mapped[float | None]  # pixels, with y
    y: Mapped[float | None]
    mentions: Mapped[list[UUID]] = mapped_column(server_default=sa.text("'{}'"))
    text: Mapped[str]
    state: Mapped[str]
    comments: Mapped[int] = mapped_column(server_default=sa.text("0"))
    created_by: Mapped[UUID]
    created_at: Mapped[datetime]
    resolved_by: Mapped[UUID | None]
    resolved_at: Mapped[datetime | None]

    __table_args__ = (sa.Index("issues_label", "project_id", "label_id", "id"),)


class IssueComment(Base):
    """An answer in the thread of an issue."""

    __tablename__ = "issue_comments"

    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    issue_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    text: Mapped[str]
    mentions: Mapped[list[UUID]] = mapped_column(server_default=sa.text("'{}'"))
    created_by: Mapped[UUID]
    created_at: Mapped[datetime]


class Tag(Base):
    """A name on labels of a project; `labels` counts those that carry it.

    One that was ended, at `ended_at`, is not seen any more, and a task takes it off its labels. Only tasks put tags on
    labels and take them off, and they lock the tag first: whoever ends it comes before a part of them, or after.
    """

    __tablename__ = "tags"

    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Key)
    labels: Mapped[int] = mapped_column(server_default=sa.text("0"))
    version: Mapped[int]
    created_by: Mapped[UUID]
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    __table_args__ = (
        sa.Index("tags_name", "project_id", "name", unique=True, postgresql_where=sa.text("ended_at IS NULL")),
    )


class SavedFilter(Base):
    """A name for a `contracts.rpc.labels.LabelFilter` and an order; `scope` is a `FilterScope`. Those of somebody who
    has left stay, and nobody sees them until they are back.
    """

    __tablename__ = "saved_filters"

    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Key)
    scope: Mapped[str]
    owner: Mapped[UUID]
    filter: Mapped[dict[str, Any]]
    sort: Mapped[str]
    version: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

    __table_args__ = (
        sa.Index(
            "saved_filters_own",
            "project_id",
            "owner",
            "name",
            unique=True,
            postgresql_where=sa.text("scope = 'own'"),
        ),
        sa.Index(
            "saved_filters_name",
            "project_id",
            "name",
            unique=True,
            postgresql_where=sa.text("scope = 'project'"),
        ),
    )


class Task(Base):
    """An action over many labels and how far it is.

    `kind` is a `TaskKind`, `order` what was asked for (a `BulkOrder`; of tags, which). `role`: what `created_by` was in
    the project then. `total` null: not planned yet. `part`: the next of the task's parts.
    """

    __tablename__ = "tasks"

    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    order: Mapped[dict[str, Any]]
    role: Mapped[str]
    state: Mapped[str]
    part: Mapped[int] = mapped_column(server_default=sa.text("0"))
    done: Mapped[int] = mapped_column(server_default=sa.text("0"))
    total: Mapped[int | None]
    changed: Mapped[int] = mapped_column(server_default=sa.text("0"))
    unchanged: Mapped[int] = mapped_column(server_default=sa.text("0"))
    skipped: Mapped[dict[str, int]] = mapped_column(server_default=sa.text("'{}'"))
    given: Mapped[dict[str, int]] = mapped_column(server_default=sa.text("'{}'"))
    failure: Mapped[str | None]
    version: Mapped[int]
    created_by: Mapped[UUID]
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class TaskPart(Base):
    """Labels that a task has still to do, in one transaction; where they are assigned, each to which of `users`.

    `users` is as long as `labels`. Done parts are deleted.
    """

    __tablename__ = "task_parts"

    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    task_id: Mapped[UUID] = mapped_column(primary_key=True)
    part: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    labels: Mapped[list[UUID]]
    users: Mapped[list[UUID] | None]


class SkippedLabel(Base):
    """A label that a task left as it was, and why."""

    __tablename__ = "skipped_labels"

    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    task_id: Mapped[UUID] = mapped_column(primary_key=True)
    label_id: Mapped[UUID] = mapped_column(primary_key=True)
    code: Mapped[str]
    detail: Mapped[str]


class Version(Base):
    """Labels as they were at one moment, kept for ever as the objects of a snapshot (`manifest`: the key of its own).

    `selection`: what was asked for; `of` the same in few words (contracts' VersionOf). `size`: bytes of its objects. A
    deleted one stays as a tombstone.
    """

    __tablename__ = "versions"

    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)  # UUIDv7: by id is by age
    name: Mapped[str]
    note: Mapped[str] = mapped_column(server_default="")
    selection: Mapped[dict[str, Any]] = mapped_column(deferred=True)  # may name ten thousand labels
    of: Mapped[dict[str, Any]]
    state: Mapped[str]
    done: Mapped[int] = mapped_column(server_default=sa.text("0"))
    total: Mapped[int | None]
    labels: Mapped[int | None]
    objects: Mapped[int | None] = mapped_column(sa.BigInteger)
    size: Mapped[int | None] = mapped_column(sa.BigInteger)
    manifest: Mapped[str | None]
    taken_at: Mapped[datetime | None]
    failure: Mapped[str | None]
    version: Mapped[int]
    created_by: Mapped[UUID]
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]

    __table_args__ = (
        sa.Index("versions_name", "project_id", "name", unique=True, postgresql_where=sa.text("deleted_at IS NULL")),
    )


class VersionObject(Base):
    """An object of a version: the row promises that it stands. `size` in bytes."""

    __tablename__ = "version_objects"

    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    version_id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    size: Mapped[int] = mapped_column(sa.BigInteger)
    sha256: Mapped[str]


class Comparison(Base):
    """What differs between two versions, and how far it is found out: `position` is the part that is at hand and how
    many of its labels were compared, of `before_id` and of `after_id`. `done` of `total` labels of both.

    `objects`: by class id how many were added, removed and changed.
    """

    __tablename__ = "comparisons"

    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    before_id: Mapped[UUID]
    after_id: Mapped[UUID]
    state: Mapped[str]
    position: Mapped[list[int]] = mapped_column(server_default=sa.text("'{0,0,0,0}'"))
    done: Mapped[int] = mapped_column(server_default=sa.text("0"))
    total: Mapped[int]
    added: Mapped[int] = mapped_column(server_default=sa.text("0"))
    removed: Mapped[int] = mapped_column(server_default=sa.text("0"))
    changed: Mapped[int] = mapped_column(server_default=sa.text("0"))
    unchanged: Mapped[int] = mapped_column(server_default=sa.text("0"))
    objects: Mapped[dict[str, list[int]]]
    failure: Mapped[str | None]
    version: Mapped[int]
    created_by: Mapped[UUID]
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    __table_args__ = (sa.UniqueConstraint("project_id", "before_id", "after_id", name="comparisons_pair"),)


class Difference(Base):
    """A label that differs between two versions: its `fields` that do, and the ids of objects."""

    __tablename__ = "differences"

    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    comparison_id: Mapped[UUID] = mapped_column(primary_key=True)
    label_id: Mapped[UUID] = mapped_column(primary_key=True)
    dataset: Mapped[str]
    data_key: Mapped[str] = mapped_column(Key)
    change: Mapped[str]
    fields: Mapped[list[str]]
    objects_added: Mapped[list[UUID]]
    objects_removed: Mapped[list[UUID]]
    objects_changed: Mapped[list[UUID]]

    __table_args__ = (sa.Index("differences_change", "project_id", "comparison_id", "change", "label_id"),)


class Upload(Base):
    """A place in the object store where a file for an import is put."""

    __tablename__ = "uploads"

    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    filename: Mapped[str]
    size: Mapped[int] = mapped_column(sa.BigInteger)
    created_by: Mapped[UUID]
    created_at: Mapped[datetime]


class Import(Base):
    """An import and how far it is.

    `total` labels are in the file, the first `done` of them have been applied: where a restarted import goes
    on. `report` is a `contracts.rpc.labels.ImportReport` of those.
    """

    __tablename__ = "imports"

    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    upload_id: Mapped[UUID]
    format: Mapped[str]
    dataset_id: Mapped[UUID]
    dataset: Mapped[str]
    status: Mapped[str]
    on_error: Mapped[str]
    create_classes: Mapped[bool]
    state: Mapped[str]
    done: Mapped[int]
    total: Mapped[int | None]
    report: Mapped[dict[str, Any]]
    failure: Mapped[str | None]
    version: Mapped[int]
    created_by: Mapped[UUID]
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class ProjectCopy(Base):
    """What this service needs of a project, from events or asked for. A deleted one stays as a tombstone."""

    __tablename__ = "project_copies"

    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int]
    deleted: Mapped[bool]
    specification: Mapped[dict[str, Any]]


class MembershipCopy(Base):
    """Somebody's role in a project, from events or asked for. `role` null: not a member any more."""

    __tablename__ = "membership_copies"

    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int]
    role: Mapped[str | None]


class UserCopy(Base):
    """What a user is in the team, from events: whether they can sign in (`active`), and `team_role`.

    `everywhere`: labels of projects that they are no member of may be assigned to them, from when they were an owner or
    admin; true until those have been given back.
    """

    __tablename__ = "user_copies"

    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(sa.BigInteger)
    active: Mapped[bool]
    team_role: Mapped[str]
    everywhere: Mapped[bool]


class CanceledSnapshot(Base):
    """A snapshot that was asked for and is not wanted any more. Its part objects are gone, or will be."""

    __tablename__ = "canceled_snapshots"

    snapshot_id: Mapped[UUID] = mapped_column(primary_key=True)
    canceled_at: Mapped[datetime] = mapped_column(server_default=sa.func.now())
