"""A team at work through the gateway for as long as a fault lasts, and everything that it was answered.

Everybody does whatever comes to their mind, mostly what the life table allows. An attempt that is not answered, or with
a 5xx, is sent again under its key until it is answered, or given up for ever: both are tried. The ledger knows what was
acknowledged and what is in doubt.
"""

import json
import random
import threading
import time
from collections.abc import Callable, Iterator, Set
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import httpx

from client import ApiError
from client.live import parse
from client.transport import TransferError, Unreachable
from tests.e2e.ledger import ACTIONS, ISSUES, Attempt, Ledger, after, faults, idea, told
from tests.e2e.support import Person, Team, eventually, segments, upload

HANGS = 25.0
"""Seconds without an answer that can't be explained by anything: a request has 10 s, and grace."""

PATIENCE = 120.0
"""Seconds that something is tried again for before the test gives up."""

NOT_NOW = {"unavailable", "deadline_exceeded", "busy"}
REFUSALS = {
    *("illegal_transition", "forbidden", "not_found", "self_review"),
    *("comment_required", "stale_version", "not_a_member"),
}

MOST_LABELS = 24  # more would only be slower to check

WORK = frozenset({"gateway", "members", "projects", "labels"})
"""What must be there for work on labels."""
EXPORT = frozenset({"gateway", "members", "projects", "exports", "s3"})
UPLOAD = WORK | {"s3"}
EVERYTHING = UPLOAD | EXPORT


@dataclass
class Fault:
    """When something was away, and what; `end` is None while it lasts."""

    away: Set[str]
    began: float
    end: float | None = None


@dataclass(frozen=True)
class Trouble:
    """A request that got no answer (`status` None) or a 5xx, and what it needed."""

    what: str
    needs: Set[str]
    status: int | None
    said: str
    began: float
    ended: float


class Follower:
    """Reads a project's live stream, reconnecting as the standard says, until its block ends.

    `shown` is what it shows now; `wrong`, what should not have come.
    """

    def __init__(self, person: Person, project_id: str) -> None:
        self.shown: dict[tuple[str, str], int] = {}
        self.wrong: list[str] = []
        self._http = person.api.transport.http
        self._path = f"/projects/{project_id}/live"
        self._version = -1
        self._over = threading.Event()
        self._response: httpx.Response | None = None
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        response = self._response
        if response is not None:
            with suppress(OSError, KeyError):
                response.extensions["network_stream"].get_extra_info("socket").shutdown(2)
        self._thread.join(5)

    def _follow(self) -> None:
        while not self._over.is_set():
            headers = {"Last-Event-ID": str(self._version)} if self._version >= 0 else {}
            with (
                suppress(httpx.TransportError),
                self._http.stream("GET", self._path, headers=headers, timeout=40) as self._response,
            ):
                self._read(self._response)
            self._over.wait(0.3)

    def _read(self, response: httpx.Response) -> None:
        if response.status_code != 200:
            response.read()
            if response.status_code != 503:
                self.wrong.append(f"the stream answered {response.status_code} {response.text}")
            return
        first = True
        for event in parse(response.iter_lines()):
            if event.name == "cards":
                message = json.loads(event.data)
                version = message["version"]
                if version < self._version or (version == self._version and not first):
                    self.wrong.append(f"the stream showed version {version} after {self._version}")
                if message["cards"]["labeling_status"]["state"] != "ok":
                    continue  # nobody can say at present: the version is the one that was shown last
                first, self._version = False, version
                self.shown = segments(message["cards"])


class Load:
    """The team at work from the block's beginning to its end; `seed` makes everybody choose the same again.

    On leaving, what everybody was at is finished, and whatever was wrong is raised.
    """

    def __init__(self, team: Team, ledger: Ledger, seed: str, numbers: Iterator[int] | None = None) -> None:
        self.team = team
        self.ledger = ledger
        self.acknowledged = 0
        self.refused = 0
        self.given_up = 0
        self.slowest = 0.0
        self.exports: list[Path] = []
        self.troubles: list[Trouble] = []
        self._seed = seed
        self._numbers = numbers or count()
        self._faults: list[Fault] = []
        self._wrong: list[str] = []
        self._issues: dict[str, list[str]] = {}
        self._answered: dict[str, float] = {}
        self._locks: dict[str, threading.Lock] = {label: threading.Lock() for label in ledger.labels}
        self._over = threading.Event()
        self._pool = ThreadPoolExecutor(8)
        self._jobs: list[Future[None]] = []
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        for name, person in self.team.people.items():
            chance = random.Random(f"{self._seed} {name}")
            self._repeat(0.05, lambda person=person, chance=chance: self._work(person, chance))  # type: ignore[misc]
        self._repeat(1.0, self._add_a_label)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._over.set()
        self._pool.shutdown()
        if kind is None:
            for job in self._jobs:
                job.result()
            assert not self._wrong, "\n".join(self._wrong)
            unexplained = [trouble for trouble in self.troubles if not self._explained(trouble)]
            assert not unexplained, "\n".join(map(str, unexplained))

    def export_now_and_then(self, folder: Path) -> None:
        """Makes exports too, into `folder` (`exports`)."""
        self._repeat(1.0, lambda: self._export(folder))

    @contextmanager
    def fault(self, *away: str) -> Iterator[None]:
        """Something is away during the block, and until everybody is answered again afterwards."""
        fault = Fault(frozenset(away), time.monotonic())
        self._faults.append(fault)
        yield
        self.settle()
        fault.end = time.monotonic()

    def settle(self) -> None:
        """Waits until everybody was answered something that they asked from now on, and every card is there."""
        now = time.monotonic()

        def answered() -> None:
            self._raise_early()
            late = [name for name in self.team.people if self._answered.get(name, 0.0) < now]
            assert not late, f"{late} are not answered"
            with suppress(ApiError, Unreachable):
                list(self.team.manager.exports(self.team.id))
                cards = self.team.manager.overview(self.team.id)["cards"]
                away = [name for name, card in cards.items() if card["state"] != "ok"]
                assert not away, f"{away} are away"
                return
            raise AssertionError("the overview does not come")

        eventually(answered, within=PATIENCE)

    def worked(self, steps: int) -> None:
        """Waits until so many more actions were acknowledged."""
        target = self.acknowledged + steps

        def done() -> None:
            self._raise_early()
            assert self.acknowledged >= target, "nothing is acknowledged any more"

        eventually(done, within=PATIENCE)

    def _raise_early(self) -> None:
        for job in self._jobs:
            if job.done():
                job.result()

    def _repeat(self, pause: float, job: Callable[[], None]) -> None:
        """Do something again and again, on a thread of its own, until it is over."""

        def run() -> None:
            while not self._over.wait(pause):
                job()

        self._jobs.append(self._pool.submit(run))

    # --- Asking ---------------------------------------------------------------------------------------

    def _ask(self, person: Person, needs: Set[str], **request: Any) -> httpx.Response | None:
        """The answer to a request that is sent once; None for none, and for 5xx."""
        path = request.pop("path")
        began, status, said = time.monotonic(), None, ""
        try:
            response = person.api.transport.http.request(url=path, timeout=HANGS, **request)
            if response.status_code < 500:
                self._answered[self._name(person)] = began
                return response
            status, said = response.status_code, response.text
            if status != 503 or response.json().get("code") not in NOT_NOW:
                self._wrong.append(f"{request['method']} {path}: {status} {said}")
        except httpx.TimeoutException:
            self._wrong.append(f"{request['method']} {path}: nothing was answered for {HANGS} seconds")
        except httpx.TransportError as error:
            said = f"{type(error).__name__}: {error}"
        finally:
            self.slowest = max(self.slowest, time.monotonic() - began)
        self.troubles.append(
            Trouble(f"{request['method']} {path}", needs, status, said, began, time.monotonic()),
        )
        return None

    def _insist(self, person: Person, needs: Set[str], **request: Any) -> httpx.Response:
        """The answer to a request that is sent until it is answered."""
        end = time.monotonic() + PATIENCE
        while (response := self._ask(person, needs, **dict(request))) is None:
            assert time.monotonic() < end, f"no answer to {request}"
            time.sleep(0.2)
        return response

    def _explained(self, trouble: Trouble) -> bool:
        return any(
            fault.began <= trouble.ended
            and (fault.end is None or trouble.began <= fault.end)
            and trouble.needs & fault.away
            and (trouble.status is not None or "gateway" in fault.away)
            for fault in self._faults
        )

    def _name(self, person: Person) -> str:
        return next((name for name, each in self.team.people.items() if each is person), "")

    # --- Working --------------------------------------------------------------------------------------

    def _work(self, person: Person, chance: random.Random) -> None:
        label = chance.choice(self.ledger.labels)
        lock = self._locks[label]
        if not lock.acquire(blocking=False):
            return
        try:
            if self.ledger.in_doubt(label) and not self._look_at(label):
                return
            self._try(self._think_of(person, label, chance), chance)
        finally:
            lock.release()

    def _look_at(self, label: str) -> bool:
        path = f"/projects/{self.team.id}/labels/{label}"
        response = self._ask(self.team.people["mara"], WORK, method="GET", path=path)
        if response is None:
            return False
        self.ledger.learn(label, response.json())
        return True

    def _think_of(self, person: Person, label: str, chance: random.Random) -> Attempt:
        standing = self.ledger.standing(label)
        ideas = [idea(self.team, person, label, action, standing.version, chance) for action in ACTIONS]
        ideas = [
            # so that each is told from every other one in the history
            replace(each, comment=each.key)
            if each.comment or each.action in ("submit", "skip", "approve", "reopen")
            else each
            for each in ideas
        ]
        chance.shuffle(ideas)
        issues = [Attempt(person, label, "open_issue", comment=str(uuid4()))]
        issues += [Attempt(person, label, "resolve_issue", issue=issue) for issue in self._issues.get(label, [])[:1]]
        if chance.random() < 0.1:  # they are always allowed: else little else would be done
            ideas.insert(0, chance.choice(issues))
        sensible = (each for each in ideas if not faults(standing, each))
        return next(sensible, ideas[0]) if chance.random() < 0.9 else ideas[0]

    def _try(self, attempt: Attempt, chance: random.Random) -> None:
        before = self.ledger.standing(attempt.label)
        sure = not self.ledger.in_doubt(attempt.label)
        if attempt.action == "resolve_issue" and attempt.issue:
            self._issues[attempt.label].remove(attempt.issue)  # once: a second time would do nothing
        request, end = attempt.request(self.team.id), time.monotonic() + PATIENCE
        stubborn = chance.random() < 0.5
        response = self._ask(attempt.who, WORK, **dict(request))
        if response is None:
            self.ledger.doubt(attempt)
            while response is None:
                if not stubborn or time.monotonic() > end:
                    self.given_up += 1
                    return
                time.sleep(0.2)
                response = self._ask(attempt.who, WORK, **dict(request))
            if response.is_success:
                self.ledger.believe(attempt)
            else:
                sure = False
        if response.is_success:
            self._acknowledge(attempt, before if sure else None, response.json())
            return
        code = response.json().get("code")
        allowed = faults(before, attempt) if sure else REFUSALS
        if code not in allowed:
            self._wrong.append(f"{attempt} for {before} was refused: {response.text}")
        with self._lock:
            self.refused += 1

    def _acknowledge(self, attempt: Attempt, before: Any, answer: Any) -> None:
        if before is not None and faults(before, attempt):
            self._wrong.append(f"{attempt} for {before} was not refused")
        if attempt.action in ISSUES:
            self.ledger.acknowledge_issue(attempt)
            if attempt.action == "open_issue":
                self._issues.setdefault(attempt.label, []).append(answer["id"])
        else:
            if before is not None and told(answer) != told(vars(after(before, attempt))):
                self._wrong.append(f"{attempt} for {before} was answered with {answer}")
            self.ledger.acknowledge(attempt, answer)
        with self._lock:
            self.acknowledged += 1

    def _add_a_label(self) -> None:
        """Uploads an image and, while there are not too many, makes a label of it."""
        asset = self._store(f"{next(self._numbers)}.png")
        if len(self._locks) >= MOST_LABELS:
            return
        request = {"path": f"/projects/{self.team.id}/labels:add", "json": {"assets": [asset]}}
        mara = self.team.people["mara"]
        response = self._insist(mara, WORK, method="POST", headers={"Idempotency-Key": asset}, **request)
        if response.status_code != 200:
            self._wrong.append(f"a label was not added: {response.text}")
            return
        [label] = response.json()["ids"]
        self._locks[label] = threading.Lock()
        self.ledger.add(label)

    def _store(self, key: str) -> str:
        """The id of a new stored image."""
        while True:
            with self._trying("upload", UPLOAD):
                [asset] = upload(self.team.manager, f"more of {self.team.id}", [key])
                return str(asset["id"])

    def _export(self, folder: Path) -> None:
        """Makes an export from beginning to end; it is read when it is known what it may hold."""
        there = f"/projects/{self.team.id}/exports"
        mara = self.team.people["mara"]
        headers = {"Idempotency-Key": f"{folder} {next(self._numbers)}"[-200:]}
        asked = self._insist(mara, EXPORT, method="POST", path=there, json={}, headers=headers).json()
        end = time.monotonic() + PATIENCE
        while asked["state"] not in ("done", "failed"):
            assert time.monotonic() < end, f"an export does not end: {asked}"
            time.sleep(0.2)
            asked = self._insist(mara, EXPORT, method="GET", path=f"{there}/{asked['id']}").json()
        if asked["state"] == "failed":
            self._wrong.append(f"an export failed: {asked}")
            return
        target = folder / f"{asked['id']}.json"
        while not target.exists():
            with self._trying("download", EXPORT):
                mara.api.download_export(asked, target)
        self.exports.append(target)

    @contextmanager
    def _trying(self, what: str, needs: Set[str]) -> Iterator[None]:
        """What the SDK does in several steps; it may fail, and be done again, where a fault explains it."""
        began = time.monotonic()
        try:
            yield
        except (Unreachable, TransferError, httpx.TransportError, AssertionError, ApiError) as error:
            status = error.status if isinstance(error, ApiError) else 503  # of the object store, say
            if isinstance(error, ApiError) and error.code not in NOT_NOW:
                self._wrong.append(f"{what}: {error}")
            said = f"{type(error).__name__}: {error}"
            self.troubles.append(Trouble(what, needs, status, said, began, time.monotonic()))
            time.sleep(0.2)
