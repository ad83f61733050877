"""What goes in through the gateway comes out of it in equal numbers: overview, stream and export."""

import json
from collections import Counter
from pathlib import Path
from urllib.parse import parse_qsl

from tests.e2e.support import Team, Watcher, body, eventually, export, segments

LABELERS = ("lena", "luca", "lin")


def test_what_goes_in_comes_out_in_equal_numbers(team: Team, tmp_path: Path) -> None:
    """Twelve images: a third each labeler's, with boxes; of each third one stays, one is approved, one rejected."""
    cell, dot = team.class_ids["cell"], team.class_ids["dot"]
    boxes = {label: [cell] * number + [dot] for number, label in enumerate(team.labels)}
    rosa = team.people["rosa"].api
    with Watcher(team.manager, team.id) as watcher:
        for number, label in enumerate(team.labels):
            labeler = team.people[LABELERS[number % 3]]
            assigned = team.manager.assign(team.id, label, labeler.id)
            labeler.api.save_body(team.id, label, assigned["version"], body(boxes[label]))
            if number >= 3:
                labeler.api.act(team.id, label, "submit")
            if 3 <= number < 6:
                rosa.act(team.id, label, "approve")
            if 6 <= number < 9:
                rosa.act(team.id, label, "reject", comment="Look again.")
        in_segments = {
            ("in_progress", "not_submitted"): 3,
            ("in_progress", "rejected"): 3,
            ("submitted", "pending_review"): 3,
            ("submitted", "approved"): 3,
            ("skipped", "pending_review"): 0,
            ("skipped", "approved"): 0,
        }
        everything = {"segments": in_segments, "objects": {"cell": sum(range(12)), "dot": 12}}

        def counted() -> None:
            assert team.figures() == everything
            assert segments(watcher.messages[-1]["cards"]) == in_segments

        eventually(counted)
    assert watcher.versions == sorted(set(watcher.versions))
    mine = team.people["lena"].api.overview(team.id)["cards"]
    assert mine["labeling_status"]["data"]["scope"] == "mine"
    assert mine["labeling_status"]["data"]["total"] == 4

    document = json.loads(export(team.manager, team.id, tmp_path / "export.json").read_bytes())
    assert document["project"]["name"] == team.project["name"]
    exported = {label["id"]: label for label in document["labels"]}
    assert {label: Counter(o["class_id"] for o in each["objects"]) for label, each in exported.items()} == {
        label: Counter(classes) for label, classes in boxes.items()
    }
    assert Counter((each["status"], each["review"]) for each in exported.values()) == Counter(
        {segment: count for segment, count in in_segments.items() if count}
    )


def test_an_overview_begins_at_nothing(team: Team) -> None:
    """Labels that nobody has worked on, and what is still to do."""
    cards = eventually(lambda: _with_labels(team, 12))
    assert cards["review"]["data"] == {"not_submitted": 12, "pending_review": 0, "approved": 0, "rejected": 0}
    assert {item["key"]: item["done"] for item in cards["to_do"]["data"]["items"]} == {
        "upload_data": True,
        "upload_guideline": False,
        "invite_collaborators": True,
    }
    roles = cards["member_roles"]["data"]
    assert (roles["manager"], roles["reviewer"], roles["labeler"]) == (1, 1, 3)
    assert roles["owner"] == 1  # admins are the whole team's: other tests make some


def test_what_is_counted_can_be_listed(team: Team) -> None:
    """The overview's figures come with the query of the labels that they count."""
    for number, label in enumerate(team.labels[:5]):
        team.manager.act(team.id, label, "submit" if number % 2 else "skip")

    def listed() -> None:
        cards = team.manager.overview(team.id)["cards"]
        figures = [*cards["labeling_status"]["data"]["segments"], *cards["quick_actions"]["data"]["items"]]
        found = [len(list(team.manager.labels(team.id, **dict(parse_qsl(each["query"]))))) for each in figures]
        assert found == [each["count"] for each in figures]
        assert sum(found[:6]) == 12

    eventually(listed)


def _with_labels(team: Team, total: int) -> dict:
    cards = team.manager.overview(team.id)["cards"]
    assert cards["labeling_status"]["data"]["total"] == total
    return cards
