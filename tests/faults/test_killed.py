"""Processes die without warning while people work."""

from itertools import count
from pathlib import Path

from deploy.local.processes import PROCESSES
from deploy.local.system import System
from tests.e2e.support import Team, export, upload
from tests.faults.support import Shift, insist, kill


def test_nothing_is_lost_when_each_process_is_killed_once(system: System, team: Team, tmp_path: Path) -> None:
    """Labels are worked on, images uploaded and exports made while one process after the other is killed."""
    numbers = count()
    with Shift(team) as shift:

        def add_an_image() -> None:
            key = f"{next(numbers)}.png"
            [asset] = insist(lambda: upload(team.owner, f"added {team.id}", [key]))
            [label] = insist(lambda: team.owner.add_labels(team.id, assets=[asset["id"]]))["ids"] or []
            shift.ledger.add(label)

        shift.repeat(add_an_image)
        shift.repeat(lambda: _ignore(insist(lambda: export(team.manager, team.id, tmp_path / "meanwhile.json"))))
        for process in PROCESSES:
            kill(system, process.name)
            shift.worked(5)
    shift.ledger.check({}, tmp_path)
    assert next(numbers) > 1
    assert (tmp_path / "meanwhile.json").exists()


def _ignore(_: object) -> None:
    """A job has no result."""
