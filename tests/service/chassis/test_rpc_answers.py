"""A real RPC process behind a real broker: answers, typed errors, deadlines, replays, health, a clean stop."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from uuid import uuid4

import pytest

from chassis.rpc.client import RpcClient
from chassis.settings import settings
from contracts.errors import Problem
from contracts.rpc.projects import CreateProject, GetProject, ListProjects


@dataclass
class Process:
    """A running `rpc projects`."""

    popen: subprocess.Popen[bytes]
    health: str

    def ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.health}/readyz", timeout=5) as answer:
                return bool(json.load(answer)["ready"])
        except (urllib.error.URLError, ConnectionError):
            return False


@pytest.fixture
def process(settings_environment: dict[str, str]) -> Iterator[Process]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    popen = subprocess.Popen(
        [sys.executable, "-m", "chassis", "rpc", "projects"],
        env={**os.environ, "LABELYARD_HEALTH_PORT": str(port), "LABELYARD_RPC_WORKERS": "4"},
    )
    running = Process(popen, f"http://127.0.0.1:{port}")
    until = time.monotonic() + 60
    while not running.ready():
        assert popen.poll() is None and time.monotonic() < until, "it never became ready"
        time.sleep(0.05)
    yield running
    popen.kill()
    popen.wait()


@pytest.fixture
def client(settings_environment: dict[str, str]) -> Iterator[RpcClient]:
    settings.cache_clear()
    client = RpcClient()
    yield client
    client.close()


def new_project(**changes: object) -> CreateProject:
    return CreateProject.model_validate({"name": f"Cells {uuid4()}", "actor": uuid4(), **changes})


def test_answers_and_typed_errors(process: Process, client: RpcClient) -> None:
    odd = {"__type__": "x", "__value__": 1}  # what kombu's own JSON would choke on
    made = client.call(new_project(description=json.dumps(odd)), deadline=10)
    assert client.call(GetProject(project_id=made.id), deadline=10) == made
    with pytest.raises(Problem) as refusal:
        client.call(GetProject(project_id=uuid4()), deadline=10)
    assert refusal.value.code == "not_found"
    with pytest.raises(Problem) as refusal:
        client.call(new_project(name=made.name), deadline=10)
    assert refusal.value.code == "name_taken"


def test_the_same_command_again_changes_nothing(process: Process, client: RpcClient) -> None:
    command = new_project(idempotency_key=f"key {uuid4()}")
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: client.call(command, deadline=20), range(16)))
    assert len({answer.id for answer in answers}) == 1
    other = command.model_copy(update={"name": f"Another {uuid4()}"})
    with pytest.raises(Problem) as refusal:
        client.call(other, deadline=10)
    assert refusal.value.code == "idempotency_mismatch"


def test_nobody_waits_longer_than_the_deadline_and_expired_calls_are_not_carried_out(
    process: Process, client: RpcClient
) -> None:
    process.popen.send_signal(signal.SIGSTOP)
    late = new_project()
    with pytest.raises(Problem) as refusal:
        client.call(late, deadline=0.5)
    assert refusal.value.code == "deadline_exceeded"
    time.sleep(0.2)
    process.popen.send_signal(signal.SIGCONT)
    page = client.call(ListProjects(everything=True, name=late.name), deadline=20)
    assert page.items == ()


def test_a_fan_out_runs_side_by_side(process: Process, client: RpcClient) -> None:
    made = [client.call(new_project(), deadline=10) for _ in range(3)]
    calls = [client.send(GetProject(project_id=each.id), deadline=10) for each in made]
    assert [call.result().id for call in calls] == [each.id for each in made]


def test_a_term_signal_stops_it_cleanly(process: Process, client: RpcClient) -> None:
    client.call(new_project(), deadline=10)
    process.popen.terminate()
    assert process.popen.wait(timeout=30) == 0
