"""Multipart uploads that have begun and not ended, so that those of a process that died are aborted.

No listing of objects shows their parts, and not every store lists uploads or lets them expire (field notes), so their
ids are kept in a table. A service that composes objects has the table (`attach`, and a migration) and sweeps.
"""

from collections.abc import Mapping
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from chassis.database import Database
from chassis.objects import ObjectStore, Stored

LONGEST = timedelta(hours=6)
"""An upload that has not ended by then is one of a process that died."""

multipart_uploads = sa.Table(
    "multipart_uploads",
    sa.MetaData(),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("upload_id", sa.Text, primary_key=True),
    sa.Column("began_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    sa.Index("multipart_uploads_age", "began_at"),
)

multipart_parts = sa.Table(
    "multipart_parts",
    sa.MetaData(),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("upload_id", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("etag", sa.Text, nullable=False),
    sa.Column("through", sa.BigInteger, nullable=False),  # bytes of it that came through a process
)


def attach(target: sa.MetaData) -> None:
    """Make the tables part of a service's metadata."""
    multipart_uploads.to_metadata(target)
    multipart_parts.to_metadata(target)


class Uploads:
    """The tables as a chassis.objects.Journal. `resumable`: parts are remembered, for who goes on after an interruption
    with the same pieces under the same key.
    """

    def __init__(self, database: Database, *, resumable: bool = False) -> None:
        self._database = database
        self.resumable = resumable

    def began(self, key: str, upload_id: str) -> None:
        """Remember it."""
        with self._database.session() as session:
            session.execute(insert(multipart_uploads).values(key=key, upload_id=upload_id))

    def stored(self, key: str, upload_id: str, number: int, stored: Stored) -> None:
        """Remember a part, if that is wanted."""
        if not self.resumable:
            return
        values = {"etag": stored.etag, "through": stored.through}
        row = insert(multipart_parts).values(key=key, upload_id=upload_id, number=number, **values)
        with self._database.session() as session:
            session.execute(row.on_conflict_do_update(index_elements=["key", "upload_id", "number"], set_=values))

    def begun(self, key: str) -> tuple[str, Mapping[int, Stored]] | None:
        """What `began` and `stored` were told of the newest upload of `key` that has not ended, if that is wanted."""
        if not self.resumable:
            return None
        newest = (
            sa.select(multipart_uploads.c.upload_id)
            .where(multipart_uploads.c.key == key)
            .order_by(multipart_uploads.c.began_at.desc())
            .limit(1)
        )
        with self._database.session() as session:
            upload_id = session.scalars(newest).one_or_none()
            if upload_id is None:
                return None
            part = multipart_parts.c
            stored = sa.select(part.number, part.etag, part.through).where(part.key == key, part.upload_id == upload_id)
            return upload_id, {number: Stored(etag, through) for number, etag, through in session.execute(stored)}

    def ended(self, key: str, upload_id: str) -> None:
        """Forget it."""
        with self._database.session() as session:
            for table in (multipart_parts, multipart_uploads):
                session.execute(sa.delete(table).where(table.c.key == key, table.c.upload_id == upload_id))

    def abort(self, store: ObjectStore, prefix: str = "", older_than: timedelta = timedelta(0)) -> int:
        """Abort those whose keys begin with `prefix` and that began longer ago; how many that were."""
        query = sa.select(multipart_uploads.c.key, multipart_uploads.c.upload_id).where(
            multipart_uploads.c.key.startswith(prefix, autoescape=True),
            multipart_uploads.c.began_at <= sa.func.now() - older_than,
        )
        with self._database.session() as session:
            found = session.execute(query).all()
        for key, upload_id in found:
            store.abort(key, upload_id)
            self.ended(key, upload_id)
        return len(found)
