"""Parts of the system stop: the overview still comes, nothing is lost, and all comes back by itself."""

from pathlib import Path

import pytest

from chassis.settings import SERVICES
from deploy.local.system import System
from tests.e2e.ledger import Attempt, Ledger
from tests.e2e.support import Team, eventually, export, upload
from tests.faults.crew import Crews
from tests.faults.support import ask_overview, start_server, unavailable, whole_overview

# Which cards are unavailable without a service, and which are there but can't say everything.
WITHOUT = {
    "projects": ({"auto_label", "configuration", "guidelines"}, {"to_do"}),
    "labels": (set(), {"to_do"}),
    "analytics": ({"labeling_status", "review"}, {"quick_actions", "configuration"}),
    "members": ({"member_roles"}, {"to_do"}),
    "exports": (set(), set()),
}
TO_DO_WITHOUT = {"projects": "upload_guideline", "labels": "upload_data", "members": "invite_collaborators"}


@pytest.mark.parametrize("service", WITHOUT)
def test_the_overview_lacks_just_the_cards_of_a_service_that_is_away(system: System, team: Team, service: str) -> None:
    """As manager in detail; reviewer and labeler get theirs too."""
    lost, blurred = WITHOUT[service]
    for name in ("rosa", "lena"):
        ask_overview(team, name)
    eventually(lambda: _counted(team, total=6))
    before = whole_overview(team)

    system.stop(service)
    cards = ask_overview(team)
    assert unavailable(cards) == lost
    assert {name for name, card in cards.items() if card != before[name]} == lost | blurred
    unknown = [item["key"] for item in cards["to_do"]["data"]["items"] if item["done"] is None]
    assert unknown == [TO_DO_WITHOUT[service]] if service in TO_DO_WITHOUT else not unknown
    if service == "analytics":
        assert not any("count" in item for item in cards["quick_actions"]["data"]["items"])
        assert not any("count" in item for item in cards["configuration"]["data"]["object_classes"])
    for name in ("rosa", "lena"):
        assert unavailable(ask_overview(team, name)) <= lost

    system.start(service)
    assert whole_overview(team) == before


def test_counters_catch_up_with_what_analytics_missed(system: System, team: Team, tmp_path: Path) -> None:
    """Labels are submitted while neither the projector nor the service that reads the counters is there."""
    ledger = Ledger(team)
    system.stop("analytics", "projector")
    for label in team.labels:
        attempt = Attempt(team.people["mara"], label, "submit")
        ledger.acknowledge(attempt, attempt.send(team.id))
    system.start("analytics", "projector")
    ledger.check({}, tmp_path)


def test_work_for_a_worker_that_is_away_waits_for_it(system: System, team: Team, tmp_path: Path) -> None:
    """An upload is verified, and an export written, when those who do it are back."""
    system.stop("labels-bulk", "labels-snapshot", "export-worker")
    asked = team.manager.create_export(team.id)
    [registered] = team.manager.register_assets(f"late {team.id}", [{"data_key": "late.png", "size": 1}])
    assert asked["state"] == "queued"
    assert registered["asset"]
    system.start("labels-snapshot")

    def waits() -> None:
        now = team.manager.export(team.id, asked["id"])
        assert now["state"] != "done" and now["waiting_for_worker"]

    eventually(waits)
    system.start("labels-bulk", "export-worker")
    assert team.manager.await_export(asked)["state"] == "done"
    export(team.manager, team.id, tmp_path / "export.json")
    assert [asset["state"] for asset in upload(team.manager, f"late {team.id}", ["late.png"])] == ["stored"]


@pytest.mark.parametrize("server", ["rabbitmq", "postgresql"])
def test_a_server_goes_and_comes_back(system: System, crews: Crews, tmp_path: Path, server: str) -> None:
    """Without it, who is known reads a page without figures, and all else is refused as 503; then everything goes on.

    Events wait in the outbox when it goes, and the process that relays them starts while it is away.
    """
    with crews.crew() as crew:
        team = crew.team
        everything = set(whole_overview(team))
        with crew.at_work() as load:
            system.stop("events-labels")
            load.worked(10)
            with load.fault(*SERVICES):
                system.stop(server)
                system.supervisor.start(["events-labels"])
                assert unavailable(ask_overview(team)) == everything - {"to_do", "quick_actions"}
                http = team.manager.transport.http
                for response in (
                    http.get(f"/projects/{team.id}/labels"),
                    http.post(f"/projects/{team.id}/exports", json={}),
                ):
                    assert response.status_code == 503, response.text
                    assert response.json()["code"] in ("unavailable", "deadline_exceeded", "busy")
                start_server(system, server)
            load.worked(10)
        crew.agree([], tmp_path)


def test_a_revived_broker_finds_members_away(system: System, team: Team) -> None:
    """What the gateway remembers of people is no longer fresh then, and still serves reading."""
    whole_overview(team)
    system.stop("members")
    system.stop("rabbitmq")
    system.supervisor.start(["rabbitmq"])

    def all_but_members() -> None:
        assert unavailable(ask_overview(team)) == {"member_roles"}

    eventually(all_but_members)


def _counted(team: Team, total: int) -> None:
    assert whole_overview(team)["labeling_status"]["data"]["total"] == total
