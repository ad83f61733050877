"""The supervisor: supervisord with a configuration that we write and a control socket of its own."""

import configparser
import contextlib
import ctypes
import io
import os
import shlex
import signal
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import SupervisorTransport

from deploy.local.errors import LocalError
from deploy.local.folders import make_folder, write_private
from deploy.local.programs import Program

STOPPED = {"STOPPED", "EXITED", "FATAL", "UNKNOWN"}


@dataclass(frozen=True)
class ProgramState:
    """One program as the supervisor sees it. `state` is supervisord's word (RUNNING, STARTING, …)."""

    name: str
    state: str
    pid: int
    since: int  # Unix seconds


class Supervisor:
    """Controls the supervisord of one installation; `folder` is the installation's."""

    def __init__(self, folder: Path) -> None:
        self.logs = folder / "logs"
        self._run = folder / "run"
        self._configuration = self._run / "supervisord.conf"
        self._socket = self._run / "supervisor.sock"
        self._pid_file = self._run / "supervisord.pid"

    def pid(self) -> int | None:
        """The process id of the running supervisord, or None."""
        with contextlib.suppress(OSError, xmlrpc.client.Error):
            return int(self._call("getPID"))
        return None

    def apply(self, programs: Iterable[Program], die_with_parent: bool = False) -> None:
        """Starts supervisord with these programs or, if it runs, replaces those that changed.

        With `die_with_parent` it stops, with all its programs, as soon as this Python process is gone.
        """
        make_folder(self._run, mode=0o700)
        make_folder(self.logs, mode=0o700)
        write_private(self._configuration, self._configuration_text(programs))
        if self.pid() is None:
            self._start(die_with_parent)
        else:
            self._replace_changed()

    def states(self) -> list[ProgramState]:
        return [
            ProgramState(info["name"], info["statename"], info["pid"], info["start"])
            for info in self._call("getAllProcessInfo")
        ]

    def state(self, name: str) -> ProgramState:
        return next(state for state in self.states() if state.name == name)

    def start(self, names: Iterable[str]) -> None:
        """Starts those of the programs that do not run; does not wait until they are ready."""
        states = {state.name: state.state for state in self.states()}
        for name in names:
            if states[name] in STOPPED:
                self._call("startProcess", name, False)

    def stop(self, names: Iterable[str]) -> None:
        """Stops programs, all at once, and waits until they have ended."""
        wanted = set(names)
        running = {state.name for state in self.states() if state.state not in STOPPED}
        for name in wanted & running:
            self._call("stopProcess", name, False)
        _wait(lambda: all(s.state in STOPPED for s in self.states() if s.name in wanted), "programs to stop")

    def kill(self, name: str) -> None:
        """Kills a program's process outright; the supervisor starts it anew."""
        os.kill(self.state(name).pid, signal.SIGKILL)

    def shutdown(self) -> None:
        """Stops everything that still runs, then supervisord itself."""
        pid = self.pid()
        if pid is not None:
            names = [state.name for state in self.states()]
            self.stop(names)
            for name in names:  # or supervisord would take a second for each on its way out
                self._call("removeProcessGroup", name)
            self._call("shutdown")
            _wait(lambda: not _runs(pid), "the supervisor to stop")

    def last_lines(self, name: str, lines: int = 15) -> str:
        """The end of a program's log."""
        with contextlib.suppress(FileNotFoundError):
            return "\n".join((self.logs / f"{name}.log").read_text(errors="replace").splitlines()[-lines:])
        return ""

    def _call(self, method: str, *arguments: Any) -> Any:
        transport = SupervisorTransport(None, None, f"unix://{self._socket}")
        with xmlrpc.client.ServerProxy("http://supervisor", transport=transport) as server:
            return getattr(server.supervisor, method)(*arguments)

    def _start(self, die_with_parent: bool) -> None:
        environment = {name: os.environ[name] for name in ("PATH", "HOME", "TZ") if name in os.environ}
        with (self.logs / "supervisord.out").open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", self._configuration],
                env=environment | {"LANG": "C.UTF-8"},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
                preexec_fn=_end_with_parent if die_with_parent else None,  # noqa: PLW1509  (no threads yet)
            )
        _wait(lambda: self.pid() is not None or process.poll() is not None, "the supervisor to start")
        if process.poll() is not None:
            said = (self.logs / "supervisord.out").read_text(errors="replace")
            raise LocalError(f"the supervisor did not start:\n{said}")

    def _replace_changed(self) -> None:
        [[added, changed, removed]] = self._call("reloadConfig")
        self.stop(changed + removed)
        for name in changed + removed:
            self._call("removeProcessGroup", name)
        for name in changed + added:
            self._call("addProcessGroup", name)

    def _configuration_text(self, programs: Iterable[Program]) -> str:
        configuration = configparser.ConfigParser(interpolation=None)
        configuration["supervisord"] = {
            "logfile": _value(self.logs / "supervisord.log"),
            "pidfile": _value(self._pid_file),
            "minfds": "4096",
        }
        if os.geteuid() == 0:
            configuration["supervisord"]["user"] = "root"
        configuration["unix_http_server"] = {"file": _value(self._socket), "chmod": "0700"}
        configuration["rpcinterface:supervisor"] = {
            "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
        }
        for program in programs:
            configuration[f"program:{program.name}"] = self._program_section(program)
        text = io.StringIO()
        configuration.write(text)
        return text.getvalue()

    def _program_section(self, program: Program) -> dict[str, str]:
        # Should supervisord itself be killed, its programs stop too instead of running on unwatched.
        command = ("setpriv", "--pdeathsig", program.stop_signal, "--", *program.command)
        environment = (_assignment(name, value) for name, value in sorted(program.environment.items()))
        section = {
            "command": _value(shlex.join(command)),
            "directory": _value(program.folder),
            "environment": ",".join(environment),
            "priority": str(program.rank),
            "autostart": str(program.starts_by_itself).lower(),
            "autorestart": "true",
            "startretries": "100",
            "stopsignal": program.stop_signal,
            "stopwaitsecs": str(program.stop_seconds),
            "killasgroup": "true",
            "redirect_stderr": "true",
            "stdout_logfile": _value(self.logs / f"{program.name}.log"),
            "stdout_logfile_maxbytes": "10MB",
            "stdout_logfile_backups": "3",
        }
        return section | ({"user": program.user} if program.user else {})


def _value(value: object) -> str:
    """`value` as supervisord's configuration wants it."""
    text = str(value)
    if any(mark in text for mark in ("\n", " ;", " #")):
        raise LocalError(f'the supervisor cannot take a line end, " ;" or " #" in a value: {text}')
    return text.replace("%", "%%")


def _assignment(name: str, value: str) -> str:
    """An environment variable, quoted as supervisord wants it; the value may be a secret and is not told."""
    if any(mark in value for mark in ('"', "\n", " ;", " #")) or value != value.strip("'"):
        raise LocalError(f'the supervisor cannot take a quote, a line end, " ;" or " #" in {name}')
    return f'{name}="{_value(value)}"'


def _end_with_parent() -> None:
    set_parent_death_signal = 1  # PR_SET_PDEATHSIG, prctl(2)
    ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGTERM)


def _runs(pid: int) -> bool:
    """Whether a process is there; one that ended and waits to be collected by us is collected."""
    with contextlib.suppress(ChildProcessError):
        return os.waitpid(pid, os.WNOHANG) == (0, 0)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _wait(condition: Callable[[], bool], what: str, seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise LocalError(f"waited {seconds:.0f} seconds in vain for {what}; `make logs` may say why")
        time.sleep(0.1)
