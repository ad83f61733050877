"""`python -m benchmarks.live`: see the package."""

import argparse
import bisect
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import UUID

from rich.console import Console
from rich.table import Table

from benchmarks.measuring import ProcessorTime, machine, percentile
from client import Labelyard
from contracts.enums import Review, Status
from deploy.local.system import System
from tests.support import temporary_system

WAITING = ((Status.IN_PROGRESS, Review.NOT_SUBMITTED),)
STREAMS = 200
SHAPES = {"20 projects, 10 streams each": 20, "one hot project, 200 streams": 1}
CLIENTS = 8

console = Console(highlight=False, soft_wrap=True, width=120)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures and prints; never judges."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.live", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="of each shape (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=100, help="submits a second (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))  # what was started is stopped on the way out
    facts = machine()
    given = {"LABELYARD_GATEWAY_THREADS": str(STREAMS + 64), "LABELYARD_STREAMS_MAX": str(STREAMS)}
    with temporary_system("live", given) as system, ExitStack() as stack:
        system.up(say=_say)
        os.environ.update(system.environment)
        owner = stack.enter_context(Labelyard(system.url))
        owner.login(*system.owner)
        token = owner.create_token("benchmark")["secret"] or ""
        from benchmarks.live.floor import two_messages

        _say("the floor: two messages, bare")
        floor = [1000 * each for each in two_messages(options.rate, 10)]
        runs = [
            _run(system, owner, token, shape, count, options.rate, options.seconds) for shape, count in SHAPES.items()
        ]
        closed = _as_many_as_possible(system, owner, token)
    _print(facts, floor, runs, closed)
    if options.json:
        floors = {f"p{percent}": percentile(floor, percent) for percent in (50, 99)}
        figures = {"machine": facts, "floor": floors, "runs": runs, "as many as possible": closed}
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


def _run(
    system: System, owner: Labelyard, token: str, shape: str, count: int, rate: float, seconds: float
) -> dict[str, Any]:
    """Steady submits over `count` projects, STREAMS streams, and now and then an overview."""
    _say(f"{shape}: loading")
    lanes_each = max(1, 20 // count)
    lanes: list[dict[str, Any]] = []
    for number in range(count):
        lanes += _lanes(owner, f"{shape} {number}", lanes_each, int(rate * seconds / 20) + 1)
    projects = list(dict.fromkeys(lane["project"] for lane in lanes))
    idle = _overviews(owner, projects[0], 100)
    streams = _program("benchmarks.live.streams")
    _tell(streams, {"url": system.url, "token": token, "projects": projects * (STREAMS // count)})
    assert streams.stdout is not None
    assert streams.stdout.readline() == "open\n"
    _say(f"{shape}: measuring for {seconds:g} s")
    used = ProcessorTime(system)
    submits = _program("benchmarks.live.submits")
    _tell(submits, {"url": system.url, "token": token, "rate": rate, "seconds": seconds, "lanes": lanes})
    overviews: list[float] = []
    over = threading.Event()
    asking = threading.Thread(target=lambda: overviews.extend(_overviews_until(owner, projects[0], over)))
    asking.start()
    done = json.loads(submits.communicate()[0])
    over.set()
    asking.join()
    processors = used.since()
    time.sleep(2)  # for the last states to come
    seen = json.loads(streams.communicate()[0])
    after_answer, since_sent, missing = _latencies(lanes, done["lanes"], projects * (STREAMS // count), seen)
    return {
        "shape": shape,
        "submits": sum(map(len, done["lanes"])),
        "refused": done["refused"],
        "never seen": missing,
        "after the answer": _percentiles(after_answer),
        "since it was sent": _percentiles(since_sent),
        "submit": _percentiles([answered - sent for lane in done["lanes"] for sent, answered in lane]),
        "overview idle": _percentiles(idle),
        "overview": _percentiles(overviews),
        "processors": processors,
    }


def _latencies(
    lanes: Sequence[Mapping[str, Any]], done: Sequence[Sequence[Sequence[float]]], watched: Sequence[str], seen: Any
) -> tuple[list[float], list[float], int]:
    """Seconds from the n-th answer, and from its request, to the first message that counts n; and how many had none."""
    by_project: dict[str, list[tuple[float, float]]] = {}
    for lane, times in zip(lanes, done, strict=True):
        by_project.setdefault(lane["project"], []).extend((answered, sent) for sent, answered in times)
    after_answer, since_sent, missing = [], [], 0
    for project, states in zip(watched, seen, strict=True):
        counts = [count for count, _ in states]
        for number, (answered, sent) in enumerate(sorted(by_project[project]), 1):
            place = bisect.bisect_left(counts, number)
            if place == len(states):
                missing += 1
                continue
            after_answer.append(states[place][1] - answered)
            since_sent.append(states[place][1] - sent)
    return after_answer, since_sent, missing


def _as_many_as_possible(system: System, owner: Labelyard, token: str, seconds: float = 10) -> dict[str, Any]:
    """CLIENTS clients that submit one label after the other."""
    _say(f"{CLIENTS} clients without a pause")
    lanes = _lanes(owner, "as many as possible", CLIENTS, int(100 * seconds))
    used = ProcessorTime(system)
    submits = _program("benchmarks.live.submits")
    _tell(submits, {"url": system.url, "token": token, "rate": None, "seconds": seconds, "lanes": lanes})
    done = json.loads(submits.communicate()[0])
    times = [answered - sent for lane in done["lanes"] for sent, answered in lane]
    return {
        "clients": CLIENTS,
        "submits a second": len(times) / seconds,
        "submit": _percentiles(times),
        "processors": used.since(),
    }


def _lanes(owner: Labelyard, name: str, lanes: int, labels: int) -> list[dict[str, Any]]:
    """A new project with so many labels for each of its lanes, all of them counted."""
    from benchmarks.load import load

    project = owner.create_project(name, [{"name": f"class {n}", "annotation_type": "box"} for n in range(10)])
    person = UUID(
        owner.add_member(project["id"], "labeler@example.com", "labeler", name="Labeler", password=name)["user"]["id"]
    )
    class_ids = [each["id"] for each in project["specification"]["object_classes"]]
    ids = [str(each) for each in load(UUID(project["id"]), class_ids, [person], lanes * labels, WAITING)]
    while _total(owner, project["id"]) < len(ids):
        time.sleep(0.1)
    return [{"project": project["id"], "labels": ids[start::lanes]} for start in range(lanes)]


def _total(api: Labelyard, project_id: str) -> int:
    card = api.overview(project_id)["cards"]["labeling_status"]
    return card["data"]["total"] if card["state"] == "ok" else 0


def _overviews(api: Labelyard, project_id: str, times: int) -> list[float]:
    return [_overview(api, project_id) for _ in range(times)]


def _overviews_until(api: Labelyard, project_id: str, over: threading.Event) -> list[float]:
    took = []
    while not over.wait(0.2):
        took.append(_overview(api, project_id))
    return took


def _overview(api: Labelyard, project_id: str) -> float:
    started = time.monotonic()
    api.overview(project_id)
    return time.monotonic() - started


def _program(module: str) -> subprocess.Popen[str]:
    return subprocess.Popen((sys.executable, "-m", module), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _tell(program: subprocess.Popen[str], what: dict[str, Any]) -> None:
    assert program.stdin is not None
    program.stdin.write(json.dumps(what) + "\n")
    program.stdin.flush()


def _percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """In milliseconds."""
    return {f"p{percent}": 1000 * percentile(seconds, percent) for percent in (50, 99)}


def _print(
    facts: Mapping[str, str], floor: Sequence[float], runs: Sequence[Mapping[str, Any]], closed: Mapping[str, Any]
) -> None:
    console.print()
    console.print(", ".join(f"{name}: {value}" for name, value in facts.items()))
    floors = {f"p{percent}": percentile(floor, percent) for percent in (50, 99)}
    console.print(f"floor, two messages bare: p50 {floors['p50']:.1f} ms, p99 {floors['p99']:.1f} ms")
    for run in runs:
        title = f"{run['shape']}: {run['submits']:,} submits, {run['refused']} refused, {run['never seen']} never seen"
        table = Table("milliseconds", "p50", "p99", title=title, title_justify="left", box=None, pad_edge=False)
        for name in ("after the answer", "since it was sent", "submit", "overview idle", "overview"):
            table.add_row(name, *(f"{value:.1f}" for value in run[name].values()))
        console.print()
        console.print(table)
        seen = run["after the answer"]
        console.print(f"÷ floor: p50 {seen['p50'] / floors['p50']:.1f}, p99 {seen['p99'] / floors['p99']:.1f}")
        console.print(_processors(run["processors"]))
    console.print()
    console.print(
        f"{closed['clients']} clients without a pause: {closed['submits a second']:.0f} submits a second,"
        f" p50 {closed['submit']['p50']:.1f} ms, p99 {closed['submit']['p99']:.1f} ms"
    )
    console.print(_processors(closed["processors"]))


def _processors(used: Mapping[str, float]) -> str:
    """Who used how much of a processor."""
    most = sorted(used.items(), key=lambda each: -each[1])
    return "processors: " + ", ".join(f"{name} {share:.2f}" for name, share in most if share >= 0.01)


def _say(step: str) -> None:
    console.print(f"[dim]{step}[/]")


if __name__ == "__main__":
    main()
