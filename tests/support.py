"""Real servers, and a whole running system, made by what `make up` uses, in a folder that goes away."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from deploy.local.state import State
from deploy.local.system import System


@contextlib.contextmanager
def temporary_system(name: str, given: Mapping[str, str] | None = None) -> Iterator[System]:
    """A system of which nothing runs yet, on ports and in a folder of its own, with the variables `given`.

    On leaving, everything that was started in it is stopped and its folder removed; should this process be
    killed, the supervisor stops everything by itself.
    """
    home = Path(tempfile.mkdtemp(prefix=f"labelyard-{name}-"))
    home.chmod(0o755)  # so that the servers' own users come through
    state = State.load_or_create(home)
    state.port("gateway")  # a private one: 8080 is for people
    system = System(state, given=given or {}, die_with_parent=True)
    try:
        yield system
    finally:
        system.down()
        system.state.purge()
        shutil.rmtree(home, ignore_errors=True)
