"""`python -m benchmarks.exports`: see the package."""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from rich.console import Console

from benchmarks.exports.held import held
from benchmarks.measuring import machine, peak, percentile
from client import Labelyard
from client.types import Export, ExportFormat, ObjectClassDraft
from deploy import keys
from deploy.local.state import REPOSITORY
from deploy.local.system import System
from tests.support import temporary_system

SMALL = 364  # labels, as many as the data set of blood cells has images
FLAT = 10_000  # labels that memory is compared with
FORMS: tuple[ExportFormat, ...] = ("native", "coco")
SNAPSHOT, WORKER = "labels-snapshot", "export-worker"
POLL = 0.02, 0.5  # seconds between two looks at an export, at first and later

console = Console(highlight=False, soft_wrap=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures and prints; never judges."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.exports", description=__doc__)
    parser.add_argument("--labels", type=int, default=1_000_000, help="of the large project (default: %(default)s)")
    parser.add_argument("--small", type=int, default=100, help="small exports by themselves (default: %(default)s)")
    parser.add_argument("--held", type=int, default=100_000, help="labels for held workers (default: %(default)s)")
    parser.add_argument("--share", type=float, default=0.125, help="of a processor that each of those gets")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))  # what was started is stopped on the way out
    facts = machine()
    with temporary_system("exports") as system, ExitStack() as stack:
        system.up(say=_say)
        api = stack.enter_context(Labelyard(system.url))
        api.login(*system.owner)
        bench = Bench(system, api)
        console.print(", ".join(f"{name}: {value}" for name, value in facts.items()))
        figures: dict[str, Any] = {}
        small = bench.project(SMALL)
        if options.small:
            alone = _times([bench.export(small, FORMS[n % 2]).seconds for n in range(options.small)])
            figures |= _shown("small", alone)
        if options.labels:
            figures |= _shown("large", _large(bench, small, options.labels, figures.get("small")))
        if options.held:
            figures |= _shown("held", _held(bench, options.held, options.share))
    if options.json:
        options.json.write_text(json.dumps({"machine": facts} | figures, indent=1) + "\n")


@dataclass(frozen=True)
class Run:
    """An export that is done: seconds from the request until it was seen to be, and of each of its steps."""

    export: Export
    seconds: float
    steps: dict[str, float]


class Bench:
    """A system, and somebody who exports."""

    def __init__(self, system: System, api: Labelyard) -> None:
        os.environ.update(system.environment)  # loader and floor work where the labels service does
        from benchmarks.exports import floor
        from benchmarks.load import copy
        from chassis.objects import ObjectStore
        from chassis.settings import settings

        settings.cache_clear()
        ObjectStore.shared.cache_clear()
        self.system, self._api = system, api
        self._copy: Callable[[UUID, Sequence[str], int], None] = copy
        self._floor = lambda project_id: floor.export(ObjectStore.shared(), project_id)

    def project(self, labels: int) -> str:
        """One with so many labels; its id."""
        _say(f"loading {labels:,} labels")
        drafts: list[ObjectClassDraft] = [{"name": f"class {n}", "annotation_type": "box"} for n in range(10)]
        project = self._api.create_project(f"{labels:,} labels", drafts)
        self._copy(UUID(project["id"]), [each["id"] for each in project["specification"]["object_classes"]], labels)
        self.export(project["id"], "native", skipped=True)  # whoever has yet to hear of the project has asked for it
        return project["id"]

    def export(self, project_id: str, form: ExportFormat, **options: bool) -> Run:
        """Make an export, watch it until it is done, and delete it."""
        began = time.perf_counter()
        made = self._api.create_export(project_id, form=form, options=options)
        steps: dict[str, float] = {}
        at = began
        while made["state"] in ("queued", "running"):
            step = made["step"] or ""
            time.sleep(min(max(POLL[0], (at - began) / 50), POLL[1]))  # each look takes a little from what is measured
            made = self._api.export(project_id, made["id"])
            now = time.perf_counter()
            steps[step] = steps.get(step, 0.0) + now - at
            at = now
        assert made["state"] == "done", made
        self._api.delete(f"/projects/{project_id}/exports/{made['id']}")
        return Run(made, at - began, steps)

    def floor(self, project_id: str) -> tuple[float, int]:
        """Seconds of the bare script, and the size of its document."""
        began = time.perf_counter()
        size = self._floor(UUID(project_id))
        return time.perf_counter() - began, size

    def restart(self) -> None:
        """Workers that have done nothing yet."""
        self.system.stop(SNAPSHOT, WORKER)
        self.system.start(SNAPSHOT, WORKER)

    def peaks(self) -> dict[str, float]:
        """The most memory that each worker has held, MiB."""
        return {
            state.name: peak(state.pid)
            for state in self.system.supervisor.states()
            if state.name in (SNAPSHOT, WORKER) and state.pid
        }

    @contextmanager
    def workers(self, number: int, share: float) -> Iterator[None]:
        """So many export workers, each held to its share of a processor, in place of the one that there is."""
        environment = self.system.process_environment()
        environment["LABELYARD_SIGNING_KEY"] = keys.of(("exports",), environment["LABELYARD_SIGNING_KEY"])
        command = (sys.executable, "-m", "chassis", "worker", "exports.export")
        self.system.stop(WORKER)
        with ExitStack() as stack:
            out = stack.enter_context((self.system.supervisor.logs / "held.log").open("ab"))
            pids = []
            for each in range(number):
                port = str(self.system.state.port(f"health held {each}"))
                own = environment | {"LABELYARD_HEALTH_PORT": port}
                process = subprocess.Popen(command, cwd=REPOSITORY, env=own, stdout=out, stderr=out)
                stack.callback(process.wait)
                stack.callback(process.kill)
                pids.append(process.pid)
                while not _is_ready(port):
                    time.sleep(0.2)
            for pid in pids:
                stack.enter_context(held(pid, share))
            yield
        self.system.start(WORKER)


def _large(bench: Bench, small: str, labels: int, alone: dict[str, float] | None) -> dict[str, Any]:
    """Speed against the floor and memory, and small exports beside."""
    flat, large = bench.project(FLAT), bench.project(labels)
    bench.restart()
    for form in FORMS:
        bench.export(flat, form)
    before = bench.peaks()
    bench.restart()
    _say("measuring the bare script, and the same document as an export")
    bare, size = bench.floor(large)
    native = bench.export(large, "native")
    _say(f"{bare:.1f} s and {native.seconds:.1f} s")
    assert 0 < (native.export["size"] or 0) - size < 100_000, "the floor did not write the same labels"
    _say("measuring COCO, with small exports beside")
    with ThreadPoolExecutor(1) as thread:
        running = thread.submit(bench.export, large, "coco")
        beside = []
        while not running.done():
            beside.append(bench.export(small, FORMS[len(beside) % 2]).seconds)
        coco = running.result()
    return {
        "labels": labels,
        "bytes": size,
        "bare seconds": bare,
        "native": {"seconds": native.seconds, "steps": native.steps, "ratio": bare / native.seconds},
        "coco": {"seconds": coco.seconds, "steps": coco.steps},
        "beside": _times(beside),
        "beside / alone": None if alone is None else _times(beside)["p95"] / alone["p95"],
        "peaks": {
            name: {"at 10,000": before[name], "at all": most, "ratio": most / before[name]}
            for name, most in bench.peaks().items()
        },
    }


def _held(bench: Bench, labels: int, share: float) -> dict[str, Any]:
    """COCO by two held workers against one."""
    project_id = bench.project(labels)
    found = {}
    for number in (1, 2):
        _say(f"measuring {number} worker(s), held to {share} of a processor each")
        with bench.workers(number, share):
            run = bench.export(project_id, "coco")
        found[number] = {"seconds": run.seconds, "steps": run.steps}
    own = [sum(found[n]["steps"].get(step, 0.0) for step in ("format", "assembly")) for n in (1, 2)]
    ratio = found[1]["seconds"] / found[2]["seconds"]
    figures = {"labels": labels, "share": share, "one": found[1], "two": found[2]}
    return figures | {"ratio": ratio, "without snapshot": own[0] / own[1]}


def _is_ready(port: str) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz").is_success
    except httpx.TransportError:
        return False


def _times(seconds: Sequence[float]) -> dict[str, float]:
    return {"exports": len(seconds), "p50": percentile(seconds, 50), "p95": percentile(seconds, 95)}


def _shown(name: str, figures: dict[str, Any]) -> dict[str, Any]:
    """A section's figures, which are printed at once: a run takes long."""
    figures = figures | {"load": os.getloadavg()[0]}
    _print({name: figures})
    return {name: figures}


def _print(figures: Any, depth: int = 0) -> None:
    """Nested figures, a line each."""
    for name, value in figures.items():
        if isinstance(value, dict):
            console.print(f"{'  ' * depth}{name}")
            _print(value, depth + 1)
        else:
            console.print(f"{'  ' * depth}{name:<20}{f'{value:,}' if isinstance(value, int) else f'{value:.2f}'}")


def _say(step: str) -> None:
    console.print(f"[dim]{step}[/]")


if __name__ == "__main__":
    main()
