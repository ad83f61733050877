"""Exchanges, queues and bindings, declared before any service starts, so that no event is published into the void."""

import importlib
import importlib.util
import pkgutil
from collections.abc import Iterator

from amqp.exceptions import PreconditionFailed
from kombu import Connection, Queue

from chassis.broker import (
    OLD_DEAD_LETTERS,
    RPC_EXCHANGE,
    connect,
    dead_letter_queue,
    dead_letters,
    events_exchange,
    origin,
)
from chassis.consumer import Subscription
from chassis.logs import get_logger
from chassis.settings import SERVICES

log = get_logger()


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
    subscription no longer names keeps that binding until somebody removes it; and one that an older version declared
    otherwise keeps its arguments, which can't be changed (docs/decisions, dead letters)."""
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
        Queue(OLD_DEAD_LETTERS, durable=True, queue_arguments={"x-queue-type": "quorum"}, channel=channel).declare()
        for service in SERVICES:
            declare_queue(open_connection, dead_letter_queue(dead_letters(service)))
        names = []
        for subscription in (each for service in SERVICES for each in subscriptions_of_service(service)):
            declare_queue(open_connection, subscription.declaration())
            names.append(subscription.queue)
        sort_dead_letters(open_connection)
        return names


def declare_queue(connection: Connection, queue: Queue) -> None:
    """Declare a queue and its bindings; one that is there with other arguments keeps them and gets the bindings."""
    try:
        queue(connection.channel()).declare()
    except PreconditionFailed as error:
        log.warning("the queue keeps the arguments that it has", queue=queue.name, error=str(error))
        for binding in queue.bindings:
            binding.bind(queue(connection.channel()))


def sort_dead_letters(connection: Connection) -> int:
    """Move what older queues have put aside to its service's dead letters; how many messages that were.

    Only the topology may read them: they are of every service. Each is taken off once its copy is confirmed.
    """
    channel, moved = connection.channel(), 0
    while (delivery := channel.basic_get(OLD_DEAD_LETTERS)) is not None:
        service = origin(delivery.headers or {}).split(".", 1)[0]
        if service not in SERVICES:
            log.error("a dead letter of no service stays where it is", origin=service)
            channel.close()  # it goes back
            break
        copy = channel.prepare_message(
            delivery.body,
            content_type=delivery.properties.get("content_type"),
            headers=delivery.headers,
            properties={"delivery_mode": 2},
        )
        channel.basic_publish_confirm(copy, exchange="", routing_key=dead_letters(service))
        channel.basic_ack(delivery.delivery_tag)
        moved += 1
    return moved
