"""`python -m benchmarks.streams`: see the package."""

import argparse
import http.client
import json
import os
import random
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console
from rich.table import Table

from benchmarks.measuring import ProcessorTime, machine, percentile
from chassis.settings import Settings
from client import Labelyard
from deploy.local.system import System
from tests.support import temporary_system

IDLE, FULL, BESIEGED = "no streams", "full of streams", "full, and more try"
ASKED = {"overview": "/api/v1/projects/{}/overview", "labels": "/api/v1/projects/{}/labels"}
WARM_UP = 50
PRESSURE = 0.05  # seconds between two tries to get in

console = Console(highlight=False, soft_wrap=True, width=120)

Times = dict[tuple[str, str], list[float]]
"""Seconds that answers took, by what was going on and what was asked."""


class Gateway:
    """Where it is, who asks, and of which project."""

    def __init__(self, url: str, token: str, project: str) -> None:
        self.address = urlsplit(url).netloc
        self.project = project
        self.headers = {"Authorization": f"Bearer {token}"}

    def ask(self, connection: http.client.HTTPConnection, path: str) -> float:
        """How long the answer took."""
        started = time.perf_counter()
        connection.request("GET", path.format(self.project), headers=self.headers)
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status == 200 and b'"unavailable"' not in body, body
        return time.perf_counter() - started

    def stream(self) -> tuple[socket.socket, int]:
        """A stream that is being opened, and the status it is answered with."""
        host, _, port = self.address.partition(":")
        connection = socket.create_connection((host, int(port)))
        lines = [f"GET /api/v1/projects/{self.project}/live HTTP/1.1", f"Host: {self.address}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        return connection, int(connection.recv(100).split()[1])


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures and prints; never judges."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.streams", description=__doc__)
    parser.add_argument("--rounds", type=int, default=12, help="of each kind (default: %(default)s)")
    parser.add_argument("--requests", type=int, default=100, help="of each kind in a round (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))  # what was started is stopped on the way out
    facts = machine()
    with temporary_system("streams") as system, ExitStack() as stack:
        system.up(say=_say)
        os.environ.update(system.environment)
        cap = Settings().stream_cap
        owner = stack.enter_context(Labelyard(system.url))
        owner.login(*system.owner)
        project = owner.create_project("watched", [{"name": "cell", "annotation_type": "box"}])
        gateway = Gateway(system.url, owner.create_token("benchmark")["secret"] or "", project["id"])
        times, refused, used = _measure(system, gateway, cap, options.rounds, options.requests)
    figures = {
        f"{what}, {state}": {f"p{percent}": 1000 * percentile(values, percent) for percent in (50, 99)}
        for (state, what), values in times.items()
    }
    _print(facts, cap, figures, refused, used)
    if options.json:
        written = {"machine": facts, "streams": cap, "milliseconds": figures, "refused": refused, "processor": used}
        options.json.write_text(json.dumps(written, indent=1) + "\n")


def _measure(
    system: System, gateway: Gateway, cap: int, rounds: int, requests: int
) -> tuple[Times, int, dict[str, float]]:
    """Times of answers, how many streams were refused, and the gateway's share of a processor."""
    connection = http.client.HTTPConnection(gateway.address, timeout=60)
    for path in list(ASKED.values()) * WARM_UP:
        gateway.ask(connection, path)
    times: Times = {(state, what): [] for what in ASKED for state in (IDLE, FULL, BESIEGED)}
    spent: dict[str, list[float]] = {state: [] for state in (IDLE, FULL, BESIEGED)}
    refused = 0
    order = [IDLE, FULL, BESIEGED] * rounds
    random.shuffle(order)
    for number, state in enumerate(order, 1):
        _say(f"{number} of {len(order)}: {state}")
        with ExitStack() as stack:
            if state != IDLE:
                stack.enter_context(_full(gateway, cap))
            knocks = stack.enter_context(_knocking(gateway)) if state == BESIEGED else []
            used = ProcessorTime(system)
            for _ in range(requests):
                for what, path in random.sample(list(ASKED.items()), len(ASKED)):
                    times[state, what].append(gateway.ask(connection, path))
            spent[state].append(used.since()["gateway"])
        refused += len(knocks)
        assert set(knocks) <= {503}, knocks
    return times, refused, {state: sum(shares) / len(shares) for state, shares in spent.items()}


@contextmanager
def _full(gateway: Gateway, cap: int) -> Iterator[None]:
    """As many streams as there may be, read by nobody: what is sent is little, and waits in their sockets."""
    with ExitStack() as stack:
        for _ in range(cap):
            while True:  # those of the round before may not have ended yet
                stream, status = gateway.stream()
                if status == 200:
                    stack.callback(stream.close)
                    break
                stream.close()
                time.sleep(0.1)
        yield


@contextmanager
def _knocking(gateway: Gateway) -> Iterator[list[int]]:
    """One more stream is asked for, again and again; the statuses that it got."""
    statuses: list[int] = []
    over = threading.Event()

    def knock() -> None:
        while not over.wait(PRESSURE):
            stream, status = gateway.stream()
            stream.close()
            statuses.append(status)

    thread = threading.Thread(target=knock)
    thread.start()
    try:
        yield statuses
    finally:
        over.set()
        thread.join()


def _print(
    facts: dict[str, str], cap: int, figures: dict[str, dict[str, float]], refused: int, used: dict[str, float]
) -> None:
    console.print()
    console.print(", ".join(f"{name}: {value}" for name, value in facts.items()))
    title = f"{cap} streams at most; {refused} more were refused; milliseconds"
    table = Table("", "p50", "p99", "÷ idle p50", "÷ idle p99", title=title, title_justify="left", box=None)
    for what in ASKED:
        idle = figures[f"{what}, {IDLE}"]
        for state in (IDLE, FULL, BESIEGED):
            row = figures[f"{what}, {state}"]
            ratios = [f"{row[percent] / idle[percent]:.2f}" for percent in ("p50", "p99")]
            table.add_row(f"{what}, {state}", f"{row['p50']:.2f}", f"{row['p99']:.2f}", *ratios)
    console.print(table)
    shares = ", ".join(f"{state} {share:.2f}" for state, share in used.items())
    console.print(f"the gateway's share of a processor: {shares}")


def _say(step: str) -> None:
    console.print(f"[dim]{step}[/]")


if __name__ == "__main__":
    main()
