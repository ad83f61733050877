"""Prometheus metrics. Durations in seconds.

Import this before eventlet patches the process: the locks inside are then the operating system's, which the health
thread and greenlets can share.
"""

from prometheus_client import Counter, Gauge, Histogram

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
published = Counter("labelyard_outbox_published_total", "Events that the broker has confirmed.", ["service"])
unrouted = Counter("labelyard_outbox_unrouted_total", "Events that nobody is bound to.", ["service", "type"])
outbox_lag = Gauge("labelyard_outbox_lag_seconds", "Age of the oldest event last seen waiting.", ["service"])
failed = Counter("labelyard_failed_messages_total", "Messages whose handler failed.", ["queue"])
streams = Gauge("labelyard_live_streams", "Live streams that are open.")
