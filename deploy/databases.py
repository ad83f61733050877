"""One role and one database a service, on a PostgreSQL server of ours."""

import psycopg
from psycopg import sql


def make_database(connection: psycopg.Connection, name: str, role: str, password: str) -> None:
    """Makes the role and its database where they are missing, sets the role's password, and lets no other role in.

    `connection` is an administrator's, with autocommit: databases are not made in transactions.
    """
    owner, database = sql.Identifier(role), sql.Identifier(name)
    verb = sql.SQL("ALTER" if _exists(connection, "pg_roles", "rolname", role) else "CREATE")
    connection.execute(sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(verb, owner, sql.Literal(password)))
    if not _exists(connection, "pg_database", "datname", name):
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(database, owner))
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {}, postgres, template1 FROM PUBLIC").format(database))


def _exists(connection: psycopg.Connection, catalogue: str, column: str, name: str) -> bool:
    query = sql.SQL("SELECT 1 FROM {} WHERE {} = {}").format(
        sql.Identifier(catalogue), sql.Identifier(column), sql.Literal(name)
    )
    return connection.execute(query).fetchone() is not None
