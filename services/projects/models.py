"""Tables of the projects database."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from chassis import uploads
from chassis.tables import attach, word
from contracts.enums import DataType, Visibility


class Base(DeclarativeBase):
    """This service's tables."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: sa.DateTime(timezone=True),
        str: sa.Text,
        dict[str, Any]: JSONB,
        list[UUID]: sa.ARRAY(sa.Uuid),
    }


attach(Base.metadata)
uploads.attach(Base.metadata)


class ProjectRow(Base):
    """A project, its specification as one document: it is read, changed and told of as a whole.

    A deleted one (`deleted_at`) gives its name back: it stands in `deleted_name`, and its id, which is nobody's name,
    in `name`.
    """

    __tablename__ = "projects"
    __table_args__ = (
        sa.UniqueConstraint("name", name="projects_name_unique"),
        sa.Index("projects_public", "id", postgresql_where=sa.text("visibility = 'public'")),
        sa.Index("projects_deleted", "id", postgresql_where=sa.text("deleted_at IS NOT NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)  # UUIDv7: by id is by age
    name: Mapped[str]
    description: Mapped[str]
    data_type: Mapped[DataType] = mapped_column(word(DataType))
    visibility: Mapped[Visibility] = mapped_column(word(Visibility))
    specification: Mapped[dict[str, Any]]  # contracts.body.Specification
    spec_version: Mapped[int] = mapped_column(sa.BigInteger)
    version: Mapped[int] = mapped_column(sa.BigInteger)
    guidelines: Mapped[int] = mapped_column(server_default=sa.text("0"))  # how many there are
    guidelines_version: Mapped[int] = mapped_column(sa.BigInteger, server_default=sa.text("0"))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    created_by: Mapped[UUID]
    deleted_at: Mapped[datetime | None]
    deleted_name: Mapped[str | None]


class RemovedPart(Base):
    """A class, category or option that was removed: labels may still name it; its id is not given again."""

    __tablename__ = "removed_parts"

    project_id: Mapped[UUID] = mapped_column(sa.ForeignKey("projects.id"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    name: Mapped[str]
    removed_at: Mapped[datetime]


class GuidelineRow(Base):
    """A PDF, expected or, from `stored_at` on, verified: only then does anybody see it."""

    __tablename__ = "guidelines"

    project_id: Mapped[UUID] = mapped_column(sa.ForeignKey("projects.id"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)  # UUIDv7: by id is by age
    name: Mapped[str]
    size: Mapped[int] = mapped_column(sa.BigInteger)  # bytes
    pages: Mapped[int | None]
    sha256: Mapped[str | None]
    created_by: Mapped[UUID]
    created_at: Mapped[datetime]
    stored_at: Mapped[datetime | None]


class AutoLabelModelRow(Base):
    """A model of a project's own."""

    __tablename__ = "auto_label_models"
    __table_args__ = (sa.UniqueConstraint("project_id", "name", name="auto_label_models_name_unique"),)

    project_id: Mapped[UUID] = mapped_column(sa.ForeignKey("projects.id"), primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)  # UUIDv7: by id is by age
    name: Mapped[str]
    description: Mapped[str]
    endpoint: Mapped[str | None]
    created_by: Mapped[UUID]
    created_at: Mapped[datetime]


class AutoLabelRow(Base):
    """What auto-label is to do in a project; no row: nothing. `classes` null: all that there are."""

    __tablename__ = "auto_label"

    project_id: Mapped[UUID] = mapped_column(sa.ForeignKey("projects.id"), primary_key=True)
    enabled: Mapped[bool]
    model_id: Mapped[UUID | None]
    classes: Mapped[list[UUID] | None]
    threshold: Mapped[float]
    updated_by: Mapped[UUID]
    updated_at: Mapped[datetime]
