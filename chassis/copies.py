"""Versioned copies of what other services own, fed by events and answers: the newer one stays, in whatever order."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session


def take_newer(session: Session, copy: type[Any], **values: Any) -> None:
    """Store these values, all of a row's, unless the row that is there has this `version` or a newer one."""
    keys = [column.name for column in sa.inspect(copy).primary_key]
    statement = insert(copy).values(values)
    new = statement.excluded
    session.execute(
        statement.on_conflict_do_update(
            index_elements=keys,
            set_={name: new[name] for name in values if name not in keys},
            where=new.version > copy.version,
        )
    )
