"""A bulk action while somebody submits single labels."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.labels.making import Made, await_task
from benchmarks.measuring import percentile
from client import Labelyard
from client.types import Selection

QUIET = 200
"""Labels that are submitted before the task begins: what submitting takes by itself."""


def assign_beside_submits(made: Made, url: str, count: int) -> dict[str, Any]:
    """Has the `count` oldest labels in progress assigned, while the newest are submitted one by one.

    Seconds of the task, and percentiles of the milliseconds of a submit before it and beside it.
    """
    newest = _newest(made)
    quiet = [_submit(made.owner, made.project, next(newest)) for _ in range(QUIET)]
    over, beside = threading.Event(), list[float]()
    thread = threading.Thread(target=_submit_until, args=(made, url, newest, over.is_set, beside))
    labelers = [user for name, user in made.people.items() if name.startswith("labeler")]
    selection: Selection = {"filter": {"status": ["in_progress"]}, "order": "oldest", "limit": count}
    thread.start()
    started = time.perf_counter()
    task = await_task(made.owner, made.owner.bulk(made.project, selection, "assign_labeler", users=labelers))
    seconds = time.perf_counter() - started
    over.set()
    thread.join()
    submits = {"quiet": quiet, "beside": beside}
    return {
        "labels": task["total"],
        "seconds": seconds,
        **{
            f"{when} p{percent}": percentile(values, percent)
            for when, values in submits.items()
            for percent in (50, 95)
        },
    }


def _newest(made: Made) -> Iterator[str]:
    for label in made.owner.labels(made.project, status="in_progress", sort="-created_at"):
        yield label["id"]


def _submit_until(made: Made, url: str, ids: Iterator[str], over: Callable[[], bool], taken: list[float]) -> None:
    with Labelyard(url) as own:
        own.login(*made.signing_in)
        while not over():
            taken.append(_submit(own, made.project, next(ids)))


def _submit(api: Labelyard, project: str, label_id: str) -> float:
    started = time.perf_counter()
    api.act(project, label_id, "submit")
    return (time.perf_counter() - started) * 1000
