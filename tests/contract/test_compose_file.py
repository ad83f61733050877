"""docker-compose.yml, read by Docker Compose itself, without an engine."""

import ast
import json
import re
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chassis.process import DRAIN_SECONDS
from chassis.settings import SERVICES, Settings
from deploy.docker import credentials
from deploy.local.processes import PROCESSES
from deploy.local.state import REPOSITORY

COMPOSE = Path(sysconfig.get_path("purelib")) / "compose" / "docker-compose"
SERVERS = {"postgres", "rabbitmq", "s3"}
STEPS = {"databases", "migrate", "topology", "owner"}
TOOLS = {"backup"}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    asked = [str(COMPOSE), "--project-directory", str(REPOSITORY), "--profile", "*", "config", "--format", "json"]
    config: dict[str, Any] = json.loads(subprocess.run(asked, check=True, capture_output=True, cwd=REPOSITORY).stdout)
    return config


@pytest.fixture(scope="module")
def containers(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    services: dict[str, dict[str, Any]] = document["services"]
    return services


@pytest.fixture(scope="module")
def processes(containers: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {name: container for name, container in containers.items() if name not in SERVERS | STEPS | TOOLS}


def seconds(duration: str) -> float:
    units = {"h": 3600, "m": 60, "s": 1}
    return sum(float(number) * units[unit] for number, unit in re.findall(r"([0-9.]+)([hms])", duration))


def granted(container: dict[str, Any]) -> dict[str, str]:
    """Name of each secret's file in the container -> which secret it is."""
    return {Path(each.get("target") or each["source"]).name: each["source"] for each in container.get("secrets", [])}


def owner_of(container: dict[str, Any]) -> str:
    """The service that a process belongs to, by its command; `gateway` for the gateway."""
    return str(container["command"][-1]).split(".", 1)[0]


def test_every_process_runs_and_events_of_one_service_each(processes: dict[str, dict[str, Any]]) -> None:
    wanted = {process.arguments for process in PROCESSES if process.arguments[0] != "events"}
    wanted |= {("events", service) for service in SERVICES}
    assert {tuple(container["command"]) for container in processes.values()} == wanted
    assert len(processes) == len(wanted)


def test_own_containers_share_one_image_and_have_no_rights(containers: dict[str, dict[str, Any]]) -> None:
    own = {name: container for name, container in containers.items() if name not in SERVERS}
    assert len({container["image"] for name, container in own.items() if name not in TOOLS}) == 1
    assert {name for name, container in own.items() if "build" in container} == {"databases", *TOOLS}
    for name, container in own.items():
        assert container["user"].split(":")[0] not in ("0", "root"), name
        assert container["init"], name


def test_nothing_is_writable_and_nothing_is_privileged(containers: dict[str, dict[str, Any]]) -> None:
    for name, container in containers.items():
        assert container["read_only"] is True, name
        assert container["cap_drop"] == ["ALL"] and "cap_add" not in container, name
        assert container["security_opt"] == ["no-new-privileges:true"], name
        assert not container.get("privileged") and "network_mode" not in container, name


def test_processes_are_watched_restarted_and_given_time_to_end(processes: dict[str, dict[str, Any]]) -> None:
    for name, container in processes.items():
        port = container["environment"]["LABELYARD_HEALTH_PORT"]
        probe = container["healthcheck"]["test"][-1]
        assert f"/dev/tcp/127.0.0.1/{port} " in probe and "GET /readyz " in probe, name
        assert container["restart"] == "unless-stopped", name
        assert seconds(container["stop_grace_period"]) > DRAIN_SECONDS, name
        waits = {each: how["condition"] for each, how in container["depends_on"].items()}
        assert waits.items() >= dict.fromkeys(["migrate", "topology"], "service_completed_successfully").items(), name


def test_steps_wait_for_healthy_servers_and_run_once(containers: dict[str, dict[str, Any]]) -> None:
    waited_for: set[str] = set()
    for name in STEPS:
        assert containers[name]["restart"] == "no"
        for each, how in containers[name]["depends_on"].items():
            wanted = "service_healthy" if each in SERVERS else "service_completed_successfully"
            assert how["condition"] == wanted, (name, each)
            waited_for.add(each)
    assert waited_for >= SERVERS
    # `up --wait` takes a container that has ended for broken, unless another waits for its end
    everybody = {each for container in containers.values() for each in container.get("depends_on", {})}
    assert everybody >= STEPS


def test_tools_run_when_they_are_called_only(containers: dict[str, dict[str, Any]]) -> None:
    assert {name for name, container in containers.items() if container.get("profiles")} == TOOLS


def test_a_backup_is_made_by_programs_of_the_servers_version(containers: dict[str, dict[str, Any]]) -> None:
    dockerfile = (REPOSITORY / "deploy/docker/Dockerfile").read_text()
    assert f"FROM {containers['postgres']['image']} AS {containers['backup']['build']['target']}\n" in dockerfile


def test_only_the_gateway_and_the_store_are_published_and_to_this_machine_only(
    containers: dict[str, dict[str, Any]],
) -> None:
    published = {name: container["ports"] for name, container in containers.items() if container.get("ports")}
    assert set(published) == {"gateway", "s3"}
    assert {port["host_ip"] for ports in published.values() for port in ports} == {"127.0.0.1"}


def test_processes_have_no_names_of_their_own_and_scale(processes: dict[str, dict[str, Any]]) -> None:
    assert not [name for name, container in processes.items() if {"container_name", "hostname"} & container.keys()]


def test_a_service_holds_its_own_secrets_only(processes: dict[str, dict[str, Any]]) -> None:
    for name, container in processes.items():
        owner = owner_of(container)
        secrets = granted(container)
        store = {"labelyard_s3_access_key", "labelyard_s3_secret_key"} & secrets.keys()
        wanted = {
            "labelyard_amqp_url": f"{owner}_amqp_url",
            "labelyard_signing_key": f"{owner}_signing_key",
            "labelyard_verifying_keys": "labelyard_verifying_keys",
        }
        if owner != "gateway":
            wanted[f"labelyard_{owner}_dsn"] = f"labelyard_{owner}_dsn"
        given = {"members": "labelyard_smtp_url", "gateway": "labelyard_oidc_client_secret"}.get(owner)
        if given is not None:
            wanted[given] = given
        assert {file: secrets[file] for file in secrets.keys() - store} == wanted, name


def test_who_uses_the_store_is_given_its_keys(processes: dict[str, dict[str, Any]]) -> None:
    for name, container in processes.items():
        if uses_the_store(owner_of(container)):
            assert {"labelyard_s3_access_key", "labelyard_s3_secret_key"} <= granted(container).keys(), name


def uses_the_store(owner: str) -> bool:
    folder = REPOSITORY / ("gateway" if owner == "gateway" else f"services/{owner}")
    return any("ObjectStore" in names_imported(file) for file in folder.rglob("*.py"))


def names_imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom):
            yield from (alias.name for alias in node.names)


def test_every_secret_is_made_and_every_file_of_a_setting_is_one(document: dict[str, Any], tmp_path: Path) -> None:
    credentials.make(tmp_path / "secrets")
    files = {Path(secret["file"]) for secret in document["secrets"].values()}
    assert {file.parent for file in files} == {REPOSITORY / ".secrets"}
    assert {file.name for file in files} == {file.name for file in (tmp_path / "secrets").iterdir()}
    known = {f"labelyard_{field}" for field in Settings.model_fields} | {
        "labelyard_admin_dsn",
        "labelyard_owner_password",
    }
    given = {file for container in document["services"].values() for file in granted(container)}
    assert {file for file in given if file.startswith("labelyard_")} <= known


def test_images_are_pinned(containers: dict[str, dict[str, Any]]) -> None:
    tags = {name: containers[name]["image"].partition(":")[2] for name in SERVERS}
    assert all(re.search(r"[0-9]+[.-][0-9]+", tag) for tag in tags.values()), tags
    bases = re.findall(r"^FROM (\S+)", (REPOSITORY / "deploy/docker/Dockerfile").read_text(), re.MULTILINE)
    assert all(re.search(r":[0-9]+\.[0-9]+", base) for base in bases), bases
