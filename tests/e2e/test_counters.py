"""Counters of a whole system, verified and rebuilt by the command line while people work and watch."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import make_url

from client.transport import ApiError
from deploy.local.system import System
from tests.e2e.support import Team, Watcher, body, eventually, figures, segments

COMMAND = Path(sys.executable).with_name("labelyard")
ANALYTICS = ("analytics", "events-labels", "projector")
"""The processes that use its database (docs/operators/counters.md)."""


class Operator:
    """`labelyard admin counters` as the owner."""

    def __init__(self, system: System, home: Path) -> None:
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(home), "LC_ALL": "C.UTF-8"}
        email, password = system.owner
        self._run(["login", "--url", system.url, "--email", email], given=f"{password}\n")

    def __call__(self, kind: str, whose: str, code: int = 0) -> dict[str, Any]:
        """What the check says; the exit code must be `code`."""
        check: dict[str, Any] = json.loads(self._run(["admin", "counters", kind, whose, "--json"], code))
        assert check["state"] == "done"
        return check

    def _run(self, arguments: list[str], code: int = 0, given: str = "") -> str:
        run = subprocess.run(
            [COMMAND, *arguments],
            env=self.environment,
            input=given,
            text=True,
            capture_output=True,
            timeout=240,
            check=False,
        )
        assert run.returncode == code, (arguments, run.stdout, run.stderr)
        return run.stdout


def by_hand(system: System, statement: str, *values: object) -> None:
    """What somebody does to the database of analytics."""
    address = make_url(system.environment["LABELYARD_ANALYTICS_DSN"]).set(drivername="postgresql")
    with psycopg.connect(address.render_as_string(hide_password=False)) as connection:
        connection.execute(statement.encode(), values)


def work_on(team: Team, label: str) -> None:
    """Somebody annotates and submits a label, and somebody approves it."""
    lena = team.people["lena"]
    assigned = team.manager.assign(team.id, label, lena.id)
    lena.api.save_body(team.id, label, assigned["version"], body([team.class_ids["cell"]]))
    lena.api.act(team.id, label, "submit")
    team.people["rosa"].api.act(team.id, label, "approve")


def approved(team: Team, number: int) -> None:
    assert team.figures()["segments"]["submitted", "approved"] == number


def test_what_somebody_did_by_hand_is_named_and_mended(system: System, team: Team, tmp_path: Path) -> None:
    operator = Operator(system, tmp_path)
    work_on(team, team.labels[0])
    eventually(lambda: approved(team, 1))
    right = team.figures()
    assert operator("verify", team.id)["consistent"]

    by_hand(system, "UPDATE counters SET value = 7 WHERE project_id = %s AND key LIKE '%%/approved'", team.id)
    by_hand(system, "DELETE FROM labels WHERE label_id = %s", team.labels[1])
    (found,) = operator("verify", team.project["name"], code=4)["report"]["found"]
    assert found["missing"] == {"count": 1, "ids": [team.labels[1]]}
    assert {(each["key"], each["expected"], each["actual"]) for each in found["counters"]} == {
        ("segment/submitted/approved", 1, 7)
    }
    with Watcher(team.manager, team.id) as watcher:
        eventually(lambda: _assert(watcher.messages))
        operator("rebuild", team.id)
        eventually(lambda: _assert(segments(watcher.messages[-1]["cards"]) == right["segments"]))
        assert watcher.versions == sorted(watcher.versions)
    assert team.figures() == right
    assert operator("verify", team.id)["consistent"]


def test_an_emptied_database_is_rebuilt_while_people_work(system: System, team: Team, tmp_path: Path) -> None:
    operator = Operator(system, tmp_path)
    work_on(team, team.labels[0])
    eventually(lambda: approved(team, 1))
    before = team.manager.overview(team.id)["cards"]["labeling_status"]["data"]["version"]
    with Watcher(team.manager, team.id) as watcher:
        eventually(lambda: _assert(watcher.messages))
        system.stop(*ANALYTICS)
        system.run("chassis", "anew", "analytics")
        system.start(*ANALYTICS)

        def unavailable() -> None:
            cards = team.manager.overview(team.id)["cards"]
            for name in ("labeling_status", "review"):
                assert cards[name] == {"state": "unavailable", "reason": "counters_incomplete"}
            assert cards["configuration"]["state"] == "ok"

        eventually(unavailable)
        listed = {each["id"]: each.get("counters") for each in team.manager.projects()}
        assert listed[team.id] is None
        (found,) = operator("verify", team.id, code=4)["report"]["found"]
        assert not found["complete"]

        stop = threading.Event()
        done = [team.labels[0]]

        def go_on_working() -> None:
            for label in team.labels[1:]:
                if stop.is_set():
                    return
                work_on(team, label)
                done.append(label)

        def look_on() -> None:
            while not stop.is_set():
                card = team.manager.overview(team.id)["cards"]["labeling_status"]
                if card["state"] == "ok":  # whole or not at all
                    assert card["data"]["total"] == len(team.labels)
                    seen.append((card["data"]["version"], card["data"]["reviewed"]))
                time.sleep(0.01)

        seen: list[tuple[int, int]] = []
        threads = [threading.Thread(target=each) for each in (go_on_working, look_on)]
        for thread in threads:
            thread.start()
        operator("rebuild", "--all")
        eventually(lambda: _assert(seen))
        stop.set()
        for thread in threads:
            thread.join()
        assert seen == sorted(seen)
        assert seen[0][0] > before
        eventually(lambda: approved(team, len(done)))
        figures(team.manager.overview(team.id))
        eventually(lambda: _assert(segments(watcher.messages[-1]["cards"])["submitted", "approved"] == len(done)))
        assert watcher.versions == sorted(watcher.versions)
    assert operator("verify", team.id)["consistent"]
    assert all(each.get("counters") for each in team.owner.projects() if each["id"] == team.id)


def test_it_is_for_those_who_look_after_the_installation(team: Team) -> None:
    for kind in ("verify", "rebuild"):
        try:
            team.manager.start_counter_check(kind, team.id)
        except ApiError as error:
            assert error.code == "forbidden"
        else:
            raise AssertionError("a manager may not")


def _assert(holds: object) -> None:
    assert holds
