"""The audit: a row for every change by a person, a program or a service, in the transaction of the change.

Commands get theirs by themselves (chassis.rpc.server); a handler says with `note` what was before and what is after.
Work that goes on without a command, such as an import, writes its own with `write`. Services may add rows, and neither
change nor remove any (chassis.privileges; docs/decisions/audit.md).
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from pydantic_core import to_json, to_jsonable_python
from sqlalchemy.orm import Session

from chassis import context
from chassis.database import Database
from chassis.ids import new_id
from chassis.logs import get_logger
from chassis.settings import settings
from chassis.tables import audit
from contracts.audit import OK, AuditEntry, AuditPage, ListAudit
from contracts.message import Message, without_secrets
from contracts.rpc import Command

log = get_logger()

REFUSALS = frozenset({"bad_credentials", "forbidden", "no_account", "email_unverified"})
"""What is refused as one of these is recorded too. Not `rate_limited`: that would be a row for whoever likes."""

SIDE_BYTES = 16 * 1024
"""JSON of `before`, and of `after`, at most."""

PART_BYTES = 1024
"""What is larger than this is left out of a side that is too large."""

AGENT_MAX = 400

_MILLISECONDS = 80
"""Bits of a UUIDv7 behind its milliseconds."""

Side = Mapping[str, Any]


@dataclass
class _Doing:
    """The command that is being carried out, and what its handler said of it. `settled`: its row is written."""

    command: Command[Message]
    subject: str | None = None
    subject_id: object = None
    project_id: UUID | None = None
    user_id: UUID | None = None
    session_id: UUID | None = None
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    settled: bool = False


_doing: ContextVar[_Doing | None] = ContextVar("doing", default=None)


@contextmanager
def doing(command: Command[Message]) -> Iterator[None]:
    """What is done inside is done for `command`."""
    token = _doing.set(_Doing(command))
    try:
        yield
    finally:
        _doing.reset(token)


def note(
    subject: str | None = None,
    subject_id: object = None,
    *,
    project_id: UUID | None = None,
    user_id: UUID | None = None,
    session_id: UUID | None = None,
    before: Side | None = None,
    after: Side | None = None,
) -> None:
    """Say what the command at hand is about, and what it changed; what was said before stays where nothing is said.

    `user_id`, `session_id`: who it turned out to be that did it, as at a sign-in. `before` and `after` are added to.
    No secrets. Without a command at hand, as in consumers: nothing.
    """
    at_hand = _doing.get()
    if at_hand is None:
        return
    if subject is not None:
        at_hand.subject, at_hand.subject_id = subject, subject_id
    at_hand.project_id = project_id or at_hand.project_id
    at_hand.user_id, at_hand.session_id = user_id or at_hand.user_id, session_id or at_hand.session_id
    if before is not None:
        at_hand.before = {**(at_hand.before or {}), **before}
    if after is not None:
        at_hand.after = {**(at_hand.after or {}), **after}


def differing(before: Side, after: Side) -> tuple[dict[str, Any], dict[str, Any]]:
    """The two, each with what differs from the other only."""
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return {name: before.get(name) for name in names}, {name: after.get(name) for name in names}


def noted() -> object:
    """What was said so far, for `as_noted`."""
    at_hand = _doing.get()
    return at_hand and replace(at_hand)


def as_noted(kept: object) -> None:
    """The command at hand is tried anew: only what was said before the first try counts."""
    if isinstance(kept, _Doing):
        _doing.set(replace(kept))


def replayed() -> None:
    """The command at hand was carried out before; it has its row."""
    at_hand = _doing.get()
    if at_hand is not None:
        at_hand.settled = True


def statement(answer: Message | None) -> sa.Insert | None:
    """What writes the row of the command at hand, once; None without one. It goes into the command's transaction."""
    at_hand = _doing.get()
    if at_hand is None or at_hand.settled:
        return None
    at_hand.settled = True
    return audit.insert().values(_row_of(at_hand, OK, answer))


def settle(session: Session, answer: Message | None = None) -> None:
    """Write the row of the command at hand: for those that open their own transactions, in the one that counts."""
    insert = statement(answer)
    if insert is not None:
        session.execute(insert)


def settled() -> bool:
    """Whether the command at hand has its row."""
    at_hand = _doing.get()
    return at_hand is None or at_hand.settled


def refused(database: Database, code: str) -> None:
    """Write a row for the command at hand if its refusal is one of REFUSALS: nothing else of it stays."""
    at_hand = _doing.get()
    if at_hand is None or code not in REFUSALS:
        return
    try:
        with database.session() as session:
            session.execute(audit.insert().values(_row_of(at_hand, code, None)))
    except sa.exc.SQLAlchemyError as error:
        log.warning("a refusal is not in the audit", action=_action(at_hand.command), code=code, error=str(error))


def write(
    session: Session,
    action: str,
    subject: str,
    subject_id: object,
    *,
    issuer: str | None = None,
    user_id: UUID | None = None,
    project_id: UUID | None = None,
    before: Side | None = None,
    after: Side | None = None,
) -> None:
    """Write a row for what is no command. `user_id`: for whom, where no principal says so; `issuer` likewise."""
    row = _row(action, OK, subject, subject_id, project_id, before, after)
    row["issuer"] = row["issuer"] or issuer
    row["user_id"] = row["user_id"] or user_id
    session.execute(audit.insert().values(row))


def _row_of(at_hand: _Doing, outcome: str, answer: Message | None) -> dict[str, Any]:
    command = at_hand.command
    subject, subject_id = at_hand.subject, at_hand.subject_id
    if subject is None:
        subject, subject_id = _subject(command, answer)
    project_id = at_hand.project_id or getattr(command, "project_id", None)
    before, after = at_hand.before, at_hand.after
    if before is None and after is None:
        unasked = {"idempotency_key", "actor", "project_id", "address", "device"}
        after = {name: value for name, value in without_secrets(command).items() if name not in unasked}
    row = _row(_action(command), outcome, subject, subject_id, project_id, before, after)
    if row["user_id"] is None:
        actor = getattr(command, "actor", None)
        row["user_id"] = at_hand.user_id or getattr(actor, "user_id", actor)
        row["session_id"] = at_hand.session_id
    return row


def _row(
    action: str,
    outcome: str,
    subject: str | None,
    subject_id: object,
    project_id: UUID | None,
    before: Side | None,
    after: Side | None,
) -> dict[str, Any]:
    who = context.principal()
    return {
        "id": new_id(),
        "at": datetime.now(UTC),
        "action": action,
        "outcome": outcome,
        "issuer": who and who.issuer,
        "user_id": who and who.user_id,
        "session_id": who and who.session_id,
        "token_id": who and who.token_id,
        "address": who and who.address,
        "agent": who and who.agent and who.agent[:AGENT_MAX],
        "correlation_id": context.known_correlation_id(),
        "project_id": project_id,
        "subject": subject,
        "subject_id": None if subject_id is None else str(subject_id),
        "before": _bounded(before),
        "after": _bounded(after),
    }


def _action(command: Command[Message]) -> str:
    return f"{command.service}.{command.method()}"


def _subject(command: Command[Message], answer: Message | None) -> tuple[str | None, object]:
    """What a command was about where its handler said nothing: what it answers, or what it names last."""
    answered = getattr(answer, "id", None)
    if answered is not None:
        return re.sub(r"(?<!^)(?=[A-Z])", "_", type(answer).__name__).lower(), answered
    named = [name for name in type(command).model_fields if name.endswith("_id") and getattr(command, name) is not None]
    if named:
        return named[-1].removesuffix("_id"), getattr(command, named[-1])
    return None, None


def _bounded(side: Side | None) -> dict[str, Any] | None:
    """`side` as plain JSON values, without what is too large."""
    if side is None:
        return None
    plain: dict[str, Any] = to_jsonable_python(dict(side), fallback=str)
    if len(to_json(plain)) > SIDE_BYTES:
        sizes = {name: len(to_json(value)) for name, value in plain.items()}
        plain = {name: value if sizes[name] <= PART_BYTES else _omitted(sizes[name]) for name, value in plain.items()}
        whole = len(to_json(plain))
        if whole > SIDE_BYTES:
            return _omitted(whole)
    return plain


def _omitted(size: int) -> dict[str, Any]:
    return {"omitted": size}


# --- reading ---


def page(session: Session, service: str, request: ListAudit) -> AuditPage:
    """A part of what is recorded, newest first."""
    query = sa.select(audit).where(*_which(request)).order_by(audit.c.id.desc()).limit(request.limit + 1)
    rows = session.execute(query).mappings().all()
    items = tuple(AuditEntry(service=service, **row) for row in rows[: request.limit])
    return AuditPage(items=items, more=len(rows) > request.limit)


def _which(request: ListAudit) -> Iterator[sa.ColumnElement[bool]]:
    for name in ("project_id", "user_id", "token_id", "outcome", "subject", "subject_id", "address", "correlation_id"):
        value = getattr(request, name)
        if value is not None:
            yield audit.c[name] == value
    if request.action is not None:
        if request.action.endswith("."):
            yield audit.c.action.startswith(request.action, autoescape=True)
        else:
            yield audit.c.action == request.action
    if request.before is not None:
        yield audit.c.id < request.before
    # the ids are in the order of time, and the table is in the order of ids
    if request.since is not None:
        yield audit.c.id >= first_id(request.since)
    if request.until is not None:
        yield audit.c.id < first_id(request.until)


def first_id(moment: datetime) -> UUID:
    """Smaller than every UUIDv7 that is made at `moment`, in milliseconds, or later; larger than all before."""
    return UUID(int=max(0, int(moment.timestamp() * 1000)) << _MILLISECONDS)


# --- cutting, by an operator: what a service's own role may not do ---


def forget(service: str, days: int, at_once: int = 10_000) -> int:
    """Drop a service's rows that are older than `days`, and leave one that says so; how many those were.

    As the role that owns the table. In steps of `at_once`, each a transaction of its own.
    """
    until = datetime.now(UTC) - timedelta(days=days)
    dropped = 0
    database = Database(settings().migration_dsn(service))
    try:
        while True:
            old = sa.select(audit.c.id).where(audit.c.id < first_id(until)).order_by(audit.c.id).limit(at_once)
            with database.session() as session:
                gone = session.connection().execute(audit.delete().where(audit.c.id.in_(old))).rowcount
                if gone:
                    dropped += gone
                    after = {"rows": gone, "until": until}
                    write(session, f"{service}.forget_audit", "audit", None, issuer="operator", after=after)
            if gone < at_once:
                return dropped
    finally:
        database.close()
