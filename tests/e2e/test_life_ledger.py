"""Hundreds of random life-table actions by several people at once, and a ledger that everything must agree with."""

import os
import random
import secrets
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path

import pytest

from client import ApiError
from deploy.local.system import System
from tests.e2e.ledger import ACTIONS, Attempt, Ledger, after, faults, idea, told
from tests.e2e.support import Person, Team, Watcher, make_team

ATTEMPTS = 160  # by each of the five
LABELS = 24
REFUSALS = {
    *("illegal_transition", "forbidden", "not_found", "self_review"),
    *("comment_required", "stale_version", "not_a_member"),
}


class Life:
    """People who do whatever comes to their mind, mostly what makes sense, with labels.

    Half of the labels have a lock, so that what must come of an attempt is known before. On the others everybody
    races: there only what was acknowledged must make sense, which the ledger finds out at the end.
    """

    def __init__(self, team: Team) -> None:
        self.team = team
        self.ledger = Ledger(team)
        self.refused = 0
        self._locks = {label: threading.Lock() for label in team.labels[::2]}

    def live(self, person: Person, chance: random.Random) -> None:
        """One person's attempts, one after the other."""
        for _ in range(ATTEMPTS):
            attempt = self._think_of(person, chance)
            with self._locks.get(attempt.label, nullcontext()):
                self._try(attempt)

    def _try(self, attempt: Attempt) -> None:
        known = attempt.label in self._locks
        before = self.ledger.standing(attempt.label)
        allowed_codes = faults(before, attempt) if known else REFUSALS
        try:
            answer = attempt.send(self.team.id)
        except ApiError as error:
            assert error.code in allowed_codes, f"{attempt} for {before} was refused: {error}"
            self.refused += 1
            return
        if known:
            assert not allowed_codes, f"{attempt} for {before} was not refused as {allowed_codes}"
            assert told(answer) == told(vars(after(before, attempt)))
        self.ledger.acknowledge(attempt, answer)

    def _think_of(self, person: Person, chance: random.Random) -> Attempt:
        """Mostly something that a label's newest known state allows, sometimes anything."""
        ideas = [self._idea(person, label, action, chance) for label in self.team.labels for action in ACTIONS]
        chance.shuffle(ideas)
        sensible = (each for each in ideas if not faults(self.ledger.standing(each.label), each))
        return next(sensible, ideas[0]) if chance.random() < 0.7 else ideas[0]

    def _idea(self, person: Person, label: str, action: str, chance: random.Random) -> Attempt:
        version = self.ledger.standing(label).version - (chance.random() < 0.2)
        return idea(self.team, person, label, action, version, chance)


def test_everything_agrees_with_the_ledger(system: System, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """LABELYARD_TEST_SEED makes everybody choose the same again; who is first where they race is up to the machine."""
    seed = os.environ.get("LABELYARD_TEST_SEED") or str(secrets.randbelow(10**9))
    with make_team(system, LABELS) as team:
        life = Life(team)
        with Watcher(team.manager, team.id) as all_labels, Watcher(team.people["lena"].api, team.id) as lenas:
            with ThreadPoolExecutor(len(team.people)) as pool:
                lives = [
                    pool.submit(life.live, person, random.Random(f"{seed} {name}"))
                    for name, person in team.people.items()
                ]
            with capsys.disabled():
                print(
                    f"\nLABELYARD_TEST_SEED={seed}: {len(life.ledger)} acknowledged, {life.refused} refused",
                    file=sys.stderr,
                )
            for each in lives:
                each.result()
            life.ledger.check({"mara": all_labels, "lena": lenas}, tmp_path)
    assert len(life.ledger) > 200
    assert life.refused > 200
