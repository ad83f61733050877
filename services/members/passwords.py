"""Passwords: argon2id, a few at a time."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from contracts.errors import Problem

TODAY = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
"""Parameters of OWASP's Password Storage Cheat Sheet: argon2id with 19 MiB, two passes, one lane."""

AT_ONCE = max(1, min(2, (os.cpu_count() or 1) // 2))
"""How many run at once in a process: at most two, on at most half of the machine's processors."""

WAITING = 8
"""How many callers wait for their turn at most: fewer than a service has workers."""

Run = Callable[..., Any]


def _here(work: Callable[..., Any], *arguments: str) -> Any:
    return work(*arguments)


class Passwords:
    """Hashes and checks passwords; Problem `busy` when too many wait for it already.

    Hashing is meant to be dear, so a storm of sign-ins must neither take the whole machine nor all workers of the
    service: `at_once` run, `waiting` queue. `run` calls a function with arguments, where that holds up nobody else:
    in an eventlet process, on a real thread.
    """

    def __init__(
        self, run: Run = _here, hasher: PasswordHasher = TODAY, at_once: int = AT_ONCE, waiting: int = WAITING
    ) -> None:
        self._run = run
        self._hasher = hasher
        self._places = threading.BoundedSemaphore(at_once + waiting)
        self._turns = threading.BoundedSemaphore(at_once)
        # what a password is checked against where there is no user, so that this takes as long as with one
        self._nobody = hasher.hash(os.urandom(16))

    def hash(self, password: str) -> str:
        """What is stored of a password: algorithm, parameters, salt and hash in one string."""
        with self._turn():
            stored: str = self._run(self._hasher.hash, password)
            return stored

    def matches(self, stored: str | None, password: str) -> bool:
        """Whether `stored` was made of `password`. None, for nobody, never matches and costs the same."""
        with self._turn():
            try:
                self._run(self._hasher.verify, stored or self._nobody, password)
            except (VerificationError, InvalidHashError):
                return False
        return stored is not None

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
