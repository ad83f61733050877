"""A real HTTP server on this machine that answers as the API would, as each test tells it."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class Request:
    """What arrived."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Answer:
    """What goes back. `breaks`: the connection ends with it, and without a body nothing is answered at all."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    breaks: bool = False


def problem(status: int, code: str, detail: str = "", **extra: Any) -> Answer:
    """A refusal (RFC 9457)."""
    document = {"type": f"urn:{code}", "title": code, "status": status, "code": code, "detail": detail, **extra}
    return Answer(status, document, {"Content-Type": "application/problem+json"})


class Server:
    """Routes of /api/v1 (and others, with the full path) to functions; keeps all requests."""

    def __init__(self) -> None:
        self.routes: dict[tuple[str, str], Callable[[Request], Answer]] = {}
        self.requests: list[Request] = []
        self.lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                address = urlsplit(self.path)
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length)
                if self.headers.get("Transfer-Encoding") == "chunked":
                    raise AssertionError("an object store needs the length of a form")
                headers = {name.lower(): value for name, value in self.headers.items()}
                path = address.path.removeprefix("/api/v1")
                request = Request(self.command, path, parse_qs(address.query), headers, body)
                with outer.lock:
                    outer.requests.append(request)
                route = outer.routes.get((request.method, path))
                answer = route(request) if route else problem(404, "not_found", f"no {request.method} {path}")
                content = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
                if not (answer.breaks and not answer.body):
                    self.send_response(answer.status)
                    for name, value in {"Content-Type": "application/json", **answer.headers}.items():
                        self.send_header(name, value)
                    if not answer.breaks:
                        self.send_header("Content-Length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content)
                if answer.breaks:
                    self.close_connection = True

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"

    def on(self, method: str, path: str, *answers: Answer | Callable[[Request], Answer]) -> None:
        """Answer these one after the other, the last again and again."""
        left = list(answers)

        def route(request: Request) -> Answer:
            with self.lock:
                answer = left.pop(0) if len(left) > 1 else left[0]
            return answer(request) if callable(answer) else answer

        self.routes[method, path] = route

    def seen(self, method: str, path: str) -> list[Request]:
        """The requests of one route, in order."""
        return [each for each in self.requests if (each.method, each.path) == (method, path)]
