"""Fixtures of the end-to-end tests."""

from collections.abc import Iterator

import pytest

from deploy.local.system import System
from tests.e2e.support import Team, make_team


@pytest.fixture
def team(system: System) -> Iterator[Team]:
    """A project of its own with members, signed in, and twelve labels that nobody has worked on."""
    with make_team(system, images=12) as team:
        yield team
