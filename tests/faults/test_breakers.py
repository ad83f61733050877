"""A service that answers nothing is not waited for again and again, and is found out to be back by itself."""

import time
from typing import Any

import httpx
import pytest

from deploy.local.system import System
from tests.e2e.support import Team, eventually
from tests.faults.support import ask_overview, hold, whole_overview


@pytest.mark.parametrize("service", ["analytics", "labels"])
def test_a_service_that_is_away_costs_no_page_its_deadline(system: System, team: Team, service: str) -> None:
    before = eventually(lambda: counted(team))
    system.stop(service)
    eventually(lambda: not_asked(system, team, service))
    began = time.monotonic()
    pages = [ask_overview(team) for _ in range(20)]
    print(f"{(time.monotonic() - began) / len(pages) * 1000:.0f} ms a page without {service}")
    reasons = {card["reason"] for page in pages for card in page.values() if card["state"] == "unavailable"}
    assert reasons <= {"unavailable"}
    answer = team.manager.transport.http.get(f"/projects/{team.id}/labels", timeout=60)
    if service == "labels":
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert int(answer.headers["Retry-After"]) > 0
    else:
        assert answer.status_code == 200
        first = first_of_stream(team)
        assert {card["reason"] for card in first["cards"].values()} == {"unavailable"}
        assert all(project.get("counters") is None for project in listed(team)), "the list comes, without figures"
    system.start(service)
    began = time.monotonic()
    eventually(lambda: hold(ask_overview(team) == before, "the page is not what it was"))
    print(f"whole again {time.monotonic() - began:.2f} s after {service} was ready")
    assert breaker(system, service) == 0


def test_a_refusal_is_an_answer(system: System, team: Team) -> None:
    http = team.manager.transport.http
    for _ in range(30):
        assert http.get(f"/projects/{team.id}/labels/{team.id}").status_code == 404
    assert breaker(system, "labels") == 0


def counted(team: Team) -> dict[str, Any]:
    cards = whole_overview(team)
    assert cards["labeling_status"]["data"]["total"] == len(team.labels)
    return cards


def not_asked(system: System, team: Team, service: str) -> None:
    ask_overview(team)
    assert breaker(system, service) == 1


def breaker(system: System, service: str) -> float:
    """What the gateway's metrics say: 1 while it does not ask the service."""
    text = httpx.get(f"http://127.0.0.1:{system.state.port('health gateway')}/metrics", timeout=30).text
    [line] = [line for line in text.splitlines() if line.startswith(f'labelyard_breaker_open{{service="{service}"}}')]
    return float(line.rpartition(" ")[2])


def first_of_stream(team: Team) -> dict[str, Any]:
    message = next(iter(team.manager.live(team.id)))
    return dict(message)


def listed(team: Team) -> list[dict[str, Any]]:
    answer = team.manager.transport.http.get("/projects", timeout=60)
    assert answer.status_code == 200
    items: list[dict[str, Any]] = answer.json()["items"]
    return items
