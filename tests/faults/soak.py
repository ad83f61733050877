"""`make soak`: people at work and one random fault after the other, for LABELYARD_SOAK_MINUTES (10).

Prints a line for each fault, and where anything disagrees with the ledger what it is; the exit status is then 1.
LABELYARD_TEST_SEED repeats the choices of an earlier run.
"""

import os
import random
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

from tests.faults.crew import inflict, make_crew, new_seed
from tests.faults.kinds import KINDS
from tests.faults.proxy import put_between
from tests.support import temporary_system


def main() -> int:
    """The number of faults after which something did not agree; the first one ends it."""
    minutes, seed = float(os.environ.get("LABELYARD_SOAK_MINUTES") or 10), new_seed()
    say(f"LABELYARD_TEST_SEED={seed} LABELYARD_SOAK_MINUTES={minutes:g}")
    chance, done = random.Random(seed), Counter[str]()
    with temporary_system("soak") as system, tempfile.TemporaryDirectory() as folder:
        put_between(system)
        system.up(say=say)
        with make_crew(system, seed) as crew:
            end = time.monotonic() + 60 * minutes
            while time.monotonic() < end:
                kind = chance.choice(KINDS)
                there = Path(folder, str(done.total()))
                there.mkdir()
                try:
                    say(inflict(kind, crew, there))
                except Exception:
                    traceback.print_exc()
                    for program in system.supervisor.states():
                        say(f"--- {program.name} ({program.state})\n{system.supervisor.last_lines(program.name)}")
                    say(f"{kind.name}: something does not agree; LABELYARD_TEST_SEED={seed} repeats the choices")
                    return 1
                done[kind.name] += 1
            say(f"{done.total()} faults, {len(crew.ledger)} actions acknowledged: everything agrees")
    for name, times in sorted(done.items()):
        say(f"{times:4} {name}")
    return 0


def say(line: str) -> None:
    """Tells it now and not when the buffer is full."""
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
