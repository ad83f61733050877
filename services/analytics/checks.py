"""Verifying and rebuilding counters while they are used (docs/decisions: rebuilding-while-live).

A check is a row, and an event that its next part is due. A part takes steps for some seconds, each in a transaction
that writes down where the next one goes on, and then lets the event be sent again. Whoever dies leaves an event that
is delivered again. Where two work on one check, one of them finds that the other was first, and stops.

Labels are compared with the labels service page by page. Whatever happens in between is told by the versions: a page
needs no snapshot.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis import outbox, paging
from chassis.database import Database
from chassis.ids import new_id
from chassis.logs import get_logger
from chassis.rpc.client import RpcClient
from contracts.enums import CheckKind, JobState
from contracts.errors import Problem
from contracts.events import CheckDue
from contracts.message import Message
from contracts.rpc import Owners
from contracts.rpc.analytics import (
    CheckedProject,
    CheckReport,
    CounterCheck,
    CounterCheckPage,
    CounterDifference,
    FoundLabels,
    ListCounterChecks,
    StartCounterCheck,
)
from contracts.rpc.labels import GetLabelStates, ListLabeledProjects, ListLabelStates
from services.analytics import domain, handlers
from services.analytics.domain import Compared, Counted, CounterKey
from services.analytics.models import Birth, Label, ProjectVersion
from services.analytics.models import CounterCheck as CheckRow

log = get_logger()

PART_SECONDS = 3.0
"""How long a part takes on steps."""

DEADLINE = 10.0
"""Seconds to wait for the labels service."""

PAUSES: Sequence[float] = (1.0, 2.0, 4.0)
"""Seconds before what differs is looked at again: messages may be on their way."""

YOUNG = timedelta(minutes=30)
"""Since when a label's latest change may still be on its way, to the quarter hour."""

LABELS_AT_ONCE = 1000
PROJECTS_AT_ONCE = 100
SUSPECTS = 1000
"""Labels of a project that are remembered to be looked at again; with more, all of it is looked at again."""

SHOWN = 100
"""Ids, counters and projects in a report; beyond that they are only counted."""

COUNT_SECONDS = 600
"""How long the server may take to add up the label rows of one project."""

FIRST = UUID(int=0)
"""Before every id."""

_START_OF_TIME = datetime(1970, 1, 1, tzinfo=UTC)

# what the label rows add up to, beside what the counters say; with `all` where that is the same too
_DIFFERING = sa.text("""
    WITH grouped AS (
        SELECT assignee, 'segment/' || status || '/' || review AS key, count(*) AS number
        FROM labels WHERE project_id = :project AND NOT deleted GROUP BY assignee, status, review
        UNION ALL
        SELECT assignee, 'open_issues', count(*)
        FROM labels WHERE project_id = :project AND NOT deleted AND has_open_issue GROUP BY assignee
        UNION ALL
        SELECT assignee, 'updated/' || to_char(updated AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS'), count(*)
        FROM labels WHERE project_id = :project AND NOT deleted GROUP BY assignee, updated
        UNION ALL
        SELECT assignee, 'objects/' || each.key, sum(CAST(each.value AS bigint))
        FROM labels CROSS JOIN LATERAL jsonb_each_text(objects) AS each
        WHERE project_id = :project AND NOT deleted GROUP BY assignee, each.key
    ), expected AS (
        SELECT scope, key, CAST(sum(number) AS bigint) AS value
        FROM (
            SELECT CAST(:project AS uuid) AS scope, key, number FROM grouped
            UNION ALL SELECT assignee, key, number FROM grouped WHERE assignee IS NOT NULL
        ) AS scoped
        GROUP BY scope, key
    ), actual AS (
        SELECT scope, key, value FROM counters WHERE project_id = :project
    )
    SELECT scope, key, coalesce(expected.value, 0) AS expected, coalesce(actual.value, 0) AS actual
    FROM expected FULL JOIN actual USING (scope, key)
    WHERE :all OR coalesce(expected.value, 0) <> coalesce(actual.value, 0)
""")

_IS_COMPLETE = sa.text("""
    SELECT coalesce(deleted, false) AS deleted, coalesce(complete, made_at >= born_at, false) AS complete
    FROM (SELECT CAST(:project AS uuid) AS project_id, CAST(:made AS timestamptz) AS made_at) AS asked
    LEFT JOIN project_versions USING (project_id) LEFT JOIN birth ON true
""")


class Progress(Message):
    """A project that is being checked. `labels`: its labels behind `after` come next; `again`: what differed is looked
    at another time, after `looks` times; `counters`: all labels are done.

    `suspects` are the labels that differed, `many` that there are more than are remembered. `apart`: the counters and
    the label rows did not agree when a rebuild began (see `_mend_labels`).
    """

    project_id: UUID
    stage: Literal["labels", "again", "counters"] = "labels"
    after: UUID | None = None
    found: CheckedProject
    suspects: tuple[UUID, ...] = ()
    many: bool = False
    looks: int = 0
    apart: bool = False


class Cursor(Message):
    """Where a check goes on: with `project`, then with those `waiting`, then with those behind `after`, if any."""

    project: Progress | None = None
    waiting: tuple[UUID, ...] = ()
    after: UUID | None = None
    listed: bool = False


@dataclass(frozen=True)
class _Check:
    """A check as it was after `step` steps."""

    id: UUID
    kind: CheckKind
    project_id: UUID | None
    state: JobState
    step: int
    cursor: Cursor
    report: CheckReport

    def at(self, progress: Progress) -> "_Check":
        """The same, further in its project."""
        return replace(self, cursor=self.cursor.model_copy(update={"project": progress}))


class _Overtaken(Exception):
    """Somebody else has taken this step."""


# --- commands and queries ---


def start_check(session: Session, request: StartCounterCheck) -> CounterCheck:
    """Begin a verification or rebuild; its parts are done by whoever takes `CheckDue`."""
    one = request.project_id
    cursor = Cursor() if one is None else Cursor(waiting=(one,), listed=True)
    row = CheckRow(
        id=new_id(),
        kind=request.kind,
        project_id=one,
        state=JobState.QUEUED,
        step=0,
        cursor=cursor.model_dump(mode="json"),
        report=CheckReport().model_dump(mode="json"),
        created_by=request.actor,
        created_at=datetime.now(UTC),
    )
    session.add(row)
    outbox.add(session, CheckDue(check_id=row.id))
    return _to_check(row)


def get_check(session: Session, check_id: UUID) -> CounterCheck:
    """A check; Problem `not_found`."""
    row = session.get(CheckRow, check_id)
    if row is None:
        raise Problem("not_found", f"There is no check {check_id}.")
    return _to_check(row)


def list_checks(session: Session, request: ListCounterChecks) -> CounterCheckPage:
    """All checks, newest first."""
    query = sa.select(CheckRow)
    if request.cursor:
        query = query.where(CheckRow.id < paging.decode(request.cursor, UUID)[0])
    rows = session.scalars(query.order_by(CheckRow.id.desc()).limit(request.limit + 1)).all()
    following = paging.encode(rows[request.limit - 1].id) if len(rows) > request.limit else None
    return CounterCheckPage(items=tuple(_to_check(row) for row in rows[: request.limit]), next=following)


def _to_check(row: CheckRow) -> CounterCheck:
    report = CheckReport.model_validate(row.report)
    verified = row.kind == CheckKind.VERIFY and row.state == JobState.DONE
    return CounterCheck(
        id=row.id,
        kind=CheckKind(row.kind),
        project_id=row.project_id,
        state=JobState(row.state),
        consistent=report.differing == 0 if verified else None,
        report=report,
        created_by=row.created_by,
        created_at=row.created_at,
        ended_at=row.ended_at,
    )


# --- the work ---


def work(database: Database, event: CheckDue) -> None:
    """Do the next part of a check; one that has ended stays as it is."""
    do_part(database, RpcClient.shared(), event.check_id)


def do_part(database: Database, owners: Owners, check_id: UUID, seconds: float = PART_SECONDS) -> None:
    """`work` with its ports: at least one step, more until `seconds` are over."""
    until = time.monotonic() + seconds
    with database.session() as session:
        row = session.get(CheckRow, check_id)
        if row is None or row.state not in (JobState.QUEUED, JobState.RUNNING):
            return
        check = _Check(
            id=row.id,
            kind=CheckKind(row.kind),
            project_id=row.project_id,
            state=JobState(row.state),
            step=row.step,
            cursor=Cursor.model_validate(row.cursor),
            report=CheckReport.model_validate(row.report),
        )
    try:
        check = _step(database, owners, check)
        while check.state is JobState.RUNNING and time.monotonic() < until:
            check = _step(database, owners, check)
    except _Overtaken:
        log.info("a check goes on elsewhere", check=str(check_id))
        return
    if check.state is JobState.RUNNING:
        with database.session() as session:
            outbox.add(session, CheckDue(check_id=check_id))
    else:
        found = {name: getattr(check.report, name) for name in ("projects", "labels", "differing")}
        log.info("counters were checked", check=str(check_id), kind=check.kind, **found)


def _step(database: Database, owners: Owners, check: _Check) -> _Check:
    """The check after one more step; _Overtaken where somebody else has taken it."""
    progress = check.cursor.project
    if progress is None:
        if check.cursor.waiting:
            return _begin_project(database, check)
        return _end(database, check) if check.cursor.listed else _list_projects(database, owners, check)
    verifying = check.kind is CheckKind.VERIFY
    match progress.stage:
        case "labels":
            return (_compare_labels if verifying else _mend_labels)(database, owners, check, progress)
        case "again":
            return _look_again(database, owners, check, progress)
        case "counters" if verifying:
            return _compare_counters(database, owners, check, progress)
    return _mend_counters(database, check, progress)


def _save(session: Session, check: _Check) -> _Check:
    """Write down a step that has been taken, in the transaction of what it did."""
    state = JobState.RUNNING if check.state is JobState.QUEUED else check.state
    saved = session.execute(
        sa.update(CheckRow)
        .where(CheckRow.id == check.id, CheckRow.step == check.step, CheckRow.ended_at.is_(None))
        .values(
            state=state,
            step=check.step + 1,
            cursor=check.cursor.model_dump(mode="json"),
            report=check.report.model_dump(mode="json"),
            ended_at=sa.func.now() if state is JobState.DONE else None,
        )
        .returning(CheckRow.id)
    )
    if saved.first() is None:
        raise _Overtaken
    return replace(check, state=state, step=check.step + 1)


# --- which projects ---


def _list_projects(database: Database, owners: Owners, check: _Check) -> _Check:
    """The next projects by id: those that the labels service knows, and those that are only counted here."""
    after = check.cursor.after or FIRST
    page = owners.call(ListLabeledProjects(after=after, limit=PROJECTS_AT_ONCE), DEADLINE)
    last = page.items[-1] if page.more else None
    mine = sa.select(ProjectVersion.project_id).where(ProjectVersion.project_id > after, ~ProjectVersion.deleted)
    if last is not None:
        mine = mine.where(ProjectVersion.project_id <= last)
    with database.session() as session:
        counted = session.scalars(mine.order_by(ProjectVersion.project_id).limit(PROJECTS_AT_ONCE)).all()
        if len(counted) == PROJECTS_AT_ONCE:
            last = counted[-1]
        waiting = sorted({each for each in (*page.items, *counted) if last is None or each <= last})
        cursor = Cursor(waiting=tuple(waiting), after=last, listed=last is None)
        return _save(session, replace(check, cursor=cursor))


def _begin_project(database: Database, check: _Check) -> _Check:
    project_id, *waiting = check.cursor.waiting
    with database.session() as session:
        row = session.execute(_IS_COMPLETE, {"project": project_id, "made": domain.made_at(project_id)}).one()
    progress = None
    if not row.deleted:
        apart = False
        if check.kind is CheckKind.REBUILD and row.complete:
            apart = bool(_differing_counters(database, project_id)[1])
        found = CheckedProject(project_id=project_id, complete=row.complete)
        progress = Progress(project_id=project_id, found=found, apart=apart)
    cursor = check.cursor.model_copy(update={"project": progress, "waiting": tuple(waiting)})
    with database.session() as session:
        return _save(session, replace(check, cursor=cursor))


def _project_done(check: _Check, found: CheckedProject) -> _Check:
    """The check without the project that it was at, whose findings are in the report."""
    report = check.report
    differs = not found.complete or found.counter_count or any(kind.count for kind in _kinds(found).values())
    changes: dict[str, Any] = {"projects": report.projects + 1, "labels": report.labels + found.labels}
    if differs:
        changes["differing"] = report.differing + 1
        changes["found"] = (*report.found, found)[:SHOWN]
    return replace(
        check,
        cursor=check.cursor.model_copy(update={"project": None}),
        report=report.model_copy(update=changes),
    )


def _end(database: Database, check: _Check) -> _Check:
    """All projects are done. After a rebuild of all, every project that is asked for is complete."""
    with database.session() as session:
        if check.kind is CheckKind.REBUILD and check.project_id is None:
            # a project that labels did not know of has had no labels until then, and the events tell of later ones
            session.execute(sa.update(Birth).values(born_at=_START_OF_TIME))
            left = sa.select(ProjectVersion.project_id).where(~ProjectVersion.complete, ~ProjectVersion.deleted)
            waiting = tuple(session.scalars(left.order_by(ProjectVersion.project_id).limit(PROJECTS_AT_ONCE)))
            if waiting:
                return _save(session, replace(check, cursor=Cursor(waiting=waiting, listed=True)))
        return _save(session, replace(check, cursor=Cursor(listed=True), state=JobState.DONE))


# --- labels ---


@dataclass(frozen=True)
class _Page:
    """Labels of one range of ids, as their source tells and as they are counted. `last`: where the range ends."""

    source: dict[UUID, Counted]
    known: dict[UUID, Counted]
    last: UUID | None


def _next_page(database: Database, owners: Owners, progress: Progress) -> _Page:
    page = owners.call(
        ListLabelStates(project_id=progress.project_id, after=progress.after, limit=LABELS_AT_ONCE), DEADLINE
    )
    source = {state.label_id: domain.counted(state) for state in page.items}
    last = page.items[-1].label_id if page.more else None
    mine = sa.select(Label).where(Label.project_id == progress.project_id, Label.label_id > (progress.after or FIRST))
    if last is not None:
        mine = mine.where(Label.label_id <= last)
    limit = 2 * LABELS_AT_ONCE  # more than that have no source: they are taken in several pages
    with database.reading() as session:
        rows = session.scalars(mine.order_by(Label.label_id).limit(limit)).all()
        known = {row.label_id: handlers.to_counted(row) for row in rows}
    if len(known) == limit:
        last = max(known)
        source = {label_id: label for label_id, label in source.items() if label_id <= last}
    return _Page(source, known, last)


def _known(session: Session, project_id: UUID, label_ids: Iterable[UUID]) -> dict[UUID, Counted]:
    found = handlers.known_labels(session, [(project_id, label_id) for label_id in label_ids])
    return {label_id: label for (_, label_id), label in found.items()}


def _sources(owners: Owners, project_id: UUID, label_ids: Sequence[UUID]) -> dict[UUID, Counted]:
    """What labels are at their source now, those that there are."""
    found = {}
    for begin in range(0, len(label_ids), LABELS_AT_ONCE):
        ids = tuple(label_ids[begin : begin + LABELS_AT_ONCE])
        for state in owners.call(GetLabelStates(project_id=project_id, ids=ids), DEADLINE).items:
            found[state.label_id] = domain.counted(state)
    return found


def _compare_labels(database: Database, owners: Owners, check: _Check, progress: Progress) -> _Check:
    """Compare the next page, and remember what differs."""
    page = _next_page(database, owners, progress)
    compared = domain.compare(page.known, page.source)
    suspects = (*progress.suspects, *compared.all)
    found = _with_labels(progress.found, compared)
    moved: dict[str, Any] = {
        "after": page.last,
        "found": found.model_copy(update={"labels": found.labels + len(page.source)}),
        "suspects": suspects[:SUSPECTS],
        "many": progress.many or len(suspects) > SUSPECTS,
    }
    if page.last is None:
        moved["stage"] = "again" if suspects else "counters"
    with database.session() as session:
        return _save(session, check.at(progress.model_copy(update=moved)))


def _look_again(database: Database, owners: Owners, check: _Check, progress: Progress) -> _Check:
    """Look at what differed after a moment: what was on its way has arrived."""
    if progress.looks == len(PAUSES) or (progress.many and not progress.found.complete):
        moved: dict[str, Any] = {"stage": "counters"}
    else:
        time.sleep(PAUSES[progress.looks])
        moved = {"looks": progress.looks + 1}
        if progress.many:
            moved |= {"stage": "labels", "after": None, "found": _begun(progress), "suspects": (), "many": False}
        else:
            compared = _compare_again(database, owners, progress)[0]
            moved["suspects"] = tuple(compared.all)
            moved["stage"] = "again" if moved["suspects"] else "counters"
    with database.session() as session:
        return _save(session, check.at(progress.model_copy(update=moved)))


def _begun(progress: Progress, labels: int = 0) -> CheckedProject:
    """A project of which nothing wrong is known yet, after that many labels."""
    return CheckedProject(project_id=progress.project_id, complete=progress.found.complete, labels=labels)


def _compare_again(
    database: Database, owners: Owners, progress: Progress
) -> tuple[Compared, dict[UUID, Counted], dict[UUID, Counted]]:
    """The suspects as they are counted and, asked after that, as they are at their source; and how these differ."""
    with database.reading() as session:
        known = _known(session, progress.project_id, progress.suspects)
    source = _sources(owners, progress.project_id, progress.suspects)
    return domain.compare(known, source), known, source


def _mend_labels(database: Database, owners: Owners, check: _Check, progress: Progress) -> _Check:
    """Bring the next page's labels to what they are at their source.

    Label rows and counters are moved together, as an event moves them. Only where the two did not agree from the
    beginning (`apart`), what no event would have brought is put right in the label rows alone: nobody can tell whether
    it is counted, and `_mend_counters` adds it up. So what is shown is never changed for the worse.
    """
    project_id = progress.project_id
    page = _next_page(database, owners, progress)
    compared = domain.compare(page.known, page.source)
    known = page.known
    for pause in PAUSES if progress.apart else ():
        if not any(page.source[label_id].updated > datetime.now(UTC) - YOUNG for label_id in compared.missing):
            break
        time.sleep(pause)  # an event may be on its way that counts it
        with database.reading() as session:
            known = _known(session, project_id, page.known.keys() | page.source.keys())
        compared = domain.compare(known, page.source)
    # asked after the rows were read: so a version that the source has not reached is none
    seen = {label_id: known.get(label_id) for label_id in compared.doubtful}
    source = {label_id: page.source[label_id] for label_id in compared.behind}
    source |= _sources(owners, project_id, compared.doubtful)
    labels = progress.found.labels + len(page.source)
    moved: dict[str, Any] = {"after": page.last, "found": progress.found.model_copy(update={"labels": labels})}
    if page.last is None:
        moved["stage"] = "counters"
    counted = False
    with database.session() as session:
        if compared.all:
            mended, counted = _store(session, project_id, source, seen, apart=progress.apart)
            moved["found"] = _with_labels(moved["found"], mended)
        after = _save(session, check.at(progress.model_copy(update=moved)))
    if counted:
        handlers.announce_projects(database, [project_id])
    return after


def _store(
    session: Session,
    project_id: UUID,
    source: Mapping[UUID, Counted],
    seen: Mapping[UUID, Counted | None],
    *,
    apart: bool,
) -> tuple[Compared, bool]:
    """Store labels as their source tells, under the project's lock; which, and whether that moved a counter."""
    if handlers.lock_projects(session, [project_id])[project_id].deleted:
        return Compared([], [], [], []), False
    known = _known(session, project_id, source.keys() | seen.keys())
    mended = domain.mend(known, seen, source)
    everything = mended.behind | mended.repairs
    if everything:
        handlers.store_labels(session, _keyed(project_id, everything))
    counted = mended.behind if apart else everything
    differences = domain.moved(_keyed(project_id, known), _keyed(project_id, counted))
    if differences:
        handlers.add_to_counters(session, differences)
        handlers.raise_versions(session, [project_id])
    if apart and mended.repairs:
        _count_mend(session, project_id)
    return mended.as_compared, bool(differences)


def _keyed(project_id: UUID, labels: Mapping[UUID, Counted]) -> dict[tuple[UUID, UUID], Counted]:
    return {(project_id, label_id): label for label_id, label in labels.items()}


def _kinds(found: CheckedProject) -> dict[str, FoundLabels]:
    return {kind: getattr(found, kind) for kind in ("missing", "behind", "different", "unknown")}


def _with_labels(found: CheckedProject, compared: Compared) -> CheckedProject:
    """`found`, and what was found now."""
    changed = {}
    for kind, before in _kinds(found).items():
        ids: list[UUID] = getattr(compared, kind)
        changed[kind] = FoundLabels(count=before.count + len(ids), ids=(*before.ids, *ids)[:SHOWN])
    return found.model_copy(update=changed)


# --- counters ---


@dataclass(frozen=True, slots=True)
class _Difference:
    expected: int
    actual: int


def _differing_counters(
    database: Database, project_id: UUID, *, every: bool = False
) -> tuple[int, dict[CounterKey, _Difference]]:
    """How often the project had been mended, and the counters that differ from what its label rows add up to (or
    `every` counter), both as of one moment.

    Events change neither: they move rows and counters by the same. So a difference holds until somebody mends it.
    """
    with database.session() as session:
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        session.execute(sa.text(f"SET LOCAL statement_timeout = '{COUNT_SECONDS}s'"))
        mends = session.scalar(sa.select(ProjectVersion.mends).where(ProjectVersion.project_id == project_id))
        rows = session.execute(_DIFFERING, {"project": project_id, "all": every})
        differing = {(project_id, row.scope, row.key): _Difference(row.expected, row.actual) for row in rows}
    return mends or 0, differing


def _compare_counters(database: Database, owners: Owners, check: _Check, progress: Progress) -> _Check:
    """Compare the counters with what the labels add up to at their source; what was found goes into the report.

    That is what the label rows add up to and, for those that differ from their source, what they should add.
    """
    project_id = progress.project_id
    if progress.many or not progress.suspects:
        found = progress.found if progress.many else _begun(progress, progress.found.labels)
        differing = _differing_counters(database, project_id)[1]
    else:
        for _ in PAUSES:
            compared, known, source = _compare_again(database, owners, progress)
            differing = _differing_counters(database, project_id, every=True)[1]
            with database.reading() as session:
                if _known(session, project_id, progress.suspects) == known:
                    break  # otherwise an event has come in between
        truth = {each: source.get(each) or replace(known[each], deleted=True) for each in compared.all}
        for key, missing in domain.moved(_keyed(project_id, known), _keyed(project_id, truth)).items():
            counter = differing.get(key, _Difference(0, 0))
            differing[key] = _Difference(counter.expected + missing, counter.actual)
        found = _with_labels(_begun(progress, progress.found.labels), compared)
    with database.session() as session:
        return _save(session, _project_done(check, _with_counters(found, differing)))


def _mend_counters(database: Database, check: _Check, progress: Progress) -> _Check:
    """Add to the counters what is missing in them, and end the project's rebuild."""
    project_id = progress.project_id
    while True:
        mends, differing = _differing_counters(database, project_id)
        with database.session() as session:
            locked = handlers.lock_projects(session, [project_id])[project_id]
            if not locked.deleted:
                if locked.mends != mends:
                    continue  # another rebuild was here meanwhile
                corrections = {key: each.expected - each.actual for key, each in differing.items()}
                if corrections:
                    handlers.add_to_counters(session, corrections)
                    _count_mend(session, project_id)
                mine = sa.update(ProjectVersion).where(ProjectVersion.project_id == project_id)
                session.execute(mine.values(complete=True))
                handlers.raise_versions(session, [project_id])
            after = _save(session, _project_done(check, _with_counters(progress.found, differing)))
        handlers.announce_projects(database, [project_id])
        return after


def _count_mend(session: Session, project_id: UUID) -> None:
    """Label rows or counters of a locked project were changed apart from each other."""
    mine = sa.update(ProjectVersion).where(ProjectVersion.project_id == project_id)
    session.execute(mine.values(mends=ProjectVersion.mends + 1))


def _with_counters(found: CheckedProject, differing: Mapping[CounterKey, _Difference]) -> CheckedProject:
    wrong = sorted((key, each) for key, each in differing.items() if each.expected != each.actual)
    shown = tuple(
        CounterDifference(scope=scope, key=key, expected=each.expected, actual=each.actual)
        for (_, scope, key), each in wrong[:SHOWN]
    )
    return found.model_copy(update={"counter_count": len(wrong), "counters": shown})
