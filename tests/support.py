"""Real servers, and a whole running system, made by what `make up` uses, in a folder that goes away."""

import contextlib
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from chassis.objects import ERRORS, ObjectStore
from deploy.local.servers.rabbitmq import RabbitMQ
from deploy.local.servers.s3 import S3
from deploy.local.state import State
from deploy.local.system import System

UNLIMITED = {f"LABELYARD_RATE_LIMIT_{who}": "0" for who in ("USER", "TOKEN", "ADDRESS", "GUESSES")}
"""Tests and benchmarks ask from one address, as few people, and as much as they can."""


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
    system = System(state, given={**UNLIMITED, **(given or {})}, die_with_parent=True)
    try:
        yield system
    finally:
        system.down()
        system.state.purge()
        shutil.rmtree(home, ignore_errors=True)


def broker_of(system: System) -> RabbitMQ:
    """The system's own message broker."""
    [broker] = [server for server in system.servers if isinstance(server, RabbitMQ)]
    return broker


BLOCK = 4096  # JuiceFS counts whole ones


@contextlib.contextmanager
def full_store(system: System, store: ObjectStore, room: int = 0) -> Iterator[None]:
    """The object store takes no more than about `room` MiB while inside, and says why."""
    [server] = [server for server in system.servers if isinstance(server, S3)]
    used = sum(-(-each.size // BLOCK) * BLOCK for each in store.find()) >> 20
    probe = b"x" * ((room + 8) << 20)

    def is_full() -> bool:
        try:
            store.put("probe", probe)
        except ERRORS:
            return True
        store.delete("probe")
        return False

    server.limit(used + room + 1)
    try:
        _until(is_full)
        yield
    finally:
        server.limit(0)
        _until(lambda: not is_full())


def _until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, "the store heeds no limit"
        time.sleep(0.3)


@contextlib.contextmanager
def blocked_broker(system: System) -> Iterator[None]:
    """The broker takes no messages while inside: its memory alarm is raised, as when it holds more than it may."""
    broker = broker_of(system)
    broker.control("set_vm_memory_high_watermark", "0")
    try:
        yield
    finally:
        broker.control("set_vm_memory_high_watermark", "0.4")
