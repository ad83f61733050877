"""Every kind of fault: what it does to a running system while people work, until all of it is there again."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from kombu import Connection

from chassis.database import RESTED
from chassis.outbox import encode
from chassis.settings import SERVICES
from client import Labelyard
from contracts.enums import Review, Status
from contracts.events import LabelChanged, LabelState
from deploy.local.processes import PROCESSES
from deploy.local.state import REPOSITORY
from deploy.local.system import System
from tests.e2e.support import eventually
from tests.faults.crew import STEPS, Crew, Kind, database, failed_messages, queues
from tests.faults.echo import Echo, publish, shuffle
from tests.faults.launch import WINDOWS
from tests.faults.load import Load
from tests.faults.proxy import Proxies
from tests.faults.support import all_ready, hold, kill, start_server
from tests.support import blocked_broker

ARGUMENTS = {process.name: process.arguments for process in PROCESSES}

# --- Killed and restarted -----------------------------------------------------------------------------


def _kill(process: str) -> Kind:
    def inflict(crew: Crew, load: Load, _: random.Random) -> None:
        with load.fault(*_away_without(process)):
            kill(crew.system, process)

    return Kind(f"kill -9 of {process}", inflict)


def _restart_server(server: str) -> Kind:
    def inflict(crew: Crew, load: Load, _: random.Random) -> None:
        with load.fault(*_away_without(server)):
            crew.system.stop(server)
            start_server(crew.system, server)

    return Kind(f"restart of {server}", inflict)


def _rolling_restart(crew: Crew, load: Load, chance: random.Random) -> None:
    """Every process is stopped in order and started anew, three at a time; which ones, chance decides."""
    names = chance.sample([process.name for process in PROCESSES], len(PROCESSES))
    for few in zip(names[::3], names[1::3], names[2::3], strict=True):
        with load.fault(*(away for name in few for away in _away_without(name))):
            crew.system.stop(*few)
            crew.system.start(*few)


def _away_without(name: str) -> tuple[str, ...]:
    """What can't answer for a while when a process or server goes."""
    if name in ("rabbitmq", "postgresql"):
        return SERVICES
    return (name,) if name in (*SERVICES, "gateway", "s3") else ()


def _cut(server: str) -> Kind:
    def inflict(crew: Crew, load: Load, chance: random.Random) -> None:
        [proxies] = [each for each in crew.system.servers if isinstance(each, Proxies)]
        for _ in range(chance.randint(3, 6)):
            with load.fault(*_away_without(server)):
                eventually(lambda: hold(proxies.cut(server) > 0, f"nobody is connected to {server}"))
                load.worked(chance.randint(1, 8))
        with load.fault(*_away_without(server)):
            proxies.drop(server)  # what nothing was sent on meanwhile
            all_ready(crew.system)
            time.sleep(RESTED)  # a connection that rests for less is used without a look at it

    return Kind(f"connections to {server} cut", inflict)


def _memory_alarm(crew: Crew, load: Load, _: random.Random) -> None:
    """The broker takes nothing from anybody, neither events nor calls nor answers, because it is short of memory."""
    with load.fault(*SERVICES):
        before = len(load.troubles)
        with blocked_broker(crew.system):
            eventually(lambda: hold(len(load.troubles) >= before + STEPS, "people are answered all the same"))
        all_ready(crew.system)


# --- Killed at a named moment -------------------------------------------------------------------------


@contextmanager
def started(system: System, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    """Another Python process of the system, that dies with this one at the latest."""
    process = subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", "--", sys.executable, "-m", *command],
        cwd=REPOSITORY,
        env=system.process_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    said = bytearray()
    assert process.stdout is not None
    out = process.stdout
    reader = threading.Thread(target=lambda: said.extend(out.read()), daemon=True)
    reader.start()
    try:
        yield process
    except AssertionError as error:
        error.add_note(f"{' '.join(command)} said:\n{said.decode(errors='replace')[-3000:]}")
        raise
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        reader.join(5)


def _window(window: str, process: str) -> Kind:
    def inflict(crew: Crew, load: Load, _: random.Random) -> None:
        with load.fault(*_away_without(process)):
            crew.system.stop(process)
            with started(crew.system, "tests.faults.launch", "stop", window, *ARGUMENTS[process]) as trapped:
                eventually(lambda: hold(is_stopped(trapped), f"{process} does not come to {window}"))
            crew.system.start(process)

    return Kind(f"kill -9 of {process} between {window}", inflict)


def is_stopped(process: subprocess.Popen[bytes]) -> bool:
    """Whether it has stopped itself."""
    assert process.poll() is None, f"it has ended with {process.returncode}"
    return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


# --- Events --------------------------------------------------------------------------------------------


def _echo(crew: Crew, load: Load, chance: random.Random) -> None:
    """Every event comes again and again, old ones after new ones."""
    with load.fault(), Echo(crew.system.environment["LABELYARD_AMQP_URL"], chance) as echo:
        load.worked(4 * STEPS)
    assert echo.said > len(echo.heard) > STEPS


def _disorder(crew: Crew, load: Load, chance: random.Random) -> None:
    """Events wait for who takes them, and come in any order when they come first."""
    consumers = {"projector": "analytics.projector.v1", "events": "exports.events.v1"}
    with load.fault():
        crew.system.stop(*consumers)
        load.worked(4 * STEPS)
        for queue in consumers.values():
            shuffle(crew.system.environment["LABELYARD_AMQP_URL"], queue, chance)
        crew.system.start(*consumers)


def _poison(crew: Crew, load: Load, _: random.Random) -> None:
    """Events that nobody can read, and one that nobody can store, among good ones."""
    url, mark = crew.system.environment["LABELYARD_AMQP_URL"], uuid4().hex
    unstorable = encode(_label_changed(uuid4(), objects={mark: 2**70}))
    bad = (
        b"\xff\xfe" + mark.encode(),
        f'{{"type": "labels.label.changed.v1", "mark": "{mark}", "data": {{"project_id": 1}}}}'.encode(),
        unstorable,
        f'{{"type": "labels.nobody.knows.v1", "mark": "{mark}", "data": {{}}}}'.encode(),
    )
    with load.fault():
        for body in bad:
            load.worked(2)
            publish(url, "labels.events", "label.changed.v1", body)

        def kept() -> None:
            found = [row for row in failed_messages(crew.system).values() if mark.encode() in bytes(row[-1])]
            bodies = {bytes(row[-1]) for row in found if row[0] == "analytics.projector.v1"}
            assert bodies == set(bad), f"kept {bodies}"

        eventually(kept)
        load.worked(STEPS)
    _forget(crew.system, mark)


def _killer(crew: Crew, load: Load, _: random.Random) -> None:
    """An event of which its consumer dies, however often it is started anew: the good ones beside it get through."""
    url, project_id = crew.system.environment["LABELYARD_AMQP_URL"], uuid4()
    event = _label_changed(project_id)
    with load.fault():
        crew.system.stop("projector")
        load.worked(STEPS)
        publish(url, "labels.events", "label.changed.v1", encode(event))
        load.worked(STEPS)
        with started(crew.system, "tests.faults.launch", "die", str(project_id), *ARGUMENTS["projector"]):

            def only_it_is_aside() -> None:
                assert not queues(crew.system)["analytics.projector.v1"], "events wait"
                assert _set_aside(crew.system, str(project_id)), "the event is nowhere"
                assert len(_set_aside(crew.system)) == 1, "good events are set aside too"

            eventually(only_it_is_aside, within=120)
            load.worked(STEPS)
        crew.system.start("projector")
    _forget(crew.system, str(project_id))


def _set_aside(system: System, mark: str = "") -> list[bytes]:
    """The bodies of messages that hold `mark` and could not be handled."""
    return [body for *_, body in failed_messages(system).values() if mark.encode() in bytes(body)]


def _forget(system: System, mark: str) -> None:
    """Drops every failed message that holds `mark`."""
    for service in SERVICES:
        with database(system, service) as connection:
            connection.execute("DELETE FROM failed_messages WHERE position(%s::bytea in body) > 0", [mark.encode()])


def _label_changed(project_id: UUID, **state: Any) -> LabelChanged:
    """An event of a project that there is not."""
    new = {"label_id": uuid4(), "version": 1, "status": Status.IN_PROGRESS, "review": Review.NOT_SUBMITTED}
    label = LabelState.model_validate({**new, "updated_at": datetime.now(UTC), **state})
    return LabelChanged(project_id=project_id, labels=(label,), cause="test")


# --- Replicas -----------------------------------------------------------------------------------------


def _side_by_side(crew: Crew, load: Load, chance: random.Random) -> None:
    """Four projectors, a project of which more is told than they can take, and one in which one thing happens."""
    url, system = crew.system.environment["LABELYARD_AMQP_URL"], crew.system
    deadlocks = _deadlocks(system)
    owner, over = crew.team.owner, threading.Event()
    with ExitStack() as stack:
        stack.enter_context(load.fault())
        echo = stack.enter_context(Echo(url, chance))
        load.worked(2 * STEPS)
        system.stop("projector")  # until there is a queue: an idle machine's projectors would never let it grow

        def flood() -> None:
            with Connection(url) as connection:
                while not over.is_set():
                    if queues(system)["analytics.projector.v1"] < HOT:
                        hot = [each for each in echo.heard if each[1] == "label.changed.v1"]
                        echo.say(connection, chance.choices(hot, k=HOT))

        flooding = stack.enter_context(ThreadPoolExecutor(1)).submit(flood)
        stack.callback(over.set)
        eventually(lambda: hold(queues(system)["analytics.projector.v1"] >= HOT, "the project is not hot yet"))
        for _ in range(3):
            stack.enter_context(started(system, "chassis", *ARGUMENTS["projector"]))
        system.start("projector")
        cold = owner.create_project(f"cold {uuid4().hex[:12]}")["id"]
        asset = next(iter(crew.team.manager.labels(crew.team.id)))["asset_id"]
        owner.add_labels(cold, assets=[asset])
        eventually(lambda: hold(_total(owner, cold) == 1, "the cold project is not counted"), within=120)
        assert flooding.running()
    flooding.result()
    assert _deadlocks(system) == deadlocks


HOT = 500
"""Events that wait, so that somebody has to wait behind them."""


def _total(api: Labelyard, project_id: str) -> int:
    card = api.overview(project_id)["cards"]["labeling_status"]
    return int(card["data"]["total"]) if card["state"] == "ok" else -1


def _deadlocks(system: System) -> int:
    """How many PostgreSQL has found in analytics' database so far."""
    with database(system, "analytics") as connection:
        row = connection.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()").fetchone()
    assert row is not None
    return int(row[0])


CONSUMERS = ("projector", "events", "labels-bulk", "labels-snapshot", "export-worker")
"""The processes that take what happens while people work: labels, uploads and exports."""

KINDS = (
    *(_kill(process.name) for process in PROCESSES),
    *(_restart_server(server) for server in ("rabbitmq", "postgresql", "s3")),
    *(_cut(server) for server in ("rabbitmq", "postgresql", "s3")),
    Kind("memory alarm of rabbitmq", _memory_alarm),
    *(_window(window, "events-labels") for window in WINDOWS[:3]),
    *(_window("effect and ack", process) for process in CONSUMERS),
    _window("commit and answer", "labels"),
    Kind("events twice, late and in any order", _echo),
    Kind("events in any order from the first", _disorder),
    Kind("poisoned events", _poison),
    Kind("an event that kills its consumer", _killer),
    Kind("projectors side by side", _side_by_side),
    Kind("rolling restart", _rolling_restart),
)
