"""PostgreSQL itself keeps a service's role from changing the audit; and databases of before are handed over."""

import sys
from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql
from psycopg.conninfo import make_conninfo

from chassis import privileges
from chassis.database import Database
from chassis.ids import new_id
from chassis.settings import SERVICES, settings
from deploy.databases import Role, make_database
from deploy.local.commands import run
from deploy.local.errors import LocalError
from deploy.local.servers.postgresql import PostgreSQL, owner_of
from deploy.local.state import REPOSITORY
from deploy.local.system import System

ROW = "INSERT INTO audit (id, at, action, outcome) VALUES (%s, now(), 'test.of_privileges', 'ok')"

REFUSED = (
    "UPDATE audit SET user_id = NULL",
    "DELETE FROM audit",
    "TRUNCATE audit",
    "DROP TABLE audit",
    "DROP SCHEMA public CASCADE",
    "DROP DATABASE {service}",
    "DROP OWNED BY {service}_owner",
    "REASSIGN OWNED BY {service}_owner TO {service}",
    "ALTER TABLE audit RENAME TO forgotten",
    "ALTER TABLE audit DROP COLUMN address",
    "ALTER TABLE audit DISABLE TRIGGER ALL",
    "ALTER TABLE audit ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE audit OWNER TO {service}",
    "ALTER TABLE audit SET SCHEMA pg_temp",
    "ALTER SCHEMA public OWNER TO {service}",
    "ALTER DATABASE {service} OWNER TO {service}",
    "CREATE TRIGGER forget BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "CREATE RULE forget AS ON INSERT TO audit DO INSTEAD NOTHING",
    "CREATE POLICY forget ON audit USING (false)",
    "CREATE INDEX ON audit (at)",
    "CREATE TABLE public.audit_too (id int)",
    "CREATE SCHEMA mine",
    "CREATE ROLE helper",
    "ALTER ROLE {service} SUPERUSER",
    "ALTER ROLE {service} CREATEROLE",
    "ALTER ROLE {service}_owner PASSWORD 'known'",
    "GRANT {service}_owner TO {service}",
    "SET ROLE {service}_owner",
    "SET SESSION AUTHORIZATION {service}_owner",
    "SET session_replication_role = 'replica'",
    "GRANT UPDATE ON audit TO {service}; UPDATE audit SET user_id = NULL",
    "ALTER DEFAULT PRIVILEGES FOR ROLE {service}_owner GRANT ALL ON TABLES TO {service}",
    "INSERT INTO audit SELECT * FROM audit ON CONFLICT (id) DO UPDATE SET user_id = NULL",
    "SELECT 1 FROM audit FOR UPDATE",
    "DO $$ BEGIN LOCK TABLE audit IN ACCESS EXCLUSIVE MODE; END $$",
    "COPY audit FROM PROGRAM 'true'",
    "UPDATE pg_class SET relowner = 0 WHERE relname = 'audit'",
    "UPDATE alembic_version SET version_num = '0001'",
)


def database_of(servers: System, service: str) -> psycopg.Connection:
    """The service's database, as the service itself."""
    return psycopg.connect(servers.environment[f"LABELYARD_{service.upper()}_DSN"], autocommit=True)


def administrator(servers: System) -> str:
    (server,) = [each for each in servers.servers if isinstance(each, PostgreSQL)]
    return server.administrator()


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_adds_to_the_audit_and_does_nothing_else_to_it(
    servers: System, settings_environment: dict[str, str], service: str
) -> None:
    with database_of(servers, service) as connection:
        row = new_id()
        connection.execute(ROW, (row,))
        for statement in REFUSED:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(sql.SQL(statement).format(service=sql.SQL(service)))
        # each session begins as itself again, whatever was tried
        assert connection.execute("SELECT current_user").fetchone() == (service,)
        assert connection.execute("SELECT count(*) FROM audit WHERE id = %s", (row,)).fetchone() == (1,)
        owners = "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'"
        assert connection.execute(owners).fetchall() == [(owner_of(service),)]


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_protected_from_itself_and_its_owner_is_not(
    settings_environment: dict[str, str], service: str
) -> None:
    settings.cache_clear()
    found = []
    for dsn in (settings().dsn(service), settings().migration_dsn(service)):
        database = Database(dsn)
        with database.session() as session:
            found.append(privileges.flaw(session))
        database.close()
    assert found == [None, f"{service}_owner owns the audit"]


def test_privileges_that_were_given_by_hand_are_seen_and_taken_away_by_the_next_migration(
    servers: System, settings_environment: dict[str, str]
) -> None:
    settings.cache_clear()
    database = Database(settings().dsn("exports"))
    with psycopg.connect(servers.environment["LABELYARD_EXPORTS_MIGRATION_DSN"]) as owner:
        owner.execute("GRANT UPDATE (address) ON audit TO exports")
    with database.session() as session:
        assert privileges.flaw(session) == "exports may change the audit"
    servers.run("chassis", "migrate", "exports")
    with database.session() as session:
        assert privileges.flaw(session) is None
    database.close()


def test_migrations_by_a_role_that_does_not_own_the_tables_say_what_to_do(
    servers: System, settings_environment: dict[str, str]
) -> None:
    environment = servers.process_environment()
    del environment["LABELYARD_EXPORTS_MIGRATION_DSN"]
    with pytest.raises(LocalError, match=r"belong to the role exports_owner.*LABELYARD_EXPORTS_MIGRATION_DSN"):
        run(sys.executable, "-m", "chassis", "migrate", "exports", folder=REPOSITORY, environment=environment)


@pytest.fixture
def old(servers: System) -> Iterator[tuple[str, Role, Role]]:
    """A database as a version without owners made it: its name, the role that owns it and everything, and the owner
    that is to be."""
    name = f"old_{uuid4().hex[:12]}"
    role, owner = Role(name, "only-for-tests"), Role(f"{name}_owner", "only-for-tests")
    make_database(administrator(servers), name, role, None)
    yield name, role, owner
    with psycopg.connect(administrator(servers), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
        for each in (role, owner):
            connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(each.name)))


def test_a_database_of_before_is_handed_over_while_it_is_worked_in(
    servers: System, old: tuple[str, Role, Role]
) -> None:
    name, role, owner = old
    address = make_conninfo(administrator(servers), dbname=name, user=role.name, password=role.password)
    with psycopg.connect(address, autocommit=True) as working:
        for table in ("labels", "audit", "alembic_version"):
            working.execute(sql.SQL("CREATE TABLE {} (id serial PRIMARY KEY, what text)").format(sql.Identifier(table)))
            working.execute(sql.SQL("INSERT INTO {} (what) VALUES ('old')").format(sql.Identifier(table)))
        for _ in range(2):  # again: changes nothing
            make_database(administrator(servers), name, role, owner)
            working.execute("INSERT INTO labels (what) VALUES ('new')")
            working.execute("UPDATE labels SET what = 'newer'")
            working.execute("INSERT INTO audit (what) VALUES ('new')")
            for table in ("audit", "alembic_version"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    working.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                working.execute("CREATE TABLE more (id int)")
        owned = working.execute("SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class WHERE relnamespace = 2200")
        assert owned.fetchall() == [(owner.name,)]
    with psycopg.connect(address) as again:
        assert again.execute("SELECT count(*) FROM audit").fetchone() == (3,)


def test_the_owner_is_whom_migrations_are_run_as(servers: System, settings_environment: dict[str, str]) -> None:
    settings.cache_clear()
    for service in SERVICES:
        assert sa.make_url(settings().migration_dsn(service)).username == owner_of(service)
