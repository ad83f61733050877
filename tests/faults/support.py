"""Taking parts of a running system away, and what people see meanwhile."""

from typing import Any

from client import Labelyard
from deploy.local.processes import PROCESSES
from deploy.local.system import System
from tests.e2e.support import Team, eventually


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
    eventually(lambda: hold(server.is_ready(), f"{name} does not come up"))
    all_ready(system)


def all_ready(system: System) -> None:
    """Waits until every process says that it is ready."""
    for process in PROCESSES:
        eventually(lambda name=process.name: hold(system.is_ready(name), f"{name} is not ready"))  # type: ignore[misc]


def all_asked(system: System) -> None:
    """Waits until the gateway asks every service again, which is a moment after one that was away is ready."""
    with Labelyard(system.url) as owner:
        owner.login(*system.owner)
        eventually(lambda: hold(owner.get("/admin/failed")["unavailable"] == [], "a service is not asked"))


def kill(system: System, name: str) -> None:
    """Kills a process outright, and waits until its successor is ready."""
    victim = system.supervisor.state(name).pid
    system.supervisor.kill(name)
    eventually(lambda: hold(system.supervisor.state(name).pid not in (0, victim), f"{name} was not started anew"))
    eventually(lambda: hold(system.is_ready(name), f"{name} is not ready"))


def hold(condition: bool, what: str) -> None:
    """Says what does not hold."""
    assert condition, what
