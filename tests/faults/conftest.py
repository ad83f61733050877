"""Fixtures of the fault tests: a team, and the promise that whatever was taken away is back afterwards."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from deploy.local.processes import PROCESSES
from deploy.local.system import System
from tests.e2e.support import Team, make_team
from tests.faults.crew import Crews, make_crew, new_seed
from tests.faults.support import all_asked, all_ready


@pytest.fixture
def team(system: System) -> Iterator[Team]:
    """A project of its own with members, signed in, and six labels that nobody has worked on."""
    with make_team(system, images=6) as team:
        yield team


@pytest.fixture(scope="session")
def crews(system: System) -> Iterator[Crews]:
    """A crew for as many faults as it survives in agreement with its ledger."""
    with ExitStack() as stack:
        yield Crews(lambda: stack.enter_context(make_crew(system, new_seed())))


@pytest.fixture(autouse=True)
def everything_back(system: System) -> Iterator[None]:
    """Starts again what a test has left stopped."""
    yield
    system.supervisor.start(server.name for server in system.servers)
    system.supervisor.start(process.name for process in PROCESSES)
    all_ready(system)
    all_asked(system)
