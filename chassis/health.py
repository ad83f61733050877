"""Health: /livez, /readyz and /metrics, answered by a thread of the operating system.

The thread does no work of the process, so it answers while every worker is busy; it reads a heartbeat that the main
loop writes, so it also tells when that loop hangs. In eventlet processes it is a real thread all the same.
"""

import contextlib
import json
import sys
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from chassis import metrics

if TYPE_CHECKING or "eventlet" not in sys.modules:
    import http.server as http_server
    import threading
else:
    from chassis.unpatched import http_server, threading

HUNG_AFTER = 10.0
"""Seconds without a heartbeat after which the main loop counts as hung."""


class Health:
    """What a process says of itself.

    The main loop calls `beat` about once a second. Whoever holds a dependency reports it with `report`; the process
    is ready while every dependency reported so far is there and the main loop beats. `warn` is shown, but takes
    nothing out of rotation.
    """

    def __init__(self, process: str) -> None:
        self.process = process
        self._beat = time.monotonic()
        self._started = False
        self._stopping = False
        self._dependencies: dict[str, bool] = {}
        self._warnings: dict[str, Callable[[], str | None]] = {}

    def beat(self) -> None:
        """The main loop is alive."""
        self._beat = time.monotonic()

    def started(self) -> None:
        """The process is set up: from now on it can be ready."""
        self._started = True

    def stopping(self) -> None:
        """The process is on its way out: no longer ready."""
        self._stopping = True

    def report(self, dependency: str, there: bool) -> None:
        """Whether a dependency answers at present."""
        self._dependencies[dependency] = there

    def warn(self, name: str, check: Callable[[], str | None]) -> None:
        """Show what `check` says (None: nothing) beside the readiness."""
        self._warnings[name] = check

    def live(self) -> bool:
        """Whether the main loop turns."""
        return time.monotonic() - self._beat < HUNG_AFTER

    def state(self) -> dict[str, Any]:
        """What /readyz answers."""
        ready = self._started and not self._stopping and self.live() and all(self._dependencies.values())
        warnings = {name: said for name, check in self._warnings.items() if (said := check())}
        return {
            "process": self.process,
            "ready": ready,
            "live": self.live(),
            "stopping": self._stopping,
            "dependencies": dict(self._dependencies),
            "warnings": warnings,
        }

    def measure(self) -> None:
        """Write readiness and dependencies into the metrics."""
        state = self.state()
        metrics.ready.set(state["ready"])
        for dependency, there in state["dependencies"].items():
            metrics.dependency_up.labels(dependency).set(there)

    def serve(self, host: str, port: int) -> None:
        """Answer on `host`:`port` from now on; port 0 is off."""
        if not port:
            return
        health = self

        class Handler(http_server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 5  # a client that never finishes its request must not hold a thread for ever

            def do_GET(self) -> None:
                if self.path == "/livez":
                    status = HTTPStatus.OK if health.live() else HTTPStatus.SERVICE_UNAVAILABLE
                    self._answer(status, json.dumps({"live": health.live()}).encode(), "application/json")
                elif self.path == "/readyz":
                    state = health.state()
                    status = HTTPStatus.OK if state["ready"] else HTTPStatus.SERVICE_UNAVAILABLE
                    self._answer(status, json.dumps(state).encode(), "application/json")
                elif self.path == "/metrics":
                    health.measure()
                    self._answer(HTTPStatus.OK, generate_latest(), CONTENT_TYPE_LATEST)
                else:
                    self._answer(HTTPStatus.NOT_FOUND, b"", "text/plain")

            def _answer(self, status: HTTPStatus, body: bytes, content_type: str) -> None:
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def handle(self) -> None:
                with contextlib.suppress(ConnectionError):  # who asked did not wait for the answer
                    super().handle()

            def log_message(self, format: str, *args: object) -> None:
                """Health checks are not worth a line each."""

        server = http_server.ThreadingHTTPServer((host, port), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
