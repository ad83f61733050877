"""Reads many live streams on one thread: `python -m benchmarks.live.streams`, told what on standard input.

In: a JSON line {"url", "token", "projects": [project id, …]}, a stream for each. When all are open: a line "open".
At the end of standard input: a JSON line with, for each stream, [[submitted, seconds of the monotonic clock], …].
"""

import json
import re
import selectors
import socket
import sys
import time
from urllib.parse import urlsplit

_SUBMITTED = re.compile(rb'"submitted":(\d+)')


def main() -> None:
    """See the module."""
    told = json.loads(sys.stdin.readline())
    address = urlsplit(told["url"])
    selector = selectors.DefaultSelector()
    seen: list[list[tuple[int, float]]] = []
    for project in told["projects"]:
        connection = socket.create_connection((address.hostname, address.port))
        connection.sendall(
            f"GET /api/v1/projects/{project}/live HTTP/1.1\r\nHost: {address.netloc}\r\n"
            f"Authorization: Bearer {told['token']}\r\n\r\n".encode()
        )
        selector.register(connection, selectors.EVENT_READ, len(seen))
        seen.append([])
    selector.register(sys.stdin, selectors.EVENT_READ, None)
    opened = False
    while True:
        for key, _ in selector.select():
            if key.data is None:
                print(json.dumps(seen), flush=True)
                return
            assert isinstance(key.fileobj, socket.socket)
            data, at = key.fileobj.recv(65536), time.monotonic()
            assert data, "a stream was closed"
            if found := _SUBMITTED.findall(data):
                seen[key.data].append((int(found[-1]), at))
        if not opened and all(seen):
            opened = True
            print("open", flush=True)


if __name__ == "__main__":
    main()
