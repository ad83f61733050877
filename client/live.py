"""The live stream: server-sent events, read again from where they broke off.

Format: https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import httpx

from .transport import ATTEMPTS, NOT_NOW, ApiError, Transport, Unreachable, retry_after, to_error, wait_before
from .types import LiveMessage

SILENCE = 40.0  # seconds; the server sends a comment every 15


@dataclass(frozen=True)
class Event:
    """One dispatched event. `retry`: seconds that the server last asked to wait before a reconnection."""

    name: str
    data: str
    id: str | None
    retry: float | None


def parse(lines: Iterable[str]) -> Iterator[Event]:
    """Events of a stream of lines; comments and events without data are left out."""
    name, data, last_id, retry = "", list[str](), None, None
    for line in lines:
        if not line:
            if data:
                yield Event(name or "message", "\n".join(data), last_id, retry)
            name, data = "", []
            continue
        key, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if key == "data":
            data.append(value)
        elif key == "event":
            name = value
        elif key == "id":
            last_id = value
        elif key == "retry" and value.isdigit():
            retry = int(value) / 1000


def follow(
    transport: Transport, project_id: str, patience: float, waiting: Callable[[ApiError | Unreachable], None]
) -> Iterator[LiveMessage]:
    """See `Labelyard.live`."""
    last_id: str | None = None
    version, failures, pause, told = -1, 0, 0.0, False
    until = time.monotonic() + patience
    timeout = httpx.Timeout(10.0, read=SILENCE)
    while True:
        asked, opened = None, False
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last_id} if last_id else {})
        trouble: ApiError | Unreachable = Unreachable(transport.url, "the live stream ends at once")
        try:
            path = f"/projects/{project_id}/live"
            with transport.http.stream("GET", path, headers=headers, timeout=timeout) as response:
                if response.status_code >= 400:
                    response.read()
                    trouble = to_error(response)
                    if response.status_code not in NOT_NOW:
                        raise trouble
                    asked = retry_after(response)
                else:
                    opened = True
                    for event in parse(response.iter_lines()):
                        failures, last_id, pause, told = 0, event.id or last_id, event.retry or pause, False
                        message: LiveMessage = json.loads(event.data)
                        if event.name == "cards" and message["version"] >= version:
                            version = message["version"]
                            yield message
        except httpx.TransportError as error:
            trouble = Unreachable(transport.url, str(error) or type(error).__name__)
        failures += 1
        gone = isinstance(trouble, Unreachable) and failures >= ATTEMPTS
        if version < 0 and (gone or time.monotonic() >= until):
            raise trouble
        if not (opened or told):  # a stream that ends is nothing special, one that is not to be had is
            waiting(trouble)
            told = True
        time.sleep(max(pause, wait_before(failures, asked)))
