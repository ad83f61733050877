"""Verifying and rebuilding counters on a real database, while labels go on changing.

The labels service is played by `Source`, which holds states in memory and answers its three questions.
"""

import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from chassis.database import Database
from chassis.ids import new_id
from contracts.enums import SEGMENTS, CheckKind, JobState, Review, Status
from contracts.errors import Problem
from contracts.events import CheckDue, LabelChanged, LabelState
from contracts.rpc.analytics import (
    CheckedProject,
    CounterCheck,
    Counters,
    FoundLabels,
    GetCounters,
    ListCounterChecks,
    ListCounters,
    StartCounterCheck,
)
from contracts.rpc.labels import (
    GetLabelStates,
    LabelStates,
    ListLabeledProjects,
    ListLabelStates,
    ProjectIds,
)
from services.analytics import checks, domain, handlers, models
from tests.service.support import waiting_events

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
VERIFY, REBUILD = CheckKind.VERIFY, CheckKind.REBUILD


@dataclass
class Source:
    """The labels service: what labels are, by project. `away`: it does not answer. `asked`: how often it was."""

    projects: dict[UUID, dict[UUID, LabelState]] = field(default_factory=dict)
    away: bool = False
    asked: int = 0
    lock: threading.RLock = field(default_factory=threading.RLock)

    def call(self, request: Any, deadline: float) -> Any:
        with self.lock:
            self.asked += 1
            if self.away:
                raise Problem("unavailable", "away")
            match request:
                case ListLabelStates():
                    mine = self.projects.get(request.project_id, {})
                    ids = sorted(each for each in mine if request.after is None or each > request.after)
                    page = ids[: request.limit]
                    return LabelStates(items=tuple(mine[each] for each in page), more=len(ids) > len(page))
                case GetLabelStates():
                    mine = self.projects.get(request.project_id, {})
                    return LabelStates(items=tuple(mine[each] for each in sorted(request.ids) if each in mine))
                case ListLabeledProjects():
                    ids = sorted(each for each in self.projects if request.after is None or each > request.after)
                    return ProjectIds(items=tuple(ids[: request.limit]), more=len(ids) > request.limit)
        raise AssertionError(request)


@dataclass
class Work:
    """A database of analytics, the labels service, and short ways to what tests do all the time."""

    database: Database
    source: Source

    def project(self, labels: int = 0, **fields: Any) -> UUID:
        """A new project with that many labels, counted."""
        project_id = new_id()
        self.source.projects[project_id] = {}
        for _ in range(labels):
            self.change(project_id, new_id(), **fields)
        return project_id

    def change(self, project_id: UUID, label_id: UUID, *, told: bool = True, **fields: Any) -> LabelState:
        """A label's next version; counted, if its event is `told`."""
        with self.source.lock:
            before = self.source.projects[project_id].get(label_id)
            state = LabelState.model_validate(
                {
                    "status": Status.IN_PROGRESS,
                    "review": Review.NOT_SUBMITTED,
                    **({} if before is None else before.model_dump()),
                    "updated_at": datetime.now(UTC),
                    **fields,
                    "label_id": label_id,
                    "version": 1 if before is None else before.version + 1,
                }
            )
            self.source.projects[project_id][label_id] = state
        if told:
            self.tell(project_id, state)
        return state

    def tell(self, project_id: UUID, *states: LabelState) -> None:
        with self.database.session() as session:
            handlers.fold_label_changes(session, [LabelChanged(project_id=project_id, labels=states)])

    def ids(self, project_id: UUID) -> list[UUID]:
        return sorted(self.source.projects[project_id])

    def sql(self, statement: str, **values: Any) -> None:
        """What somebody does to the database by hand."""
        with self.database.session() as session:
            session.execute(sa.text(statement), values)

    def start(self, kind: CheckKind, project_id: UUID | None) -> UUID:
        with self.database.session() as session:
            asked = StartCounterCheck(kind=kind, project_id=project_id, actor=new_id())
            return checks.start_check(session, asked).id

    def get(self, check_id: UUID) -> CounterCheck:
        with self.database.session() as session:
            return checks.get_check(session, check_id)

    def run(self, kind: CheckKind, project_id: UUID | None, seconds: float = 0.0) -> CounterCheck:
        """Start a check and do its parts (of one step each) until it has ended."""
        check_id = self.start(kind, project_id)
        while (check := self.get(check_id)).state in (JobState.QUEUED, JobState.RUNNING):
            checks.do_part(self.database, self.source, check_id, seconds)
        return check

    def found(self, kind: CheckKind, project_id: UUID) -> CheckedProject:
        """What a check of one project found, where it finds something."""
        check = self.run(kind, project_id)
        assert check.report.differing == 1
        (found,) = check.report.found
        assert found.project_id == project_id
        return found

    def assert_consistent(self, project_id: UUID) -> None:
        check = self.run(VERIFY, project_id)
        assert check.consistent, check.report
        assert check.report.labels == len(self.source.projects[project_id])
        assert self.stored(project_id) == recount(project_id, self.source.projects[project_id].values())

    def counters(self, project_id: UUID, user_id: UUID | None = None) -> Counters:
        with self.database.reading() as session:
            return handlers.get_counters(session, GetCounters(project_id=project_id, user_id=user_id))

    def stored(self, project_id: UUID) -> dict[tuple[UUID, str], int]:
        counter = models.Counter
        with self.database.session() as session:
            rows = session.execute(
                sa.select(counter.scope, counter.key, counter.value).where(counter.project_id == project_id)
            )
            return {(row.scope, row.key): row.value for row in rows}

    def empty(self) -> None:
        """Begin the database anew, as dropping it and migrating would: every project is older than it."""
        for table in ("labels", "counters", "project_versions", "counter_checks"):
            self.sql(f"DELETE FROM {table}")
        self.sql("UPDATE birth SET born_at = now()")


def recount(project_id: UUID, states: Any) -> dict[tuple[UUID, str], int]:
    """The counters of a project counted afresh."""
    totals: dict[tuple[UUID, str], int] = {}
    for state in states:
        for scope in [project_id] if state.assignee is None else [project_id, state.assignee]:
            for key, number in domain.counts(domain.counted(state)).items():
                totals[scope, key] = totals.get((scope, key), 0) + number
    return {key: value for key, value in totals.items() if value}


@pytest.fixture
def work(settings_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Work]:
    monkeypatch.setattr(checks, "PAUSES", (0.01, 0.01, 0.01))
    monkeypatch.setattr(checks, "LABELS_AT_ONCE", 5)
    monkeypatch.setattr(checks, "PROJECTS_AT_ONCE", 2)
    monkeypatch.setattr(handlers, "announce", lambda event: None)
    database = Database(Database.of("analytics").engine.url.render_as_string(hide_password=False), pool=20)
    work = Work(database, Source())
    # other modules' tests leave projects behind whose labels this source does not know
    for table in ("labels", "counters", "project_versions"):
        work.sql(f"DELETE FROM {table}")
    yield work
    work.sql("UPDATE birth SET born_at = '1970-01-01'")
    database.close()


# --- (a) what is wrong is named, and mended ---


def test_what_is_right_is_found_consistent(work: Work) -> None:
    class_id, user_id = str(new_id()), new_id()
    project_id = work.project(12, objects={class_id: 3, str(new_id()): 0}, assignee=user_id, open_issues=1)
    work.assert_consistent(project_id)
    check = work.run(REBUILD, project_id)
    assert (check.state, check.consistent, check.report.differing) == (JobState.DONE, None, 0)
    assert check.ended_at is not None
    work.assert_consistent(project_id)


def test_a_falsified_counter_is_named_and_mended(work: Work) -> None:
    user_id = new_id()
    project_id = work.project(7, assignee=user_id)
    key, ghost = "segment/in_progress/not_submitted", "segment/skipped/approved"
    work.sql("UPDATE counters SET value = 9 WHERE scope = :user AND key = :key", user=user_id, key=key)
    work.sql("INSERT INTO counters VALUES (:project, :project, :key, 2)", project=project_id, key=ghost)
    found = work.found(VERIFY, project_id)
    assert (found.complete, found.labels, found.counter_count) == (True, 7, 2)
    assert [found.missing, found.behind, found.different, found.unknown] == [FoundLabels()] * 4
    assert {(each.scope, each.key, each.expected, each.actual) for each in found.counters} == {
        (user_id, key, 7, 9),
        (project_id, ghost, 0, 2),
    }
    assert work.found(VERIFY, project_id) == found, "to verify changes nothing"
    version = work.counters(project_id).version
    assert work.found(REBUILD, project_id).counters == found.counters
    assert work.counters(project_id).version > version
    work.assert_consistent(project_id)


def test_label_rows_that_were_changed_by_hand_are_named_and_mended(work: Work) -> None:
    project_id = work.project(20, objects={str(new_id()): 2})
    truth = work.counters(project_id)
    missing, altered, behind, ahead, gone = work.ids(project_id)[:5]
    ghost = new_id()
    work.sql("DELETE FROM labels WHERE label_id = :id", id=missing)
    work.sql("UPDATE labels SET status = 'skipped', review = 'approved' WHERE label_id = :id", id=altered)
    work.sql("UPDATE labels SET version = 0 WHERE label_id = :id", id=behind)
    work.sql("UPDATE labels SET version = 70 WHERE label_id = :id", id=ahead)
    work.sql("UPDATE labels SET deleted = true WHERE label_id = :id", id=gone)
    work.sql(
        "INSERT INTO labels SELECT project_id, :ghost, version, deleted, status, review, assignee, objects,"
        " has_open_issue, updated FROM labels WHERE label_id = :id",
        ghost=ghost,
        id=altered,
    )
    found = work.found(VERIFY, project_id)
    assert found.missing.ids == (missing,)
    assert found.behind.ids == (behind,)
    assert found.different.ids == tuple(sorted([altered, ahead, gone]))
    assert found.unknown.ids == (ghost,)
    assert found.counters == (), "the counters are what the labels add up to at their source"
    assert work.counters(project_id) == truth

    mended = work.found(REBUILD, project_id)
    for kind in ("missing", "behind", "different", "unknown"):
        assert getattr(mended, kind) == getattr(found, kind)
    assert work.counters(project_id).model_copy(update={"version": 0}) == truth.model_copy(update={"version": 0})
    work.assert_consistent(project_id)


@pytest.mark.parametrize("seed", [random.randrange(10**9)], ids=["any"])
def test_whatever_is_done_by_hand_a_rebuild_mends(work: Work, seed: int) -> None:
    chance = random.Random(seed)
    people, classes = [new_id(), new_id()], [str(new_id()), str(new_id())]
    project_id = work.project()
    for _ in range(40):
        status, review = chance.choice(SEGMENTS)
        work.change(
            project_id,
            new_id(),
            status=status,
            review=review,
            assignee=chance.choice([None, *people]),
            objects={each: chance.randrange(4) for each in classes},
            open_issues=chance.randrange(2),
            updated_at=NOON + timedelta(minutes=chance.randrange(100)),
        )
    for label_id in work.ids(project_id):
        harm = chance.choice(
            [
                None,
                "DELETE FROM labels WHERE label_id = :id",
                "UPDATE labels SET assignee = :other WHERE label_id = :id",
                "UPDATE labels SET objects = '{}', version = version + 3 WHERE label_id = :id",
                "UPDATE labels SET has_open_issue = NOT has_open_issue WHERE label_id = :id",
            ]
        )
        if harm:
            work.sql(harm, **({"id": label_id} | ({"other": chance.choice(people)} if ":other" in harm else {})))
    work.sql("UPDATE counters SET value = value + 1 WHERE project_id = :id AND random() < 0.5", id=project_id)
    assert work.run(VERIFY, project_id).consistent is False
    work.run(REBUILD, project_id)
    work.assert_consistent(project_id)


def test_more_than_are_remembered_are_counted(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "SUSPECTS", 6)
    monkeypatch.setattr(checks, "SHOWN", 3)
    project_id = work.project(14)
    work.sql("DELETE FROM labels WHERE project_id = :id", id=project_id)
    missing = work.found(VERIFY, project_id).missing
    assert (missing.count, list(missing.ids)) == (14, work.ids(project_id)[:3])
    assert work.found(REBUILD, project_id).missing.count == 14
    work.assert_consistent(project_id)


def test_labels_without_a_source_are_forgotten_however_many(work: Work) -> None:
    project_id = work.project(33)
    kept = {each: work.source.projects[project_id][each] for each in work.ids(project_id)[30:]}
    work.source.projects[project_id] = kept
    assert work.found(VERIFY, project_id).unknown.count == 30
    work.run(REBUILD, project_id)
    assert work.counters(project_id).total == 3
    assert work.run(VERIFY, project_id).consistent


# --- what is on its way ---


def test_what_is_on_its_way_is_no_difference(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    project_id = work.project(8)
    late = [work.change(project_id, new_id(), told=False) for _ in range(2)]
    late.append(work.change(project_id, work.ids(project_id)[0], told=False, open_issues=1))
    assert work.run(VERIFY, project_id).consistent is False
    monkeypatch.setattr("time.sleep", lambda seconds: work.tell(project_id, *late))
    assert work.run(VERIFY, project_id).consistent


def test_more_than_are_remembered_on_their_way_are_no_difference(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "SUSPECTS", 3)
    project_id = work.project(4)
    late = [work.change(project_id, new_id(), told=False) for _ in range(9)]
    monkeypatch.setattr("time.sleep", lambda seconds: work.tell(project_id, *late))
    check = work.run(VERIFY, project_id)
    assert (check.consistent, check.report.labels) == (True, 13)


def test_an_event_that_comes_after_its_label_was_rebuilt_changes_nothing(work: Work) -> None:
    project_id = work.project(3)
    late = work.change(project_id, new_id(), told=False, open_issues=1)
    assert work.found(REBUILD, project_id).missing.ids == (late.label_id,)
    work.assert_consistent(project_id)
    before = work.counters(project_id)
    work.tell(project_id, late)
    assert work.counters(project_id) == before


# --- (b) while writers go on ---


@pytest.mark.parametrize("seed", [random.randrange(10**9)], ids=["any"])
@pytest.mark.parametrize("harm", ["none", "labels", "counters"])
def test_nobody_sees_a_wrong_figure_because_of_a_rebuild(work: Work, seed: int, harm: str) -> None:
    """A watcher samples all the time. Labels are only added and submitted, so right figures only ever rise."""
    chance = random.Random(seed)
    project_id = work.project(60)
    everybody = work.ids(project_id)
    if harm == "labels":  # the figures shown are right until the rebuild, and must stay so
        for label_id in everybody[::7]:
            work.sql("DELETE FROM labels WHERE label_id = :id", id=label_id)
        for label_id in everybody[3::7]:
            work.sql("UPDATE labels SET has_open_issue = true WHERE label_id = :id", id=label_id)
        # what an event makes of a row that is wrong is wrong too: let only the rebuild touch those
        everybody = [each for number, each in enumerate(everybody) if number % 7 not in (0, 3)]
    if harm == "counters":  # too high by 1,000 until the rebuild puts that right at once
        work.sql(
            "UPDATE counters SET value = value + 1000"
            " WHERE project_id = :id AND key = 'segment/in_progress/not_submitted'",
            id=project_id,
        )
    stop, seen = threading.Event(), []

    def write(mine: random.Random) -> None:
        for _ in range(40):
            if mine.random() < 0.5:
                work.change(project_id, new_id())
            else:  # two writers never meet in one label's version: the event of the later one is newer
                label_id = mine.choice(everybody)
                work.change(project_id, label_id, status=Status.SUBMITTED, review=Review.PENDING_REVIEW)

    def watch() -> None:
        while not stop.is_set():
            seen.append(work.counters(project_id))

    with ThreadPoolExecutor(5) as pool:
        watching = pool.submit(watch)
        writing = [pool.submit(write, random.Random(chance.random())) for _ in range(2)]
        rebuilding = [pool.submit(work.run, REBUILD, project_id) for _ in range(2)]
        for writer in writing:
            writer.result()
        for rebuilder in rebuilding:
            rebuilder.result()
        stop.set()
        watching.result()
    work.run(REBUILD, project_id)
    work.assert_consistent(project_id)
    seen.append(work.counters(project_id))
    versions = [each.version for each in seen]
    assert versions == sorted(versions)
    assert {each.open_issues for each in seen} == {0}
    right = [each.total if each.total < 1000 else each.total - 1000 for each in seen]
    assert right == sorted(right)
    assert right[0] >= 60
    submitted = [each.submitted for each in seen]
    assert submitted == sorted(submitted)
    wrong = [each.total >= 1000 for each in seen]
    assert wrong == sorted(wrong, reverse=True), "what was put right stays right"


# --- (c) a database that was emptied ---


def test_an_emptied_database_shows_nothing_until_it_is_rebuilt(work: Work) -> None:
    projects = [work.project(number) for number in (0, 3, 11)]
    before = [work.counters(project_id) for project_id in projects]
    work.empty()
    late = work.change(projects[2], new_id())
    for project_id in projects:
        with pytest.raises(Problem) as refused:
            work.counters(project_id)
        assert refused.value.code == "counters_incomplete"
    younger = work.project(2)
    assert work.counters(younger).total == 2
    with work.database.reading() as session:
        listed = handlers.list_counters(session, ListCounters(project_ids=(*projects, younger)))
    assert [each.project_id for each in listed.items] == [younger]

    found = work.run(VERIFY, None)
    assert found.consistent is False
    assert {each.project_id: (each.complete, each.missing.count) for each in found.report.found} == {
        project_id: (False, number) for project_id, number in zip(projects, (0, 3, 11), strict=True)
    }
    check = work.run(REBUILD, None)
    assert (check.report.projects, check.report.labels, check.report.differing) == (4, 17, 3)
    for project_id, then in zip(projects, before, strict=True):
        now = work.counters(project_id)
        assert now.version > then.version
        assert now.total == then.total + (project_id == projects[2])
        work.assert_consistent(project_id)
    work.tell(projects[2], late)
    assert work.run(VERIFY, None).consistent


def test_a_rebuild_of_one_project_makes_that_one_complete(work: Work) -> None:
    one, other = work.project(7), work.project(1)
    work.empty()
    assert not work.found(REBUILD, one).complete
    work.assert_consistent(one)
    with pytest.raises(Problem):
        work.counters(other)


def test_after_all_are_rebuilt_a_project_that_nobody_knew_of_is_complete(work: Work) -> None:
    unheard_of = new_id()
    work.project(1)
    work.empty()
    work.run(REBUILD, None)
    assert work.counters(unheard_of).total == 0
    work.source.projects[unheard_of] = {}
    work.change(unheard_of, new_id())
    assert work.counters(unheard_of).total == 1


def test_a_purged_project_stays_forgotten(work: Work) -> None:
    project_id = work.project(3)
    work.sql("UPDATE project_versions SET deleted = true WHERE project_id = :id", id=project_id)
    work.sql("DELETE FROM labels WHERE project_id = :id", id=project_id)
    work.sql("DELETE FROM counters WHERE project_id = :id", id=project_id)
    for kind in (VERIFY, REBUILD, VERIFY):
        assert work.run(kind, None).report.differing == 0
    assert work.counters(project_id).total == 0


# --- (d) parts ---


def test_it_goes_on_where_it_was_killed(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every step is killed once before its commit, and the labels service goes away now and then."""
    projects = [work.project(12), work.project(4)]
    work.empty()
    check_id = work.start(REBUILD, None)
    save = checks._save

    class Killed(Exception):
        pass

    def killed_at_first(session: Any, check: Any) -> Any:
        after = save(session, check)
        if check.step not in killed:
            killed.add(check.step)
            raise Killed
        return after

    killed: set[int] = set()
    monkeypatch.setattr(checks, "_save", killed_at_first)
    parts = 0
    while work.get(check_id).state != JobState.DONE:
        parts += 1
        work.source.away = parts % 5 == 0
        with suppress(Killed, Problem):
            checks.do_part(work.database, work.source, check_id)
    assert len(killed) > 8
    monkeypatch.setattr(checks, "_save", save)
    work.source.away = False
    for project_id in projects:
        work.assert_consistent(project_id)


def test_a_part_lets_the_next_one_be_done_and_the_last_one_none(work: Work) -> None:
    project_id = work.project(12)
    check_id = work.start(VERIFY, project_id)

    def due() -> int:
        with work.database.session() as session:
            return len(waiting_events(session, CheckDue, check_id=check_id))

    parts = 0
    while work.get(check_id).state != JobState.DONE:
        assert due() == parts + 1
        checks.do_part(work.database, work.source, check_id, seconds=0)
        parts += 1
    assert (parts, due()) == (6, 6), "the project, three pages, the counters, the end"
    asked = work.source.asked
    checks.do_part(work.database, work.source, check_id)
    checks.do_part(work.database, work.source, new_id())
    assert (work.source.asked, due()) == (asked, 6), "what has ended is not done again"


def test_one_check_by_several_at_once_comes_to_one_report(work: Work) -> None:
    projects = [work.project(9) for _ in range(3)]
    check_id = work.start(REBUILD, None)

    def take_part(_: int) -> None:
        while work.get(check_id).state in (JobState.QUEUED, JobState.RUNNING):
            checks.do_part(work.database, work.source, check_id, seconds=0.01)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(take_part, range(4)))
    report = work.get(check_id).report
    assert (report.projects, report.labels, report.differing) == (3, 27, 0)
    for project_id in projects:
        work.assert_consistent(project_id)


def test_checks_are_listed_newest_first(work: Work) -> None:
    started = [work.start(VERIFY, None) for _ in range(5)]
    listed: list[UUID] = []
    cursor = None
    with work.database.reading() as session:
        while len(listed) < 5:
            page = checks.list_checks(session, ListCounterChecks(cursor=cursor, limit=2))
            listed += [each.id for each in page.items]
            cursor = page.next
    assert listed[:5] == started[::-1]
    with pytest.raises(Problem, match="not_found"):
        work.get(new_id())
