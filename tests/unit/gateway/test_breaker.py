"""A breaker: when a service is no longer asked, and how it is found out that it is back."""

import pytest
from prometheus_client import REGISTRY

from gateway.breaker import FAILURES, PAUSE, SILENCE, Breaker, Ticket


class Clock:
    """A time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker("labels", clock)


def enter(breaker: Breaker) -> Ticket:
    ticket = breaker.enter()
    assert ticket is not None
    return ticket


def fail(breaker: Breaker, clock: Clock, after: float = SILENCE, times: int = FAILURES) -> None:
    """So many calls that were sent at once got no answer."""
    tickets = [enter(breaker) for _ in range(times)]
    clock.now += after
    for ticket in tickets:
        breaker.failed(ticket)


def shown() -> float | None:
    return REGISTRY.get_sample_value("labelyard_breaker_open", {"service": "labels"})


def test_a_service_that_answers_nothing_is_left_alone_and_probed_once_a_pause(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, clock)
    assert shown() == 1
    assert breaker.enter() is None
    for _ in range(3):
        clock.now += PAUSE
        assert enter(breaker).probe
        assert breaker.enter() is None
    breaker.answered()
    assert shown() == 0
    assert not enter(breaker).probe


def test_a_probe_that_fails_begins_the_pause_anew(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, clock)
    clock.now += PAUSE
    probe = enter(breaker)
    clock.now += PAUSE / 2
    breaker.failed(probe)
    clock.now += PAUSE * 0.9
    assert breaker.enter() is None


def test_fewer_failures_are_bad_luck(breaker: Breaker, clock: Clock) -> None:
    for _ in range(3):
        fail(breaker, clock, times=FAILURES - 1)
        breaker.answered()
    assert not enter(breaker).probe


def test_a_moment_is_no_silence(breaker: Breaker, clock: Clock) -> None:
    """However many run out of their time in it."""
    fail(breaker, clock, after=SILENCE / 2, times=50)
    assert not enter(breaker).probe
    fail(breaker, clock, after=SILENCE / 2, times=1)
    assert breaker.enter() is None


def test_slow_questions_among_others_that_are_answered_do_not_count(breaker: Breaker, clock: Clock) -> None:
    slow = [enter(breaker) for _ in range(20)]
    clock.now += 1
    enter(breaker)
    breaker.answered()
    clock.now += 9
    for ticket in slow:
        breaker.failed(ticket)
    assert not enter(breaker).probe


def test_an_answer_to_a_call_from_before_closes_it(breaker: Breaker, clock: Clock) -> None:
    late = enter(breaker)
    fail(breaker, clock)
    assert breaker.enter() is None
    assert late.at < clock.now
    breaker.answered()
    assert not enter(breaker).probe
