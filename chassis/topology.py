"""Exchanges, queues and bindings, declared before any service starts, so that no event is published into the void."""

import importlib
import importlib.util
import pkgutil
from collections.abc import Iterator

from kombu import Connection, Queue

from chassis.broker import DEAD_LETTERS, RPC_EXCHANGE, connect, events_exchange
from chassis.consumer import Subscription
from chassis.settings import SERVICES


def subscriptions_of(module: str) -> tuple[Subscription, ...]:
    """The SUBSCRIPTIONS of a module; none where there is no such module."""
    if importlib.util.find_spec(module) is None:
        return ()
    subscriptions: tuple[Subscription, ...] = importlib.import_module(module).SUBSCRIPTIONS
    return subscriptions


def subscriptions_of_service(service: str) -> Iterator[Subscription]:
    """Every subscription of a service: of its consumers and of its workers."""
    yield from subscriptions_of(f"services.{service}.consumers")
    workers = f"services.{service}.workers"
    if importlib.util.find_spec(workers) is not None:
        for module in pkgutil.iter_modules(importlib.import_module(workers).__path__):
            yield from subscriptions_of(f"{workers}.{module.name}")


def declare(connection: Connection | None = None) -> list[str]:
    """Declare everything; names of the queues. Again: changes nothing. A queue that is bound to an event type that its
    subscription no longer names keeps that binding until somebody removes it."""
    with connection or connect() as open_connection:
        channel = open_connection.channel()
        RPC_EXCHANGE(channel).declare(passive=False)
        for service in SERVICES:
            events_exchange(service)(channel).declare(passive=False)
            # as nameko would declare them: a call made before a service's first start waits there for it
            Queue(
                f"rpc-{service}",
                exchange=RPC_EXCHANGE,
                routing_key=f"{service}.*",
                durable=True,
                channel=channel,
            ).declare()
        Queue(DEAD_LETTERS, durable=True, queue_arguments={"x-queue-type": "quorum"}, channel=channel).declare()
        names = []
        for subscription in (each for service in SERVICES for each in subscriptions_of_service(service)):
            subscription.declaration()(channel).declare()
            names.append(subscription.queue)
        return names
