"""A process with one consumer that some messages end: `python -m tests.service.chassis.killed_consumer QUEUE SCHEMA`.

What is handled is in the schema's inbox. An export of version 13 ends the process in its handler.
"""

import os
import sys
import threading

from sqlalchemy.orm import Session

from chassis import inbox
from chassis.consumer import EventConsumer, Subscription
from chassis.failed import Policy
from chassis.health import Health
from contracts.events import ExportChanged
from tests.service.chassis.conftest import database_of

DEADLY = 13
POLICY = Policy(delay=lambda _: 0.0, sweep=0.05)


def handle(session: Session, event: ExportChanged) -> None:
    """Die of it, or remember it."""
    if event.version == DEADLY:
        os._exit(66)
    inbox.first_time(session, "test", event.export_id)


if __name__ == "__main__":
    subscription = Subscription(sys.argv[1], {ExportChanged: handle})
    database = database_of(sys.argv[2])
    EventConsumer(subscription, database, threading.Event(), Health("test"), POLICY).run()
