"""A database for each service on a PostgreSQL server, with the role that works in it and the role that owns it."""

import time
from dataclasses import dataclass

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from chassis import privileges

TRIES = 10
LOCK_SECONDS = 5
"""Who works in a database that is handed over waits for us, and we for them: this long, then we step back."""


@dataclass(frozen=True)
class Role:
    """Somebody who signs in at the server."""

    name: str
    password: str


def make_database(administrator: str, name: str, role: Role, owner: Role | None) -> None:
    """Makes the roles and the database where they are missing, sets their passwords, and lets nobody else in.

    `owner` owns the database and the tables in it, and `role` works on them (chassis.privileges); what `role` has
    owned, in an installation of a version without owners, is handed over. Without `owner`, `role` owns everything.
    `administrator` is the address of a superuser.
    """
    database = sql.Identifier(name)
    with psycopg.connect(administrator, autocommit=True, connect_timeout=10) as connection:
        for each in (role, owner) if owner else (role,):
            verb = sql.SQL("ALTER" if _exists(connection, "pg_roles", "rolname", each.name) else "CREATE")
            made = sql.SQL("{} ROLE {} LOGIN PASSWORD {}")
            connection.execute(made.format(verb, sql.Identifier(each.name), sql.Literal(each.password)))
        if not _exists(connection, "pg_database", "datname", name):
            made = sql.SQL("CREATE DATABASE {} OWNER {}")
            connection.execute(made.format(database, sql.Identifier((owner or role).name)))
        connection.execute(sql.SQL("REVOKE ALL ON DATABASE {}, postgres, template1 FROM PUBLIC").format(database))
    if owner is not None:
        _hand_over(make_conninfo(administrator, dbname=name), name, role.name, owner.name)


def _hand_over(address: str, database: str, role: str, owner: str) -> None:
    """Everything of `role` in the database is `owner`'s, who leaves it what it needs; at once, as others work in it."""
    giver, taker = sql.Identifier(role), sql.Identifier(owner)
    for left in reversed(range(TRIES)):
        try:
            with psycopg.connect(address, connect_timeout=10) as connection:
                connection.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(sql.Literal(f"{LOCK_SECONDS}s")))
                connection.execute(sql.SQL("REVOKE {} FROM {}").format(taker, giver))
                connection.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(sql.Identifier(database), taker))
                connection.execute(sql.SQL("REASSIGN OWNED BY {} TO {}").format(giver, taker))
                privileges.grant(connection, role)
            return
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
            if not left:
                raise
            time.sleep(1)


def _exists(connection: psycopg.Connection, catalogue: str, column: str, name: str) -> bool:
    query = sql.SQL("SELECT 1 FROM {} WHERE {} = {}").format(
        sql.Identifier(catalogue), sql.Identifier(column), sql.Literal(name)
    )
    return connection.execute(query).fetchone() is not None
