"""For effects that have no version to compare: each event once. No service has such effects yet: their handlers take
what is newer than what they have.
"""

from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis.tables import inbox


def first_time(session: Session, consumer: str, event_id: UUID) -> bool:
    """Whether `consumer` sees the event for the first time; remembered in the session's transaction."""
    statement = insert(inbox).values(consumer=consumer, event_id=event_id).on_conflict_do_nothing()
    return session.execute(statement.returning(inbox.c.event_id)).first() is not None
