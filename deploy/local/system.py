"""A whole Labelyard on this machine, brought up and down in order."""

import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import urllib3

from deploy import keys
from deploy.local.commands import run
from deploy.local.environment import OF_OWNERS, build, revision
from deploy.local.errors import LocalError
from deploy.local.processes import PROCESSES
from deploy.local.programs import Program
from deploy.local.state import REPOSITORY, State
from deploy.local.supervisor import ProgramState, Supervisor

READY_WITHIN = 120  # seconds, for a server or a process, on a slow machine
MOST_STARTS = 5  # of a program, while it is waited for

Say = Callable[[str], None]


@dataclass(frozen=True)
class Health:
    """A program's state, and whether it answers that it is ready (None for what cannot be asked)."""

    program: ProgramState
    ready: bool | None
    detail: str


class System:
    """One installation: its servers and Labelyard's processes under one supervisor."""

    def __init__(self, state: State, given: Mapping[str, str], die_with_parent: bool = False) -> None:
        self.state = state
        self.supervisor = Supervisor(state.folder)
        if self.supervisor.pid() is None:
            state.forget_taken_ports()
        self.environment, self.servers = build(state, given)
        self._die_with_parent = die_with_parent

    @property
    def url(self) -> str:
        """Where the gateway answers."""
        return self.environment["LABELYARD_PUBLIC_URL"]

    @property
    def owner(self) -> tuple[str, str]:
        """E-mail address and password of the first owner."""
        return self.environment["LABELYARD_OWNER_EMAIL"], self.environment["LABELYARD_OWNER_PASSWORD"]

    def up(self, say: Say) -> None:
        """Brings everything up and waits until it is ready; what runs as it should is left alone."""
        self.start_servers(say)
        now = revision(self.environment)
        if not self.state.is_done("prepared", for_=now):
            self.prepare(say)
            self.state.mark_done("prepared", for_=now)
        self.start_processes(say)

    def start_servers(self, say: Say) -> None:
        """Starts the servers that the environment does not replace, and waits for them."""
        if self.supervisor.pid() is None:
            for server in self.servers:
                server.prepare()
        self.supervisor.apply(self._programs(), self._die_with_parent)
        names = [program.name for server in self.servers for program in server.programs()]
        self.supervisor.start(names)
        waiting = [server for server in self.servers if not server.is_ready()]
        if waiting:
            say(f"starting {', '.join(server.name for server in waiting)}")
        self._wait_for({server.name: server.is_ready for server in waiting})
        for server in self.servers:
            server.set_up()

    def prepare(self, say: Say) -> None:
        """Migrates the databases, declares the topology and makes the first owner; all idempotent."""
        for what, module, *arguments in (
            ("migrating the databases", "chassis", "migrate"),
            ("declaring exchanges and queues", "chassis", "topology"),
            ("making the first owner", "services.members.setup"),
        ):
            say(what)
            self.run(module, *arguments)

    def start_processes(self, say: Say) -> None:
        """Starts Labelyard's own processes and waits until each answers that it is ready."""
        waiting = [process.name for process in PROCESSES if not self.is_ready(process.name)]
        if waiting:
            say(f"starting {', '.join(waiting)}")
        self.start(*waiting)

    def start(self, *processes: str) -> None:
        """Starts processes that were stopped and waits until they are ready."""
        self.supervisor.start(processes)
        self._wait_for({name: partial(self.is_ready, name) for name in processes})

    def stop(self, *processes: str) -> None:
        """Stops processes cleanly; they stay down until they are started."""
        self.supervisor.stop(processes)

    def run(self, module: str, *arguments: str) -> str:
        """Runs `python -m module` in the system's environment; gives back what it printed."""
        command = (sys.executable, "-m", module, *arguments)
        return run(*command, folder=REPOSITORY, environment=self.process_environment())

    def process_environment(self) -> dict[str, str]:
        """The whole environment of a Labelyard command: of a process too, but for its health port and OF_OWNERS."""
        # glibc gives back at once what is larger (docs/operators/scale.md)
        memory = {"MALLOC_MMAP_THRESHOLD_": "1048576"}
        return {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8", **memory, **self.environment}

    def is_ready(self, process: str) -> bool:
        return self._readiness(process)[0]

    def health(self) -> list[Health]:
        """Every program with its health, in the order in which they start."""
        order = [program.name for program in self._programs()]
        states = sorted(self.supervisor.states(), key=lambda state: order.index(state.name))
        with ThreadPoolExecutor(len(states)) as pool:
            return list(pool.map(self._health, states))

    def down(self) -> None:
        """Stops everything; the processes first, then the servers."""
        if self.supervisor.pid() is not None:
            self.supervisor.stop(process.name for process in PROCESSES)
            self.supervisor.stop(server.name for server in self.servers)
            self.supervisor.shutdown()

    def _programs(self) -> list[Program]:
        environment = self.process_environment() | {"LABELYARD_REVISION": revision(self.environment)}
        environment = {name: value for name, value in environment.items() if not name.endswith(OF_OWNERS)}
        programs = [program for server in self.servers for program in server.programs()]
        return programs + [
            Program(
                name=process.name,
                command=(sys.executable, "-m", "chassis", *process.arguments),
                folder=REPOSITORY,
                environment=environment
                | {
                    "LABELYARD_HEALTH_PORT": str(self._health_port(process.name)),
                    "LABELYARD_SIGNING_KEY": keys.of(process.issuers, environment["LABELYARD_SIGNING_KEY"]),
                },
                starts_by_itself=False,
            )
            for process in PROCESSES
        ]

    def _health_port(self, process: str) -> int:
        return self.state.port(f"health {process}")

    def _readiness(self, process: str) -> tuple[bool, str]:
        """Whether a process is ready and, if not, what it says is missing."""
        address = f"http://127.0.0.1:{self._health_port(process)}/readyz"
        try:
            answer = urllib3.request("GET", address, timeout=2, retries=False)
        except urllib3.exceptions.HTTPError:
            return False, "no answer"
        if answer.status == 200:
            return True, ""
        missing = [name for name, there in answer.json()["dependencies"].items() if not there]
        return False, f"waits for {', '.join(missing)}" if missing else "not ready yet"

    def _health(self, program: ProgramState) -> Health:
        if program.name in {process.name for process in PROCESSES}:
            return Health(program, *self._readiness(program.name))
        for server in self.servers:
            if server.name == program.name:
                return Health(program, server.is_ready(), "")
        return Health(program, None, "")

    def _wait_for(self, checks: Mapping[str, Callable[[], bool]]) -> None:
        """Waits until every check holds, and says which program does not come up.

        Waiting for a dependency is normal; ending and being started anew, again and again, is not.
        """
        missing = dict(checks)
        starts: dict[str, set[int]] = {name: set() for name in checks}
        end = time.monotonic() + READY_WITHIN
        while missing := {name: check for name, check in missing.items() if not check()}:
            for program in self.supervisor.states():
                if program.name in missing and program.pid:
                    starts[program.name].add(program.pid)
            dead = [name for name in missing if len(starts[name]) > MOST_STARTS]
            if dead or time.monotonic() > end:
                name = (dead or list(missing))[0]
                log, lines = self.supervisor.logs / f"{name}.log", self.supervisor.last_lines(name)
                raise LocalError(f"{name} does not come up. The end of its log, {log}:\n{lines}")
            time.sleep(0.2)
