"""What this service tells again after a restore (chassis.restoring)."""

from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis.restoring import Kept
from contracts.events import EventData, MembershipChanged, PrincipalChanged
from services.members.models import MembershipRow, UserRow


def present(session: Session) -> Iterator[EventData]:
    """Every user, and every membership, ended ones too."""
    for user in session.scalars(sa.select(UserRow).execution_options(yield_per=1000)):
        yield PrincipalChanged(user_id=user.id, version=user.version, state=user.state, team_role=user.team_role)
    for row in session.scalars(sa.select(MembershipRow).execution_options(yield_per=1000)):
        yield MembershipChanged(project_id=row.project_id, user_id=row.user_id, version=row.version, role=row.role)


def objects(session: Session) -> Iterator[Kept]:
    """None: members keep nothing in the object store."""
    yield from ()
