"""How many bytes the assets of a project's labels have, each counted in every project that uses it, and may have; how
many images were added and removed."""

from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis import audit, quotas
from chassis.database import Database
from chassis.ids import new_id
from chassis.settings import settings
from contracts.rpc.labels import Quota, SetStorageQuota
from contracts.snapshots import ImageCounts
from services.labels.models import Asset, Label, StorageUse

GATHER = 100
"""Rows of a project from which on a sweep makes one of them."""

_COUNTED = ("size", "added", "added_size", "removed")

_PARAMETERS = (
    sa.bindparam("project", type_=sa.Uuid),
    sa.bindparam("id", type_=sa.Uuid),
    *(sa.bindparam(name, type_=sa.BigInteger) for name in _COUNTED),
)

_COUNT = sa.text("""
    INSERT INTO storage_uses (project_id, id, size, added, added_size, removed)
    VALUES (:project, :id, :size, :added, :added_size, :removed)
""").bindparams(*_PARAMETERS)

# Who holds the quota makes one row of those that have gathered: the sum is asked for each time.
_COUNT_TOGETHER = sa.text("""
    WITH gathered AS (
        DELETE FROM storage_uses WHERE project_id = :project RETURNING size, added, added_size, removed
    )
    INSERT INTO storage_uses (project_id, id, size, added, added_size, removed)
    SELECT :project, :id, :size + coalesce(sum(size), 0), :added + coalesce(sum(added), 0),
        :added_size + coalesce(sum(added_size), 0), :removed + coalesce(sum(removed), 0)
    FROM gathered
    RETURNING size
""").bindparams(*_PARAMETERS)

# One statement, hence one moment: labels and what is counted of them are committed together, so a transaction under
# way is in neither, or in both.
_COUNT_ANEW = sa.text("""
    WITH counted AS (DELETE FROM storage_uses WHERE project_id = :project RETURNING added, added_size, removed)
    INSERT INTO storage_uses (project_id, id, size, added, added_size, removed)
    SELECT :project, :id, (
            SELECT coalesce(sum(assets.size), 0)
            FROM labels JOIN assets ON assets.id = labels.asset_id
            WHERE labels.project_id = :project
        ), coalesce(sum(added), 0), coalesce(sum(added_size), 0), coalesce(sum(removed), 0)
    FROM counted
""").bindparams(*_PARAMETERS[:2])


def get_quota(session: Session, project_id: UUID) -> Quota:
    """A project's storage, and what limits it."""
    limit = quotas.limit_of(session, project_id)
    return Quota(limit=limit, default=settings().quota_bytes, used=used(session, project_id))


def set_quota(session: Session, request: SetStorageQuota) -> Quota:
    """Limit a project's storage, and count anew what there is."""
    before = quotas.limit_of(session, request.project_id)
    audit.note("storage_quota", request.project_id, before={"limit": before}, after={"limit": request.limit})
    quotas.put(session, request.project_id, request.limit)
    session.execute(_COUNT_ANEW, {"project": request.project_id, "id": new_id()})
    return get_quota(session, request.project_id)


def used(session: Session, project_id: UUID) -> int:
    """In bytes."""
    query = sa.select(sa.func.coalesce(sa.func.sum(StorageUse.size), 0)).where(StorageUse.project_id == project_id)
    return int(session.scalars(query).one())


def images(session: Session, project_id: UUID) -> ImageCounts:
    """Of a project, without looking at its labels: they are counted whenever labels are made or deleted."""
    columns = (StorageUse.added, StorageUse.added_size, StorageUse.removed)
    sums = [sa.func.coalesce(sa.func.sum(column), 0).label(column.key) for column in columns]
    counted = session.execute(sa.select(*sums).where(StorageUse.project_id == project_id)).one()
    return ImageCounts.model_validate(counted, from_attributes=True)


def give_back(session: Session, project_id: UUID, deleted: list[UUID], limit: int | None) -> None:
    """Count the assets of labels that are about to be deleted no more. `limit`: held by this transaction."""
    if deleted:
        counted = _use(project_id, size=-_size(session, project_id, deleted), removed=len(deleted))
        session.execute(_COUNT if limit is None else _COUNT_TOGETHER, counted)


def take(session: Session, project_id: UUID, made: list[UUID], limit: int | None) -> None:
    """Count the assets of labels that were just made; Problem `quota_exceeded`. `limit`: held by this transaction."""
    if not made:
        return
    wanted = _size(session, project_id, made)
    counted = _use(project_id, size=wanted, added=len(made), added_size=wanted)
    if limit is None:
        session.execute(_COUNT, counted)
    else:
        total = int(session.execute(_COUNT_TOGETHER, counted).scalar_one())
        quotas.refuse_beyond(limit, total - wanted, wanted, "bytes of images")


def gather(database: Database) -> int:
    """Make one row of those of each project that has more than GATHER; of how many projects."""
    many = sa.select(StorageUse.project_id).group_by(StorageUse.project_id).having(sa.func.count() > GATHER)
    with database.session() as session:
        found = session.scalars(many).all()
    for project_id in found:
        with database.session() as session:
            quotas.hold(session, project_id, default=0)  # nobody else makes one row of them meanwhile
            session.execute(_COUNT_TOGETHER, _use(project_id))
    return len(found)


def _use(
    project_id: UUID, *, size: int = 0, added: int = 0, added_size: int = 0, removed: int = 0
) -> dict[str, UUID | int]:
    counted = {"size": size, "added": added, "added_size": added_size, "removed": removed}
    return {"project": project_id, "id": new_id(), **counted}


def _size(session: Session, project_id: UUID, label_ids: list[UUID]) -> int:
    """Bytes of these labels' assets."""
    sizes = sa.select(sa.func.coalesce(sa.func.sum(Asset.size), 0)).join(Label, Label.asset_id == Asset.id)
    return int(session.scalar(sizes.where(Label.project_id == project_id, Label.id.in_(label_ids))) or 0)
