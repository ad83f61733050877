"""Use cases of the analytics service."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from pydantic_core import to_json
from sqlalchemy.orm import Session

from chassis.broker import announce
from chassis.database import Database
from contracts.enums import Review, Status
from contracts.errors import Problem
from contracts.events import CountersChanged, LabelChanged, ProjectPurgeRequested
from contracts.events import ProjectVersion as Announced
from contracts.rpc.analytics import Counters, CountersList, GetCounters, ListCounters
from services.analytics import domain
from services.analytics.domain import Counted, CounterKey, LabelKey
from services.analytics.models import Counter, Label, ProjectVersion

# A project's row is locked before anything that is counted in it, all of them in one order. So projectors side by
# side neither meet in a deadlock nor both take a label for new, and what they prepare (reading the events) still
# runs at once. What is older than this database may have labels that were never counted here.
_LOCK_PROJECTS = sa.text("""
    INSERT INTO project_versions (project_id, version, deleted, complete)
    SELECT project_id, 0, false, coalesce(made_at >= born_at, false)
    FROM unnest(CAST(:projects AS uuid[]), CAST(:made AS timestamptz[])) AS asked (project_id, made_at)
    LEFT JOIN birth ON true
    ORDER BY project_id
    ON CONFLICT (project_id) DO UPDATE SET version = project_versions.version
    RETURNING project_id, deleted, complete, mends
""")

_KNOWN_LABELS = sa.text("""
    SELECT project_id, label_id, version, deleted, status, review, assignee, objects, has_open_issue, updated
    FROM unnest(CAST(:projects AS uuid[]), CAST(:labels AS uuid[])) AS asked (project_id, label_id)
    JOIN labels USING (project_id, label_id)
""")

_STORE_LABELS = sa.text("""
    INSERT INTO labels
        (project_id, label_id, version, deleted, status, review, assignee, objects, has_open_issue, updated)
    SELECT * FROM json_to_recordset(CAST(:rows AS json)) AS newer (
        project_id uuid, label_id uuid, version bigint, deleted boolean, status text, review text, assignee uuid,
        objects jsonb, has_open_issue boolean, updated timestamptz
    ) ORDER BY project_id, label_id
    ON CONFLICT (project_id, label_id) DO UPDATE SET
        version = excluded.version, deleted = excluded.deleted, status = excluded.status,
        review = excluded.review, assignee = excluded.assignee, objects = excluded.objects,
        has_open_issue = excluded.has_open_issue, updated = excluded.updated
""")

_ADD_TO_COUNTERS = sa.text("""
    INSERT INTO counters (project_id, scope, key, value)
    SELECT * FROM json_to_recordset(CAST(:rows AS json)) AS difference (
        project_id uuid, scope uuid, key text, value bigint
    ) ORDER BY project_id, scope, key
    ON CONFLICT (project_id, scope, key) DO UPDATE SET value = counters.value + excluded.value
""")

# Every label leaves a quarter hour behind when it changes: without this they would pile up for ever.
_DROP_ZEROS = sa.text("""
    DELETE FROM counters USING json_to_recordset(CAST(:rows AS json)) AS lessened (
        project_id uuid, scope uuid, key text
    )
    WHERE counters.project_id = lessened.project_id AND counters.scope = lessened.scope
        AND counters.key = lessened.key AND counters.value = 0
""")

# Never behind the clock: so that a version is above all that were given out before the database was emptied.
_RAISE_VERSIONS = sa.text("""
    UPDATE project_versions
    SET version = greatest(version + 1, CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint))
    WHERE project_id = ANY (CAST(:projects AS uuid[]))
""")

# One statement, so that version and counters are of one moment. Three ranges of primary keys, nothing is counted.
# No version: not complete.
_READ_COUNTERS = sa.text("""
    WITH asked AS MATERIALIZED (
        SELECT * FROM unnest(
            CAST(:projects AS uuid[]), CAST(:scopes AS uuid[]), CAST(:made AS timestamptz[])
        ) AS asked (project_id, scope, made_at)
    )
    SELECT project_id, 'version' AS key,
        CASE WHEN coalesce(complete OR deleted, made_at >= born_at) THEN coalesce(version, 0) END AS value
    FROM asked LEFT JOIN project_versions USING (project_id) LEFT JOIN birth ON true
    UNION ALL
    SELECT project_id, key, value FROM asked JOIN counters USING (project_id, scope) WHERE key < 'updated/'
    UNION ALL
    SELECT project_id, 'updated', CAST(sum(value) AS bigint) FROM asked JOIN counters USING (project_id, scope)
    WHERE key >= CAST(:since AS text) AND key < CAST(:until AS text) GROUP BY project_id
""")


@dataclass(frozen=True)
class LockedProject:
    """The row of a project whose counters nobody else changes until the transaction ends (models.ProjectVersion)."""

    deleted: bool
    complete: bool
    mends: int


def fold_label_changes(session: Session, events: Sequence[LabelChanged]) -> None:
    """Take what is newer in a batch of events into the label rows and the counters.

    Any order, repetition and number of callers at the same time come to the same counters.
    """
    locked = lock_projects(session, {event.project_id for event in events})
    events = [event for event in events if not locked[event.project_id].deleted]
    known = known_labels(session, {(e.project_id, label.label_id) for e in events for label in e.labels})
    newer, differences = domain.fold(known, events)
    if newer:
        store_labels(session, newer)
    if differences:
        add_to_counters(session, differences)
        raise_versions(session, {project_id for project_id, _, _ in differences})


def announce_counters(events: Sequence[LabelChanged]) -> None:
    """Tell who watches that the counters of these events' projects may have moved, and to which version."""
    announce_projects(Database.of("analytics"), {event.project_id for event in events})


def announce_projects(database: Database, projects: Collection[UUID]) -> None:
    """Tell who watches at which version the counters of these projects stand."""
    with database.reading() as session:
        versions = session.execute(
            sa.select(ProjectVersion.project_id, ProjectVersion.version).where(
                ProjectVersion.project_id.in_(projects), ~ProjectVersion.deleted
            )
        ).all()
    if versions:
        announce(CountersChanged(projects=tuple(Announced(project_id=p, version=v) for p, v in versions)))


def forget_project(session: Session, event: ProjectPurgeRequested) -> None:
    """Forget what is counted of a project, and remember that: what still arrives of its labels is ignored.

    Only a purge does this. A deleted project may be restored, so its labels go on being counted; hiding it is up to
    the projects service and the gateway.
    """
    lock_projects(session, [event.project_id])
    session.execute(sa.update(ProjectVersion).where(ProjectVersion.project_id == event.project_id).values(deleted=True))
    for table in (Label, Counter):
        session.execute(sa.delete(table).where(table.project_id == event.project_id))


def get_counters(session: Session, request: GetCounters) -> Counters:
    """The counters of a project, or of one user's labels in it."""
    since, until = request.updated_since, request.updated_until
    span = None
    if since is not None or until is not None:
        span = (
            domain.updated_key(domain.quarter(since)) if since else domain.UPDATED,
            domain.updated_key(until) if until else domain.UPDATED + "~",  # sorts after every digit
        )
    for counters in _read_counters(session, [request.project_id], request.user_id, span):
        return counters
    raise Problem("counters_incomplete", "The counters were begun anew and have not been rebuilt yet.")


def list_counters(session: Session, request: ListCounters) -> CountersList:
    """The counters of several projects, in the order asked, without those that are not complete."""
    return CountersList(items=tuple(_read_counters(session, request.project_ids, request.user_id, None)))


def lock_projects(session: Session, projects: Collection[UUID]) -> dict[UUID, LockedProject]:
    """Lock projects, in one order for all; what is not known yet is made."""
    rows = session.execute(
        _LOCK_PROJECTS, {"projects": list(projects), "made": [domain.made_at(each) for each in projects]}
    )
    return {row.project_id: LockedProject(row.deleted, row.complete, row.mends) for row in rows}


def raise_versions(session: Session, projects: Collection[UUID]) -> None:
    """Give the counters of locked projects a new version."""
    session.execute(_RAISE_VERSIONS, {"projects": list(projects)})


def known_labels(session: Session, keys: Collection[LabelKey]) -> dict[LabelKey, Counted]:
    """How these labels are counted, those that are."""
    rows = session.execute(
        _KNOWN_LABELS, {"projects": [project for project, _ in keys], "labels": [label for _, label in keys]}
    )
    return {(row.project_id, row.label_id): to_counted(row) for row in rows}


def to_counted(row: Any) -> Counted:
    """How a label is counted, by its row."""
    return Counted(
        version=row.version,
        deleted=row.deleted,
        status=Status(row.status),
        review=Review(row.review),
        assignee=row.assignee,
        objects=row.objects,
        has_open_issue=row.has_open_issue,
        updated=row.updated,
    )


def store_labels(session: Session, labels: Mapping[LabelKey, Counted]) -> None:
    """Keep how these labels are counted now; the counters are the caller's matter."""
    rows = [
        {
            "project_id": project_id,
            "label_id": label_id,
            "version": label.version,
            "deleted": label.deleted,
            "status": label.status,
            "review": label.review,
            "assignee": label.assignee,
            "objects": label.objects,
            "has_open_issue": label.has_open_issue,
            "updated": label.updated,
        }
        for (project_id, label_id), label in labels.items()
    ]
    session.execute(_STORE_LABELS, {"rows": to_json(rows).decode()})


def add_to_counters(session: Session, differences: Mapping[CounterKey, int]) -> None:
    """Add to counters of locked projects."""

    def rows(items: Iterable[tuple[CounterKey, int]]) -> str:
        return to_json(
            [{"project_id": p, "scope": scope, "key": key, "value": value} for (p, scope, key), value in items]
        ).decode()

    session.execute(_ADD_TO_COUNTERS, {"rows": rows(differences.items())})
    lessened = [(key, value) for key, value in differences.items() if value < 0]
    if lessened:
        session.execute(_DROP_ZEROS, {"rows": rows(lessened)})


def _read_counters(
    session: Session, project_ids: Sequence[UUID], user_id: UUID | None, span: tuple[str, str] | None
) -> list[Counters]:
    """The complete counters of projects, or of a user's labels; `span`: the keys of quarter hours to add up."""
    values: dict[UUID, dict[str, Any]] = {project_id: {} for project_id in project_ids}
    since, until = span or ("", "")
    rows = session.execute(
        _READ_COUNTERS,
        {
            "projects": list(values),
            "scopes": [user_id or project_id for project_id in values],
            "made": [domain.made_at(project_id) for project_id in values],
            "since": since,
            "until": until,
        },
    )
    for row in rows:
        values[row.project_id][row.key] = row.value
    return [
        domain.compose(
            project_id,
            values[project_id]["version"],
            values[project_id],
            None if span is None else values[project_id].get("updated", 0),
        )
        for project_id in project_ids
        if values[project_id]["version"] is not None
    ]
