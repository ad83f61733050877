"""Fixtures that every test may use. Servers are real, private, and started once for the whole run."""

import logging
import os
from collections.abc import Generator, Iterator

import psycopg
import pytest

from deploy.local.system import System
from tests.collector import Collector
from tests.faults.proxy import put_between
from tests.mails import MailServer, mail_server
from tests.support import temporary_system

RUNNING: list[System] = []
"""The system of this run, once it is up."""

SERVICES = ("projects", "labels", "exports", "analytics", "members")


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


@pytest.fixture(scope="session")
def collector() -> Iterator[Collector]:
    """Receives the traces of `system`."""
    with Collector().serving() as collector:
        yield collector


@pytest.fixture(scope="session")
def mails() -> Iterator[MailServer]:
    """Takes the mails of `system`."""
    with mail_server() as server:
        yield server


@pytest.fixture(scope="session")
def system(collector: Collector, mails: MailServer) -> Iterator[System]:
    """A complete running Labelyard of its own, servers included, for end-to-end and fault tests.

    `url` and `owner` say where and as whom to sign in; `stop(name)`, `start(name)` and
    `supervisor.kill(name)` act on the processes of deploy/local/processes.py. They reach the servers through
    proxies that can cut connections (tests/faults/proxy.py). Leave it as you found it.
    """
    given = {"LABELYARD_OTLP_ENDPOINT": collector.endpoint, "LABELYARD_SMTP_URL": mails.url}
    with temporary_system("system", given) as system:
        put_between(system)
        system.up(say=print)
        RUNNING.append(system)
        yield system
        RUNNING.clear()


@pytest.fixture(autouse=True, scope="module")
def nothing_left_by_others() -> None:
    """Files of tests that make messages fail, or guess at secrets, leave nothing of it to those that count them."""
    for system in RUNNING:
        for service in SERVICES:
            with psycopg.connect(
                system.environment[f"LABELYARD_{service.upper()}_DSN"].replace("+psycopg", "")
            ) as database:
                database.execute("DELETE FROM failed_messages")
                if service == "members":
                    database.execute("DELETE FROM password_guards")


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """A test that sets up logging writes to a stream that is closed after it: nobody logs there any more."""
    yield
    root = logging.getLogger()
    for handler in [each for each in root.handlers if type(each) is logging.StreamHandler]:
        root.removeHandler(handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Adds the end of each process's log to the report of a failed test that used `system`."""
    report = yield
    system = getattr(item, "funcargs", {}).get("system")
    if report.failed and isinstance(system, System):
        for program in system.supervisor.states():
            lines = system.supervisor.last_lines(program.name)
            report.sections.append((f"log of {program.name} ({program.state})", lines))
    return report
