"""The fold: whatever way events come, the counters are those of the newest states."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.enums import SEGMENTS, Review, Status
from contracts.events import LabelChanged, LabelState
from services.analytics.domain import (
    Compared,
    Counted,
    CounterKey,
    LabelKey,
    compare,
    compose,
    counted,
    counts,
    fold,
    made_at,
    mend,
    quarter,
    updated_key,
)

PROJECTS = [UUID(int=n) for n in (1, 2)]
LABELS = [UUID(int=n) for n in (11, 12, 13)]
PEOPLE = [UUID(int=n) for n in (21, 22)]
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@st.composite
def histories(draw: st.DrawFn) -> list[LabelChanged]:
    """Events of a few labels, each label with one state a version; then repeated and out of order."""
    events = []
    for project_id in PROJECTS:
        for label_id in LABELS:
            for version in range(1, draw(st.integers(1, 5))):
                status, review = draw(st.sampled_from(SEGMENTS))
                state = LabelState(
                    label_id=label_id,
                    version=version,
                    status=status,
                    review=review,
                    assignee=draw(st.sampled_from([None, *PEOPLE])),
                    objects=draw(st.dictionaries(st.sampled_from("ab"), st.integers(0, 3))),
                    open_issues=draw(st.integers(0, 2)),
                    updated_at=NOON + timedelta(minutes=draw(st.integers(0, 60))),
                    deleted=draw(st.booleans()),
                )
                events.append(LabelChanged(project_id=project_id, labels=(state,)))
    again = draw(st.lists(st.sampled_from(events), max_size=10)) if events else []
    return draw(st.permutations([*events, *again]))


def recount(events: list[LabelChanged]) -> dict[CounterKey, int]:
    """The counters counted afresh from the newest state of each label."""
    newest: dict[LabelKey, LabelState] = {}
    for event in events:
        for state in event.labels:
            key = (event.project_id, state.label_id)
            if key not in newest or newest[key].version < state.version:
                newest[key] = state
    totals: Counter[CounterKey] = Counter()
    for (project_id, _), state in newest.items():
        for scope in {project_id, state.assignee} - {None}:
            assert scope is not None
            for name, number in counts(counted(state)).items():
                totals[project_id, scope, name] += number
    return {key: value for key, value in totals.items() if value}


@given(histories(), st.data())
def test_any_order_and_repetition_comes_to_the_recount(events: list[LabelChanged], data: st.DataObject) -> None:
    known: dict[LabelKey, Counted] = {}
    counters: Counter[CounterKey] = Counter()
    left = list(events)
    while left:
        size = data.draw(st.integers(1, len(left)))
        batch, left = left[:size], left[size:]
        newer, differences = fold(known, batch)
        known.update(newer)
        for key, difference in differences.items():
            assert difference != 0
            counters[key] += difference
    assert {key: value for key, value in counters.items() if value} == recount(events)
    assert min(counters.values(), default=0) >= 0
    assert fold(known, events) == ({}, {})


def test_a_reassigned_label_moves_from_one_person_to_the_other() -> None:
    project_id, label_id = PROJECTS[0], LABELS[0]

    def change(version: int, assignee: UUID | None) -> LabelChanged:
        state = LabelState(
            label_id=label_id,
            version=version,
            status=Status.IN_PROGRESS,
            review=Review.NOT_SUBMITTED,
            assignee=assignee,
            updated_at=NOON,
        )
        return LabelChanged(project_id=project_id, labels=(state,))

    known, _ = fold({}, [change(1, PEOPLE[0])])
    _, differences = fold(known, [change(2, PEOPLE[1])])
    segment = "segment/in_progress/not_submitted"
    assert differences == {
        (project_id, PEOPLE[0], segment): -1,
        (project_id, PEOPLE[0], updated_key(NOON)): -1,
        (project_id, PEOPLE[1], segment): 1,
        (project_id, PEOPLE[1], updated_key(NOON)): 1,
    }


def test_compose_has_all_six_segments_and_adds_up() -> None:
    values = {
        "segment/submitted/approved": 3,
        "segment/skipped/approved": 2,
        "segment/in_progress/rejected": 1,
        "segment/in_progress/not_submitted": 4,
        "objects/a": 7,
        "open_issues": 1,
    }
    counters = compose(PROJECTS[0], 9, values, updated=None)
    assert [(s.status, s.review) for s in counters.segments] == list(SEGMENTS)
    assert (counters.total, counters.submitted, counters.reviewed) == (10, 3, 6)
    assert (counters.objects, counters.open_issues, counters.updated) == ({"a": 7}, 1, 10)


@given(st.datetimes(timezones=st.just(UTC)), st.datetimes(timezones=st.just(UTC)))
def test_keys_of_quarter_hours_sort_as_the_quarters_do(one: datetime, other: datetime) -> None:
    keys = sorted([updated_key(quarter(one)), updated_key(quarter(other))])
    assert keys == [updated_key(q) for q in sorted([quarter(one), quarter(other)])]
    assert quarter(one) <= one < quarter(one) + timedelta(minutes=15) or one.year == 9999


@pytest.mark.parametrize(
    ("moment", "start"), [("2026-11-23T12:14:59+00:00", "12:00"), ("2026-11-23T14:15:00+05:45", "08:30")]
)
def test_quarter_hours_are_of_utc(moment: str, start: str) -> None:
    assert f"{quarter(datetime.fromisoformat(moment)):%H:%M}" == start


@pytest.mark.parametrize(
    ("project_id", "moment"),
    [
        ("017f22e2-79b0-7cc3-98c4-dc0c0c07398f", "2022-02-22T14:22:22-05:00"),  # RFC 9562, A.6
        ("00000000-0000-0000-0000-000000000001", "1970-01-01T00:00:00+00:00"),
        ("ffffffff-ffff-4fff-bfff-ffffffffffff", "1970-01-01T00:00:00+00:00"),
    ],
)
def test_an_id_tells_when_a_project_was_made(project_id: str, moment: str) -> None:
    assert made_at(UUID(project_id)) == datetime.fromisoformat(moment)


def a_label(version: int, status: Status = Status.IN_PROGRESS, *, deleted: bool = False) -> Counted:
    return Counted(version, deleted, status, Review.NOT_SUBMITTED, None, {}, has_open_issue=False, updated=NOON)


def test_each_way_of_being_wrong_has_its_name() -> None:
    same, gone, missing, behind, other, ahead, ghost, away, back = [UUID(int=n) for n in range(1, 10)]
    submitted = a_label(2, Status.SUBMITTED)
    known = {
        same: submitted,
        gone: a_label(2, deleted=True),
        behind: a_label(1),
        other: a_label(2),
        ahead: a_label(3, Status.SUBMITTED),
        ghost: a_label(2),
        away: a_label(2, deleted=True),
        back: a_label(2, deleted=True),
    }
    source = {
        same: submitted,
        gone: a_label(1, deleted=True),
        missing: submitted,
        behind: submitted,
        other: submitted,
        ahead: submitted,
        back: submitted,
    }
    compared = compare(known, source)
    assert compared == Compared([missing], [behind], [other, ahead, back], [ghost])
    assert sorted(compared.all) == sorted([missing, behind, other, ahead, back, ghost])

    seen = {label_id: known.get(label_id) for label_id in compared.doubtful}
    mended = mend(known, seen, source)
    assert mended.as_compared == compared
    after = {**known, **mended.behind, **mended.repairs}
    assert compare(after, source) == Compared([], [], [], [])
    assert after[ghost].deleted


def test_a_label_that_has_moved_since_it_was_seen_is_left_to_its_events() -> None:
    label_id, ghost = LABELS[0], LABELS[1]
    seen = {label_id: a_label(3), ghost: a_label(1)}
    now = {label_id: a_label(4), ghost: a_label(2)}
    mended = mend(now, seen, {label_id: a_label(3, Status.SUBMITTED)})
    assert mended.as_compared == Compared([], [], [], [])
    assert mend(now, seen, {label_id: a_label(5)}).behind == {label_id: a_label(5)}
