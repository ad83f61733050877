"""`python -m benchmarks.backbone`: see the package."""

import argparse
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from kombu import Connection, Exchange, Producer, Queue
from kombu.message import Message
from rich.console import Console
from rich.table import Table

from benchmarks.measuring import machine
from client import Labelyard
from contracts.enums import Review, Status
from deploy.local.system import System
from tests.support import temporary_system

WINDOW = 500  # messages that are confirmed together, bare
WAITING = ((Status.IN_PROGRESS, Review.NOT_SUBMITTED),)

console = Console(highlight=False, soft_wrap=True, width=120)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures and prints; never judges."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.backbone", description=__doc__)
    parser.add_argument("--events", type=int, default=20_000, help="a label each (default: %(default)s)")
    parser.add_argument("--bulk", type=int, default=100_000, help="labels of the bulk change (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))  # what was started is stopped on the way out
    facts = machine()
    with temporary_system("backbone") as system, ExitStack() as stack:
        system.up(say=_say)
        os.environ.update(system.environment)
        owner = stack.enter_context(Labelyard(system.url))
        owner.login(*system.owner)
        rates = _rates(system, owner, options.events)
        bulk = _bulk(owner, options.bulk)
    ratios = {
        "relay ÷ bare publishing": rates["relay"] / rates["bare publishing"],
        "projector ÷ bare consuming": rates["projector"] / rates["bare consuming"],
        "projector ÷ bare upsert": rates["projector"] / rates["bare upsert"],
    }
    console.print()
    console.print(", ".join(f"{name}: {value}" for name, value in facts.items()))
    table = Table("events of one label each", "a second", box=None, pad_edge=False)
    for name, rate in rates.items():
        table.add_row(name, f"{rate:,.0f}")
    console.print(table)
    for name, ratio in ratios.items():
        console.print(f"{name}: {ratio:.2f}")
    console.print(f"a bulk change of {options.bulk:,} labels is in the overview {bulk:.1f} s after its commit")
    if options.json:
        figures = {"machine": facts, "rates": rates, "ratios": ratios, "bulk": {options.bulk: bulk}}
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


def _rates(system: System, owner: Labelyard, events: int) -> dict[str, float]:
    """Events a second of each way to move them."""
    from benchmarks.load import load
    from chassis import outbox
    from chassis.broker import connect
    from chassis.consumer import EventConsumer
    from chassis.database import Database
    from chassis.health import Health
    from chassis.relay import Relay
    from services.analytics.workers.projector import SUBSCRIPTIONS
    from services.labels.handlers.changes import state
    from services.labels.models import Label

    project_id, ids = _project(owner, "rates", events, load)
    system.stop("projector", "events-labels")
    database = Database.of("labels")
    _say(f"{events:,} events into the outbox")
    with database.session() as session:
        session.execute(
            sa.update(Label)
            .where(Label.project_id == project_id)
            .values(version=Label.version + 1, status="submitted", review="pending_review")
        )
        labels = session.scalars(sa.select(Label).where(Label.project_id == project_id)).all()
        told = [_changed(project_id, [state(label)]) for label in labels]
        outbox.add(session, *told)
    bodies = [outbox.encode(event) for event in told]
    rates = {}
    with connect() as connection:
        scratch = Queue("benchmark", durable=True, queue_arguments={"x-queue-type": "quorum"})(connection.channel())
        scratch.declare()
        rates["bare publishing"] = _rate(events, lambda: _publish(connection, scratch.name, bodies))
        rates["bare consuming"] = _rate(events, lambda: _consume(connection, scratch, events))
        scratch.delete()
    stop = threading.Event()
    relay = Relay("labels", database, stop, Health("benchmark"))
    rates["relay"] = _rate(events, lambda: _until(relay.run, stop, lambda: not _rows(database, "outbox")))
    rates["bare upsert"] = _upsert(told)
    stop = threading.Event()
    (subscription,) = SUBSCRIPTIONS
    analytics = Database.of("analytics")
    consumer = EventConsumer(subscription, analytics, stop, Health("benchmark"))

    def all_counted() -> bool:
        with analytics.session() as session:
            query = sa.text("SELECT value FROM counters WHERE scope = :p AND key = 'segment/submitted/pending_review'")
            return bool(session.scalar(query, {"p": project_id}) == len(ids))

    rates["projector"] = _rate(events, lambda: _until(consumer.run, stop, all_counted))
    system.start("projector", "events-labels")
    return rates


def _bulk(owner: Labelyard, count: int) -> float:
    """Seconds from the commit of a change of `count` labels until the overview shows it."""
    from benchmarks.load import AT_ONCE, load
    from chassis import outbox
    from chassis.database import Database
    from services.labels.handlers.changes import state
    from services.labels.models import Label

    _say(f"a bulk change of {count:,} labels")
    project_id, _ = _project(owner, "bulk", count, load)
    with Database.of("labels").session() as session:
        session.execute(
            sa.update(Label)
            .where(Label.project_id == project_id)
            .values(version=Label.version + 1, status="submitted", review="pending_review")
        )
        labels = session.scalars(sa.select(Label).where(Label.project_id == project_id)).all()
        for start in range(0, count, AT_ONCE):
            states = [state(label) for label in labels[start : start + AT_ONCE]]
            outbox.add(session, _changed(project_id, states))
    committed = time.monotonic()
    while _card(owner, project_id, "submitted") < count:
        time.sleep(0.02)
    return time.monotonic() - committed


def _project(owner: Labelyard, name: str, count: int, load: Callable[..., list[UUID]]) -> tuple[UUID, list[UUID]]:
    """A new project with `count` labels in progress, all of them counted."""
    project = owner.create_project(name, [{"name": f"class {n}", "annotation_type": "box"} for n in range(10)])
    person = owner.add_member(
        project["id"], "labeler@example.com", "labeler", name="Labeler", password="a long password"
    )
    class_ids = [each["id"] for each in project["specification"]["object_classes"]]
    project_id = UUID(project["id"])
    ids = load(project_id, class_ids, [UUID(person["user"]["id"])], count, WAITING)
    while _card(owner, project_id, "total") < count:
        time.sleep(0.1)
    return project_id, ids


def _card(owner: Labelyard, project_id: UUID, figure: str) -> int:
    card = owner.overview(str(project_id))["cards"]["labeling_status"]
    return int(card["data"][figure]) if card["state"] == "ok" else 0


def _changed(project_id: UUID, states: Sequence[Any]) -> Any:
    from contracts.events import LabelChanged

    return LabelChanged(project_id=project_id, labels=tuple(states), cause="submit")


def _publish(connection: Connection, queue: str, bodies: Sequence[bytes]) -> None:
    """Persistent, and confirmed WINDOW at a time."""
    channel = connection.channel()
    channel.confirm_select()
    confirmed = [0]

    def ack(tag: int, multiple: bool) -> None:
        confirmed[0] = tag if multiple else confirmed[0] + 1

    channel.events["basic_ack"].add(ack)
    producer = Producer(channel, Exchange(""))
    for start in range(0, len(bodies), WINDOW):
        for body in bodies[start : start + WINDOW]:
            producer.publish(body, routing_key=queue, delivery_mode=2, serializer="raw", mandatory=True)
        while confirmed[0] < min(start + WINDOW, len(bodies)):
            connection.drain_events(timeout=10)
    channel.close()


def _consume(connection: Connection, queue: Queue, count: int) -> None:
    """Acknowledged 100 at a time, as the product's consumer does."""
    taken = 0

    def take(message: Message) -> None:
        nonlocal taken
        taken += 1
        if taken % 100 == 0 or taken == count:
            message.channel.basic_ack(message.delivery_tag, multiple=True)

    with connection.Consumer([queue], on_message=take, accept=None, prefetch_count=1000):
        while taken < count:
            connection.drain_events(timeout=10)


def _upsert(told: Sequence[Any]) -> float:
    """The rows that the projector would store, 100 in a statement and a commit each, into a table beside its own."""
    from chassis.database import Database
    from services.analytics import domain, handlers

    database = Database.of("analytics")
    with database.session() as session:
        session.execute(sa.text("CREATE TABLE benchmark (LIKE labels INCLUDING ALL)"))
        session.execute(sa.text("INSERT INTO benchmark SELECT * FROM labels"))
    statement = sa.text(handlers._STORE_LABELS.text.replace("INSERT INTO labels", "INSERT INTO benchmark"))

    def store() -> None:
        from pydantic_core import to_json

        for start in range(0, len(told), 100):
            rows = [
                {
                    "project_id": event.project_id,
                    "label_id": each.label_id,
                    **{name: getattr(domain.counted(each), name) for name in domain.Counted.__slots__},
                }
                for event in told[start : start + 100]
                for each in event.labels
            ]
            with database.session() as session:
                session.execute(statement, {"rows": to_json(rows).decode()})

    rate = _rate(len(told), store)
    with database.session() as session:
        session.execute(sa.text("DROP TABLE benchmark"))
    return rate


def _until(work: Callable[[], None], stop: threading.Event, done: Callable[[], bool]) -> None:
    """Run `work` on a thread until `done`."""
    thread = threading.Thread(target=work)
    thread.start()
    while not done():
        time.sleep(0.02)
    stop.set()
    thread.join()


def _rows(database: Any, table: str) -> bool:
    with database.session() as session:
        return bool(session.scalar(sa.text(f"SELECT EXISTS (SELECT FROM {table})")))


def _rate(count: int, work: Callable[[], None]) -> float:
    started = time.monotonic()
    work()
    return count / (time.monotonic() - started)


def _say(step: str) -> None:
    console.print(f"[dim]{step}[/]")


if __name__ == "__main__":
    main()
