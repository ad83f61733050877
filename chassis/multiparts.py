"""Multipart uploads that have begun and not ended, so that those of a process that died are aborted.

No listing of objects shows their parts, and not every store lists uploads or lets them expire (field notes), so their
ids are kept in a table. A service that composes objects has the table (`attach`, and a migration) and sweeps.
"""

from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from chassis.database import Database
from chassis.objects import ObjectStore

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


def attach(target: sa.MetaData) -> None:
    """Make the table part of a service's metadata."""
    multipart_uploads.to_metadata(target)


class Uploads:
    """The table as a chassis.objects.Journal."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def began(self, key: str, upload_id: str) -> None:
        """Remember it."""
        with self._database.session() as session:
            session.execute(insert(multipart_uploads).values(key=key, upload_id=upload_id))

    def ended(self, key: str, upload_id: str) -> None:
        """Forget it."""
        this = (multipart_uploads.c.key == key, multipart_uploads.c.upload_id == upload_id)
        with self._database.session() as session:
            session.execute(sa.delete(multipart_uploads).where(*this))

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
