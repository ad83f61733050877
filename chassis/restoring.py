"""What a restored system needs of its services: that they tell again what they know, and which objects they rely on.

A backup holds databases and objects, not the broker's queues (deploy.backup). What was on its way in these is made up
for by telling every present state once more: consumers take what is newer than what they have and ignore the rest.
Each service says what that is in `services.<service>.restoring`:

    present(session) -> Iterator[EventData]   the events that bring every consumer to the present state
    objects(session) -> Iterator[Kept]        the objects that its rows promise
"""

import importlib
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy.orm import Session

from chassis import outbox
from chassis.database import Database
from contracts.events import EventData


@dataclass(frozen=True)
class Kept:
    """An object that a row promises: `what` it is for people, its size in bytes and SHA-256 where they are known."""

    what: str
    key: str
    size: int | None = None
    sha256: str | None = None


def tell_again(service: str) -> int:
    """Put the present state of a service into its outbox; how many events that makes. Again: does no harm."""
    told = 0
    with Database.of(service).session() as session:
        for event in present(service, session):
            outbox.add(session, event)
            told += 1
    return told


def present(service: str, session: Session) -> Iterator[EventData]:
    """The events that tell a service's present state; none where it has nothing to tell."""
    name = f"services.{service}.restoring"
    if importlib.util.find_spec(name) is not None:
        yield from importlib.import_module(name).present(session)


def objects(service: str, session: Session) -> Iterator[Kept]:
    """The objects that a service's rows promise."""
    name = f"services.{service}.restoring"
    if importlib.util.find_spec(name) is not None:
        yield from importlib.import_module(name).objects(session)
