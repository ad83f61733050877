"""OpenTelemetry: one trace from HTTP through RPC, outbox, event and consumer to the live stream.

Off, at next to no cost, unless LABELYARD_OTLP_ENDPOINT names a collector (OTLP over HTTP). The W3C `traceparent`
travels in RPC headers and, as CloudEvents' distributed-tracing extension asks, in an attribute of each event.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.propagate import extract, inject
from opentelemetry.trace import Link, Span, SpanKind, StatusCode

from contracts.errors import Problem

_tracer = trace.get_tracer("labelyard")


def configure(process: str, endpoint: str | None) -> None:
    """Send this process's spans to the collector at `endpoint` (http(s)://host:port), if there is one."""
    if endpoint is None:
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    resource = Resource.create({"service.namespace": "labelyard", "service.name": process})
    provider = TracerProvider(resource=resource)
    exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=5)
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=1000))
    trace.set_tracer_provider(provider)


def enabled() -> bool:
    """Whether spans go anywhere."""
    return not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)


def traceparent(span: Span | None = None) -> str | None:
    """The current span, or `span`, for whoever it causes; None where nothing is traced."""
    carrier: dict[str, str] = {}
    inject(carrier, context=None if span is None else trace.set_span_in_context(span))
    return carrier.get("traceparent")


def start(name: str, kind: SpanKind, parent: str | None = None, since: datetime | None = None) -> Span:
    """A span that is ended by hand, begun now or at `since`; below `parent` (a traceparent), or the current one."""
    return _tracer.start_span(name, context=_context(parent), kind=kind, start_time=_nanoseconds(since))


@contextmanager
def span(name: str, kind: SpanKind, parent: str | None = None, others: Sequence[str | None] = ()) -> Iterator[Span]:
    """Everything inside belongs to a new span; `others` are the traceparents of further causes, which it links to.

    An expected refusal (Problem) is told by its code; any other exception is recorded.
    """
    links = [Link(context) for other in others if other and (context := _span_context(other)).is_valid]
    with _tracer.start_as_current_span(
        name, context=_context(parent), kind=kind, links=links, record_exception=False, set_status_on_exception=False
    ) as current:
        try:
            yield current
        except Problem as problem:
            current.set_attribute("labelyard.code", problem.code)
            raise
        except Exception as error:
            current.record_exception(error)
            current.set_status(StatusCode.ERROR)
            raise


def _context(parent: str | None) -> Context | None:
    return extract({"traceparent": parent}) if parent else None


def _span_context(parent: str) -> trace.SpanContext:
    return trace.get_current_span(extract({"traceparent": parent})).get_span_context()


def _nanoseconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp() * 1_000_000_000)
