"""The supervisor, with programs that need no server."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.local.errors import LocalError
from deploy.local.programs import Program
from deploy.local.supervisor import Supervisor


def sleeper(name: str, **environment: str) -> Program:
    code = "import os, time; print(sorted(os.environ), os.environ.get('WORD'), flush=True); time.sleep(600)"
    return Program(name, (sys.executable, "-c", code), Path("/"), environment)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def eventually(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    supervisor = Supervisor(tmp_path)
    yield supervisor
    supervisor.shutdown()


def test_a_killed_program_is_started_anew(supervisor: Supervisor) -> None:
    supervisor.apply([sleeper("one")], die_with_parent=True)
    eventually(lambda: supervisor.state("one").state == "RUNNING")
    first = supervisor.state("one").pid

    supervisor.kill("one")

    eventually(lambda: supervisor.state("one").pid not in (0, first))


def test_only_what_changed_is_replaced(supervisor: Supervisor) -> None:
    supervisor.apply([sleeper("kept"), sleeper("changed"), sleeper("removed")], die_with_parent=True)
    eventually(lambda: all(state.pid for state in supervisor.states()))
    before = {state.name: state.pid for state in supervisor.states()}

    supervisor.apply([sleeper("kept"), sleeper("changed", WORD="new"), sleeper("added")])

    eventually(lambda: all(state.pid for state in supervisor.states()))
    after = {state.name: state.pid for state in supervisor.states()}
    assert after.keys() == {"kept", "changed", "added"}
    assert after["kept"] == before["kept"]
    assert after["changed"] != before["changed"]


def test_values_come_through_as_they_are(supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABELYARD_SECRET", "of the caller")
    supervisor.apply([sleeper("one", WORD="50% a,b=c; 'd' \\ %(x)s")], die_with_parent=True)

    eventually(lambda: "50% a,b=c; 'd' \\ %(x)s" in supervisor.last_lines("one"))
    assert "LABELYARD_SECRET" not in supervisor.last_lines("one")


@pytest.mark.parametrize("value", ['a"b', "a\nb", "a ;b", "a #b"])
def test_what_cannot_be_written_is_refused(supervisor: Supervisor, value: str) -> None:
    with pytest.raises(LocalError, match="cannot take"):
        supervisor.apply([sleeper("one", WORD=value)])


def test_shutdown_ends_every_program(supervisor: Supervisor) -> None:
    supervisor.apply([sleeper("one"), sleeper("two")], die_with_parent=True)
    eventually(lambda: all(state.pid for state in supervisor.states()))
    pids = [state.pid for state in supervisor.states()]

    supervisor.shutdown()

    assert supervisor.pid() is None
    assert not any(is_alive(pid) for pid in pids)


def test_programs_end_with_their_supervisor(supervisor: Supervisor) -> None:
    supervisor.apply([sleeper("one")], die_with_parent=True)
    eventually(lambda: supervisor.state("one").state == "RUNNING")
    pid, supervisor_pid = supervisor.state("one").pid, supervisor.pid()
    assert supervisor_pid

    os.kill(supervisor_pid, signal.SIGKILL)

    eventually(lambda: not is_alive(pid))
