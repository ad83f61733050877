"""What tests of several services need."""

from typing import TypeVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis.outbox import decode
from chassis.tables import outbox
from contracts.events import EventData

Event = TypeVar("Event", bound=EventData)


def waiting_events(session: Session, kind: type[Event], **which: UUID) -> list[Event]:
    """What the outbox holds of that type with these fields, in the order it was added."""
    rows = session.scalars(sa.select(outbox.c.envelope).where(outbox.c.type == kind.type).order_by(outbox.c.id))
    found = [data for row in rows if isinstance(data := decode(bytes(row)).data, kind)]
    return [data for data in found if all(getattr(data, name) == value for name, value in which.items())]
