"""What this service tells again after a restore, and the objects that its rows promise (chassis.restoring)."""

from collections.abc import Iterator
from itertools import groupby

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis.chunks import chunks
from chassis.restoring import Kept
from contracts.enums import AssetState
from contracts.events import (
    AssetsCompleted,
    ComparisonDue,
    EventData,
    ImportRequested,
    LabelChanged,
    TaskDue,
    VersionDue,
)
from services.labels.handlers import comparisons, versions
from services.labels.handlers.bulk import tasks
from services.labels.handlers.changes import state
from services.labels.handlers.data_library import VERIFIED_AT_ONCE, thumbnail_of
from services.labels.handlers.imports import UNFINISHED
from services.labels.models import Asset, Comparison, Import, Label, Task, Version, VersionObject

TOLD_AT_ONCE = 1000
"""Labels in one event."""


def present(session: Session) -> Iterator[EventData]:
    """Every label as it is now, and the work that somebody waits for: verification of uploads, imports,
    tasks, versions and comparisons; and versions whose objects are to go."""
    labels = session.scalars(sa.select(Label).order_by(Label.project_id, Label.id).execution_options(yield_per=1000))
    for project_id, rows in groupby(labels, key=lambda label: label.project_id):
        for some in chunks(rows, TOLD_AT_ONCE):
            yield LabelChanged(project_id=project_id, labels=tuple(map(state, some)), cause="told_again")
    expected = session.scalars(sa.select(Asset.id).where(Asset.state == AssetState.REGISTERED).order_by(Asset.id))
    for ids in chunks(expected, VERIFIED_AT_ONCE):
        yield AssetsCompleted(asset_ids=tuple(ids))  # one whose upload has not ended stays as it is
    unfinished = sa.select(Import).where(Import.state.in_(UNFINISHED))
    for row in session.scalars(unfinished.order_by(Import.id)):
        yield ImportRequested(project_id=row.project_id, import_id=row.id)
    for task in session.scalars(sa.select(Task).where(Task.state.in_(tasks.UNFINISHED)).order_by(Task.id)):
        yield TaskDue(project_id=task.project_id, task_id=task.id)
    due = Version.state.in_(versions.UNFINISHED) | Version.deleted_at.is_not(None)
    for version in session.scalars(sa.select(Version).where(due).order_by(Version.id)):
        yield VersionDue(project_id=version.project_id, version_id=version.id)
    compared = sa.select(Comparison).where(Comparison.state.in_(comparisons.UNFINISHED))
    for comparison in session.scalars(compared.order_by(Comparison.id)):
        yield ComparisonDue(project_id=comparison.project_id, comparison_id=comparison.id)


def objects(session: Session) -> Iterator[Kept]:
    """The file and the thumbnail of every stored asset, and what was frozen for versions."""
    stored = sa.select(Asset).where(Asset.state == AssetState.STORED).execution_options(yield_per=1000)
    for asset in session.scalars(stored):
        assert asset.object_key is not None
        yield Kept(f"asset {asset.data_key} ({asset.id})", asset.object_key, asset.size, asset.sha256)
        yield Kept(f"thumbnail of {asset.data_key} ({asset.id})", thumbnail_of(asset))
    yield from frozen(session)


def frozen(session: Session) -> Iterator[Kept]:
    """The objects of every version."""
    own = (Version.project_id == VersionObject.project_id) & (Version.id == VersionObject.version_id)
    query = sa.select(VersionObject, Version.name).join(Version, own).where(Version.deleted_at.is_(None))
    for each, name in session.execute(query.execution_options(yield_per=1000)):
        yield Kept(f"version {name} ({each.version_id})", each.key, each.size, each.sha256)
