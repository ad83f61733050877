"""How many bytes the assets of a project's labels have, each counted in every project that uses it; and may have."""

from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis import audit, quotas
from chassis.ids import new_id
from chassis.settings import settings
from contracts.rpc.labels import Quota, SetStorageQuota
from services.labels.models import Asset, Label, StorageUse

_PARAMETERS = (
    sa.bindparam("project", type_=sa.Uuid),
    sa.bindparam("id", type_=sa.Uuid),
    sa.bindparam("wanted", type_=sa.BigInteger),
)

_COUNT = sa.text("INSERT INTO storage_uses (project_id, id, size) VALUES (:project, :id, :wanted)").bindparams(
    *_PARAMETERS
)

# Who holds the quota makes one row of those that have gathered: the sum is asked for each time.
_COUNT_TOGETHER = sa.text("""
    WITH gathered AS (DELETE FROM storage_uses WHERE project_id = :project RETURNING size)
    INSERT INTO storage_uses (project_id, id, size)
    SELECT :project, :id, :wanted + coalesce(sum(size), 0) FROM gathered
    RETURNING size
""").bindparams(*_PARAMETERS)

# One statement, hence one moment: labels and what is counted of them are committed together, so a transaction under
# way is in neither, or in both.
_COUNT_ANEW = sa.text("""
    WITH counted AS (DELETE FROM storage_uses WHERE project_id = :project)
    INSERT INTO storage_uses (project_id, id, size)
    SELECT :project, :id, sum(assets.size)
    FROM labels JOIN assets ON assets.id = labels.asset_id
    WHERE labels.project_id = :project HAVING sum(assets.size) > 0
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


def give_back(session: Session, project_id: UUID, deleted: list[UUID], limit: int | None) -> None:
    """Count the assets of labels that are about to be deleted no more. `limit`: held by this transaction."""
    freed = _size(session, project_id, deleted)
    if freed:
        counted = {"project": project_id, "id": new_id(), "wanted": -freed}
        session.execute(_COUNT if limit is None else _COUNT_TOGETHER, counted)


def take(session: Session, project_id: UUID, made: list[UUID], limit: int | None) -> None:
    """Count the assets of labels that were just made; Problem `quota_exceeded`. `limit`: held by this transaction."""
    wanted = _size(session, project_id, made) if made else 0
    if not wanted:
        return
    counted = {"project": project_id, "id": new_id(), "wanted": wanted}
    if limit is None:
        session.execute(_COUNT, counted)
    else:
        total = int(session.execute(_COUNT_TOGETHER, counted).scalar_one())
        quotas.refuse_beyond(limit, total - wanted, wanted, "bytes of images")


def _size(session: Session, project_id: UUID, label_ids: list[UUID]) -> int:
    """Bytes of these labels' assets."""
    sizes = sa.select(sa.func.coalesce(sa.func.sum(Asset.size), 0)).join(Label, Label.asset_id == Asset.id)
    return int(session.scalar(sizes.where(Label.project_id == project_id, Label.id.in_(label_ids))) or 0)
