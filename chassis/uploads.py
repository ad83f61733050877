"""What people may upload themselves: each permission is remembered, and what it brought is swept.

A policy can be used again and again while it holds: an attempt may be abandoned, replaced by another one, or verified
and copied, and whoever still has its policy writes the object anew. So nothing stays for ever at a key that a policy
was given for. A service that gives policies has the table (`attach`, and a migration), remembers their keys in the
transaction that answers them, and sweeps (chassis.sweeper).
"""

from collections.abc import Iterable
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis.database import Database
from chassis.objects import ObjectStore

KEPT = timedelta(days=7)
"""How long what was uploaded stays when its policy is over: so late may come who is to read it (a verifier, an import),
after all the tries of its message (chassis.failed)."""

SWEPT = 500
"""Objects that are swept at once; the object store takes at most 1,000."""

upload_policies = sa.Table(
    "upload_policies",
    sa.MetaData(),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("until", sa.DateTime(timezone=True), nullable=False),  # when the last policy for it is over
    sa.Index("upload_policies_until", "until"),
)


def attach(target: sa.MetaData) -> None:
    """Make the table part of a service's metadata."""
    upload_policies.to_metadata(target)


def remember(session: Session, keys: Iterable[str], expires: int) -> None:
    """A policy for each of these objects is given out, for `expires` seconds from now."""
    # in one order, so that no two wait for each other
    key = sa.func.unnest(sa.cast(sorted(set(keys)), sa.ARRAY(sa.Text))).column_valued("key")
    until = sa.func.now() + timedelta(seconds=expires)
    given = insert(upload_policies).from_select(["key", "until"], sa.select(key, until))
    longest = sa.func.greatest(upload_policies.c.until, given.excluded.until)
    session.execute(given.on_conflict_do_update(index_elements=["key"], set_={"until": longest}))


def sweep(database: Database, store: ObjectStore) -> int:
    """Delete the objects of all policies that have been over for longer than KEPT; how many policies that were.

    In batches, a transaction each. Several at once share the work; what fails is swept the next time.
    """
    swept = 0
    while batch := _sweep_batch(database, store):
        swept += batch
    return swept


def _sweep_batch(database: Database, store: ObjectStore) -> int:
    over = upload_policies.c.until < sa.func.now() - KEPT
    query = sa.select(upload_policies.c.key).where(over).order_by(upload_policies.c.until).limit(SWEPT)
    with database.session() as session:
        keys = session.scalars(query.with_for_update(skip_locked=True)).all()
        if keys:
            store.delete_all(keys)
            session.execute(sa.delete(upload_policies).where(upload_policies.c.key.in_(keys)))
    return len(keys)
