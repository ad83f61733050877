"""An OpenTelemetry collector in this process: takes OTLP over HTTP and keeps the newest spans for tests to look at."""

import gzip
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class Received:
    """A span as it was exported; ids are hexadecimal. `raw`: all of it, with attributes and events, as it came."""

    process: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    raw: bytes


class Collector:
    """Spans of every process that LABELYARD_OTLP_ENDPOINT sends here."""

    def __init__(self) -> None:
        self._spans: deque[Received] = deque(maxlen=50_000)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True

    @property
    def endpoint(self) -> str:
        """What LABELYARD_OTLP_ENDPOINT must be."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def spans(self) -> list[Received]:
        """All that have arrived, but for the oldest."""
        return list(self._spans)

    def trace(self, trace_id: str) -> list[Received]:
        """The spans of one trace that have arrived."""
        return [span for span in self.spans if span.trace_id == trace_id]

    @contextmanager
    def serving(self) -> Iterator["Collector"]:
        """Receive while inside."""
        threading.Thread(target=self._server.serve_forever, name="collector", daemon=True).start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        spans = self._spans

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                    attributes = {each.key: each.value.string_value for each in resource.resource.attributes}
                    for scope in resource.scope_spans:
                        for span in scope.spans:
                            spans.append(
                                Received(
                                    process=attributes["service.name"],
                                    name=span.name,
                                    trace_id=span.trace_id.hex(),
                                    span_id=span.span_id.hex(),
                                    parent_id=span.parent_span_id.hex(),
                                    raw=span.SerializeToString(),
                                )
                            )
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        return Handler
