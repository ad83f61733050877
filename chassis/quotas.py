"""What a project may have at most, set by whoever runs the installation; each service guards its own kind of it.

A limit holds also among several at once: who adds something that is limited holds the project's row (`hold`) from
before it counts until its transaction ends. Where nothing is limited nobody waits for anybody.
"""

from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from contracts.errors import Problem

quotas = sa.Table(
    "quotas",
    sa.MetaData(),
    sa.Column("project_id", sa.Uuid, primary_key=True),
    sa.Column("most", sa.BigInteger),  # null: as the installation has it
)


def attach(target: sa.MetaData) -> None:
    """Make the table part of a service's metadata."""
    quotas.to_metadata(target)


def limit_of(session: Session, project_id: UUID) -> int | None:
    """A project's own limit; None where it has none."""
    return session.scalar(sa.select(quotas.c.most).where(quotas.c.project_id == project_id))


def put(session: Session, project_id: UUID, limit: int | None) -> None:
    """Give a project a limit of its own, or none. Whoever adds something after this transaction knows of it."""
    statement = insert(quotas).values(project_id=project_id, most=limit)
    session.execute(statement.on_conflict_do_update(index_elements=["project_id"], set_={"most": limit}))


def hold(session: Session, project_id: UUID, default: int | None) -> int | None:
    """What limits a project, held until the transaction ends: what is counted from now on stays so. None: nothing."""
    if default is None and limit_of(session, project_id) is None:
        return None
    session.execute(insert(quotas).values(project_id=project_id).on_conflict_do_nothing())
    own = session.scalar(sa.select(quotas.c.most).where(quotas.c.project_id == project_id).with_for_update())
    return default if own is None else own


def refuse_beyond(limit: int | None, used: int, wanted: int, what: str) -> None:
    """Problem `quota_exceeded` where `wanted` more of `what` does not fit; nothing wanted fits always."""
    if limit is not None and wanted and used + wanted > limit:
        detail = f"The project has {used:,} of at most {limit:,} {what}; {wanted:,} more do not fit."
        raise Problem("quota_exceeded", detail, limit=limit, used=used, wanted=wanted)
