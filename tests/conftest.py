"""Fixtures that every test may use. Servers are real, private, and started once for the whole run."""

import os
from collections.abc import Iterator

import pytest
from deploy.local.system import System

from tests.support import temporary_system


@pytest.fixture(scope="session")
def servers() -> Iterator[System]:
    """A private PostgreSQL, RabbitMQ and S3 server, with a database a service; no Labelyard process runs.

    `servers.environment` holds their addresses as LABELYARD_… variables.
    """
    with temporary_system("servers") as system:
        system.start_servers(say=print)
        yield system


@pytest.fixture(scope="session")
def settings_environment(servers: System) -> Iterator[dict[str, str]]:
    """The LABELYARD_… variables of `servers`, in os.environ too: databases migrated, topology declared."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("LABELYARD_")]:
            patch.delenv(name)
        for name, value in servers.environment.items():
            patch.setenv(name, value)
        servers.run("chassis", "migrate")
        servers.run("chassis", "topology")
        yield servers.environment
