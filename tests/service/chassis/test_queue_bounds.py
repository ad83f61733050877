"""Queues are bounded: what happens at the bound, by a real broker with the policies of deploy/docker/rabbitmq."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID, uuid4

from kombu import Queue

from chassis import outbox
from chassis.broker import OLD_DEAD_LETTERS, RPC_EXCHANGE, connect, dead_letters
from chassis.consumer import EventConsumer, Subscription
from chassis.database import Database
from chassis.relay import Relay
from chassis.settings import SERVICES
from chassis.tables import outbox as outbox_table
from chassis.topology import subscriptions_of_service
from contracts.events import EventData, ExportChanged, ExportReady
from deploy.local.servers.rabbitmq import POLICIES
from deploy.local.system import System
from tests.service.chassis.conftest import declared
from tests.service.chassis.test_events_travel import changed, count, eventually
from tests.support import broker_of

CALLS = 10_000  # of a service that may wait


def test_every_queue_has_a_bound(servers: System, settings_environment: dict[str, str]) -> None:
    listed = broker_of(servers).control("list_queues", "-p", "labelyard", "--formatter", "json", "name", "policy")
    in_force = {each["name"]: each["policy"] for each in json.loads(listed)}
    bounds = {each["name"]: each["definition"] for each in json.loads(POLICIES.read_text())["policies"]}
    events = {each.queue for service in SERVICES for each in subscriptions_of_service(service)}
    dead = {OLD_DEAD_LETTERS, *(dead_letters(service) for service in SERVICES)}
    calls = {f"rpc-{service}" for service in SERVICES}
    for kind, queues in {"events": events, "dead-letters": dead, "calls": calls}.items():
        assert {in_force[queue] for queue in queues} == {kind}
        assert {"max-length", "max-length-bytes"} <= bounds[kind].keys()
    assert bounds["dead-letters"]["overflow"] == "reject-publish"  # events have it among their queues' arguments
    assert bounds["calls"]["max-length"] == CALLS


def test_of_too_many_calls_the_oldest_are_dropped(settings_environment: dict[str, str]) -> None:
    """They have the least time left, and nobody would hear of a refusal."""
    with connect() as connection:
        channel = connection.channel()
        channel.queue_purge("rpc-exports")  # which nobody answers
        for number in range(CALLS + 50):
            message = channel.prepare_message(str(number).encode(), properties={"delivery_mode": 1})
            channel.basic_publish(message, exchange=RPC_EXCHANGE.name, routing_key="exports.bound")
        eventually(lambda: waiting("rpc-exports") == CALLS)
        first = channel.basic_get("rpc-exports", no_ack=True)
        channel.queue_purge("rpc-exports")
    assert bytes(first.body) == b"50"


def test_events_stay_in_the_outbox_while_a_queue_is_full(database: Database, running: Callable[..., None]) -> None:
    """Those of another type pass them by. When there is room all arrive, and none twice beyond what was tried again."""
    full = Subscription(f"exports.full{uuid4().hex}.v1", {ExportChanged: lambda _, data: arrived(data)})
    other = Subscription(f"exports.other{uuid4().hex}.v1", {ExportReady: lambda _, data: arrived(data)})
    told: list[ExportChanged | ExportReady] = []
    seen: dict[UUID, int] = {}
    guard = threading.Lock()

    def arrived(data: ExportChanged | ExportReady) -> None:
        with guard:
            seen[data.export_id] = seen.get(data.export_id, 0) + 1

    def tell(*events: ExportChanged | ExportReady) -> None:
        told.extend(events)
        add(database, *events)

    def passed_by() -> int:
        """How many events are kept once two of another type, one after the other, have gone past them."""
        for _ in range(2):
            ready = ExportReady(project_id=uuid4(), export_id=uuid4())
            tell(ready)
            eventually(lambda ready=ready: ready.export_id in seen, seconds=60)  # type: ignore[misc]
        return count(database, outbox_table) - 1  # the last one's own row may still be there

    with bounded(full, 10), declared(other):
        running(lambda stop, health: Relay("exports", database, stop, health))
        running(lambda stop, health: EventConsumer(other, database, stop, health))
        kept = 0
        while kept <= 0:  # a quorum queue may take all of a batch before it counts
            assert len(told) < 5_000, "the queue takes everything"
            tell(*(changed(version) for version in range(200)))
            kept = passed_by()
        assert waiting(full.queue) >= 10
        running(lambda stop, health: EventConsumer(full, database, stop, health))
        eventually(lambda: len(seen) == len(told) and count(database, outbox_table) == 0, seconds=120)
    assert set(seen) == {each.export_id for each in told}
    print(f"{sum(seen.values()) - len(seen)} of {len(seen)} events came more than once")


@contextmanager
def bounded(subscription: Subscription, length: int) -> Iterator[None]:
    """The subscription's queue with room for `length` messages, while inside."""
    declaration = subscription.declaration()
    declaration.queue_arguments = {**declaration.queue_arguments, "x-max-length": length}
    with connect() as connection:
        declaration(connection.channel()).declare()
        try:
            yield
        finally:
            connection.channel().queue_delete(subscription.queue)


def waiting(queue: str) -> int:
    """How many messages are ready in a queue."""
    with connect() as connection:
        declared: int = Queue(queue, channel=connection.channel()).queue_declare(passive=True).message_count
    return declared


def add(database: Database, *events: EventData) -> None:
    with database.session() as session:
        outbox.add(session, *events)
