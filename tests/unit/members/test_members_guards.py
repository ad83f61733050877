"""How often passwords may be guessed, by a clock that moves when it is told to."""

import itertools
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest

from services.members import domain
from services.members.domain import Bucket

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
ANN, BEN = "ann@example.com", "ben@example.com"
HERE, THERE = "192.0.2.1", "192.0.2.2"


class Door:
    """Signs in nobody: all passwords are wrong. Buckets as the database keeps them, by key."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 12, tzinfo=UTC)
        self.full_at: dict[bytes, datetime] = {}

    def wait(self, account: str, address: str | None = None, device: str | None = None) -> timedelta:
        """How long a sign-in is held up; zero: it took a guess, and failed."""
        guards = domain.sign_in_guards(account, address, device)
        full_at = {key: self.full_at.get(key, self.now) for key in guards}
        wait = max(bucket.wait(full_at[key], self.now) for key, bucket in guards.items())
        if not wait:
            self.full_at |= {key: bucket.taken(full_at[key], self.now) for key, bucket in guards.items()}
        return wait

    def guesses(self, account: str, addresses: Iterable[str], span: timedelta, step: timedelta) -> int:
        """How many guesses come through in `span` when every `step`, and at its end, each address tries."""
        addresses, through = list(addresses), 0
        for _ in range(span // step):
            through += sum(not self.wait(account, address) for address in addresses)
            self.now += step
        return through + sum(not self.wait(account, address) for address in addresses)


@pytest.fixture
def door() -> Door:
    return Door()


def test_a_bucket_gives_its_burst_at_once_and_then_one_each_pause() -> None:
    bucket, now = Bucket(3, MINUTE), datetime(2026, 1, 1, tzinfo=UTC)
    full_at = now
    for _ in range(3):
        assert not bucket.wait(full_at, now)
        full_at = bucket.taken(full_at, now)
    assert bucket.wait(full_at, now) == MINUTE
    assert bucket.wait(full_at, now + 59 * SECOND) == SECOND
    full_at = bucket.taken(full_at, now + MINUTE)
    assert bucket.wait(full_at, now + MINUTE) == MINUTE


def test_a_bucket_is_full_again_at_last_and_never_fuller() -> None:
    bucket, now = Bucket(3, MINUTE), datetime(2026, 1, 1, tzinfo=UTC)
    full_at = bucket.taken(now, now)
    assert full_at == now + MINUTE
    later = now + 1000 * HOUR
    for _ in range(3):
        full_at = bucket.taken(full_at, later)
    assert bucket.wait(full_at, later) == MINUTE


def test_what_is_given_back_was_never_taken() -> None:
    bucket, now = Bucket(2, MINUTE), datetime(2026, 1, 1, tzinfo=UTC)
    full_at = bucket.taken(now, now)
    for _ in range(10):
        assert not bucket.wait(full_at, now)
        full_at = bucket.given_back(bucket.taken(full_at, now))
    assert full_at == now + MINUTE


def test_one_address_gets_so_many_guesses_at_an_account(door: Door) -> None:
    tried = [door.wait(ANN, HERE) for _ in range(domain.BY_ADDRESS_AND_ACCOUNT.burst + 1)]
    assert [bool(wait) for wait in tried] == [False] * domain.BY_ADDRESS_AND_ACCOUNT.burst + [True]
    assert not door.wait(BEN, HERE)
    assert not door.wait(ANN, THERE)
    door.now += tried[-1]
    assert not door.wait(ANN, HERE)


def test_no_address_alone_holds_up_others_for_ever(door: Door) -> None:
    day = timedelta(days=1)
    through = door.guesses(ANN, [HERE], day, 10 * SECOND)
    assert through <= domain.BY_ADDRESS_AND_ACCOUNT.burst + day / domain.BY_ADDRESS_AND_ACCOUNT.pause
    assert door.wait(ANN, HERE)
    assert not door.wait(ANN, THERE)


def test_a_list_of_accounts_is_not_tried_from_one_address(door: Door) -> None:
    tried = [door.wait(f"{number}@example.com", HERE) for number in range(domain.BY_ADDRESS.burst + 5)]
    assert sum(not wait for wait in tried) == domain.BY_ADDRESS.burst
    assert not door.wait("0@example.com", THERE)


def test_many_addresses_together_get_so_many_guesses_a_day(door: Door) -> None:
    addresses = [f"192.0.2.{number}" for number in range(40)]
    day = timedelta(days=1)
    through = door.guesses(ANN, addresses, day, MINUTE)
    assert through <= domain.BY_ACCOUNT.burst + day / domain.BY_ACCOUNT.pause
    assert door.wait(ANN, "203.0.113.1")
    assert not door.wait(BEN, "203.0.113.1")


def test_nobody_locks_out_a_device_that_is_known(door: Door) -> None:
    door.guesses(ANN, [HERE, *(f"203.0.113.{number}" for number in range(40))], HOUR, MINUTE)
    assert door.wait(ANN, HERE)
    assert not door.wait(ANN, HERE, device="known")


def test_a_known_device_may_not_guess_for_ever_either(door: Door) -> None:
    for _ in range(domain.BY_DEVICE.burst):
        assert not door.wait(ANN, HERE, device="known")
    assert door.wait(ANN, HERE, device="known")
    assert not door.wait(ANN, HERE, device="another")
    assert not door.wait(ANN, HERE)


@pytest.mark.parametrize(
    ("address", "counted_by"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::9", "2001:db8:1:3::/64"),
        ("a socket", "a socket"),
    ],
)
def test_what_addresses_are_counted_by(address: str, counted_by: str) -> None:
    assert domain.network(address) == counted_by


def test_no_two_guards_are_taken_for_each_other() -> None:
    asked = itertools.product(["a", "a b", ""], [None, "a", "b"], [None, "a", "b"])
    keys = {which: domain.sign_in_guards(*which) for which in asked}
    apart = {(account, address) if device is None else (account, device, "") for account, address, device in keys}
    assert len({frozenset(guards) for guards in keys.values()}) == len(apart)
    assert all(len(key) == 32 for guards in keys.values() for key in guards)
    assert not {*domain.password_change_guards("a")} & {key for guards in keys.values() for key in guards}
