"""Running a process: threads that do the work, a main loop that beats, a clean stop on SIGTERM and SIGINT."""

import gc
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence

from chassis import metrics
from chassis.consumer import EventConsumer, Subscription
from chassis.database import Database
from chassis.dead_letters import DeadLetterConsumer
from chassis.health import Health
from chassis.logs import get_logger
from chassis.observer import Observer
from chassis.presence import Presence
from chassis.relay import Relay
from chassis.settings import settings
from chassis.sweeper import Sweeper
from chassis.topology import subscriptions_of

log = get_logger()

DRAIN_SECONDS = 25.0
"""How long a stopping process waits for the work at hand; supervisors wait longer (deploy)."""

SWITCH_SECONDS = 0.0005
"""How long a thread that computes keeps others waiting that have just had an answer. At Python's own 5 ms, a small
export waits for half a second in all beside the formatting of a large one: it asks servers dozens of times."""


def run(health: Health, jobs: Sequence[tuple[str, Callable[[], None]]], stop: threading.Event) -> None:
    """Run each job on a thread until SIGTERM or SIGINT sets `stop`, then wait for the work at hand.

    A job that ends by itself ends the process with status 1: its supervisor starts it anew.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    # What is made for thousands of rows at once is no garbage: looking through it again and again takes as long as
    # the work itself (benchmarks.labels).
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    health.serve(settings().health_host, settings().health_port)
    threads = [threading.Thread(target=job, name=name, daemon=True) for name, job in jobs]
    for thread in threads:
        thread.start()
    health.started()
    log.info("started", jobs=[name for name, _ in jobs])
    broken: list[str] = []
    while not stop.is_set() and not broken:
        health.beat()
        broken = [thread.name for thread in threads if not thread.is_alive()]
        stop.wait(0.5)
    if broken and not stop.is_set():
        log.error("a job ended by itself", jobs=broken)
    stop.set()
    health.stopping()
    until = time.monotonic() + DRAIN_SECONDS
    for thread in threads:
        while thread.is_alive() and time.monotonic() < until:
            health.beat()
            thread.join(timeout=0.5)
    log.info("stopped")
    sys.exit(1 if broken else 0)


def events(services: Sequence[str]) -> None:
    """The `events` process: outbox relay, event consumers and sweeper of the services."""
    health, stop = Health(f"events {' '.join(services)}"), threading.Event()
    jobs: list[tuple[str, Callable[[], None]]] = []
    for service in services:
        database = Database.of(service)
        jobs.append((f"relay-{service}", Relay(service, database, stop, health).run))
        jobs.append((f"observer-{service}", Observer(service, database, stop, health).run))
        jobs.append((f"presence-{service}", Presence(service, database, stop).run))
        jobs.append((f"sweeper-{service}", Sweeper(service, database, stop).run))
        jobs.append((f"dead-letters-{service}", DeadLetterConsumer(service, database, stop, health).run))
        jobs += _consumers(subscriptions_of(f"services.{service}.consumers"), database, stop, health)
    run(health, jobs, stop)


def worker(name: str) -> None:
    """A `worker SERVICE.NAME` process: the subscriptions of one of a service's own workers."""
    service, _, module = name.partition(".")
    health, stop = Health(f"worker {name}"), threading.Event()
    subscriptions = subscriptions_of(f"services.{service}.workers.{module}")
    run(health, _consumers(subscriptions, Database.of(service), stop, health), stop)


def _consumers(
    subscriptions: Sequence[Subscription], database: Database, stop: threading.Event, health: Health
) -> list[tuple[str, Callable[[], None]]]:
    jobs: list[tuple[str, Callable[[], None]]] = []
    for each in subscriptions:
        threads = each.threads if isinstance(each.threads, int) else each.threads()
        metrics.busy.threads(each.queue, threads)
        jobs += [(each.queue, EventConsumer(each, database, stop, health).run) for _ in range(threads)]
    return jobs
