"""What a service's role may do in its database: work on the rows, and only add to the audit.

Tables belong to another role, the owner, as which nothing runs but migrations (LABELYARD_…_MIGRATION_DSN): whoever owns
a table may do anything to it, whatever is granted (docs/decisions/audit.md).
"""

import sys
from collections.abc import Iterable, Iterator

import psycopg
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy import make_url
from sqlalchemy.orm import Session

from chassis.logs import get_logger
from chassis.settings import settings
from chassis.tables import audit

log = get_logger()

_GRANTED = {audit.name: "SELECT, INSERT", "alembic_version": "SELECT"}
"""What the role may do to tables that are not worked on as the others are."""

_FLAW = sa.text("""
    SELECT CASE
        WHEN own.rolsuper OR own.rolcreaterole OR own.rolbypassrls THEN current_user || ' is an administrator'
        WHEN pg_has_role(current_user, held.relowner, 'MEMBER') THEN current_user || ' owns the audit'
        WHEN pg_has_role(current_user, database.datdba, 'MEMBER') THEN current_user || ' owns the database'
        WHEN has_schema_privilege(held.relnamespace, 'CREATE') THEN current_user || ' may make tables'
        WHEN has_table_privilege(held.oid, 'UPDATE, DELETE, TRUNCATE, TRIGGER, REFERENCES')
            OR has_any_column_privilege(held.oid, 'UPDATE, REFERENCES') THEN current_user || ' may change the audit'
    END
    FROM pg_class AS held, pg_roles AS own, pg_database AS database
    WHERE held.oid = to_regclass('audit') AND own.rolname = current_user AND database.datname = current_database()
""")


_OTHER_OWNER = sa.text("""
    SELECT pg_get_userbyid(relowner) FROM pg_class
    WHERE oid = to_regclass('alembic_version') AND NOT pg_has_role(current_user, relowner, 'MEMBER')
""")


def flaw(session: Session) -> str | None:
    """Why the session's role could change the audit; None: it could not."""
    found: str | None = session.scalar(_FLAW)
    return found


def require_owner(service: str) -> None:
    """End the process with what to do, if the tables are not the migrating role's."""
    engine = sa.create_engine(settings().migration_dsn(service))
    with engine.connect() as connection:
        other = connection.scalar(_OTHER_OWNER)
    engine.dispose()
    if other is not None:
        sys.exit(
            f"The tables of {service} belong to the role {other}, not to the one of "
            f"LABELYARD_{service.upper()}_MIGRATION_DSN: hand them over first (docs/operators/audit.md)."
        )


def protect(service: str) -> None:
    """Give a service's role what it needs, and nothing else, of all tables that there are now; said aloud where no
    other role owns them."""
    role, owner = (
        make_url(address).username for address in (settings().dsn(service), settings().migration_dsn(service))
    )
    if role is None or role == owner:
        log.warning(
            "the audit is not protected: the service's own role owns its tables",
            service=service,
            set=f"LABELYARD_{service.upper()}_MIGRATION_DSN",
        )
        return
    address = make_url(settings().migration_dsn(service)).set(drivername="postgresql")
    with psycopg.connect(address.render_as_string(hide_password=False), connect_timeout=10) as connection:
        grant(connection, role)


def grant(connection: psycopg.Connection, role: str) -> None:
    """The same in the transaction of `connection`, which is the owner's or an administrator's."""
    held = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
    tables = [table for (table,) in connection.execute(held).fetchall()]
    for statement in _statements(connection.info.dbname, role, tables):
        connection.execute(statement)


def _statements(database: str, role: str, tables: Iterable[str]) -> Iterator[sql.Composed]:
    to = sql.Identifier(role)
    yield sql.SQL("GRANT CONNECT, TEMPORARY ON DATABASE {} TO {}").format(sql.Identifier(database), to)
    yield sql.SQL("REVOKE CREATE ON SCHEMA public FROM PUBLIC, {}").format(to)
    yield sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(to)
    yield sql.SQL("GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {}").format(to)
    for name in tables:
        table = sql.Identifier("public", name)
        granted = sql.SQL(_GRANTED.get(name, "SELECT, INSERT, UPDATE, DELETE"))
        yield sql.SQL("REVOKE ALL ON TABLE {} FROM {}").format(table, to)
        yield sql.SQL("GRANT {} ON TABLE {} TO {}").format(granted, table, to)
