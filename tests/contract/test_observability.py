"""What watches from outside speaks of metrics, labels and queues that exist, and each alert has its page."""

import json
import re
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pytest
import yaml
from prometheus_client import REGISTRY

import chassis.metrics  # noqa: F401  # fills the registry
from chassis.broker import OLD_DEAD_LETTERS, dead_letters
from chassis.settings import SERVICES
from chassis.topology import subscriptions_of_service
from deploy.local.state import REPOSITORY
from deploy.observability import dashboard

FOLDER = REPOSITORY / "deploy" / "observability"
RUNBOOKS = REPOSITORY / "docs" / "operators" / "runbooks"
SAMPLES = {"histogram": ("_bucket", "_count", "_sum"), "counter": ("_total",), "gauge": ("",)}
ADDED = {"process", "instance", "job"}  # labels that Prometheus gives each series
RECORDED = re.compile(r"labelyard:\w+:\w+")


def exposed() -> dict[str, set[str]]:
    """Every series that a process of ours exposes -> the labels that it has beside those of Prometheus."""
    for service in SERVICES:
        if find_spec(f"services.{service}.gauges"):
            import_module(f"services.{service}.gauges")
    found = {}
    for collector, names in REGISTRY._collector_to_names.items():
        for metric in collector.describe() if hasattr(collector, "describe") else ():
            if metric.name.startswith("labelyard_"):
                labels = set(getattr(collector, "_labelnames", getattr(metric, "_labelnames", ())))
                for ending in SAMPLES[metric.type]:
                    assert metric.name + ending in names
                    found[metric.name + ending] = labels | ({"le"} if ending == "_bucket" else set())
    return found


def rules() -> Iterator[dict[str, Any]]:
    for group in yaml.safe_load((FOLDER / "rules.yml").read_text())["groups"]:
        yield from group["rules"]


def alerts() -> list[dict[str, Any]]:
    return [rule for rule in rules() if "alert" in rule]


def queries() -> list[str]:
    shown = [target["expr"] for panel in dashboard.document()["panels"] for target in panel.get("targets", ())]
    return [rule["expr"] for rule in rules()] + shown


@pytest.mark.parametrize("query", queries())
def test_a_query_names_what_exists(query: str) -> None:
    series = exposed()
    query = RECORDED.sub("", query)
    for name, selectors in re.findall(r"\b(labelyard_\w+)(?:\{([^}]*)\})?", query):
        assert name in series
        assert set(re.findall(r"(\w+)\s*[!=]", selectors)) <= series[name] | ADDED
    named = {name for names in re.findall(r"\bby \(([^)]*)\)", query) for name in re.split(r",\s*", names)}
    known = set.union(*(series[name] for name in re.findall(r"labelyard_\w+", query)), ADDED) if named else set()
    assert named <= known
    queues = {each.queue for service in SERVICES for each in subscriptions_of_service(service)}
    queues |= {OLD_DEAD_LETTERS, *map(dead_letters, SERVICES)}
    for quoted in re.findall(r'queue[!=]~?"([^"]*)"', query):
        assert set(quoted.split("|")) <= queues


def test_recorded_names_are_recorded() -> None:
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    assert {name for query in queries() for name in RECORDED.findall(query)} <= recorded


def test_the_dashboard_shows_every_metric() -> None:
    shown = " ".join(queries()[len(list(rules())) :])
    families = {re.sub(r"_(bucket|count|sum)$", "", name) for name in exposed()}
    assert {family for family in families if family not in shown} == set()


def test_the_dashboard_is_as_it_would_be_written() -> None:
    assert json.loads(dashboard.PATH.read_text()) == dashboard.document()


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert["alert"])
def test_an_alert_has_a_severity_a_summary_and_a_page_of_its_own(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in ("critical", "warning")
    assert alert["annotations"]["summary"]
    page = REPOSITORY / alert["annotations"]["runbook_url"]
    assert page.parent == RUNBOOKS
    lines = page.read_text().splitlines()
    assert lines[0] == f"# {alert['alert']}"
    assert page.stem == re.sub(r"(?<!^)([A-Z])", r"-\1", alert["alert"]).lower()
    text = " ".join(lines)
    for part in ("**What it means.**", "**Look here", "**Do this.**" if "**Look here, do this" not in text else ""):
        assert part in text


def test_a_page_belongs_to_an_alert_and_links_to_pages_that_exist() -> None:
    pages = {REPOSITORY / alert["annotations"]["runbook_url"] for alert in alerts()}
    assert set(RUNBOOKS.glob("*.md")) == pages
    for page in pages:
        for target in re.findall(r"\]\(([\w./-]+\.md)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_what_prometheus_scrapes_are_the_processes_of_the_compose_file() -> None:
    config = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    (job,) = config["scrape_configs"]
    compose = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())
    commands = {name: each.get("command", [""])[0] for name, each in compose["services"].items()}
    processes = {name for name, command in commands.items() if command in ("rpc", "events", "worker", "gateway")}
    (names,) = [each["names"] for each in job["dns_sd_configs"]]
    assert set(names) == processes
    assert config["rule_files"] == ["rules.yml"]
