"""The live stream: server-sent events, read again from where they broke off.

Format: https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
"""

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import httpx

from .transport import ATTEMPTS, NOT_NOW, Transport, Unreachable, retry_after, to_error, wait_before
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


def follow(transport: Transport, project_id: str) -> Iterator[LiveMessage]:
    """See `Labelyard.live`."""
    last_id: str | None = None
    version, failures, pause = -1, 0, 0.0
    timeout = httpx.Timeout(10.0, read=SILENCE)
    while True:
        asked = None
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last_id} if last_id else {})
        try:
            path = f"/projects/{project_id}/live"
            with transport.http.stream("GET", path, headers=headers, timeout=timeout) as response:
                if response.status_code >= 400:
                    response.read()
                    if response.status_code not in NOT_NOW:
                        raise to_error(response)
                    asked = retry_after(response)
                else:
                    for event in parse(response.iter_lines()):
                        failures, last_id, pause = 0, event.id or last_id, event.retry or pause
                        message: LiveMessage = json.loads(event.data)
                        if event.name == "cards" and message["version"] >= version:
                            version = message["version"]
                            yield message
        except httpx.TransportError as error:
            if version < 0 and failures + 1 >= ATTEMPTS:
                raise Unreachable(transport.url, str(error) or type(error).__name__) from error
        failures += 1
        time.sleep(max(pause, wait_before(failures, asked)))
