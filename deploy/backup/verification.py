"""Whether what stands in one place agrees with its source in another. Reads only; the system may run meanwhile."""

import hashlib
import json
import random
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass
from itertools import islice
from uuid import UUID

import sqlalchemy as sa

from chassis import restoring
from chassis.database import Database
from chassis.objects import ObjectStore
from chassis.restoring import Kept
from chassis.settings import SERVICES
from chassis.tables import failed_messages, outbox

Counters = dict[tuple[UUID, UUID, str], int]
"""By project, scope and key, as in services.analytics.domain."""

THREADS = 8
LOOKED_AT_ONCE = 1000
SHOWN = 10
_BLOCK = 1024 * 1024

# the counters once more, from the labels themselves and apart from the projector's code
_RECOUNT = sa.text("""
    SELECT project_id, scope, key, CAST(sum(number) AS bigint) AS value
    FROM labels
    CROSS JOIN LATERAL (
        SELECT project_id AS scope UNION ALL SELECT assignee WHERE assignee IS NOT NULL
    ) AS scopes
    CROSS JOIN LATERAL (
        SELECT 'segment/' || status || '/' || review AS key, 1 AS number
        UNION ALL SELECT 'open_issues', 1 WHERE open_issues > 0
        UNION ALL SELECT 'updated/' || to_char(
            date_bin('15 minutes', updated_at, TIMESTAMPTZ '2000-01-01T00:00:00Z') AT TIME ZONE 'UTC',
            'YYYY-MM-DD"T"HH24:MI:SS'
        ), 1
        UNION ALL SELECT 'objects/' || each.key, CAST(each.value AS integer) FROM jsonb_each_text(objects) AS each
    ) AS counted
    WHERE CAST(:projects AS uuid[]) IS NULL OR project_id = ANY (CAST(:projects AS uuid[]))
    GROUP BY project_id, scope, key
    HAVING sum(number) <> 0
""")
_COUNTED = sa.text("""
    SELECT project_id, scope, key, value FROM counters
    WHERE value <> 0 AND (CAST(:projects AS uuid[]) IS NULL OR project_id = ANY (CAST(:projects AS uuid[])))
""")
_PURGED = sa.text("SELECT project_id FROM project_versions WHERE deleted")


@dataclass(frozen=True)
class Backlog:
    """What a service has not told yet, and what its handlers failed at."""

    service: str
    waiting: int
    failed: int
    some: list[str]
    """The newest of the failed messages, a line each."""


def backlogs(within: float) -> list[Backlog]:
    """Outbox and failed messages of every service.

    A handler that found its neighbour not up yet has failed, and is tried again of itself: failed messages are looked
    at again until there are none, or `within` seconds are over.
    """
    until = time.monotonic() + within
    found = _backlogs()
    while any(backlog.failed for backlog in found) and time.monotonic() < until:
        time.sleep(1)
        found = _backlogs()
    return found


def _backlogs() -> list[Backlog]:
    found = []
    for service in SERVICES:
        with Database.of(service).session() as session:
            waiting = session.scalars(sa.select(sa.func.count()).select_from(outbox)).one()
            failed = session.scalars(sa.select(sa.func.count()).select_from(failed_messages)).one()
            newest = sa.select(failed_messages).order_by(failed_messages.c.failed_at.desc()).limit(SHOWN)
            some = [
                f"{row.type} of {row.queue}, tried {row.attempts} times: {row.reason}"
                for row in session.execute(newest)
            ]
        found.append(Backlog(service, waiting, failed, some))
    return found


def differing_counters(within: float) -> list[str]:
    """Which counters of analytics are not what the labels add up to, a line each.

    Changes take a moment from the labels to the counters: what differs is looked at again until it agrees, or
    `within` seconds are over.
    """
    until = time.monotonic() + within
    projects: list[UUID] | None = None
    while True:
        with Database.of("labels").session() as session:
            source = _counters(session.execute(_RECOUNT, {"projects": projects}))
        with Database.of("analytics").session() as session:
            kept = _counters(session.execute(_COUNTED, {"projects": projects}))
            purged = set(session.scalars(_PURGED))
        keys = [key for key in source.keys() | kept.keys() if source.get(key, 0) != kept.get(key, 0)]
        keys = sorted(key for key in keys if key[0] not in purged)
        if not keys or time.monotonic() >= until:
            return [
                f"project {project}, scope {scope}, {key}: analytics has {kept.get((project, scope, key), 0)},"
                f" the labels add up to {source.get((project, scope, key), 0)}"
                for project, scope, key in keys
            ]
        projects = list({project for project, _, _ in keys})
        time.sleep(1)


def differing_objects(store: ObjectStore, read: float) -> tuple[int, list[str]]:
    """How many objects are promised, and which of them are missing or not as promised, a line each.

    Every object's size is compared, and the SHA-256 of a share of them, `read` from 0 to 1, chosen at random. Objects
    go with their rows while the system runs: what differs counts only if its row promises it still, afterwards.
    """

    def look_at(kept: Kept) -> str | None:
        return _look_at(store, kept, random.random() < read)  # noqa: S311  # a sample, no secret

    count, differences = 0, []
    with ThreadPoolExecutor(THREADS) as threads:
        for service in SERVICES:
            promised, differing = _promised(service), dict[Kept, str]()
            while some := list(islice(promised, LOOKED_AT_ONCE)):
                count += len(some)
                found = zip(some, threads.map(look_at, some), strict=True)
                differing |= {kept: line for kept, line in found if line is not None}
            if differing:
                differences += [differing[kept] for kept in _promised(service) if kept in differing]
    return count, differences


def _counters(rows: sa.Result[tuple[object, ...]]) -> Counters:
    return {(row.project_id, row.scope, row.key): row.value for row in rows}


def _promised(service: str) -> Iterator[Kept]:
    """What a service's rows promise. It is written down first: looking at the objects may take hours, and neither
    does the database hold a transaction open for so long, nor could it."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as file:
        with Database.of(service).session() as session:
            for kept in restoring.objects(service, session):
                file.write(json.dumps(astuple(kept)) + "\n")
        file.seek(0)
        for line in file:
            yield Kept(*json.loads(line))


def _look_at(store: ObjectStore, kept: Kept, read: bool) -> str | None:
    size = store.size(kept.key)
    if size is None:
        return f"{kept.what}: {kept.key} is missing"
    if kept.size not in (None, size):
        return f"{kept.what}: {kept.key} has {size} bytes and not {kept.size}"
    if read and kept.sha256 is not None and (found := _sha256(store, kept.key)) != kept.sha256:
        return f"{kept.what}: the SHA-256 of {kept.key} is {found} and not {kept.sha256}"
    return None


def _sha256(store: ObjectStore, key: str) -> str:
    digest = hashlib.sha256()
    with store.open(key) as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
