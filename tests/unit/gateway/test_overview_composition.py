"""The overview is composed of what the services answered: every role, every service away in turn."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from chassis.ids import new_id
from contracts.body import ObjectClass, Specification
from contracts.enums import SEGMENTS, AnnotationType, DataType, Visibility
from contracts.permissions import CARDS, Card, Role, Scope
from contracts.rpc.analytics import Counters, GetCounters, Segment
from contracts.rpc.labels import LabelQuick
from contracts.rpc.members import RoleCounts
from contracts.rpc.projects import AutoLabel, Project, ProjectCards
from gateway.overview import Away, Parts, compose, day_of, live_cards, questions

NOW = datetime(2026, 3, 29, 10, 30, tzinfo=UTC)
DAY = day_of(NOW, UTC)
USER = new_id()
CELL, NUCLEUS = new_id(), new_id()

PROJECT = Project(
    id=new_id(),
    name="Blood",
    description="",
    data_type=DataType.IMAGE,
    visibility=Visibility.PRIVATE,
    specification=Specification(
        object_classes=(
            ObjectClass(id=CELL, name="cell", annotation_type=AnnotationType.BOX, color="#aa0000"),
            ObjectClass(id=NUCLEUS, name="nucleus", annotation_type=AnnotationType.BOX, color="#00aa00"),
        )
    ),
    spec_version=1,
    version=4,
    created_at=NOW,
    updated_at=NOW,
    created_by=USER,
)

COUNTERS = Counters(
    project_id=PROJECT.id,
    version=9,
    total=21,
    submitted=7,
    reviewed=12,
    segments=tuple(Segment(status=s, review=r, count=n) for n, (s, r) in enumerate(SEGMENTS, 1)),
    objects={str(CELL): 70},
    open_issues=3,
    updated=5,
)

WHOLE = Parts(
    projects=ProjectCards(project=PROJECT, guidelines=0, auto_label=AutoLabel()),
    counters=COUNTERS,
    roles=RoleCounts(owner=1, labeler=2),
    labels=LabelQuick(has_data=True),
)

AWAY = Away("deadline_exceeded")
GONE = {"state": "unavailable", "reason": "deadline_exceeded"}

each_role = pytest.mark.parametrize("role", list(Role))


def cards_of(role: Role, parts: Parts) -> dict[str, Any]:
    """The cards as they are sent."""
    cards: dict[str, Any] = compose(PROJECT, role, parts, DAY).model_dump(mode="json")["cards"]
    return cards


@each_role
def test_each_role_sees_its_cards_and_no_key_of_another(role: Role) -> None:
    assert cards_of(role, WHOLE).keys() == {card.value for card in Card if role in CARDS[card]}


@each_role
def test_just_what_the_cards_need_is_asked(role: Role) -> None:
    asked = questions(role, PROJECT.id, USER, DAY)
    managing = CARDS[Card.MEMBER_ROLES].get(role) is not None
    assert asked.keys() == ({"projects", "counters", "roles", "labels"} if managing else {"projects", "counters"})
    counters = asked["counters"]
    assert isinstance(counters, GetCounters)
    assert counters.user_id == (USER if CARDS[Card.LABELING_STATUS][role] is Scope.OWN else None)
    assert (counters.updated_since, counters.updated_until) == (DAY.since, DAY.until)


def test_the_chart_has_all_six_segments_and_their_queries() -> None:
    data = cards_of(Role.MANAGER, WHOLE)["labeling_status"]["data"]
    assert {name: data[name] for name in ("scope", "total", "submitted", "reviewed", "version")} == {
        "scope": "project",
        "total": 21,
        "submitted": 7,
        "reviewed": 12,
        "version": 9,
    }
    assert [(s["status"], s["review"], s["count"]) for s in data["segments"]] == [
        (status.value, review.value, count) for count, (status, review) in enumerate(SEGMENTS, 1)
    ]
    assert data["segments"][3]["query"] == "status=submitted&review=approved"


def test_segments_that_are_not_counted_are_zero() -> None:
    parts = replace(WHOLE, counters=COUNTERS.model_copy(update={"segments": ()}))
    assert [s["count"] for s in cards_of(Role.OWNER, parts)["labeling_status"]["data"]["segments"]] == [0] * 6


def test_review_adds_up_whatever_the_status() -> None:
    data = cards_of(Role.REVIEWER, WHOLE)["review"]["data"]
    assert data == {"not_submitted": 1, "rejected": 2, "pending_review": 3 + 5, "approved": 4 + 6}


def test_a_labeler_sees_their_own_figures() -> None:
    assert cards_of(Role.LABELER, WHOLE)["labeling_status"]["data"]["scope"] == "mine"


def test_classes_come_with_their_counts() -> None:
    data = cards_of(Role.VISITOR, WHOLE)["configuration"]["data"]
    assert data["annotation_types"] == ["box"]
    assert [(each["name"], each["count"]) for each in data["object_classes"]] == [("cell", 70), ("nucleus", 0)]


def test_the_to_do_list_says_what_is_done() -> None:
    items = cards_of(Role.OWNER, WHOLE)["to_do"]["data"]["items"]
    assert {item["key"]: item["done"] for item in items} == {
        "upload_data": True,
        "upload_guideline": False,
        "invite_collaborators": True,
    }


def test_quick_actions_lead_to_lists() -> None:
    items = cards_of(Role.REVIEWER, WHOLE)["quick_actions"]["data"]["items"]
    assert [(item["query"], item["count"]) for item in items] == [
        ("status=submitted", 7),
        ("updated_since=2026-03-29T00:00:00Z", 5),
        ("has_open_issues=true", 3),
    ]


def test_without_analytics_only_its_figures_are_missing() -> None:
    cards = cards_of(Role.MANAGER, replace(WHOLE, counters=AWAY))
    assert {name for name, card in cards.items() if card["state"] != "ok"} == {"labeling_status", "review"}
    assert cards["review"] == GONE
    assert not any("count" in item for item in cards["quick_actions"]["data"]["items"])
    assert not any("count" in each for each in cards["configuration"]["data"]["object_classes"])


def test_without_projects_the_page_still_comes_with_the_head_that_is_remembered() -> None:
    page = compose(PROJECT, Role.MANAGER, replace(WHOLE, projects=AWAY), DAY).model_dump(mode="json")
    gone = {name for name, card in page["cards"].items() if card["state"] != "ok"}
    assert gone == {"auto_label", "configuration", "guidelines"}
    assert page["project"]["name"] == "Blood"
    assert page["cards"]["to_do"]["data"]["items"][1] == {"key": "upload_guideline", "done": None}


def test_without_members_and_labels_nobody_can_say() -> None:
    cards = cards_of(Role.ADMIN, replace(WHOLE, roles=AWAY, labels=AWAY))
    assert cards["member_roles"] == GONE
    assert [item["done"] for item in cards["to_do"]["data"]["items"]] == [None, False, None]


@each_role
def test_the_stream_carries_the_same_cards(role: Role) -> None:
    live = live_cards(role, COUNTERS).model_dump(mode="json")
    page = cards_of(role, WHOLE)
    assert live == {name: card for name, card in page.items() if name in ("labeling_status", "review")}


@pytest.mark.parametrize(
    ("zone", "since", "hours"),
    [
        ("UTC", datetime(2026, 3, 29, tzinfo=UTC), 24),
        ("Europe/Berlin", datetime(2026, 3, 28, 23, tzinfo=UTC), 23),  # clocks go forward
        ("Asia/Kathmandu", datetime(2026, 3, 28, 18, 15, tzinfo=UTC), 24),
    ],
)
def test_today_is_the_askers_day(zone: str, since: datetime, hours: int) -> None:
    day = day_of(NOW, ZoneInfo(zone))
    assert (day.since, (day.until - day.since).total_seconds() / 3600) == (since, hours)
