"""Prometheus metrics. Durations in seconds.

Import this before eventlet patches the process: the locks inside are then the operating system's, which the health
thread and greenlets can share.
"""

import threading
import time
from collections import Counter as Tally
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import REGISTRY, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

handled = Histogram(
    "labelyard_handled_seconds",
    "Time spent in a handler, by kind (rpc, event, http), name and outcome.",
    ["kind", "name", "outcome"],
    buckets=_SECONDS,
)
rpc_calls = Histogram(
    "labelyard_rpc_call_seconds",
    "Time until an RPC was answered, seen by its caller.",
    ["method", "outcome"],
    buckets=_SECONDS,
)
breaker_open = Gauge(
    "labelyard_breaker_open", "Whether a service is not asked, because it has not answered for a while.", ["service"]
)
published = Counter("labelyard_outbox_published_total", "Events that the broker has confirmed.", ["service"])
unrouted = Counter("labelyard_outbox_unrouted_total", "Events that nobody is bound to.", ["service", "type"])
refused = Counter(
    "labelyard_outbox_refused_total", "Events that the broker did not take, since a queue is full.", ["service", "type"]
)
batch_size = Histogram(
    "labelyard_batch_events", "Events handled in one transaction.", ["queue"], buckets=(1, 2, 5, 10, 20, 50, 100, 200)
)
event_lag = Histogram(
    "labelyard_event_lag_seconds", "From the event to the commit of its effect.", ["queue"], buckets=_SECONDS
)
live_latency = Histogram(
    "labelyard_live_latency_seconds", "From a change to its being sent on live streams.", buckets=_SECONDS
)
outbox_depth = Gauge("labelyard_outbox_waiting", "Events waiting to be published, counted up to 10,000.", ["service"])
queue_depth = Gauge("labelyard_queue_messages", "Messages ready in a queue.", ["queue"])
queue_consumers = Gauge("labelyard_queue_consumers", "Consumers of a queue.", ["queue"])
failed_depth = Gauge("labelyard_failed_waiting", "Failed messages that are kept.", ["queue"])
failed_age = Gauge("labelyard_failed_oldest_seconds", "Age of the oldest failed message that is kept.", ["queue"])
failed_fill = Gauge("labelyard_failed_fill", "Share of the room for failed messages in use: 1 is all.", ["service"])
audit_protected = Gauge(
    "labelyard_audit_protected", "Whether the service's own role is kept from changing the audit.", ["service"]
)
outbox_lag = Gauge("labelyard_outbox_lag_seconds", "Age of the oldest event last seen waiting.", ["service"])
failed = Counter("labelyard_failed_messages_total", "Messages whose handler failed.", ["queue"])
distrusted = Counter(
    "labelyard_distrusted_total",
    "Calls and orders that were refused for who signed them, or for what: by kind (rpc, event), name and code.",
    ["kind", "name", "code"],
)
streams = Gauge("labelyard_live_streams", "Live streams that are open.")
ready = Gauge("labelyard_ready", "Whether the process is ready: 1, or 0 as /readyz then says.")
dependency_up = Gauge("labelyard_dependency_up", "Whether what the process depends on is there.", ["dependency"])


class Busy(Collector):
    """How long the threads of consumers have been at work, those that are at it now included: its rate, by the number
    of threads, is how busy they are. A part may take longer than it is between two looks.
    """

    def __init__(self) -> None:
        self._threads: Tally[str] = Tally()
        self._seconds: dict[str, float] = {}
        self._since: dict[object, tuple[str, float]] = {}
        self._lock = threading.Lock()

    def threads(self, queue: str, number: int) -> None:
        """So many threads take from this queue."""
        self._threads[queue] += number
        self._seconds.setdefault(queue, 0.0)

    @contextmanager
    def at_work(self, queue: str) -> Iterator[None]:
        """One of them works while inside."""
        mark, began = object(), time.monotonic()
        with self._lock:
            self._since[mark] = queue, began
        try:
            yield
        finally:
            with self._lock:
                self._seconds[queue] = self._seconds.get(queue, 0.0) + time.monotonic() - began
                del self._since[mark]

    def describe(self) -> tuple[CounterMetricFamily, GaugeMetricFamily]:
        """What `collect` fills."""
        work = CounterMetricFamily(
            "labelyard_consumer_busy_seconds", "Time that consumers of a queue were at work.", labels=["queue"]
        )
        there = GaugeMetricFamily(
            "labelyard_consumer_threads", "Consumers of a queue that this process has.", labels=["queue"]
        )
        return work, there

    def collect(self) -> Iterator[Metric]:
        """As Prometheus asks for it."""
        with self._lock:
            seconds, now = dict(self._seconds), time.monotonic()
            for queue, began in self._since.values():
                seconds[queue] = seconds.get(queue, 0.0) + now - began
        work, there = self.describe()
        for queue, total in seconds.items():
            work.add_metric([queue], total)
        for queue, number in self._threads.items():
            there.add_metric([queue], number)
        yield work
        yield there


busy = Busy()
REGISTRY.register(busy)
