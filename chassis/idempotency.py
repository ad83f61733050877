"""Commands under an idempotency key are carried out once; the same command again gets the same answer."""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from pydantic_core import to_json
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis import audit
from chassis.tables import idempotency_keys
from contracts.errors import Problem
from contracts.message import Message, secrets_of, without_secrets
from contracts.rpc import Command

KEPT = timedelta(hours=24)


def once(
    session: Session,
    command: Command[Message],
    run: Callable[[], Message],
    again: Callable[[dict[str, Any]], Message] | None = None,
) -> dict[str, Any]:
    """The answer of `run`, or the one it gave before under this key, as plain JSON values.

    Key and answer are stored in the session's transaction, with the effect; secrets are not: neither do they tell
    commands apart, nor are they answered again, unless `again` makes new ones for what was kept of the answer. Two of
    the same at once: the second waits for the first. Another command under the key: Problem `idempotency_mismatch`.
    """
    method, key = f"{command.service}.{command.method()}", command.idempotency_key
    unkept = {"idempotency_key", *secrets_of(type(command))}
    digest = hashlib.sha256(to_json(command.model_dump(mode="json", exclude=unkept))).digest()
    this = sa.and_(idempotency_keys.c.method == method, idempotency_keys.c.key == key)
    # The row comes first, so that the primary key makes the second of two wait: nobody sees it without its answer.
    first = insert(idempotency_keys).values(method=method, key=key, digest=digest, answer={})
    taken = session.execute(first.on_conflict_do_nothing().returning(idempotency_keys.c.at)).first()
    if taken is None:
        kept = session.execute(sa.select(idempotency_keys.c.digest, idempotency_keys.c.answer).where(this)).one()
        if bytes(kept.digest) != digest:
            raise Problem("idempotency_mismatch", "Use a new key for a new request.")
        audit.replayed()
        return dict(kept.answer) if again is None else again(dict(kept.answer)).model_dump(mode="json")
    answer = run()
    keep = idempotency_keys.update().where(this).values(answer=without_secrets(answer))
    audited = audit.statement(answer)
    # one statement for both: each is a way to the server and back
    session.execute(keep if audited is None else keep.add_cte(audited.cte("audited")))
    return answer.model_dump(mode="json")


def forget_old(session: Session) -> None:
    """Drop keys that are older than KEPT."""
    session.execute(idempotency_keys.delete().where(idempotency_keys.c.at < sa.func.now() - KEPT))
