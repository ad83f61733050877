"""The live hub: one question for all who watch, the last state always sent, nobody held up by anybody."""

import json
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from prometheus_client import REGISTRY

from chassis.ids import new_id
from contracts.body import Specification
from contracts.enums import JobState, UserState, Visibility
from contracts.errors import Problem
from contracts.events import (
    CountersChanged,
    ExportChanged,
    GuidelineChanged,
    MembershipChanged,
    PrincipalChanged,
    ProjectChanged,
    ProjectVersion,
    TaskChanged,
)
from contracts.permissions import MANAGERS, Card, Role, TeamRole
from contracts.rpc.analytics import Counters, GetCounters
from gateway.live import Hub, Stream, Topic, messages
from gateway.overview import Away

PATIENCE = 20.0
"""Seconds after which a test gives up waiting."""


class Analytics:
    """Counters that move when they are told to; counts the questions."""

    def __init__(self) -> None:
        self.version = 0
        self.away = False
        self.asked: list[Topic] = []
        self.held: threading.Event | None = None

    def __call__(self, question: GetCounters, _: float) -> Counters:
        version = self.version
        self.asked.append(Topic(question.project_id, question.user_id))
        if self.held is not None:
            self.held.wait(PATIENCE)
        if self.away:
            raise Problem("deadline_exceeded")
        return Counters(
            project_id=question.project_id,
            version=version,
            total=version,
            submitted=0,
            reviewed=0,
            segments=(),
            objects={},
            open_issues=0,
            updated=0,
        )


@pytest.fixture
def analytics() -> Analytics:
    return Analytics()


@pytest.fixture
def hub(analytics: Analytics) -> Iterator[Hub]:
    hub = Hub(analytics, cap=20)
    hub.start()
    yield hub
    hub.stop()


PROJECT = new_id()
EVERYTHING = Topic(PROJECT, None)


def announce(hub: Hub, version: int) -> None:
    hub.heard(CountersChanged(projects=(ProjectVersion(project_id=PROJECT, version=version),)))


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until, "it never came to hold"
        time.sleep(0.01)


def read_until(stream: Stream, version: int) -> list[int]:
    """The versions that come out of a stream's slot, up to `version`."""
    until, seen = time.monotonic() + PATIENCE, list[int]()
    while not seen or seen[-1] < version:
        assert time.monotonic() < until, f"{version} did not come, only {seen}"
        counters, _ = stream.wait(0.1)
        if counters is not None:
            seen.append(counters.version)
    return seen


def test_a_new_stream_gets_the_present_state(hub: Hub, analytics: Analytics) -> None:
    analytics.version = 3
    assert read_until(hub.open(EVERYTHING, Role.MANAGER, None), 3) == [3]


def test_many_hints_are_few_questions_and_the_last_state_comes(hub: Hub, analytics: Analytics) -> None:
    streams = [hub.open(EVERYTHING, Role.MANAGER, None) for _ in range(10)]
    for version in range(1, 1001):
        analytics.version = version
        announce(hub, version)
    for stream in streams:
        seen = read_until(stream, 1000)
        assert seen == sorted(seen)
    assert len(analytics.asked) < 500


def test_hints_of_what_is_known_or_nobody_watches_ask_nothing(hub: Hub, analytics: Analytics) -> None:
    analytics.version = 5
    read_until(hub.open(EVERYTHING, Role.MANAGER, None), 5)
    asked = len(analytics.asked)
    announce(hub, 5)
    hub.heard(CountersChanged(projects=(ProjectVersion(project_id=new_id(), version=9),)))
    stream = hub.open(Topic(new_id(), None), Role.MANAGER, None)  # asked for after the hints, if they asked at all
    read_until(stream, 5)
    assert len(analytics.asked) == asked + 1


def test_a_version_never_goes_back(hub: Hub, analytics: Analytics) -> None:
    analytics.version = 7
    stream = hub.open(EVERYTHING, Role.MANAGER, None)
    read_until(stream, 7)
    analytics.version, asked = 6, len(analytics.asked)
    hub.look_again(EVERYTHING)
    wait_for(lambda: len(analytics.asked) > asked)
    analytics.version = 8
    announce(hub, 8)
    assert read_until(stream, 8) == [8]


def test_when_analytics_comes_back_so_does_the_state(hub: Hub, analytics: Analytics) -> None:
    analytics.away = True
    stream = hub.open(EVERYTHING, Role.MANAGER, None)
    assert stream.first(PATIENCE) == Away("deadline_exceeded")
    analytics.away, analytics.version = False, 4
    assert read_until(stream, 4) == [4]


def test_who_has_a_state_is_not_told_that_there_is_none(hub: Hub, analytics: Analytics) -> None:
    analytics.version = 3
    reader = hub.open(EVERYTHING, Role.MANAGER, None)
    read_until(reader, 3)
    analytics.away = True
    late = hub.open(EVERYTHING, Role.MANAGER, None)
    assert late.first(PATIENCE) == Away("deadline_exceeded")
    assert reader.first(0) is None


def test_a_stream_begins_with_a_state_that_was_asked_for_after_it_came(hub: Hub, analytics: Analytics) -> None:
    """Its reader may have seen a newer one elsewhere than an answer that was on its way already."""
    analytics.version, analytics.held = 9, threading.Event()
    hub.open(EVERYTHING, Role.MANAGER, None)
    wait_for(lambda: len(analytics.asked) == 1)
    analytics.version = 10
    returned = hub.open(EVERYTHING, Role.MANAGER, None)
    analytics.held.set()
    assert read_until(returned, 10) == [10]


def test_a_heartbeat_makes_good_for_a_lost_announcement(analytics: Analytics) -> None:
    hub = Hub(analytics, cap=20, heartbeat=0.1)
    hub.start()
    sent = messages(hub, hub.open(EVERYTHING, Role.MANAGER, None), lambda: True, lambda: False)
    next(sent), next(sent)
    analytics.version = 1
    assert next(each for each in sent if each != b": still here\n\n").startswith(b"event: cards\nid: 1\n")
    hub.stop()


def test_a_reader_who_comes_back_while_there_is_no_state_stays_at_the_version_it_had(
    hub: Hub, analytics: Analytics
) -> None:
    analytics.away = True
    sent = messages(hub, hub.open(EVERYTHING, Role.MANAGER, None), lambda: True, lambda: False, seen=12)
    next(sent)
    assert next(sent).startswith(b'event: cards\ndata: {"version":12,"cards":{"labeling_status":{"state":"unavailable"')
    analytics.away, analytics.version = False, 13
    assert next(sent).startswith(b"event: cards\nid: 13\n")


def test_a_stream_that_nobody_reads_holds_up_nobody(hub: Hub, analytics: Analytics) -> None:
    stuck = hub.open(EVERYTHING, Role.MANAGER, None)
    reader = hub.open(EVERYTHING, Role.MANAGER, None)
    for version in range(1, 6):
        analytics.version = version
        announce(hub, version)
        read_until(reader, version)
    assert read_until(stuck, 5) == [5]  # one slot: only the last state waits


def test_own_figures_are_asked_for_by_user(hub: Hub, analytics: Analytics) -> None:
    topics = [EVERYTHING, Topic(PROJECT, new_id()), Topic(PROJECT, new_id())]
    analytics.version = 1
    for topic in topics:
        read_until(hub.open(topic, Role.LABELER, topic.user_id), 1)
    assert set(analytics.asked) == set(topics)


def test_beyond_the_cap_streams_are_refused(analytics: Analytics) -> None:
    hub = Hub(analytics, cap=2)
    first, _ = (hub.open(EVERYTHING, Role.MANAGER, None) for _ in range(2))
    with pytest.raises(Problem) as refusal:
        hub.open(EVERYTHING, Role.MANAGER, None)
    assert refusal.value.code == "busy"
    hub.close(first)
    hub.close(first)
    hub.open(EVERYTHING, Role.MANAGER, None)
    with pytest.raises(Problem):
        hub.open(EVERYTHING, Role.MANAGER, None)


USER = new_id()


@pytest.mark.parametrize(
    "event",
    [
        PrincipalChanged(user_id=USER, version=2, state=UserState.ACTIVE, team_role=TeamRole.MEMBER),
        MembershipChanged(project_id=PROJECT, user_id=USER, version=2, role=None),
        ProjectChanged(
            project_id=PROJECT,
            version=2,
            name="p",
            data_type="image",
            visibility=Visibility.PRIVATE,
            specification=Specification(),
            spec_version=1,
        ),
    ],
    ids=lambda event: type(event).__name__,
)
def test_what_may_end_a_right_is_looked_into_at_once(hub: Hub, event: PrincipalChanged) -> None:
    stream = hub.open(EVERYTHING, Role.MANAGER, USER)
    bystander = hub.open(Topic(new_id(), None), Role.MANAGER, new_id())
    read_until(bystander, 0)
    sent = messages(hub, stream, still_allowed=lambda: False, gone=lambda: False)
    assert [next(sent)[:5], next(sent)[:12]] == [b"retry", b"event: cards"]
    hub.heard(event)
    assert list(sent) == []
    assert bystander.wait(0)[1] is False


def test_messages_begin_with_the_present_state_and_carry_versions(hub: Hub, analytics: Analytics) -> None:
    analytics.version = 1
    stream = hub.open(EVERYTHING, Role.VISITOR, None)
    sent = messages(hub, stream, still_allowed=lambda: True, gone=lambda: False)
    assert next(sent) == b"retry: 1000\n\n"
    first = next(sent)
    assert first.startswith(b'event: cards\nid: 1\ndata: {"version":1,"cards":{"labeling_status":{"state":"ok"')
    assert first.endswith(b"\n\n") and b'"review":{"state"' not in first
    analytics.version = 2
    announce(hub, 2)
    assert next(sent).startswith(b'event: cards\nid: 2\ndata: {"version":2,')


def test_cards_that_are_not_streamed_are_named_when_they_change(hub: Hub) -> None:
    labeler, visitor = (hub.open(EVERYTHING, role, None) for role in (Role.LABELER, Role.VISITOR))
    for stream in (labeler, visitor):
        read_until(stream, 0)
    for project_id in (PROJECT, new_id()):
        hub.heard(GuidelineChanged(project_id=project_id, guideline_id=new_id(), version=1, count=1))
    assert (labeler.outdated(), visitor.outdated()) == ([Card.GUIDELINES], [])
    sent = messages(hub, hub.open(EVERYTHING, Role.MANAGER, None), lambda: True, lambda: False)
    next(sent), next(sent)
    hub.heard(GuidelineChanged(project_id=PROJECT, guideline_id=new_id(), version=2, count=2))
    assert next(sent) == b'event: changed\ndata: {"cards":["to_do","guidelines"]}\n\n'


def test_where_an_export_is_now_is_told_to_those_who_may_export(hub: Hub) -> None:
    labeler = hub.open(Topic(PROJECT, None), Role.LABELER, None)
    sent = messages(hub, hub.open(EVERYTHING, Role.MANAGER, None), lambda: True, lambda: False)
    next(sent), next(sent)
    export_id = new_id()
    for version in (3, 2):  # the newest counts
        state = JobState.RUNNING
        hub.heard(ExportChanged(project_id=PROJECT, export_id=export_id, version=version, state=state, total=9))
    name, _, data = next(sent).decode().partition("\n")
    assert name == "event: export"
    told = json.loads(data.removeprefix("data: "))
    assert (told["export_id"], told["version"], told["total"]) == (str(export_id), 3, 9)
    assert labeler.told() == []


def test_where_a_task_is_now_is_told_to_those_who_manage_data(hub: Hub) -> None:
    others = [hub.open(Topic(PROJECT, None), role, None) for role in Role if role not in MANAGERS]
    sent = messages(hub, hub.open(EVERYTHING, Role.MANAGER, None), lambda: True, lambda: False)
    next(sent), next(sent)
    tasks = [new_id(), new_id()]
    for task_id, version in ((tasks[0], 2), (tasks[1], 1), (tasks[0], 1)):
        event = TaskChanged(
            project_id=PROJECT, task_id=task_id, kind="submit", version=version, state=JobState.RUNNING, done=3
        )
        hub.heard(event)
    hub.heard(event.model_copy(update={"project_id": new_id(), "version": 9}))  # somewhere else
    told = []
    for _ in tasks:
        name, _, data = next(sent).decode().partition("\n")
        assert name == "event: task"
        told.append(json.loads(data.removeprefix("data: ")))
    assert [(each["task_id"], each["version"], each["done"]) for each in told] == [
        (str(tasks[0]), 2, 3),
        (str(tasks[1]), 1, 3),
    ]
    assert all(stream.told() == [] for stream in others)


def test_a_stop_ends_streams_and_refuses_new_ones(hub: Hub) -> None:
    sent = messages(hub, hub.open(EVERYTHING, Role.MANAGER, None), lambda: True, lambda: False)
    next(sent), next(sent)
    hub.stop()
    assert list(sent) == []
    with pytest.raises(Problem):
        hub.open(EVERYTHING, Role.MANAGER, None)


def test_a_reader_that_went_away_ends_the_stream(hub: Hub) -> None:
    gone = threading.Event()
    sent = messages(hub, hub.open(EVERYTHING, Role.MANAGER, None), lambda: True, gone.is_set)
    next(sent), next(sent)
    gone.set()
    assert list(sent) == []


def test_a_change_whose_answer_overtook_its_announcement_is_measured_once(hub: Hub, analytics: Analytics) -> None:
    def measured() -> float:
        return REGISTRY.get_sample_value("labelyard_live_latency_seconds_count") or 0.0

    analytics.version = 5
    read_until(hub.open(EVERYTHING, Role.MANAGER, None), 5)
    before = measured()
    announce(hub, 5)
    announce(hub, 5)
    announce(hub, 4)
    assert measured() == before + 1
