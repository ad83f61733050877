"""Every kind of fault while people work: nothing that was acknowledged is lost, and nothing done twice."""

import sys
from pathlib import Path

import pytest

from tests.faults.crew import Crews, Kind, inflict
from tests.faults.kinds import KINDS


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name.replace(" ", "-"))
def test_everything_agrees_after(kind: Kind, crews: Crews, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Labels, history, counters, streams and exports, with the ledger of what was acknowledged."""
    with crews.crew() as crew:
        told = inflict(kind, crew, tmp_path)
        with capsys.disabled():
            print(f"\nLABELYARD_TEST_SEED={crew.seed} {told}", file=sys.stderr)  # workers of xdist have no stdout
