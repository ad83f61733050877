"""Guesses at passwords: so many, then one at a time (domain.Bucket; docs/decisions: wrong-passwords)."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis.database import Database
from contracts.errors import Problem
from services.members.domain import Bucket
from services.members.models import GuardRow

SWEPT = 20
"""How many rows of full buckets each guess sweeps away: more than it can add."""


@contextmanager
def guess(
    database: Database,
    guards: Mapping[bytes, Bucket],
    wrong_is: str = "bad_credentials",
    refusal: str = "There were too many wrong passwords.",
) -> Iterator[None]:
    """Takes a guess of each bucket for the block; Problem `rate_limited` where there is none left.

    Taken before the secret is looked at, so that many at once get no further than one after the other. Given back
    unless the block raises the problem `wrong_is`: who knows the secret, or was told to come back, has not guessed.
    """
    with database.session() as session:
        take(session, guards, refusal)
    wrong = False
    try:
        yield
    except Problem as problem:
        wrong = problem.code == wrong_is
        raise
    finally:
        if not wrong:
            with database.session() as session:
                _give_back(session, guards)


def take(session: Session, guards: Mapping[bytes, Bucket], refusal: str) -> None:
    """Take a guess of each bucket; Problem `rate_limited`, which says `refusal`, where there is none left."""
    now = datetime.now(UTC)
    full_at = _lock(session, guards, now)
    wait = max(bucket.wait(full_at[key], now) for key, bucket in guards.items())
    if wait > timedelta():
        seconds = math.ceil(wait.total_seconds())
        raise Problem("rate_limited", refusal, retry_after=seconds)
    _store(session, {key: bucket.taken(full_at[key], now) for key, bucket in guards.items()})
    full = sa.select(GuardRow.key).where(GuardRow.full_at < now).order_by(GuardRow.full_at).limit(SWEPT)
    session.execute(sa.delete(GuardRow).where(GuardRow.key.in_(full.with_for_update(skip_locked=True))))


def _give_back(session: Session, guards: Mapping[bytes, Bucket]) -> None:
    full_at = _lock(session, guards, datetime.now(UTC))
    _store(session, {key: bucket.given_back(full_at[key]) for key, bucket in guards.items()})


def _lock(session: Session, guards: Mapping[bytes, Bucket], now: datetime) -> dict[bytes, datetime]:
    """When each bucket will be full, its row locked; in the order of keys, so that no two wait for each other."""
    asked = insert(GuardRow).values([{"key": key, "full_at": now} for key in sorted(guards)])
    locked = asked.on_conflict_do_update(
        index_elements=[GuardRow.key], set_={"full_at": sa.func.greatest(GuardRow.full_at, asked.excluded.full_at)}
    )
    return {row.key: row.full_at for row in session.execute(locked.returning(GuardRow.key, GuardRow.full_at))}


def _store(session: Session, full_at: Mapping[bytes, datetime]) -> None:
    session.execute(sa.update(GuardRow), [{"key": key, "full_at": at} for key, at in full_at.items()])
