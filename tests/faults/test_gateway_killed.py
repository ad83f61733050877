"""A gateway dies under its live streams: whoever comes back sees the present, and no figure goes back."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from client.live import parse
from deploy.local.system import System
from tests.e2e.support import Team
from tests.faults.support import kill, whole_overview


def test_a_reader_who_comes_back_to_another_gateway_goes_on_where_it_was(system: System, team: Team) -> None:
    whole_overview(team)
    seen = 0
    for number, label in enumerate(team.labels, 1):
        with stream(team, seen) as messages:
            first = next(messages)
            assert first["version"] >= seen
            assert submitted(first) in (-1, number - 1)
            team.manager.transport.http.post(f"/projects/{team.id}/labels/{label}:submit").raise_for_status()
            message = first
            while submitted(message) < number:
                message = next(messages)
                assert message["version"] >= seen
            seen = message["version"]
            if number % 2:
                kill(system, "gateway")


@contextmanager
def stream(team: Team, seen: int) -> Iterator[Iterator[dict[str, Any]]]:
    """The messages with cards, from the reconnection of a reader who has seen that version."""
    headers = {"Last-Event-ID": str(seen)} if seen else {}
    with team.manager.transport.http.stream("GET", f"/projects/{team.id}/live", headers=headers, timeout=60) as answer:
        assert answer.status_code == 200
        yield (json.loads(event.data) for event in parse(answer.iter_lines()) if event.name == "cards")


def submitted(message: dict[str, Any]) -> int:
    """How many labels a message counts as submitted; below 0 where nobody can say."""
    card = message["cards"]["labeling_status"]
    return card["data"]["submitted"] if card["state"] == "ok" else -1
