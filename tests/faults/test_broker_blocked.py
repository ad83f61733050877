"""The broker takes no messages, because it is short of memory: nothing hangs, nothing is lost, and all comes back."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import httpx

from deploy.local.processes import PROCESSES
from deploy.local.system import System
from tests.e2e.support import Team, eventually
from tests.faults.support import all_ready, ask_overview, unavailable, whole_overview
from tests.support import blocked_broker

NOT_NOW = ("unavailable", "deadline_exceeded", "busy")
HANGS = 60.0  # seconds: whoever waits so long would wait for ever


def test_a_blocked_broker_refuses_and_loses_nothing(system: System, team: Team) -> None:
    everything = set(whole_overview(team))
    http = team.manager.transport.http
    with ThreadPoolExecutor(len(team.labels)) as pool:
        with blocked_broker(system):
            # work goes on: some of it was under way when the broker stopped, all of it insists
            submits = [pool.submit(submit, team, label) for label in team.labels]
            for ask in questions(team):
                refused(ask())
            eventually(lambda: at_once(team, everything))
            for ask in questions(team):
                refused(ask())
            for process in PROCESSES:
                address = f"http://127.0.0.1:{system.state.port(f'health {process.name}')}/livez"
                assert httpx.get(address, timeout=HANGS).status_code == 200, process.name
        for each in submits:
            each.result()
    began = time.monotonic()
    cards = eventually(lambda: submitted(team))
    print(f"all cards with every label {time.monotonic() - began:.1f} s after the last was acknowledged")
    all_ready(system)
    assert not unavailable(cards)
    for label in team.labels:
        page = http.get(f"/projects/{team.id}/labels/{label}/history").json()["items"]
        assert [each["action"] for each in page].count("submit") == 1, page


def test_events_wait_in_the_outbox_of_a_blocked_broker(system: System, team: Team) -> None:
    """The broker stops between the commit and the publishing: the relay is away when the labels are submitted."""
    system.stop("events-labels")
    for label in team.labels:
        team.manager.transport.http.post(f"/projects/{team.id}/labels/{label}:submit").raise_for_status()
    with blocked_broker(system):
        system.supervisor.start(["events-labels"])
        eventually(lambda: relay_waits(system))
    eventually(lambda: submitted(team))
    all_ready(system)


def questions(team: Team) -> list[Callable[[], httpx.Response]]:
    """One of each kind: a list, a command, a page that needs several services, one that nothing is remembered of."""
    http = team.manager.transport.http
    return [
        lambda: http.get(f"/projects/{team.id}/labels", timeout=HANGS),
        lambda: http.post(f"/projects/{team.id}/labels:add", json={"dataset": "none"}, timeout=HANGS),
        lambda: http.get("/projects", timeout=HANGS),
        lambda: http.get(f"/projects/{uuid4()}/overview", timeout=HANGS),
        lambda: http.post("/auth/login", json={"email": "nobody@example.com", "password": "wrong"}, timeout=HANGS),
    ]


def refused(answer: httpx.Response) -> None:
    assert answer.status_code == 503, answer.text
    assert answer.json()["code"] in NOT_NOW
    assert int(answer.headers["Retry-After"]) > 0


def at_once(team: Team, everything: set[str]) -> None:
    """Nobody is waited for any more: each card says that its service is not asked, not that it was too slow."""
    cards = ask_overview(team)
    assert unavailable(cards) == everything - {"to_do", "quick_actions"}
    assert {card["reason"] for card in cards.values() if card["state"] == "unavailable"} == {"unavailable"}, cards


def submit(team: Team, label: str) -> None:
    """Submit until it is acknowledged."""
    http, key = team.manager.transport.http, str(uuid4())
    path = f"/projects/{team.id}/labels/{label}:submit"
    over = threading.Event()
    while True:
        answer = http.post(path, headers={"Idempotency-Key": key}, timeout=HANGS)
        if answer.status_code != 503:
            assert answer.status_code == 200, answer.text
            return
        refused(answer)
        over.wait(float(answer.headers["Retry-After"]))


def submitted(team: Team) -> dict[str, object]:
    cards = whole_overview(team)
    assert cards["labeling_status"]["data"]["submitted"] == len(team.labels)
    return cards


def relay_waits(system: System) -> None:
    try:
        answer = httpx.get(f"http://127.0.0.1:{system.state.port('health events-labels')}/readyz", timeout=HANGS).json()
    except httpx.TransportError as error:
        raise AssertionError("it is not there yet") from error
    assert answer["dependencies"].get("labels-relay") is False, answer
    assert answer["dependencies"].get("labels.events.v1") is True, answer  # what there is, is taken
