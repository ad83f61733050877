"""Circuit breakers: a service that has not answered for a while is not waited for again and again."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from chassis import metrics
from chassis.logs import get_logger

log = get_logger()

FAILURES = 3
"""Calls in a row that must have failed before a breaker opens."""

SILENCE = 2.0
"""Seconds that a service must not have answered anything before its breaker opens."""

PAUSE = 1.0
"""Seconds between two probes of a service whose breaker is open."""


@dataclass(frozen=True)
class Ticket:
    """The right to ask. A `probe` asks a service that is likely not to answer."""

    at: float
    probe: bool


class Breaker:
    """Whether a service is worth asking.

    It opens after FAILURES calls in a row without an answer, SILENCE seconds after the first of them was sent. While it
    is open one call every PAUSE seconds is let through, and any answer closes it. A call that fails while others that
    were sent with it are answered says something about the question, not about the service: it is not counted.
    """

    def __init__(self, service: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._service = service
        self._clock = clock
        self._lock = threading.Lock()
        self._gauge = metrics.breaker_open.labels(service)
        self._gauge.set(0)
        self._open = False
        self._failures = 0
        self._silent_since = 0.0
        self._answered_at = 0.0
        self._probe_at = 0.0

    def enter(self) -> Ticket | None:
        """The right to ask now; None: not now. Say `answered` or `failed` in the end."""
        with self._lock:
            now = self._clock()
            if self._open:
                if now < self._probe_at:
                    return None
                self._probe_at = now + PAUSE
            return Ticket(now, probe=self._open)

    def answered(self) -> None:
        """The service has answered, be it with a refusal."""
        with self._lock:
            self._answered_at = self._clock()
            self._failures = 0
            if self._open:
                self._turn(False)

    def failed(self, ticket: Ticket) -> None:
        """No answer came."""
        with self._lock:
            now = self._clock()
            if ticket.at < self._answered_at:
                return
            if self._failures == 0:
                self._silent_since = ticket.at
            self._failures += 1
            self._probe_at = now + PAUSE
            if not self._open and self._failures >= FAILURES and now - self._silent_since >= SILENCE:
                self._turn(True)

    def _turn(self, open_: bool) -> None:
        self._open = open_
        self._gauge.set(open_)
        log.warning("not asked for a while" if open_ else "asked again", service=self._service)
