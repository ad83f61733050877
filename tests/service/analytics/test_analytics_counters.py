"""The counters in a real database: whoever folds what, when and how often, they are those of the newest states."""

import random
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
import sqlalchemy as sa

from chassis.database import Database
from chassis.ids import new_id
from contracts.enums import SEGMENTS, Review, Status
from contracts.events import LabelChanged, LabelState, ProjectPurgeRequested
from contracts.rpc.analytics import Counters, GetCounters, ListCounters
from services.analytics import domain, handlers, models

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def database(settings_environment: dict[str, str]) -> Database:
    return Database.of("analytics")


def fold(database: Database, *events: LabelChanged) -> None:
    with database.session() as session:
        handlers.fold_label_changes(session, events)


def counters(database: Database, project_id: UUID, user_id: UUID | None = None, **span: datetime) -> Counters:
    with database.session() as session:
        return handlers.get_counters(session, GetCounters(project_id=project_id, user_id=user_id, **span))


def change(project_id: UUID, *states: LabelState) -> LabelChanged:
    return LabelChanged(project_id=project_id, labels=states)


def a_state(version: int = 1, label_id: UUID | None = None, **fields: object) -> LabelState:
    values = {"status": Status.IN_PROGRESS, "review": Review.NOT_SUBMITTED, "updated_at": NOON, **fields}
    return LabelState.model_validate({"label_id": label_id or new_id(), "version": version, **values})


def test_an_unknown_project_counts_zero_at_version_zero(database: Database) -> None:
    answer = counters(database, new_id())
    assert (answer.version, answer.total, answer.objects) == (0, 0, {})
    assert [(s.status, s.review, s.count) for s in answer.segments] == [(*pair, 0) for pair in SEGMENTS]


def test_a_label_is_counted_for_its_project_and_its_assignee(database: Database) -> None:
    project_id, user_id, class_id = new_id(), new_id(), str(new_id())
    mine = a_state(assignee=user_id, objects={class_id: 3}, open_issues=2)
    fold(database, change(project_id, mine, a_state(objects={class_id: 1})))
    whole, own = counters(database, project_id), counters(database, project_id, user_id)
    assert (whole.total, whole.objects, whole.open_issues) == (2, {class_id: 4}, 1)
    assert (own.total, own.objects, own.open_issues, own.version) == (1, {class_id: 3}, 1, whole.version)

    approved = mine.model_copy(
        update={"version": 2, "status": Status.SUBMITTED, "review": Review.APPROVED, "assignee": None, "open_issues": 0}
    )
    fold(database, change(project_id, approved))
    before, whole, own = whole.version, counters(database, project_id), counters(database, project_id, user_id)
    assert (whole.total, whole.submitted, whole.reviewed, whole.open_issues) == (2, 1, 1, 0)
    assert (own.total, own.objects, own.version) == (0, {}, whole.version)
    assert whole.version > before


def test_what_changes_no_counter_raises_no_version(database: Database) -> None:
    project_id, label_id = new_id(), new_id()
    fold(database, change(project_id, a_state(2, label_id)))
    version = counters(database, project_id).version
    for state in (a_state(2, label_id), a_state(1, label_id, open_issues=1), a_state(3, label_id, reviewer=new_id())):
        fold(database, change(project_id, state))
    assert counters(database, project_id).version == version


def test_a_version_is_never_behind_the_clock_nor_behind_the_one_before(database: Database) -> None:
    project_id = new_id()
    before = datetime.now(UTC) - timedelta(seconds=1)  # the server's clock has not ours' microseconds
    fold(database, change(project_id, a_state()))
    version = counters(database, project_id).version
    assert before.timestamp() * 1_000_000 < version < 2**53
    ahead = version + 10**12
    with database.session() as session:
        mine = models.ProjectVersion.project_id == project_id
        session.execute(sa.update(models.ProjectVersion).where(mine).values(version=ahead))
    fold(database, change(project_id, a_state()))
    assert counters(database, project_id).version == ahead + 1


def test_a_deleted_label_leaves_and_stays_away(database: Database) -> None:
    project_id, label_id = new_id(), new_id()
    fold(database, change(project_id, a_state(1, label_id)), change(project_id, a_state(3, label_id, deleted=True)))
    fold(database, change(project_id, a_state(2, label_id)))
    assert counters(database, project_id).total == 0
    with database.session() as session:
        assert session.scalar(sa.select(models.Counter).where(models.Counter.project_id == project_id)) is None


def test_updated_is_a_range_of_quarter_hours(database: Database) -> None:
    project_id = new_id()
    moments = [NOON - timedelta(seconds=1), NOON, NOON + timedelta(minutes=20), NOON + timedelta(hours=12)]
    fold(database, change(project_id, *[a_state(updated_at=moment) for moment in moments]))

    def updated(**span: datetime) -> int:
        return counters(database, project_id, None, **span).updated

    assert updated() == 4
    assert updated(updated_since=NOON) == 3
    assert updated(updated_until=NOON) == 1
    assert updated(updated_since=NOON, updated_until=NOON + timedelta(hours=12)) == 2
    assert updated(updated_since=NOON + timedelta(minutes=29), updated_until=NOON + timedelta(minutes=31)) == 1
    assert updated(updated_since=NOON + timedelta(days=1)) == 0


def test_a_purged_project_is_forgotten_and_takes_no_late_events(database: Database) -> None:
    counted, unknown, user_id = new_id(), new_id(), new_id()
    fold(database, change(counted, a_state(assignee=user_id)))
    for project_id in (counted, unknown):
        with database.session() as session:
            handlers.forget_project(session, ProjectPurgeRequested(project_id=project_id, version=3))
        fold(database, change(project_id, a_state(assignee=user_id)))
        assert counters(database, project_id).total == counters(database, project_id, user_id).total == 0
    assert stored(database, [counted, unknown]) == {}


def test_several_projects_come_in_the_order_asked(database: Database) -> None:
    projects, user_id = [new_id() for _ in range(3)], new_id()
    for number, project_id in enumerate(projects):
        mine = [a_state(assignee=user_id) for _ in range(number)]
        fold(database, change(project_id, a_state(), *mine))
    asked = (projects[2], projects[0], new_id(), projects[1])
    with database.session() as session:
        answer = handlers.list_counters(session, ListCounters(project_ids=asked))
        own = handlers.list_counters(session, ListCounters(project_ids=asked, user_id=user_id))
    assert [(item.project_id, item.total) for item in answer.items] == list(zip(asked, (3, 1, 0, 2), strict=True))
    assert [item.total for item in own.items] == [2, 0, 0, 1]


@pytest.mark.parametrize("seed", [random.randrange(10**9)], ids=["any"])
def test_projectors_side_by_side_come_to_the_recount(database: Database, seed: int) -> None:
    """Four of them on the same two hot projects, everything out of order, and every event handled by two."""
    chance = random.Random(seed)
    projects, people, classes = [new_id(), new_id()], [new_id() for _ in range(3)], [str(new_id()) for _ in range(3)]
    newest: list[tuple[UUID, LabelState]] = []
    events: list[LabelChanged] = []
    for project_id in projects:
        for label_id in [new_id() for _ in range(40)]:
            for version in range(1, chance.randint(2, 8)):
                status, review = chance.choice(SEGMENTS)
                state = a_state(
                    version,
                    label_id,
                    status=status,
                    review=review,
                    assignee=chance.choice([None, *people]),
                    objects={c: chance.randrange(5) for c in classes},
                    open_issues=chance.randrange(2),
                    updated_at=NOON + timedelta(minutes=chance.randrange(300)),
                    deleted=chance.random() < 0.1,
                )
                events.append(change(project_id, state))
            newest.append((project_id, state))

    def project_them(seed: int) -> list[int]:
        mine = random.Random(seed)
        half = events[::2] if seed % 2 else events[1::2]
        shuffled = mine.sample(half, len(half))
        seen = []
        while shuffled:
            size = mine.randint(1, 12)
            fold(database, *shuffled[:size])
            del shuffled[:size]
            seen.append(counters(database, projects[0]).version)
        return seen

    with ThreadPoolExecutor(4) as pool:
        for seen in pool.map(project_them, range(4)):
            assert seen == sorted(seen), "a version went back"
    assert stored(database, projects) == recount(newest)


def recount(newest: Sequence[tuple[UUID, LabelState]]) -> dict[tuple[UUID, UUID, str], int]:
    totals: Counter[tuple[UUID, UUID, str]] = Counter()
    for project_id, state in newest:
        for scope in [project_id] if state.assignee is None else [project_id, state.assignee]:
            for key, number in domain.counts(domain.counted(state)).items():
                totals[project_id, scope, key] += number
    return {key: value for key, value in totals.items() if value}


def stored(database: Database, projects: Sequence[UUID]) -> dict[tuple[UUID, UUID, str], int]:
    counter = models.Counter
    with database.session() as session:
        rows = session.execute(
            sa.select(counter.project_id, counter.scope, counter.key, counter.value).where(
                counter.project_id.in_(projects)
            )
        )
        return {(row.project_id, row.scope, row.key): row.value for row in rows}
