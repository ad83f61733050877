"""Export workers that are told to stop, and none at all."""

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from client.live import parse
from deploy.local.system import System
from tests.e2e.support import Team, eventually
from tests.faults.crew import failed_messages, nothing_stuck
from tests.faults.kinds import started
from tests.faults.support import hold

STOPPED_AT = 2


def test_a_worker_that_is_told_to_stop_ends_its_part_and_no_other(system: System, team: Team, tmp_path: Path) -> None:
    failed_before = failed_messages(system)
    system.stop("labels-snapshot", "export-worker")
    with started(system, "tests.faults.launch", "snapshot", "1", "worker", "labels.snapshot"):
        asked = team.manager.create_export(team.id, form="jsonl")
        with started(system, "tests.faults.launch", "term", str(STOPPED_AT), "worker", "exports.export") as worker:
            eventually(lambda: hold(worker.poll() is not None, "it does not stop"))
            assert worker.returncode == 0
    left = team.manager.export(team.id, asked["id"])
    assert (left["state"], left.get("done")) == ("running", STOPPED_AT + 1)  # a label each
    system.start("labels-snapshot", "export-worker")
    done = team.manager.await_export(asked)
    assert (done["state"], done["labels"]) == ("done", len(team.labels))
    team.manager.download_export(done, tmp_path / "labels.jsonl")
    found = [json.loads(line) for line in (tmp_path / "labels.jsonl").read_text().splitlines()]
    assert sorted(each["id"] for each in found if "data_key" in each) == sorted(team.labels)
    eventually(lambda: nothing_stuck(system, failed_before))


@pytest.mark.parametrize("away", ["labels-snapshot", "export-worker"])
def test_cards_and_stream_say_that_no_worker_is_alive(system: System, team: Team, away: str) -> None:
    """How long that took is printed: it should be 5 s at most."""
    told: list[tuple[str, Any]] = []

    def listen() -> None:
        with team.manager.transport.http.stream("GET", f"/projects/{team.id}/live", timeout=40) as response:
            for event in parse(response.iter_lines()):
                if event.name in ("export", "archive"):
                    told.append((event.name, json.loads(event.data)))
                if {name for name, each in told if each["waiting_for_worker"]} == {"export", "archive"}:
                    return

    system.stop(away)
    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    asked = team.manager.create_export(team.id)
    team.manager.update_archive(team.id)
    began = time.monotonic()

    def card_says() -> None:
        assert team.manager.export(team.id, asked["id"])["waiting_for_worker"]
        build = team.manager.archive(team.id)["build"]
        assert build is not None and build["waiting_for_worker"]

    eventually(card_says)
    print(f"without {away} the cards say so after {time.monotonic() - began:.1f} s")
    listener.join(30)
    print(f"and the stream after {time.monotonic() - began:.1f} s")
    assert not listener.is_alive(), told
    system.start(away)
    assert team.manager.await_export(asked)["state"] == "done"
    archive = team.manager.await_archive(team.id)
    assert archive["build"] is not None
    assert (archive["build"]["state"], archive["build"]["waiting_for_worker"]) == ("done", False)
