"""A private PostgreSQL server: one database and two roles a service, TCP on the loopback address only."""

import shutil
from pathlib import Path

import psycopg

from deploy.databases import Role, make_database
from deploy.local.commands import run
from deploy.local.errors import LocalError
from deploy.local.folders import make_folder, server_user, write_private
from deploy.local.programs import Program
from deploy.local.state import State

SERVICES = ("members", "projects", "labels", "analytics", "exports")


def owner_of(service: str) -> str:
    """The role that owns a service's tables."""
    return f"{service}_owner"


class PostgreSQL:
    """The database server of one installation."""

    name = "postgresql"

    def __init__(self, state: State) -> None:
        self._state = state
        self._user = server_user("postgres")
        self._data = state.folder / "postgresql" / "data"

    def dsn(self, service: str) -> str:
        """The address of a service's own database."""
        return f"postgresql://{service}:{self._state.secret(service)}@{self._address()}/{service}"

    def migration_dsn(self, service: str) -> str:
        """The same as the role that owns its tables."""
        owner = owner_of(service)
        return f"postgresql://{owner}:{self._state.secret(owner)}@{self._address()}/{service}"

    def prepare(self) -> None:
        """Makes the data folder, once."""
        if self._data.exists():
            return
        new = self._data.with_name("new")
        shutil.rmtree(new, ignore_errors=True)  # left by an initdb that was interrupted
        folder = make_folder(self._data.parent, self._user)
        password = folder / "password"
        write_private(password, self._state.secret("postgres"), self._user)
        run(
            *(self._binaries() / "initdb", "--pgdata", new, "--username", "postgres", "--pwfile", password),
            *("--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C.UTF-8"),
            folder=folder,
            user=self._user,
        )
        password.unlink()
        new.rename(self._data)

    def programs(self) -> list[Program]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self._state.port("postgresql"),
            "unix_socket_directories": "",
            "max_connections": 300,
            "log_min_duration_statement": "1s",
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [
            Program(
                name=self.name,
                command=(str(self._binaries() / "postgres"), "-D", str(self._data), *options),
                folder=self._data.parent,
                environment={"LC_ALL": "C.UTF-8"},
                user=self._user,
                rank=100,
                stop_signal="INT",  # "fast": ends the sessions instead of waiting for them
            )
        ]

    def is_ready(self) -> bool:
        try:
            self._connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def set_up(self) -> None:
        """Makes each service's roles and database where they are missing."""
        for service in SERVICES:
            role, owner = (Role(name, self._state.secret(name)) for name in (service, owner_of(service)))
            make_database(self.administrator(), service, role, owner)

    def administrator(self) -> str:
        """The address of the server's superuser."""
        return f"postgresql://postgres:{self._state.secret('postgres')}@{self._address()}/postgres"

    def _address(self) -> str:
        return f"127.0.0.1:{self._state.port('postgresql')}"

    def _connect(self) -> psycopg.Connection:
        return psycopg.connect(self.administrator(), autocommit=True, connect_timeout=5)

    def _binaries(self) -> Path:
        """Debian keeps each major version apart; a data folder belongs to the one that made it."""
        version = "*"
        if (self._data / "PG_VERSION").exists():
            version = (self._data / "PG_VERSION").read_text().strip()
        folders = sorted(Path("/usr/lib/postgresql").glob(f"{version}/bin"), key=lambda folder: int(folder.parent.name))
        if not folders:
            raise LocalError(f"no PostgreSQL {version} below /usr/lib/postgresql: run deploy/local/bootstrap")
        return folders[-1]
