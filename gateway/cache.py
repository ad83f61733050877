"""What the gateway remembers of other services, so that a page comes quickly and even while they are away.

An answer is fresh for 30 s. While its owner is away it is served stale, for reading only and for at most 10 minutes
after it was given. Events drop what they make untrue. Answers that say "no" are never kept.
"""

import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from cachetools import LRUCache

from contracts.errors import Problem
from gateway.problems import AWAY

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

FRESH = 30.0
"""Seconds an answer is taken as true without asking again, while events are heard."""

FRESH_UNHEARD = 1.0
"""The same while no events are heard: a revocation must not go unseen for longer than 2 s."""

STALE = 600.0
"""Seconds after which an answer is of no use at all."""

HURRY = 0.25
"""Seconds the owner gets to answer where a stale answer would do."""

PAUSE = 1.0
"""Seconds a stale answer is served without asking again after its owner did not answer."""


@dataclass
class _Entry(Generic[Value]):
    value: Value
    at: float
    epoch: int
    ask_again_at: float = 0.0


class Cache(Generic[Key, Value]):
    """Answers by key, the least used forgotten beyond `size`. Thread-safe."""

    def __init__(self, size: int = 10_000, clock: Callable[[], float] = time.monotonic) -> None:
        self._entries: LRUCache[Key, _Entry[Value]] = LRUCache(size)
        self._lock = threading.Lock()
        self._clock = clock
        self._epoch = 0
        self._drops = 0
        self._heard = False

    def get(self, key: Key, load: Callable[[float | None], Value | None], *, reading: bool) -> Value | None:
        """The answer for `key`, from `load` unless a fresh one is kept; None (never kept) where `load` says so.

        `load` gets the seconds it may take, None for as long as usual. With `reading`, a stale answer serves while
        its owner is away; otherwise what `load` raises goes through.
        """
        with self._lock:
            now = self._clock()
            entry = self._entries.get(key)
            epoch, drops = self._epoch, self._drops
            if entry is not None and entry.epoch == epoch and now - entry.at < self._fresh():
                return entry.value
            stale = entry if reading and entry is not None and now - entry.at < STALE else None
            if stale is not None and now < stale.ask_again_at:
                return stale.value
        try:
            value = load(HURRY if stale is not None else None)
        except Problem as problem:
            if problem.code not in AWAY:
                self.drop(key)
                raise
            with self._lock:
                kept = self._entries.get(key)  # stale still, or newer if somebody else has got an answer
                if stale is None or kept is None:  # dropped meanwhile: no longer true
                    raise
                kept.ask_again_at = self._clock() + PAUSE
                return kept.value
        with self._lock:
            if value is None:
                self._entries.pop(key, None)
            elif drops == self._drops:  # otherwise this may be the answer from before what dropped it
                self._entries[key] = _Entry(value, now, epoch)
        return value

    def drop(self, key: Key) -> None:
        """What is kept for `key` is no longer true."""
        with self._lock:
            self._drops += 1
            self._entries.pop(key, None)

    def drop_where(self, untrue: Callable[[Key, Value], bool]) -> None:
        """What `untrue` picks is no longer true."""
        with self._lock:
            self._drops += 1
            for key in [key for key, entry in self._entries.items() if untrue(key, entry.value)]:
                del self._entries[key]

    def heard(self, listening: bool) -> None:
        """Events are heard from now on, or no longer. Either way some may have been missed: nothing is fresh."""
        with self._lock:
            self._heard = listening
            self._epoch += 1

    def _fresh(self) -> float:
        return FRESH if self._heard else FRESH_UNHEARD
