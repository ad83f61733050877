"""`python -m benchmarks.overview`: see the package."""

import argparse
import http.client
import json
import math
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx
from rich.console import Console
from rich.table import Table

from benchmarks.measuring import machine, percentile
from client import Labelyard
from client.types import ObjectClassDraft, ProjectRole
from deploy.local.state import REPOSITORY
from deploy.local.system import System
from tests.support import temporary_system

SIZES = (1_000, 10_000, 100_000)
CLASSES = 10
LABELERS = 5
PASSWORD = "a password for benchmarks"
WARM_UP = 100
PARTS = 4  # services that answer for an overview

KINDS = {
    "empty": "/empty/{}",
    "bare": "/bare/{}",
    "overview": "/api/v1/projects/{}/overview",
}
"""What is asked for, by its path for a project: two floors (see `app`), and the overview."""

Paths = Mapping[tuple[int, str], str]
"""What is asked for, by size and kind (KINDS)."""

Times = dict[tuple[int, str], list[float]]
"""How long each answer took, in milliseconds; infinitely long where it lacked something."""

console = Console(highlight=False, soft_wrap=True, width=120)  # the tables' width, also where it is no terminal


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures and prints; never judges."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overview", description=__doc__)
    parser.add_argument("--requests", type=int, default=1000, help="of each kind and size (default: %(default)s)")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="labels of each project")
    parser.add_argument("--clients", type=int, nargs="+", default=(1, 8), help="at a time; each is a run of its own")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))  # what was started is stopped on the way out
    facts = machine()
    with temporary_system("benchmark") as system, ExitStack() as stack:
        system.up(say=_say)
        token, projects = _projects(stack, system, options.sizes)
        url = stack.enter_context(_gateway_with_floors(system))
        paths = {
            (size, kind): path.format(project) for size, project in projects.items() for kind, path in KINDS.items()
        }
        runs = []
        for clients in options.clients:
            _say(f"measuring with {clients} client(s)")
            runs.append(_figures(clients, _measure(url, token, paths, clients, options.requests)))
    _print(facts, runs)
    if options.json:
        options.json.write_text(json.dumps({"machine": facts, "runs": runs}, indent=1) + "\n")


def _projects(stack: ExitStack, system: System, sizes: Sequence[int]) -> tuple[str, dict[int, str]]:
    """A project of each size, and a token of somebody who manages them all."""
    os.environ.update(system.environment)  # the loader writes where the labels service does
    from benchmarks.load import load

    owner = stack.enter_context(Labelyard(system.url))
    owner.login(*system.owner)
    projects = {}
    for size in sizes:
        _say(f"loading {size:,} labels")
        drafts: list[ObjectClassDraft] = [
            {"name": f"class {number}", "annotation_type": "box"} for number in range(CLASSES)
        ]
        project = owner.create_project(f"{size:,} labels", drafts)
        projects[size] = project["id"]
        people: dict[str, ProjectRole] = {"manager": "manager"}
        people |= dict.fromkeys((f"labeler{number}" for number in range(LABELERS)), "labeler")
        added = [
            owner.add_member(project["id"], f"{name}@example.com", role, name=name, password=PASSWORD)
            for name, role in people.items()
        ]
        labelers = [UUID(member["user"]["id"]) for member in added if member["role"] == "labeler"]
        class_ids = [each["id"] for each in project["specification"]["object_classes"]]
        load(UUID(project["id"]), class_ids, labelers, size)
        while _counted(owner, project["id"]) < size:
            time.sleep(0.2)
    manager = stack.enter_context(Labelyard(system.url))
    manager.login("manager@example.com", PASSWORD)
    return manager.create_token("benchmark")["secret"] or "", projects


def _counted(api: Labelyard, project_id: str) -> int:
    card = api.overview(project_id)["cards"]["labeling_status"]
    return card["data"]["total"] if card["state"] == "ok" else 0


@contextmanager
def _gateway_with_floors(system: System) -> Iterator[str]:
    """One more gateway, configured as every other, that also answers for the floors; its address."""
    port = system.state.port("gateway with floors")
    environment = system.process_environment() | {"LABELYARD_GATEWAY_PORT": str(port)}
    gunicorn = ("gunicorn", "--config", "python:gateway.gunicorn", "benchmarks.overview.app:app")
    empty = ("benchmarks.overview.empty",)
    log = system.supervisor.logs / "floors.log"
    with ExitStack() as stack:
        out = stack.enter_context(log.open("wb"))
        for command in (gunicorn, *[empty] * PARTS):
            process = subprocess.Popen(
                (sys.executable, "-m", *command), cwd=REPOSITORY, env=environment, stdout=out, stderr=out
            )
            stack.callback(process.wait)
            stack.callback(process.terminate)
        url = f"http://127.0.0.1:{port}"
        while not _answers(url):
            if process.poll() is not None:
                sys.exit(f"the floors did not come up:\n{log.read_text()}")
            time.sleep(0.1)
        yield url


def _answers(url: str) -> bool:
    try:
        return httpx.get(url + KINDS["empty"]).status_code == 200
    except httpx.TransportError:
        return False


def _measure(url: str, token: str, paths: Paths, clients: int, requests: int) -> Times:
    """Everything once a round, in any order, so that whatever else the machine does befalls all alike."""
    with ThreadPoolExecutor(clients) as pool:
        shares = [pool.submit(_ask, url, token, paths, -(-requests // clients)) for _ in range(clients)]
    times: Times = {key: [] for key in paths}
    for share in shares:
        for key, values in share.result().items():
            times[key] += values
    return times


def _ask(url: str, token: str, paths: Paths, rounds: int) -> Times:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    headers = {"Authorization": f"Bearer {token}"}
    times: Times = {key: [] for key in paths}
    for number in range(-WARM_UP, rounds):
        for key, path in random.sample(list(paths.items()), len(paths)):
            started = time.perf_counter()
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            body = response.read()
            milliseconds = (time.perf_counter() - started) * 1000
            whole = response.status == 200 and b'"unavailable"' not in body
            if number >= 0:
                times[key].append(milliseconds if whole else math.inf)
    return times


def _figures(clients: int, times: Times) -> dict[str, Any]:
    """Percentiles in milliseconds, and how many times those of the floors the overview's are."""
    sizes = sorted({size for size, _ in times})
    rows = []
    for size in sizes:
        row: dict[str, Any] = {"labels": size}
        for percent in (50, 99):
            found = {kind: percentile(times[size, kind], percent) for kind in KINDS}
            row |= {f"{kind} p{percent}": value for kind, value in found.items()}
            row |= {f"÷ {kind} p{percent}": found["overview"] / found[kind] for kind in KINDS if kind != "overview"}
        row["failed"] = sum(math.isinf(value) for kind in KINDS for value in times[size, kind])
        rows.append(row)
    flatness = rows[-1]["overview p50"] / rows[0]["overview p50"]
    return {"clients": clients, "requests": len(times[sizes[0], "overview"]), "rows": rows, "flatness": flatness}


def _print(facts: Mapping[str, str], runs: Sequence[Mapping[str, Any]]) -> None:
    console.print()
    console.print(", ".join(f"{name}: {value}" for name, value in facts.items()))
    for run in runs:
        title = f"{run['clients']} client(s), {run['requests']} requests of each; milliseconds"
        table = Table(title=title, title_justify="left", box=None, pad_edge=False)
        for name in run["rows"][0]:
            table.add_column(name, justify="right")
        for row in run["rows"]:
            table.add_row(*(f"{value:,}" if isinstance(value, int) else f"{value:.2f}" for value in row.values()))
        console.print()
        console.print(table)
        first, last = run["rows"][0]["labels"], run["rows"][-1]["labels"]
        console.print(f"overview p50 at {last:,} labels: {run['flatness']:.2f} times that at {first:,}")


def _say(step: str) -> None:
    console.print(f"[dim]{step}[/]")


if __name__ == "__main__":
    main()
