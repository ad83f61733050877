"""Submits labels: `python -m benchmarks.live.submits`, told what on standard input.

In: a JSON line {"url", "token", "rate": submits a second of all together or null for as many as possible,
"seconds", "lanes": [{"project", "labels": […]}, …]}. Each lane is a client with a connection of its own, one request
at a time. Out: a JSON line with, for each lane, [[sent, answered], …] in seconds of the monotonic clock, and a count
of refusals.
"""

import http.client
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit


def main() -> None:
    """See the module."""
    told = json.loads(sys.stdin.readline())
    lanes = told["lanes"]
    start = time.monotonic() + 0.5
    pause = len(lanes) / told["rate"] if told["rate"] else 0.0
    with ThreadPoolExecutor(len(lanes)) as pool:
        done = list(
            pool.map(lambda each: _lane(told, each[1], start + each[0] * pause / len(lanes), pause), enumerate(lanes))
        )
    print(json.dumps({"lanes": [times for times, _ in done], "refused": sum(refused for _, refused in done)}))


def _lane(told: dict[str, Any], lane: dict[str, Any], start: float, pause: float) -> tuple[list[Any], int]:
    connection = http.client.HTTPConnection(urlsplit(told["url"]).netloc, timeout=30)
    headers = {"Authorization": f"Bearer {told['token']}", "Content-Type": "application/json"}
    times, refused = [], 0
    for number, label in enumerate(lane["labels"]):
        due = start + number * pause
        if max(due, time.monotonic()) > start + told["seconds"]:
            break
        time.sleep(max(0.0, due - time.monotonic()))
        sent = time.monotonic()
        connection.request("POST", f"/api/v1/projects/{lane['project']}/labels/{label}:submit", "{}", headers)
        response = connection.getresponse()
        response.read()
        if response.status == 200:
            times.append((sent, time.monotonic()))
        else:
            refused += 1
    return times, refused


if __name__ == "__main__":
    main()
