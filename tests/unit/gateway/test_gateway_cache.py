"""What the gateway remembers: fresh, stale, dropped."""

import threading
from collections.abc import Callable

import pytest

from contracts.errors import Problem
from gateway.cache import FRESH, FRESH_UNHEARD, HURRY, PAUSE, STALE, Cache


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Owner:
    """A service that can be away; counts how often it was asked, and how long it was given."""

    def __init__(self) -> None:
        self.answer: str | None = "first"
        self.problem: Problem | None = None
        self.asked: list[float | None] = []

    def __call__(self, deadline: float | None) -> str | None:
        self.asked.append(deadline)
        if self.problem is not None:
            raise self.problem
        return self.answer


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def owner() -> Owner:
    return Owner()


@pytest.fixture
def read(clock: Clock, owner: Owner) -> Callable[..., str | None]:
    return lambda cache, reading=True: cache.get("key", owner, reading=reading)


@pytest.fixture
def cache(clock: Clock) -> Cache[str, str]:
    cache: Cache[str, str] = Cache(clock=clock)
    cache.heard(True)
    return cache


Read = Callable[..., str | None]


def test_a_fresh_answer_is_not_asked_for_again(cache: Cache[str, str], owner: Owner, clock: Clock, read: Read) -> None:
    read(cache)
    clock.now += FRESH - 0.1
    read(cache)
    assert owner.asked == [None]
    clock.now += 0.2
    owner.answer = "second"
    assert read(cache) == "second"


def test_without_events_an_answer_is_fresh_for_a_moment_only(
    cache: Cache[str, str], owner: Owner, clock: Clock, read: Read
) -> None:
    read(cache)
    cache.heard(False)
    read(cache)
    clock.now += FRESH_UNHEARD + 0.1
    read(cache)
    assert len(owner.asked) == 3


def test_after_events_are_heard_again_nothing_is_fresh(cache: Cache[str, str], owner: Owner, read: Read) -> None:
    read(cache)
    cache.heard(True)
    owner.answer = "second"
    assert read(cache) == "second"


@pytest.mark.parametrize("code", ["unavailable", "deadline_exceeded", "busy"])
def test_a_stale_answer_serves_for_reading_while_its_owner_is_away(
    cache: Cache[str, str], owner: Owner, clock: Clock, read: Read, code: str
) -> None:
    read(cache)
    owner.problem = Problem(code)
    clock.now += FRESH + 1
    assert read(cache) == "first"
    assert owner.asked[-1] == HURRY
    with pytest.raises(Problem) as refusal:
        read(cache, reading=False)
    assert refusal.value.code == code
    assert owner.asked[-1] is None


def test_an_owner_that_is_away_is_not_asked_by_every_reader(
    cache: Cache[str, str], owner: Owner, clock: Clock, read: Read
) -> None:
    read(cache)
    owner.problem = Problem("unavailable")
    clock.now += FRESH + 1
    for _ in range(5):
        read(cache)
    assert len(owner.asked) == 2
    clock.now += PAUSE + 0.1
    owner.problem, owner.answer = None, "second"
    assert read(cache) == "second"


def test_nothing_is_served_after_ten_minutes(cache: Cache[str, str], owner: Owner, clock: Clock, read: Read) -> None:
    read(cache)
    owner.problem = Problem("unavailable")
    clock.now += STALE + 1
    with pytest.raises(Problem):
        read(cache)


def test_a_refusal_is_passed_on_and_ends_what_was_kept(
    cache: Cache[str, str], owner: Owner, clock: Clock, read: Read
) -> None:
    read(cache)
    clock.now += FRESH + 1
    owner.problem = Problem("unauthenticated")
    with pytest.raises(Problem):
        read(cache)
    owner.problem = Problem("unavailable")
    with pytest.raises(Problem) as refusal:
        read(cache)
    assert refusal.value.code == "unavailable"


def test_no_is_never_kept(cache: Cache[str, str], owner: Owner, read: Read) -> None:
    owner.answer = None
    assert read(cache) is None
    owner.answer = "now"
    assert read(cache) == "now"


def test_what_was_dropped_is_not_served_even_while_its_owner_is_away(
    cache: Cache[str, str], owner: Owner, read: Read
) -> None:
    read(cache)
    cache.drop_where(lambda _, value: value == "first")
    owner.problem = Problem("unavailable")
    with pytest.raises(Problem):
        read(cache)


def test_an_answer_that_was_under_way_when_it_was_dropped_is_not_kept(cache: Cache[str, str]) -> None:
    asked, dropped = threading.Event(), threading.Event()
    answers = iter(["before", "after"])

    def load(_: float | None) -> str:
        asked.set()
        assert dropped.wait(10)
        return next(answers)

    reader = threading.Thread(target=cache.get, args=("key", load), kwargs={"reading": True})
    reader.start()
    assert asked.wait(10)
    cache.drop("key")
    dropped.set()
    reader.join()
    assert cache.get("key", load, reading=True) == "after"


def test_a_stale_answer_that_is_dropped_while_its_owner_is_asked_is_not_served(
    cache: Cache[str, str], owner: Owner, clock: Clock, read: Read
) -> None:
    read(cache)
    clock.now += FRESH + 1

    def load(_: float | None) -> str:
        cache.drop("key")
        raise Problem("unavailable")

    with pytest.raises(Problem):
        cache.get("key", load, reading=True)


def test_who_asks_in_vain_takes_what_somebody_else_was_told(
    cache: Cache[str, str], owner: Owner, clock: Clock, read: Read
) -> None:
    read(cache)
    clock.now += FRESH + 1
    owner.answer = "second"

    def load(_: float | None) -> str:
        assert read(cache) == "second"  # asked at the same time, and answered in time
        raise Problem("deadline_exceeded")

    assert cache.get("key", load, reading=True) == "second"


def test_the_least_used_is_forgotten() -> None:
    cache: Cache[int, int] = Cache(size=2)
    cache.heard(True)
    loads: list[int] = []

    def ask(key: int) -> None:
        def load(_: float | None) -> int:
            loads.append(key)
            return key

        cache.get(key, load, reading=True)

    for key in (1, 2, 1, 3, 1, 2):
        ask(key)
    assert loads == [1, 2, 3, 2]
