"""Bulk tasks whose worker dies, and bulk tasks side by side."""

import pytest

from client.types import Task
from deploy.local.system import System
from tests.e2e.support import Team, eventually, make_team
from tests.faults.crew import database, failed_messages, nothing_stuck
from tests.faults.kinds import is_stopped, started
from tests.faults.support import hold

PART = 5
"""Labels in a part here."""

SMALL_PARTS = ("tests.faults.launch", "bulk", str(PART), "worker", "labels.bulk")

WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"
"""How many wait for what this connection holds."""


def ended(team: Team, task: Task) -> Task:
    """A task as soon as it has ended."""

    def look() -> Task:
        now = team.manager.task(team.id, task["id"])
        assert now["state"] not in ("queued", "running"), now
        return now

    return eventually(look)


def test_a_task_whose_worker_is_killed_does_no_label_twice(system: System) -> None:
    """Killed in the middle of a part, then when it has done the last one and has not said so yet."""
    failed_before = failed_messages(system)
    with make_team(system, images=4 * PART) as team:
        [third_part] = sorted(team.labels)[2 * PART : 2 * PART + 1]
        system.stop("labels-bulk")
        with database(system, "labels") as held:
            held.execute("SELECT FROM labels WHERE project_id = %s AND id = %s FOR UPDATE", (team.id, third_part))
            with started(system, *SMALL_PARTS):
                task = team.manager.bulk(team.id, {"filter": {}}, "submit")
                eventually(lambda: hold(held.execute(WAITING).fetchone() == (1,), "it does not come to the third part"))
            assert team.manager.task(team.id, task["id"])["done"] == 2 * PART
        with started(system, "tests.faults.launch", "stop", "effect and ack", "worker", "labels.bulk") as trapped:
            eventually(lambda: hold(is_stopped(trapped), "it does not go on with the task"))
        system.start("labels-bulk")
        report = ended(team, task)
        eventually(lambda: nothing_stuck(system, failed_before))
        assert (report["state"], report["done"], report["total"]) == ("done", 4 * PART, 4 * PART)
        assert (report["changed"], report["unchanged"], report["skipped"]) == (4 * PART, 0, 0)
        for label in team.labels:
            lines = list(team.manager.pages(f"/projects/{team.id}/labels/{label}/history"))
            assert [(line["version"], line["action"]) for line in lines] == [(2, "submit"), (1, "add")]
        assert team.manager.task(team.id, task["id"]) == report


@pytest.mark.parametrize("large", [2, 4])
def test_a_small_task_does_not_wait_for_large_ones_before_it(system: System, large: int) -> None:
    """As many of them as the worker has threads, and more."""
    with make_team(system, images=8 * PART) as team:
        system.stop("labels-bulk")
        before = [team.manager.bulk(team.id, {"filter": {}}, "initialize") for _ in range(large)]
        small = team.manager.bulk(team.id, {"ids": team.labels[:1]}, "initialize")
        with started(system, *SMALL_PARTS):
            small, *before = (ended(team, each) for each in (small, *before))
        assert {each["changed"] for each in before} == {8 * PART} and small["changed"] == 1
        assert all(small["ended_at"] < each["ended_at"] for each in before)
