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
    # rises with every batch that changed a counter; at least the moment of that, in microseconds since 1970
    version: Mapped[int] = mapped_column(sa.BigInteger)
    deleted: Mapped[bool] = mapped_column(default=False)  # for good: a late event revives nothing
    # false: older than this database, and not rebuilt yet; some of its labels may never have been counted
    complete: Mapped[bool] = mapped_column(server_default=sa.true())
    # how often counters or label rows were changed apart from each other: what a rebuild's corrections depend on
    mends: Mapped[int] = mapped_column(sa.BigInteger, server_default=sa.text("0"))


class Birth(Base):
    """One row: since when this database counts. Of projects older than that it may have missed labels."""

    __tablename__ = "birth"

    born_at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True), primary_key=True)


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


class CounterCheck(Base):
    """A verification or rebuild and how far it is. `project_id` null: of all projects.

    `cursor` is where it goes on (services.analytics.checks.Cursor), after `step` steps; `report` a
    `contracts.rpc.analytics.CheckReport`.
    """

    __tablename__ = "counter_checks"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(sa.Text)
    project_id: Mapped[UUID | None]
    state: Mapped[str] = mapped_column(sa.Text)
    step: Mapped[int] = mapped_column(sa.BigInteger)
    cursor: Mapped[dict[str, Any]] = mapped_column(JSONB)
    report: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_by: Mapped[UUID]
    created_at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True))
    ended_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
