"""Messages that a handler failed at, or that ended their consumer's process: kept in the service's own database.

A message of a queue is one row, however often it arrives. A row is *waiting* while it will be tried again by itself,
and *given up* (`next_try_at` null) once it was tried, or ended its process, as often as the Policy has it. It stays
until a try succeeds, until somebody drops it, or, given up, until it is older than `failed_days`. There is room for
`failed_rows` and `failed_bytes`; what finds none stays in its queue.
"""

import base64
import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis import audit, paging
from chassis.database import Database
from chassis.ids import new_id
from chassis.settings import settings
from chassis.tables import failed_messages
from contracts.errors import Problem
from contracts.failed import (
    DropFailed,
    FailedCount,
    FailedMessage,
    FailedMessageBody,
    FailedPage,
    FailedState,
    ListFailed,
    ReplayFailed,
)

MAX_DELAY = 3600.0
"""Seconds between two tries at most."""

NOT_TRIED = "It failed again and again, and is not tried any more. An administrator sees why among the failed messages."
"""What people are told of work whose message was given up."""

UNREADABLE = "unreadable"
"""The type of what is no event."""

SHOWN = 2**20
"""Bytes of a body that are shown."""

_TYPE = re.compile(rb'"type":\s?"([a-z_]+\.[a-z_]+\.[a-z_]+\.v\d+)"')


@dataclass(frozen=True)
class Failure:
    """A message to be kept. `next_try_at` None: it is not tried by itself."""

    queue: str
    body: bytes
    headers: Mapping[str, Any]
    reason: str
    next_try_at: datetime | None
    attempts: int = 0
    kills: int = 0


def retry_delay(attempts: int) -> float:
    """Seconds to wait after that many failures: 1, 2, 4, … at most an hour."""
    return float(min(2.0 ** (attempts - 1), MAX_DELAY))


@dataclass(frozen=True)
class Policy:
    """How often a message is tried, and when.

    `attempts`: tries, the first one included. `kills`: tries in a row that ended with their process, each of which took
    along what else that was at. `sweep`: seconds between two looks for what is due, and what tries may take of the time
    for deliveries between them.
    """

    attempts: int = 15
    kills: int = 3
    delay: Callable[[int], float] = retry_delay
    sweep: float = 1.0

    def due(self, attempts: int, kills: int = 0) -> datetime | None:
        """When a message is tried again after that many tries, the last `kills` of which ended their process."""
        if attempts >= self.attempts or kills >= self.kills:
            return None
        return datetime.now(UTC) + timedelta(seconds=self.delay(attempts))


POLICY = Policy()
"""What holds outside of tests."""


def keep(session: Session, failures: list[Failure]) -> None:
    """Keep these messages; one that is kept already stays as it is. Raises NoRoom."""
    rows = [
        {
            "id": new_id(),
            "queue": failure.queue,
            "type": type_of(failure.body),
            "body": failure.body,
            "headers": {key: str(value) for key, value in failure.headers.items()},
            "reason": printable(failure.reason),
            "attempts": failure.attempts,
            "kills": failure.kills,
            "next_try_at": failure.next_try_at,
            "digest": hashlib.sha256(failure.body).digest(),
        }
        for failure in failures
    ]
    session.execute(insert(failed_messages).on_conflict_do_nothing(), rows)
    if fill(session) > 1:
        raise NoRoom(f"failed messages fill {settings().failed_rows:,} rows or {settings().failed_bytes:,} bytes")


class NoRoom(Exception):
    """The table is full: what fails can't be kept, so nothing may be taken."""


@dataclass(frozen=True)
class Claim:
    """A kept message that is being tried: `attempts` with this one."""

    id: UUID
    body: bytes
    headers: dict[str, Any]
    attempts: int


@contextmanager
def claimed(database: Database, queue: str, policy: Policy) -> Iterator[Claim | None]:
    """The next message of a queue that is due, for this process alone; None if there is none.

    Claiming counts as a try, and as one that ended its process: whoever survives it says so, with `done` or `tried`.
    The claim is an advisory lock of a session, so that it ends with its holder, at once, and lasts as long as the work.
    """
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        claim = _claim(connection, queue, policy)
        try:
            yield claim
        except BaseException:
            connection.invalidate()  # it is closed, and the claim with it
            raise
        if claim is not None:
            connection.execute(sa.select(sa.func.pg_advisory_unlock(_lock_of(claim.id))))


def _claim(connection: sa.Connection, queue: str, policy: Policy) -> Claim | None:
    waiting = (failed_messages.c.queue == queue) & (failed_messages.c.next_try_at <= sa.func.now())
    due_ones = sa.select(failed_messages.c.id).where(waiting).order_by(failed_messages.c.next_try_at).limit(10)
    for message_id in connection.scalars(due_ones).all():
        if not connection.scalar(sa.select(sa.func.pg_try_advisory_lock(_lock_of(message_id)))):
            continue
        # read under the lock: somebody else may have tried it meanwhile
        row = connection.execute(sa.select(failed_messages).where(waiting, failed_messages.c.id == message_id)).first()
        if row is None:
            connection.execute(sa.select(sa.func.pg_advisory_unlock(_lock_of(message_id))))
            continue
        attempts, kills = row.attempts + 1, row.kills + 1
        connection.execute(
            failed_messages.update()
            .where(failed_messages.c.id == message_id)
            .values(
                attempts=attempts,
                kills=kills,
                next_try_at=policy.due(attempts, kills),
                reason=row.reason if kills == 1 else killed(kills),
            )
        )
        return Claim(message_id, bytes(row.body), dict(row.headers), attempts)
    return None


def _lock_of(message_id: UUID) -> sa.ColumnElement[int]:
    return sa.func.hashtextextended(f"failed message {message_id}", 0)


def killed(times: int) -> str:
    """The reason of a message that ended its consumer's process so often."""
    return f"killed its consumer {times} times"


def done(session: Session, claim: Claim) -> None:
    """The try has succeeded."""
    session.execute(failed_messages.delete().where(failed_messages.c.id == claim.id))


def tried(session: Session, claim: Claim, reason: str, policy: Policy) -> bool:
    """The try has failed, and its process lives; whether the message is given up with that."""
    next_try_at = policy.due(claim.attempts)
    values = {"reason": printable(reason), "kills": 0, "next_try_at": next_try_at}
    session.execute(failed_messages.update().where(failed_messages.c.id == claim.id).values(values))
    return next_try_at is None


def given_up_unheard(session: Session, queue: str) -> bytes | None:
    """The body of a message that was given up together with the process that held it, so that nobody was told; once.

    Whoever reads it may end of it, too: that it was asked for has to be committed before.
    """
    unheard = (
        failed_messages.c.queue == queue,
        failed_messages.c.next_try_at.is_(None),
        failed_messages.c.kills > 0,
    )
    for message_id in session.scalars(sa.select(failed_messages.c.id).where(*unheard).limit(10)).all():
        # it may be at its last try just now
        if session.scalar(sa.select(sa.func.pg_try_advisory_xact_lock(_lock_of(message_id)))):
            heard = failed_messages.update().where(*unheard, failed_messages.c.id == message_id).values(kills=0)
            body = session.scalar(heard.returning(failed_messages.c.body))
            if body is not None:
                return bytes(body)
    return None


def not_tried(session: Session, ids: list[UUID]) -> None:
    """These tries came to nothing for a reason that has nothing to do with the messages."""
    fewer = {"attempts": failed_messages.c.attempts - 1, "kills": 0, "next_try_at": sa.func.now()}
    session.execute(failed_messages.update().where(failed_messages.c.id.in_(ids)).values(fewer))


def type_of(body: bytes) -> str:
    """The type of the event in a body, found without reading the event: that may be what ends the process."""
    found = _TYPE.search(body, 0, 1000)
    return found[1].decode() if found else UNREADABLE


def printable(reason: str) -> str:
    """A reason as PostgreSQL stores it."""
    return reason.replace("\0", "\\0")[:4000]


def fill(session: Session) -> float:
    """How full the table is: rows or bytes, as a share of their bound."""
    rows, size = session.execute(
        sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(sa.func.octet_length(failed_messages.c.body)), 0))
    ).one()
    return max(float(rows) / settings().failed_rows, float(size) / settings().failed_bytes)


def drop_old(session: Session) -> int:
    """Drop what was given up and is older than `failed_days`; how many those were."""
    before = datetime.now(UTC) - timedelta(days=settings().failed_days)
    old = failed_messages.c.next_try_at.is_(None) & (failed_messages.c.failed_at < before)
    return len(session.execute(failed_messages.delete().where(old).returning(failed_messages.c.id)).all())


def page(session: Session, service: str, request: ListFailed) -> FailedPage:
    """A part of what is kept, oldest first."""
    query = sa.select(*_SHORT).where(*_which(request)).order_by(failed_messages.c.id).limit(request.limit + 1)
    if request.cursor is not None:
        (after,) = paging.decode(request.cursor, UUID)
        query = query.where(failed_messages.c.id > after)
    rows = session.execute(query).all()
    shown = rows[: request.limit]
    more = len(rows) > len(shown)
    return FailedPage(
        items=tuple(FailedMessage(**_fields(service, row)) for row in shown),
        next=paging.encode(shown[-1].id) if more else None,
    )


def show(session: Session, service: str, message_id: UUID) -> FailedMessageBody:
    """One message, with its body."""
    beginning = sa.func.substring(failed_messages.c.body, 1, SHOWN).label("body")
    row = session.execute(
        sa.select(*_SHORT, failed_messages.c.headers, beginning).where(failed_messages.c.id == message_id)
    ).first()
    if row is None:
        raise _gone(service)
    text = _text(bytes(row.body), whole=row.size <= SHOWN)
    return FailedMessageBody(
        **_fields(service, row),
        headers=row.headers,
        body=base64.b64encode(bytes(row.body)).decode() if text is None else text,
        encoding="base64" if text is None else "text",
    )


def replay(session: Session, service: str, request: ReplayFailed) -> FailedCount:
    """Have messages tried again from the beginning, by the consumer of their queue."""
    afresh = failed_messages.update().values(next_try_at=sa.func.now(), attempts=0, kills=0)
    return _change(session, service, request, afresh)


def drop(session: Session, service: str, request: DropFailed) -> FailedCount:
    """Forget messages."""
    return _change(session, service, request, failed_messages.delete())


class _Choice(Protocol):
    @property
    def queue(self) -> str | None: ...
    @property
    def type(self) -> str | None: ...
    @property
    def state(self) -> FailedState | None: ...


def _which(choice: _Choice) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    if choice.queue is not None:
        conditions.append(failed_messages.c.queue == choice.queue)
    if choice.type is not None:
        conditions.append(failed_messages.c.type == choice.type)
    if choice.state is not None:
        given_up = failed_messages.c.next_try_at.is_(None)
        conditions.append(given_up if choice.state is FailedState.GIVEN_UP else ~given_up)
    return conditions


def _change(
    session: Session, service: str, request: ReplayFailed | DropFailed, change: sa.Update | sa.Delete
) -> FailedCount:
    if request.id is None and request.queue is None:
        raise Problem("validation_failed", "Say which message, or which queue.")
    conditions = _which(request)
    if request.id is not None:
        conditions.append(failed_messages.c.id == request.id)
    changed = session.connection().execute(change.where(*conditions)).rowcount
    if request.id is not None and not changed:
        raise _gone(service)
    chosen = {"queue": request.queue, "type": request.type, "state": request.state}
    audit.note("failed_messages", request.id or request.queue, after={"count": changed, **chosen})
    return FailedCount(count=changed)


def _gone(service: str) -> Problem:
    return Problem("not_found", f"{service} keeps no such message: it was handled at last, or dropped.")


_SHORT = (
    failed_messages.c.id,
    failed_messages.c.queue,
    failed_messages.c.type,
    failed_messages.c.reason,
    failed_messages.c.attempts,
    failed_messages.c.failed_at,
    failed_messages.c.next_try_at,
    sa.func.octet_length(failed_messages.c.body).label("size"),
)


def _fields(service: str, row: Any) -> dict[str, Any]:
    state = FailedState.GIVEN_UP if row.next_try_at is None else FailedState.WAITING
    names = ("id", "queue", "type", "reason", "attempts", "failed_at", "next_try_at", "size")
    return {"service": service, "state": state, **{name: getattr(row, name) for name in names}}


def _text(body: bytes, *, whole: bool) -> str | None:
    """A body as text, if it is any; a character that was cut at its end is left out."""
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        cut = not whole and error.reason == "unexpected end of data"
        return body[: error.start].decode() if cut else None
