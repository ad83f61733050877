"""How much somebody may ask for: by person, by token, by network address, and wrong guesses by address.

Counted in the memory of this one gateway process, in a window that slides over the last minute. So an installation of
n gateways allows n times as much, and none of them asks another or a store before it answers.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from time import time
from typing import Literal

from flask import g
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from chassis.settings import Settings
from contracts.errors import Problem

Who = Literal["user", "token", "address", "guesses"]

_WRONG = frozenset({"unauthenticated", "not_found", "gone"})
"""Refusals that tell a guesser that this was not it."""


@dataclass(frozen=True)
class Allowance:
    """What is left of a limit; `resets` in seconds."""

    who: Who
    limit: int
    left: int
    resets: int

    @property
    def headers(self) -> dict[str, str]:
        """The same as headers of an answer (draft-ietf-httpapi-ratelimit-headers-10)."""
        return {
            "RateLimit-Policy": f'"{self.who}";q={self.limit};w=60',
            "RateLimit": f'"{self.who}";r={self.left};t={self.resets}',
        }


class Limits:
    """The limits of one gateway process. A limit of 0 is none."""

    def __init__(self, settings: Settings) -> None:
        given: dict[Who, int] = {
            "user": settings.rate_limit_user,
            "token": settings.rate_limit_token,
            "address": settings.rate_limit_address,
            "guesses": settings.rate_limit_guesses,
        }
        self._items = {who: RateLimitItemPerMinute(limit) for who, limit in given.items() if limit}
        self._windows = SlidingWindowCounterRateLimiter(MemoryStorage())

    def take(self, who: Who, key: str) -> None:
        """Count one request of `key`, within a request; refuse it as `rate_limited` if there were too many.

        The answer will tell what is left, of the limit that comes nearest.
        """
        item = self._items.get(who)
        if item is None:
            return
        allowed = self._windows.hit(item, who, key)
        allowance = self._left(who, key)
        nearest: Allowance | None = g.get("allowance")
        if nearest is None or not allowed or allowance.left < nearest.left:
            g.allowance = allowance
        if not allowed:
            raise _too_many(allowance)

    @contextmanager
    def guess(self, address: str | None) -> Iterator[None]:
        """Around what finds out whether a secret is one: an address that tried too many wrong ones is not answered.

        None: whoever asks was let in before.
        """
        item = self._items.get("guesses")
        if item is None or address is None:
            yield
            return
        if not self._windows.test(item, "guesses", address):
            raise _too_many(self._left("guesses", address))
        try:
            yield
        except Problem as problem:
            if problem.code in _WRONG:
                self._windows.hit(item, "guesses", address)
            raise

    def _left(self, who: Who, key: str) -> Allowance:
        item = self._items[who]
        window = self._windows.get_window_stats(item, who, key)
        return Allowance(who, item.amount, int(window.remaining), max(1, ceil(window.reset_time - time())))


def _too_many(allowance: Allowance) -> Problem:
    text = f"At most {allowance.limit:,} in a minute."
    return Problem("rate_limited", text, retry_after=allowance.resets, limit=allowance.limit, counted_by=allowance.who)
