"""Hashing passwords, a few at a time."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from argon2 import PasswordHasher

from contracts.errors import Problem
from services.members.passwords import Passwords

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


class Gate(PasswordHasher):
    """A hasher that waits at a gate, so that a test decides how long hashing takes."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.open = threading.Event()
        self.inside = 0
        self.most = 0
        self.closed = False
        self._lock = threading.Lock()

    def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # type: ignore[override]
        with self._lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        self.open.wait(30)
        with self._lock:
            self.inside -= 1
        return super().verify(hash, password)  # type: ignore[return-value]


@contextmanager
def calls(subject: Passwords, stored: str, number: int) -> Iterator[list[str]]:
    """That many checks at once; their outcomes when they have ended."""
    outcomes: list[str] = []

    def check() -> None:
        try:
            outcomes.append("matched" if subject.matches(stored, "right") else "differed")
        except Problem as problem:
            outcomes.append(problem.code)

    threads = [threading.Thread(target=check) for _ in range(number)]
    for thread in threads:
        thread.start()
    yield outcomes
    for thread in threads:
        thread.join(30)


def test_a_password_matches_itself_only() -> None:
    subject = Passwords(hasher=CHEAP, at_once=1, waiting=1)
    stored = subject.hash("right")
    assert subject.matches(stored, "right")
    assert not subject.matches(stored, "wrong")
    assert subject.hash("right") != stored  # salted


def test_nobody_and_broken_hashes_match_nothing() -> None:
    subject = Passwords(hasher=CHEAP, at_once=1, waiting=1)
    assert not subject.matches(None, "right")
    assert not subject.matches("no hash at all", "right")


def test_nobody_costs_the_same_parameters() -> None:
    subject = Passwords()
    assert not subject.outdated(subject._nobody)


def test_todays_parameters() -> None:
    stored = Passwords().hash("right")
    assert stored.startswith("$argon2id$")
    assert "m=19456,t=2,p=1" in stored
    assert Passwords().outdated(CHEAP.hash("right"))


def test_at_most_so_many_at_once_and_the_rest_is_told_to_come_back() -> None:
    hasher = Gate()
    subject = Passwords(hasher=hasher, at_once=2, waiting=3)
    stored = CHEAP.hash("right")
    with calls(subject, stored, 12) as outcomes:
        while len(outcomes) < 7:  # those beyond two that run and three that wait are refused at once
            threading.Event().wait(0.005)
        assert outcomes == ["busy"] * 7
        hasher.open.set()
    assert sorted(outcomes) == ["busy"] * 7 + ["matched"] * 5
    assert hasher.most == 2
    assert subject.matches(stored, "right")  # places are given back
