"""The tables of the analytics service."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from chassis.tables import attach


class Base(DeclarativeBase):
    """The tables of this service."""


attach(Base.metadata)


class ProjectVersion(Base):
    """A project whose labels are counted. Its row is the lock of all that is counted in it."""

    __tablename__ = "project_versions"

    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(sa.BigInteger)  # rises with every batch that changed a counter
    deleted: Mapped[bool] = mapped_column(default=False)  # for good: a late event revives nothing


class Label(Base):
    """A label at the newest version seen, in the dimensions that are counted. A deleted one stays, for its version."""

    __tablename__ = "labels"

    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    label_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(sa.BigInteger)
    deleted: Mapped[bool]
    status: Mapped[str] = mapped_column(sa.Text)
    review: Mapped[str] = mapped_column(sa.Text)
    assignee: Mapped[UUID | None]
    objects: Mapped[dict[str, Any]] = mapped_column(JSONB)  # object class id -> objects
    has_open_issue: Mapped[bool]
    updated: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True))  # start of its quarter hour


class Counter(Base):
    """A counter that is not zero. Scope and key: services.analytics.domain."""

    __tablename__ = "counters"

    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    scope: Mapped[UUID] = mapped_column(primary_key=True)
    # byte order, so that quarter hours are a range of the index
    key: Mapped[str] = mapped_column(sa.Text(collation="C"), primary_key=True)
    value: Mapped[int] = mapped_column(sa.BigInteger)
