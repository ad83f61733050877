"""Holds a process to a share of a processor, with nothing but signals."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

LOOK = 0.005
"""Seconds between two looks."""

BURST = 0.05
"""Seconds of a processor that a process which has used less than its share may use at once."""


@contextmanager
def held(pid: int, share: float) -> Iterator[None]:
    """The process gets `share` of a processor while inside: it is stopped whenever it has used more than that."""
    ended = threading.Event()
    thread = threading.Thread(target=_hold, args=(pid, share, ended), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def _hold(pid: int, share: float, ended: threading.Event) -> None:
    clock = (~pid << 3) | 2  # the time that all of its threads have run (clock_getcpuclockid(3))
    allowed, used, at = BURST, time.clock_gettime(clock), time.monotonic()
    stopped = False
    with suppress(ProcessLookupError, OSError):
        while not ended.wait(LOOK):
            now, ran = time.monotonic(), time.clock_gettime(clock)
            allowed = min(BURST, allowed + share * (now - at)) - (ran - used)
            used, at = ran, now
            if (allowed < 0) != stopped:
                stopped = not stopped
                os.kill(pid, signal.SIGSTOP if stopped else signal.SIGCONT)
