"""The tables of the exports service."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from chassis import multiparts, quotas
from chassis.tables import attach


class Base(DeclarativeBase):
    """This service's tables."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: sa.DateTime(timezone=True),
        str: sa.Text,
        dict[str, Any]: JSONB,
    }


attach(Base.metadata)
multiparts.attach(Base.metadata)
quotas.attach(Base.metadata)


class ExportRow(Base):
    """An export, running or ended. Its snapshot, unless it is of a version, has the same id. A deleted one stays as a
    tombstone.

    `attempt` is the fencing token of its assembly: who assembles raises it, writes a file that carries it in its key,
    and ends the export only if it still stands.
    """

    __tablename__ = "exports"
    __table_args__ = (
        sa.Index("exports_open", "created_at", postgresql_where=sa.text("state IN ('queued', 'running')")),
    )

    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)  # UUIDv7: by id is by age
    name: Mapped[str]
    format: Mapped[str]
    filter: Mapped[dict[str, Any]]  # contracts.rpc.labels.LabelFilter
    options: Mapped[dict[str, Any]] = mapped_column(server_default=sa.text("'{}'"))  # contracts' ExportOptions
    report: Mapped[dict[str, Any] | None]  # contracts' ExportReport
    version_id: Mapped[UUID | None]  # the version that it is of, whose snapshot is not its own
    version_name: Mapped[str | None]
    state: Mapped[str]
    manifest: Mapped[str | None]  # key of its snapshot's manifest
    attempt: Mapped[int] = mapped_column(server_default=sa.text("0"))
    labels: Mapped[int | None]
    objects: Mapped[int | None] = mapped_column(sa.BigInteger)
    size: Mapped[int | None] = mapped_column(sa.BigInteger)  # bytes
    sha256: Mapped[str | None]  # of a file that was not put together by the store
    crc32: Mapped[int | None] = mapped_column(sa.BigInteger)
    failure: Mapped[str | None]
    done: Mapped[int] = mapped_column(server_default=sa.text("0"))  # labels that are written so far
    started_at: Mapped[datetime | None]  # its snapshot stood
    step: Mapped[str | None]  # contracts' ExportStep, while it is under way
    step_began_at: Mapped[datetime | None]
    total: Mapped[int | None]  # labels of this step, about
    project_name: Mapped[str | None]  # as every part of it and the file call the project
    waiting_for_worker: Mapped[bool] = mapped_column(server_default=sa.false())
    version: Mapped[int]
    created_by: Mapped[UUID]
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]


class PartRow(Base):
    """A part of an export's snapshot, for one step of its work; none of an export that was written in one go.

    It waits until the dispatcher sends it; then its message is its lease.
    """

    __tablename__ = "export_parts"
    __table_args__ = (sa.Index("export_parts_sent", "sent_at", postgresql_where=sa.text("state = 'sent'")),)

    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    export_id: Mapped[UUID] = mapped_column(primary_key=True)
    step: Mapped[str] = mapped_column(primary_key=True)  # survey or format
    number: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[str]  # domain.PartState
    labels: Mapped[int]
    sent_at: Mapped[datetime | None]


class ArchiveRow(Base):
    """A project's raw-data archive: the one that stands, and the latest build.

    `key`: of the zip that stands (its index beside it), null where there is none; `report`: a contracts' ArchiveReport
    of it; `taken_at`: the moment whose images are in it. `deleted_at`: there was one, and it was deleted.
    `build_id`, `state`: of the latest build, whose list of images is the snapshot of the same id; `attempt` is its
    fencing token. `done` of `total` bytes stand.
    """

    __tablename__ = "archives"

    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(sa.BigInteger)
    key: Mapped[str | None]
    report: Mapped[dict[str, Any] | None]
    taken_at: Mapped[datetime | None]
    built_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]
    build_id: Mapped[UUID | None]
    state: Mapped[str | None]
    attempt: Mapped[int] = mapped_column(server_default=sa.text("0"))
    manifest: Mapped[str | None]
    failure: Mapped[str | None]
    done: Mapped[int] = mapped_column(sa.BigInteger, server_default=sa.text("0"))
    total: Mapped[int | None] = mapped_column(sa.BigInteger)
    waiting_for_worker: Mapped[bool] = mapped_column(server_default=sa.false())
    asked_by: Mapped[UUID | None]
    asked_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class SupersededFile(Base):
    """An object that nobody is led to any more, and that is deleted once those who were have had their time."""

    __tablename__ = "superseded_files"
    __table_args__ = (sa.Index("superseded_files_due", "delete_after"),)

    key: Mapped[str] = mapped_column(primary_key=True)
    delete_after: Mapped[datetime]


class RetentionRow(Base):
    """After how many days a project's exports and its archive are deleted; `days` null: never."""

    __tablename__ = "retentions"

    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    days: Mapped[int | None]
    version: Mapped[int]


class ShareLinkRow(Base):
    """An address by which anyone may download a file. At most one that is not revoked stands for each file."""

    __tablename__ = "share_links"
    __table_args__ = (
        sa.Index(
            "share_links_standing",
            "project_id",
            "target_id",
            unique=True,
            postgresql_where=sa.text("revoked_at IS NULL"),
        ),
    )

    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    target_id: Mapped[UUID]  # the export's; of the raw-data archive the project's
    digest: Mapped[bytes] = mapped_column(unique=True)  # SHA-256 of its token
    created_by: Mapped[UUID]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    max_downloads: Mapped[int | None]
    downloads: Mapped[int]
    revoked_at: Mapped[datetime | None]


class ShareVisitRow(Base):
    """A client that has used a share link within the hour, and is not counted again."""

    __tablename__ = "share_visits"
    __table_args__ = (sa.Index("share_visits_seen", "seen_at"),)

    link_id: Mapped[UUID] = mapped_column(primary_key=True)
    client: Mapped[bytes] = mapped_column(primary_key=True)  # a digest: addresses are not kept
    seen_at: Mapped[datetime]


class ProjectCopy(Base):
    """What this service needs of a project, from events or asked for. A deleted one stays as a tombstone."""

    __tablename__ = "project_copies"

    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(sa.BigInteger)
    deleted: Mapped[bool]
    name: Mapped[str]
    specification: Mapped[dict[str, Any]]  # contracts.body.Specification; a snapshot brings its own
