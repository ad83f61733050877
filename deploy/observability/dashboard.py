"""`python -m deploy.observability.dashboard [--check]`: writes dashboard.json, which Grafana (9 or later) imports.

A panel is a line here; the document is made of them, since nobody reads or compares what Grafana exports.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATH = Path(__file__).with_name("dashboard.json")
WIDTH, HEIGHT = 8, 8  # of a panel, in Grafana's grid of 24 columns
SOURCE = {"type": "prometheus", "uid": "${source}"}


@dataclass(frozen=True)
class Panel:
    """A picture: title, unit (as Grafana names it), and its lines: query -> legend."""

    title: str
    unit: str
    lines: dict[str, str]
    about: str = ""


def quantile(share: float, metric: str, by: str = "") -> str:
    """The query for a quantile of a histogram over five minutes."""
    names = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, sum by ({names}) (rate({metric}_bucket[$__rate_interval])))"


def rate(metric: str, by: str, where: str = "") -> str:
    """The query for how often something happens, a second."""
    return f"sum by ({by}) (rate({metric}{where}[$__rate_interval]))"


ERRORS = '{kind!="http", outcome=~"error|internal|unavailable|busy|deadline_exceeded|expired"}'

ROWS: dict[str, tuple[Panel, ...]] = {
    "Processes": (
        Panel("Answering", "bool_yes_no", {'up{job="labelyard"}': "{{process}} {{instance}}"}),
        Panel("Ready", "bool_yes_no", {"labelyard_ready": "{{process}} {{instance}}"}),
        Panel(
            "What they depend on",
            "bool_yes_no",
            {"min by (process, dependency) (labelyard_dependency_up)": "{{process}}: {{dependency}}"},
        ),
    ),
    "Requests": (
        Panel(
            "HTTP requests",
            "reqps",
            {rate("labelyard_handled_seconds_count", "outcome", '{kind="http"}'): "{{outcome}}"},
        ),
        Panel("RPC requests", "reqps", {rate("labelyard_handled_seconds_count", "name", '{kind="rpc"}'): "{{name}}"}),
        Panel(
            "Errors",
            "reqps",
            {
                rate(
                    "labelyard_handled_seconds_count", "kind, name", '{kind="http", outcome=~"5.."}'
                ): "{{kind}} {{name}}",
                rate("labelyard_handled_seconds_count", "kind, name", ERRORS): "{{kind}} {{name}}",
            },
            "What is nobody's mistake but ours. An answer such as not_found is none.",
        ),
        Panel(
            "Slowest hundredth of the handlers",
            "s",
            {quantile(0.99, "labelyard_handled_seconds", "kind, name"): "{{kind}} {{name}}"},
        ),
        Panel(
            "Slowest hundredth of RPC, seen by callers",
            "s",
            {quantile(0.99, "labelyard_rpc_call_seconds", "method"): "{{method}}"},
        ),
        Panel(
            "Services that are not asked for a while",
            "bool_yes_no",
            {"max by (service) (labelyard_breaker_open)": "{{service}}"},
            "They have not answered; the gateway tries one call a second.",
        ),
        Panel(
            "Calls and orders that are not trusted",
            "ops",
            {rate("labelyard_distrusted_total", "kind, name, code"): "{{kind}} {{name}} {{code}}"},
            "Nobody has signed them, or not for that. There should be none.",
        ),
        Panel("RPC calls by outcome", "reqps", {rate("labelyard_rpc_call_seconds_count", "outcome"): "{{outcome}}"}),
    ),
    "Live charts": (
        Panel("Open streams", "short", {"sum(labelyard_live_streams)": "streams"}),
        Panel(
            "From a change to the stream",
            "s",
            {quantile(share, "labelyard_live_latency_seconds"): f"{share:.0%}" for share in (0.5, 0.95, 0.99)},
        ),
        Panel(
            "From an event to its effect",
            "s",
            {quantile(0.99, "labelyard_event_lag_seconds", "queue"): "{{queue}}"},
            "The slowest hundredth.",
        ),
    ),
    "Events": (
        Panel("Waiting in the outbox", "short", {"max by (service) (labelyard_outbox_waiting)": "{{service}}"}),
        Panel(
            "Age of the oldest in the outbox", "s", {"max by (service) (labelyard_outbox_lag_seconds)": "{{service}}"}
        ),
        Panel("Published", "ops", {rate("labelyard_outbox_published_total", "service"): "{{service}}"}),
        Panel(
            "Published, and nobody is bound to it", "ops", {rate("labelyard_outbox_unrouted_total", "type"): "{{type}}"}
        ),
        Panel(
            "Refused, since a queue is full",
            "ops",
            {rate("labelyard_outbox_refused_total", "type"): "{{type}}"},
            "They stay in the outbox and are tried again.",
        ),
        Panel("Messages ready in queues", "short", {"max by (queue) (labelyard_queue_messages)": "{{queue}}"}),
        Panel("Consumers of queues", "short", {"max by (queue) (labelyard_queue_consumers)": "{{queue}}"}),
        Panel("Events in one transaction", "short", {quantile(0.95, "labelyard_batch_events", "queue"): "{{queue}}"}),
        Panel("Handlers that failed", "ops", {rate("labelyard_failed_messages_total", "queue"): "{{queue}}"}),
        Panel("Failed messages that are kept", "short", {"max by (queue) (labelyard_failed_waiting)": "{{queue}}"}),
        Panel(
            "Room for failed messages in use",
            "percentunit",
            {"max by (service) (labelyard_failed_fill)": "{{service}}"},
        ),
        Panel(
            "Age of the oldest failed message", "s", {"max by (queue) (labelyard_failed_oldest_seconds)": "{{queue}}"}
        ),
    ),
    "Audit": (
        Panel(
            "Protected from the service's own role",
            "bool_yes_no",
            {"min by (service) (labelyard_audit_protected)": "{{service}}"},
        ),
    ),
    "Exports": (
        Panel("Exports under way", "short", {"max by (state) (labelyard_exports_open)": "{{state}}"}),
        Panel("Age of the oldest", "s", {"max(labelyard_exports_oldest_seconds)": "oldest"}),
        Panel("Bytes through export workers", "Bps", {"sum(rate(labelyard_export_bytes_through_total[5m]))": "bytes"}),
        Panel(
            "Bytes of archives",
            "Bps",
            {
                "sum(rate(labelyard_archive_bytes_through_total[5m]))": "through workers",
                "sum(rate(labelyard_archive_bytes_copied_total[5m]))": "copied by the store",
            },
        ),
        Panel(
            "Files kept",
            "bytes",
            {
                "sum by (kind) (labelyard_exports_storage_bytes)": "{{kind}}",
                "sum(labelyard_versions_storage_bytes)": "versions",
            },
        ),
        Panel("Parts done", "ops", {rate("labelyard_export_parts_total", "step"): "{{step}}"}),
        Panel("Age of the oldest part", "s", {"max(labelyard_exports_oldest_part_seconds)": "oldest"}),
        Panel(
            "Workers busy",
            "percentunit",
            {
                "sum by (queue) (rate(labelyard_consumer_busy_seconds_total[5m]))"
                " / sum by (queue) (labelyard_consumer_threads)": "{{queue}}"
            },
            "1 is all of them, all the time.",
        ),
    ),
}


def document() -> dict[str, Any]:
    """The dashboard as Grafana takes it."""
    panels: list[dict[str, Any]] = []
    top = 0
    for name, row in ROWS.items():
        panels.append(
            {"id": len(panels) + 1, "type": "row", "title": name, "gridPos": _place(0, top, 24, 1), "panels": []}
        )
        for number, panel in enumerate(row):
            left, line = number % 3 * WIDTH, number // 3
            panels.append(_panel(len(panels) + 1, panel, _place(left, top + 1 + line * HEIGHT, WIDTH, HEIGHT)))
        top += 1 + (len(row) + 2) // 3 * HEIGHT
    return {
        "uid": "labelyard",
        "title": "Labelyard",
        "schemaVersion": 38,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {
            "list": [{"name": "source", "type": "datasource", "query": "prometheus", "label": "Prometheus"}]
        },
        "panels": panels,
    }


def _panel(number: int, panel: Panel, place: dict[str, int]) -> dict[str, Any]:
    targets = [
        {"refId": chr(ord("A") + position), "datasource": SOURCE, "expr": query, "legendFormat": legend}
        for position, (query, legend) in enumerate(panel.lines.items())
    ]
    return {
        "id": number,
        "type": "timeseries",
        "title": panel.title,
        "description": panel.about,
        "datasource": SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": targets,
    }


def _place(x: int, y: int, w: int, h: int) -> dict[str, int]:
    return {"x": x, "y": y, "w": w, "h": h}


def main() -> None:
    """Write the file, or with --check end with 1 if it is not as it would be written."""
    text = json.dumps(document(), indent=1) + "\n"
    if "--check" not in sys.argv[1:]:
        PATH.write_text(text)
    elif not PATH.exists() or PATH.read_text() != text:
        sys.exit(f"{PATH.name} is old: python -m deploy.observability.dashboard")


if __name__ == "__main__":
    main()
