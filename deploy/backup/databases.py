"""Dumps of the five databases at one moment, and back."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from sqlalchemy import make_url

from chassis.settings import SERVICES, settings
from deploy.backup.manifest import BackupError, Dump, sha256_of

T = TypeVar("T")

LOCK_SECONDS = 3
"""How long writers may have to wait for one another because of us; then we step back and try again."""

TRIES = 20
PAUSE_SECONDS = 1.0


@dataclass(frozen=True)
class Moment:
    """One moment of all databases: of each a snapshot that pg_dump can take up, and its schema's revision."""

    at: datetime
    snapshots: Mapping[str, str]
    revisions: Mapping[str, str]


@contextmanager
def one_moment() -> Iterator[Moment]:
    """All databases at one moment, which stays to be read until the end of the block."""
    with ExitStack() as connections:
        holders = {service: connections.enter_context(_connect(service)) for service in SERVICES}
        for _ in range(TRIES):
            at = _try_to_hold(holders)
            if at is not None:
                break
            time.sleep(PAUSE_SECONDS)
        else:
            raise BackupError(
                f"writers did not come to a pause in {TRIES} tries; is a transaction left open somewhere?"
            )
        snapshots = {service: _value(holder, "SELECT pg_export_snapshot()") for service, holder in holders.items()}
        revision = "SELECT version_num FROM alembic_version"
        yield Moment(at, snapshots, {service: _value(holder, revision) for service, holder in holders.items()})


def _try_to_hold(holders: Mapping[str, psycopg.Connection]) -> datetime | None:
    """Let each holder begin a transaction while nobody can write an outbox; the moment, None if that did not work."""
    with ExitStack() as connections:
        try:
            for service in SERVICES:
                locker = connections.enter_context(_connect(service))
                locker.execute(f"SET lock_timeout = '{LOCK_SECONDS}s'")
                locker.execute("LOCK TABLE outbox IN SHARE MODE")  # waits for who writes, holds off who would
        except psycopg.errors.LockNotAvailable:
            return None
        except psycopg.errors.UndefinedTable:
            raise BackupError("a database has no tables: there is nothing to back up") from None
        for holder in holders.values():
            holder.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            holder.execute("SELECT 1")  # takes the transaction's snapshot
        return datetime.now(UTC)


def dump(moment: Moment, folder: Path) -> dict[str, Dump]:
    """Dump all databases as they were at `moment` to SERVICE.dump in `folder`, at the same time."""

    def one(service: str) -> Dump:
        file = folder / f"{service}.dump"
        options = ["--format=custom", f"--snapshot={moment.snapshots[service]}", f"--file={file}"]
        _run("pg_dump", service, *options)
        return Dump(revision=moment.revisions[service], size=file.stat().st_size, sha256=sha256_of(file))

    return _for_each(one)


def restore(folder: Path, dumps: Mapping[str, Dump]) -> None:
    """Restore all databases, each in one transaction. They must be empty."""

    def one(service: str) -> None:
        file = folder / f"{service}.dump"
        if sha256_of(file) != dumps[service].sha256:
            raise BackupError(f"{file} is not as it was written: its SHA-256 differs")
        _run("pg_restore", service, "--exit-on-error", "--single-transaction", str(file))

    _for_each(one)


def filled() -> list[str]:
    """The services whose databases hold tables."""
    held = "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()"

    def one(service: str) -> bool:
        with _connect(service) as connection:
            return _value(connection, held) != "0"

    return [service for service, found in _for_each(one).items() if found]


def empty(service: str) -> None:
    """Drop all tables of a service's database, and the functions of its triggers."""
    with _connect(service) as connection:
        held = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
        for (table,) in connection.execute(held).fetchall():
            connection.execute(sql.SQL("DROP TABLE {} CASCADE").format(sql.Identifier(table)))
        made = """SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = current_schema()::regnamespace
                  AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')"""
        for (function,) in connection.execute(made).fetchall():  # all but those of extensions
            connection.execute(f"DROP FUNCTION {function}".encode())


def program(name: str) -> str:
    """Where a program of PostgreSQL's is: Debian keeps major versions apart; the newest reads all older ones."""
    folders = Path("/usr/lib/postgresql").glob("*/bin")
    for folder in sorted(folders, key=lambda folder: int(folder.parent.name), reverse=True):
        if (folder / name).exists():
            return str(folder / name)
    found = shutil.which(name)
    if found is None:
        raise BackupError(f"{name} is not installed: it comes with PostgreSQL's client (postgresql-client in Debian)")
    return found


def _connect(service: str) -> psycopg.Connection:
    try:
        return psycopg.connect(_address(service), connect_timeout=10)
    except psycopg.OperationalError as error:
        raise BackupError(f"the database of {service} does not answer: {error}") from error


def _address(service: str) -> str:
    """As the role that owns the tables: a service's own may neither drop nor make any."""
    return (
        make_url(settings().migration_dsn(service)).set(drivername="postgresql").render_as_string(hide_password=False)
    )


def _value(connection: psycopg.Connection, query: str) -> str:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return str(row[0])


def _run(name: str, service: str, *options: str) -> None:
    """Run pg_dump or pg_restore on a service's database; the password goes by the environment, which nobody sees."""
    password = str(conninfo_to_dict(_address(service)).get("password", ""))
    where = f"--dbname={make_conninfo(_address(service), password=None)}"
    done = subprocess.run(  # noqa: S603  # our own words
        [program(name), "--no-owner", "--no-acl", "--no-comments", where, *options],
        check=False,
        env=os.environ | {"PGPASSWORD": password, "PGCONNECT_TIMEOUT": "10"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise BackupError(f"{name} of {service} failed:\n{done.stderr.strip()[-2000:]}")


def _for_each(work: Callable[[str], T]) -> dict[str, T]:
    with ThreadPoolExecutor(len(SERVICES)) as threads:
        return dict(zip(SERVICES, threads.map(work, SERVICES), strict=True))
