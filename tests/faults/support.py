"""Taking parts of a running system away, and people who go on working through it."""

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import httpx

from client import ApiError
from client.transport import Unreachable
from deploy.local.processes import PROCESSES
from deploy.local.system import System
from tests.e2e.ledger import Attempt, Ledger, after, faults
from tests.e2e.support import Person, Team, eventually

T = TypeVar("T")


def ask_overview(team: Team, name: str = "mara") -> dict[str, Any]:
    """The overview's cards, asked for once: it must come, whatever is away."""
    http = team.people[name].api.transport.http
    response = http.get(f"/projects/{team.id}/overview", timeout=30)
    assert response.status_code == 200, response.text
    cards: dict[str, Any] = response.json()["cards"]
    return cards


def unavailable(cards: dict[str, Any]) -> set[str]:
    """The names of the cards that say that they are unavailable."""
    return {name for name, card in cards.items() if card["state"] == "unavailable"}


def whole_overview(team: Team) -> dict[str, Any]:
    """The overview's cards, as soon as all of them are there."""

    def whole() -> dict[str, Any]:
        cards = ask_overview(team)
        assert not unavailable(cards), cards
        return cards

    return eventually(whole)


def start_server(system: System, name: str) -> None:
    """Starts PostgreSQL or RabbitMQ again, and waits until all of Labelyard has found it by itself."""
    system.supervisor.start([name])
    server = next(server for server in system.servers if server.name == name)
    eventually(lambda: _hold(server.is_ready(), f"{name} does not come up"))
    all_ready(system)


def all_ready(system: System) -> None:
    """Waits until every process says that it is ready."""
    for process in PROCESSES:
        eventually(lambda name=process.name: _hold(system.is_ready(name), f"{name} is not ready"))  # type: ignore[misc]


def kill(system: System, name: str) -> None:
    """Kills a process outright, and waits until its successor is ready."""
    victim = system.supervisor.state(name).pid
    system.supervisor.kill(name)
    eventually(lambda: _hold(system.supervisor.state(name).pid not in (0, victim), f"{name} was not started anew"))
    eventually(lambda: _hold(system.is_ready(name), f"{name} is not ready"))


def _hold(condition: bool, what: str) -> None:
    assert condition, what


def insist(send: Callable[[], T], within: float = 120) -> T:
    """What `send` answers, tried again for as long as the answer is "not now" or none at all."""
    end = time.monotonic() + within
    while True:
        try:
            return send()
        except (Unreachable, httpx.TransportError):
            if time.monotonic() > end:
                raise
        except ApiError as error:
            if error.status != 503 or time.monotonic() > end:
                raise
        time.sleep(0.2)


class Shift:
    """The team at work until the shift is over, whatever happens; everybody on labels of their own.

    An attempt that was not answered is sent again, under the same idempotency key, until it is: so what was done
    is known for sure, and is in the ledger.
    """

    def __init__(self, team: Team) -> None:
        self.team = team
        self.ledger = Ledger(team)
        self._over = threading.Event()
        self._pool = ThreadPoolExecutor(16)
        self._jobs: list[Future[None]] = []

    def __enter__(self) -> "Shift":
        people = [person for person in self.team.people.values() if person.role == "labeler"]
        for number, person in enumerate(people):
            labels = self.team.labels[number :: len(people)]
            for label in labels:
                self._do(Attempt(self.team.people["mara"], label, "assign_labeler", user=person))
            self.repeat(lambda person=person, labels=labels: self._work(person, labels))  # type: ignore[misc]
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._over.set()
        self._pool.shutdown()
        if kind is None:
            self.over()

    def over(self) -> None:
        """Ends the shift when everybody is done with what they are at; raises what went wrong for anybody."""
        self._over.set()
        for job in self._jobs:
            job.result()

    def repeat(self, job: Callable[[], None]) -> None:
        """Do something again and again, on a thread of its own, until the shift is over."""

        def run() -> None:
            while not self._over.wait(0.1):
                job()

        self._jobs.append(self._pool.submit(run))

    def worked(self, steps: int) -> None:
        """Waits until so many more actions were acknowledged."""
        target = len(self.ledger) + steps
        for job in self._jobs:
            if job.done():
                job.result()
        eventually(lambda: _hold(len(self.ledger) >= target, "nothing is acknowledged any more"), within=120)

    def _work(self, person: Person, labels: list[str]) -> None:
        label = random.choice(labels)
        standing = self.ledger.standing(label)
        classes = tuple(self.team.class_ids.values())
        ideas = [Attempt(person, label, action) for action in ("submit", "skip", "reopen")]
        ideas.append(Attempt(person, label, "edit_body", objects=classes, if_version=standing.version))
        self._do(random.choice([idea for idea in ideas if not faults(standing, idea)]))

    def _do(self, attempt: Attempt) -> None:
        expected = after(self.ledger.standing(attempt.label), attempt)
        answer = insist(lambda: attempt.send(self.team.id))
        assert answer["version"] == expected.version, f"{attempt}: {answer}"
        self.ledger.acknowledge(attempt, answer)
