"""What this service tells again after a restore (chassis.restoring)."""

from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis.restoring import Kept
from contracts.events import MembershipChanged
from services.members.models import MembershipRow


def present(session: Session) -> Iterator[MembershipChanged]:
    """Every membership, ended ones too. Users are not told of: nobody keeps a copy of them."""
    for row in session.scalars(sa.select(MembershipRow).execution_options(yield_per=1000)):
        yield MembershipChanged(project_id=row.project_id, user_id=row.user_id, version=row.version, role=row.role)


def objects(session: Session) -> Iterator[Kept]:
    """None: members keep nothing in the object store."""
    yield from ()
