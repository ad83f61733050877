"""Passwords: argon2id off the main loop, a few at a time."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import ParamSpec, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from eventlet import patcher

from contracts.errors import Problem

P = ParamSpec("P")
T = TypeVar("T")


class Passwords:
    """Hashes and checks passwords; Problem `busy` when too many wait for it already.

    Hashing is meant to be dear. So it runs on real threads, or every call of the process would stand still
    meanwhile; on `at_once` of them, so that a storm of sign-ins leaves the machine to those who are signed in; and at
    most `waiting` callers queue, so that the storm doesn't take all workers of the service.
    """

    def __init__(self, hasher: PasswordHasher, at_once: int, waiting: int) -> None:
        self._hasher = hasher
        self._places = threading.BoundedSemaphore(at_once + waiting)
        self._turns = threading.BoundedSemaphore(at_once)
        # what a password is checked against where there is no user, so that this takes as long as with one
        self._nobody = hasher.hash(os.urandom(16))

    def hash(self, password: str) -> str:
        """What is stored of a password: algorithm, parameters, salt and hash in one string."""
        with self._turn():
            return _on_a_real_thread(self._hasher.hash, password)

    def matches(self, stored: str | None, password: str) -> bool:
        """Whether `stored` was made of `password`. None, for nobody, never matches and costs the same."""
        with self._turn():
            try:
                same = _on_a_real_thread(self._hasher.verify, stored or self._nobody, password)
            except (VerificationError, InvalidHashError):
                return False
        return same and stored is not None

    def outdated(self, stored: str) -> bool:
        """Whether `stored` was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(stored)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._places.acquire(blocking=False):
            raise Problem("busy", "Too many people are signing in; try again in a moment.")
        try:
            with self._turns:
                yield
        finally:
            self._places.release()


def _on_a_real_thread(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    if not patcher.is_monkey_patched("thread"):
        return work(*args, **kwargs)  # we are on one already, and argon2 lets go of the interpreter's lock
    from eventlet import tpool

    result: T = tpool.execute(work, *args, **kwargs)
    return result


@cache
def passwords() -> Passwords:
    """This process's one.

    Parameters: OWASP's Password Storage Cheat Sheet, argon2id with 19 MiB, two passes, one lane. At most two at
    once, and half of the machine's processors.
    """
    hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
    at_once = max(1, min(2, (os.cpu_count() or 1) // 2))
    return Passwords(hasher, at_once=at_once, waiting=8)
