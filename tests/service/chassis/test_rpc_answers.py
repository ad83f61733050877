"""Real RPC processes behind a real broker: answers, typed errors, deadlines, replays, health, a clean stop."""

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
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from uuid import uuid4

import psycopg
import pytest
from kombu import Queue
from kombu.message import Message

from chassis import context
from chassis.broker import connect
from chassis.rpc.client import RpcClient
from chassis.settings import settings
from contracts.errors import Problem
from contracts.permissions import Role
from contracts.rpc.labels import Actor, CreateUpload
from contracts.rpc.projects import CreateProject, GetProject, ListProjects
from tests.service.signing import SigningClient


@dataclass
class Process:
    """A running `rpc SERVICE`."""

    popen: subprocess.Popen[bytes]
    health: str

    def expired(self) -> float:
        """How many calls it has been given and has not carried out, since nobody waited for them any more."""
        with urllib.request.urlopen(f"{self.health}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        counts = [line for line in lines if "handled_seconds_count" in line and 'outcome="expired"' in line]
        return sum(float(line.rpartition(" ")[2]) for line in counts)

    def ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.health}/readyz", timeout=5) as answer:
                return bool(json.load(answer)["ready"])
        except (urllib.error.URLError, ConnectionError):
            return False


@contextmanager
def answering(service: str, workers: int) -> Iterator[Process]:
    """A process of the service, ready, with so many workers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    popen = subprocess.Popen(
        [sys.executable, "-m", "chassis", "rpc", service],
        env={**os.environ, "LABELYARD_HEALTH_PORT": str(port), "LABELYARD_RPC_WORKERS": str(workers)},
    )
    running = Process(popen, f"http://127.0.0.1:{port}")
    until = time.monotonic() + 60
    while not running.ready():
        assert popen.poll() is None and time.monotonic() < until, "it never became ready"
        time.sleep(0.05)
    try:
        yield running
    finally:
        popen.kill()
        popen.wait()


@pytest.fixture
def process(settings_environment: dict[str, str]) -> Iterator[Process]:
    with answering("projects", workers=4) as process:
        yield process


@pytest.fixture
def client(settings_environment: dict[str, str]) -> Iterator[RpcClient]:
    settings.cache_clear()
    client = SigningClient()
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
    assert process.expired() == 1  # it had been handed over before it expired


def test_calls_that_expire_while_the_only_worker_is_busy_are_not_carried_out(
    settings_environment: dict[str, str], client: RpcClient
) -> None:
    with (
        answering("projects", workers=1) as process,
        psycopg.connect(settings_environment["LABELYARD_PROJECTS_DSN"]) as database,
    ):
        database.execute("LOCK TABLE projects")
        long, late = new_project(), [new_project() for _ in range(5)]
        held = client.send(long, deadline=60)
        for call in [client.send(each, deadline=0.5) for each in late]:
            with pytest.raises(Problem) as refusal:
                call.result()
            assert refusal.value.code == "deadline_exceeded"
        assert not held.future.done()
        database.rollback()
        assert held.result().name == long.name
        for each in late:
            assert client.call(ListProjects(everything=True, name=each.name), deadline=20).items == ()
        assert process.popen.poll() is None


def test_what_a_call_asks_others_is_due_when_the_call_is(
    settings_environment: dict[str, str], client: RpcClient
) -> None:
    """labels gives projects two seconds; of a call that has less it passes on just that."""
    asked: list[float] = []
    upload = CreateUpload(project_id=uuid4(), filename="x.zip", size=1, actor=Actor(user_id=uuid4(), role=Role.OWNER))
    calls = Queue("rpc-projects", no_declare=True)  # which nobody else answers

    def take(message: Message) -> None:
        asked.append(message.headers["nameko.deadline"])

    with answering("labels", workers=1), connect() as broker:
        broker.channel().queue_purge(calls.name)
        with broker.Consumer(calls, on_message=take, no_ack=True, auto_declare=False):
            for _ in range(20):  # the first time labels may need longer than it has
                due = time.time() + 1.5
                with context.due(due), pytest.raises(Problem):
                    client.call(upload, deadline=30)
                with suppress(TimeoutError):
                    broker.drain_events(timeout=0.1)
                if due in asked:
                    break
        assert due in asked
        assert not [each for each in asked if each > due]


def test_a_fan_out_runs_side_by_side(process: Process, client: RpcClient) -> None:
    made = [client.call(new_project(), deadline=10) for _ in range(3)]
    calls = [client.send(GetProject(project_id=each.id), deadline=10) for each in made]
    assert [call.result().id for call in calls] == [each.id for each in made]


def test_a_call_that_loses_the_broker_while_it_is_sent_ends_once(process: Process, client: RpcClient) -> None:
    """The thread that reads the answers ends every open call then; the one that sends finds out, too."""
    with ThreadPoolExecutor(1) as thread, client._publish_lock:
        sending = thread.submit(client.send, ListProjects(everything=True), 0.5)
        while not client._waiters:
            time.sleep(0.01)
        client._lose()
        call = sending.result()
    with pytest.raises(Problem) as refusal:
        call.result()
    assert refusal.value.code == "unavailable"
    client.call(ListProjects(everything=True), deadline=20)


def test_who_is_stuck_while_sending_holds_up_nobody_beyond_their_deadline(process: Process, client: RpcClient) -> None:
    with ThreadPoolExecutor(8) as threads, client._publish_lock:
        calls = [threads.submit(client.call, ListProjects(everything=True), 0.3) for _ in range(8)]
        for call in calls:
            with pytest.raises(Problem) as refusal:
                call.result()
            assert refusal.value.code == "deadline_exceeded"
    client.call(ListProjects(everything=True), deadline=20)


def test_a_term_signal_stops_it_cleanly(process: Process, client: RpcClient) -> None:
    client.call(new_project(), deadline=10)
    process.popen.terminate()
    assert process.popen.wait(timeout=30) == 0
