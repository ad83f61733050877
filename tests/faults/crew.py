"""A team whose ledger lasts over several faults, and the comparison of everything with it after each."""

import os
import random
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from kombu import Connection

from chassis.broker import OLD_DEAD_LETTERS, dead_letters
from chassis.settings import SERVICES
from chassis.topology import subscriptions_of_service
from deploy.local.system import System
from tests.e2e.ledger import Attempt, Ledger, Standing
from tests.e2e.support import Team, eventually, export, make_team
from tests.faults.load import PATIENCE, Follower, Load

LABELS = 12
STEPS = 15  # acknowledged between one thing and the next
WATCHERS = ("mara", "lena")


@dataclass(frozen=True)
class Kind:
    """A fault that can be inflicted on a crew at work; `chance` decides what is left to it (kinds.py)."""

    name: str
    inflict: "Callable[[Crew, Load, random.Random], None]"


class Crew:
    """A team, its ledger and those who watch its stream; `seed` decides what everybody does."""

    def __init__(self, system: System, team: Team, followers: Mapping[str, Follower], seed: str) -> None:
        self.system = system
        self.team = team
        self.ledger = Ledger(team)
        self.seed = seed
        self._followers = followers
        self._shifts = count()
        self._numbers = count()
        self._failed_before = failed_messages(system)

    def at_work(self) -> Load:
        """The crew at work, each time on something else."""
        return Load(self.team, self.ledger, f"{self.seed} {next(self._shifts)}", self._numbers)

    def agree(self, exports: list[Path], folder: Path) -> str:
        """Waits until everything agrees with the ledger and nothing is stuck; says how long that took.

        `exports` were made meanwhile: each must show the labels as they were at some time.
        """
        began = time.monotonic()
        final = eventually(self._compared, within=PATIENCE)
        agreed = time.monotonic() - began
        eventually(lambda: nothing_stuck(self.system, self._failed_before), within=PATIENCE)
        empty = time.monotonic() - began
        for file in exports:
            self.ledger.check_moment(file)
        while True:  # something in doubt may have been done in the last moment
            file = export(self.team.manager, self.team.id, folder / "afterwards.json")
            if (now := self.ledger.trace()) == final:
                break
            final = now
        self.ledger.check_export(final, file)
        return f"agreed after {agreed:.1f} s, nothing under way after {empty:.1f} s"

    def _compared(self) -> dict[str, Standing]:
        final = self.ledger.trace()
        self.ledger.count(final)
        for name, follower in self._followers.items():
            assert not follower.wrong, follower.wrong
            expected = self.ledger.segments(final, name)
            assert follower.shown == expected, f"{name}'s stream shows {follower.shown}, expected {expected}"
        return final


@contextmanager
def make_crew(system: System, seed: str) -> Iterator[Crew]:
    """A new team with a dozen labels, each with somebody to work on it."""
    with ExitStack() as stack:
        team = stack.enter_context(make_team(system, LABELS))
        followers = {name: stack.enter_context(Follower(team.people[name], team.id)) for name in WATCHERS}
        crew = Crew(system, team, followers, seed)
        labelers = [person for person in team.people.values() if person.role == "labeler"]
        for number, label in enumerate(team.labels):
            given = Attempt(team.people["mara"], label, "assign_labeler", user=labelers[number % len(labelers)])
            crew.ledger.acknowledge(given, given.send(team.id))
        yield crew


class Crews:
    """One crew after the other: a new one takes over from one whose ledger does not agree any more."""

    def __init__(self, hire: Callable[[], Crew]) -> None:
        self._hire = hire
        self._crew: Crew | None = None

    @contextmanager
    def crew(self) -> Iterator[Crew]:
        """The crew, for one test."""
        crew, self._crew = self._crew or self._hire(), None
        yield crew
        self._crew = crew


def new_seed() -> str:
    """LABELYARD_TEST_SEED, which makes everybody choose the same again, or a new one."""
    return os.environ.get("LABELYARD_TEST_SEED") or str(secrets.randbelow(10**9))


def inflict(kind: Kind, crew: Crew, folder: Path) -> str:
    """The crew works, suffers a fault, and goes on; then everything must agree. A line that tells of it."""
    chance = random.Random(f"{crew.seed} {kind.name}")
    began = time.monotonic()
    with crew.at_work() as load:
        load.export_now_and_then(folder)
        load.worked(STEPS)
        kind.inflict(crew, load, chance)
        load.worked(STEPS)
    lasted = time.monotonic() - began
    try:
        agreed = crew.agree(load.exports, folder)
    except AssertionError as error:
        error.add_note(f"LABELYARD_TEST_SEED={crew.seed}")
        raise
    return (
        f"{kind.name}: {load.acknowledged} acknowledged, {load.refused} refused, {len(load.troubles)} without an answer"
        f" ({load.given_up} never again), {len(load.exports)} exports in {lasted:.1f} s, slowest answer"
        f" {load.slowest:.1f} s; {agreed}"
    )


def nothing_stuck(system: System, failed_before: Mapping[UUID, Any]) -> None:
    """No event waits to be published or consumed, and none has failed that had not before."""
    for service in SERVICES:
        with database(system, service) as connection:
            [waiting] = connection.execute("SELECT count(*) FROM outbox").fetchone() or [0]
        assert not waiting, f"{waiting} events of {service} are not published"
    full = {queue: waiting for queue, waiting in queues(system).items() if waiting}
    assert not full, f"messages wait: {full}"
    failed = {key: row for key, row in failed_messages(system).items() if key not in failed_before}
    assert not failed, f"messages failed: {failed}"


def queues(system: System) -> dict[str, int]:
    """How many messages wait in each queue that events and calls come to."""
    names = [each.queue for service in SERVICES for each in subscriptions_of_service(service)]
    names += [OLD_DEAD_LETTERS, *(dead_letters(service) for service in SERVICES)]
    names += [f"rpc-{service}" for service in SERVICES]
    with Connection(system.environment["LABELYARD_AMQP_URL"]) as connection:
        channel = connection.default_channel
        return {name: channel.queue_declare(name, passive=True).message_count for name in (*names, OLD_DEAD_LETTERS)}


def failed_messages(system: System) -> dict[UUID, tuple[Any, ...]]:
    """The messages that a consumer could not handle, by id: queue, type, reason, attempts, body."""
    found: dict[UUID, tuple[Any, ...]] = {}
    for service in SERVICES:
        with database(system, service) as connection:
            rows = connection.execute("SELECT id, queue, type, reason, attempts, body FROM failed_messages")
            found |= {key: tuple(row) for key, *row in rows}
    return found


def database(system: System, service: str) -> psycopg.Connection:
    """A connection to a service's own database, as the service."""
    return psycopg.connect(system.environment[f"LABELYARD_{service.upper()}_DSN"], connect_timeout=5)
