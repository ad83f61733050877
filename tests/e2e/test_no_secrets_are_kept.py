"""No secret that people or the system use stands in a log, a metric, a trace, or in clear in a database."""

import re
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx
import pytest
import sqlalchemy as sa

from chassis.settings import SERVICES
from deploy.local.processes import PROCESSES
from deploy.local.system import System
from gateway.cookies import DEVICE, SESSION
from tests.collector import Collector
from tests.team import PASSWORD, client, hire, new_failed_message, new_guideline, new_labels, new_project, owner_of
from tests.team import stored_assets as new_assets

ON_PURPOSE = {("members", "sessions"): "csrf_token"}
"""What is kept in clear because it is told again: it is worth nothing without the cookie, of which a digest is kept."""


@pytest.fixture(scope="module")
def secrets(system: System) -> Iterator[dict[str, str]]:
    """Every secret of a while of work, most of it going well, by what it is."""
    owner, used = owner_of(system), {"password": f"secret-{uuid4().hex}", "wrong password": f"wrong-{uuid4().hex}"}
    project_id = new_project(owner)
    project = f"/projects/{project_id}"
    person = hire(system, owner, project_id, "manager")

    with client(system) as browser:
        right, wrong = ({"email": person.email, "password": each} for each in (PASSWORD, used["wrong password"]))
        assert browser.post("/auth/login", json=wrong).status_code == 401
        principal = browser.post("/auth/login", json=right).raise_for_status().json()
        used |= {
            "csrf": principal["csrf_token"],
            "device": browser.cookies[DEVICE.name],
            "cookie": browser.cookies[SESSION.name],
        }
        browser.headers["X-CSRF-Token"] = used["csrf"]
        change = {"current_password": PASSWORD, "new_password": used["password"]}
        assert (
            browser.post("/me/password", json={**change, "current_password": used["wrong password"]}).status_code == 401
        )
        browser.post("/me/password", json=change, headers={"Idempotency-Key": "once"}).raise_for_status()
        made = browser.post("/me/tokens", json={"name": "t"}, headers={"Idempotency-Key": "one"}).raise_for_status()
        used["token"] = made.json()["secret"]
        malformed = {"email": person.email, "password": used["password"], "surplus": used["password"]}
        assert browser.post("/auth/login", json=malformed).status_code == 422
        assert browser.post("/auth/login", content=f'{{"password": "{used["password"]}'.encode()).status_code == 415

    with client(system, headers={"Authorization": f"Bearer {used['token']}"}) as program:
        program.get("/me").raise_for_status()
        guess = used["wrong token"] = f"ly_{uuid4().hex}"
        assert program.get("/me", headers={"Authorization": f"Bearer {guess}"}).status_code == 401
        upload = program.post(f"{project}/uploads", json={"filename": "a.json", "size": 2}).raise_for_status().json()
        used["policy"] = _signature_of(upload["policy"]["fields"])
        [asset] = new_assets(owner, 1)
        new_labels(owner, project_id, [asset])
        used["address"] = _signature(program.get(f"/assets/{asset}/content"))
        guideline = program.get(f"{project}/guidelines/{new_guideline(owner, project_id)}/content")
        used["guideline address"] = _signature(guideline)
        program.post(f"{project}/imports", json={"upload": upload["upload"], "format": "coco", "dataset": "none"})
        program.request("TRACE", "/me")
    new_failed_message(system, owner, "projects.clearing.v1")
    yield {**used, **dict(_of_the_system(system))}
    owner.ok("POST", "/admin/failed:drop", json={"queue": "projects.clearing.v1"})


def _signature_of(fields: dict[str, str]) -> str:
    [signature] = [value for name, value in fields.items() if name.lower() == "x-amz-signature"]
    return signature


def _signature(redirect: httpx.Response) -> str:
    [signature] = parse_qs(urlsplit(redirect.headers["Location"]).query)["X-Amz-Signature"]
    return signature


def _of_the_system(system: System) -> Iterator[tuple[str, str]]:
    for name, value in system.environment.items():
        if password := urlsplit(value).password if "://" in value else None:
            yield name, password
        elif re.search(r"SECRET|PASSWORD|_KEYS?$|SIGN", name) and len(value) >= 16:
            for number, part in enumerate(re.split(r"[,:]", value)):
                if len(part) >= 16:
                    yield f"{name} {number}", part


def _shown(secrets: dict[str, str], text: str) -> list[str]:
    return [name for name, secret in secrets.items() if secret in text or secret.encode().hex() in text]


def test_there_are_secrets_to_look_for(secrets: dict[str, str]) -> None:
    assert len(secrets) >= 15
    assert [name for name, secret in secrets.items() if len(secret) < 6] == []


def test_no_log_shows_one(system: System, secrets: dict[str, str]) -> None:
    logs = [file for file in system.supervisor.logs.iterdir() if file.is_file()]
    assert len(logs) >= len(PROCESSES)
    found = {file.name: shown for file in logs if (shown := _shown(secrets, file.read_text(errors="replace")))}
    assert found == {}


def test_no_metric_and_no_trace_shows_one(system: System, secrets: dict[str, str], collector: Collector) -> None:
    for process in PROCESSES:
        port = system.state.port(f"health {process.name}")
        assert _shown(secrets, httpx.get(f"http://127.0.0.1:{port}/metrics").text) == [], process.name
    assert _shown(secrets, "\n".join(span.raw.decode("latin-1") for span in collector.spans)) == []


@pytest.mark.parametrize("service", SERVICES)
def test_no_database_holds_one_in_clear(system: System, secrets: dict[str, str], service: str) -> None:
    engine = sa.create_engine(
        system.environment[f"LABELYARD_{service.upper()}_DSN"].replace("postgresql:", "postgresql+psycopg:")
    )
    found: dict[str, list[str]] = {}
    with engine.connect() as connection:
        for table in sa.inspect(connection).get_table_names():
            column = ON_PURPOSE.get((service, table))
            row = f"(to_jsonb(t) - '{column}')::text" if column else "to_jsonb(t)::text"
            for text in connection.scalars(sa.text(f'SELECT {row} FROM "{table}" AS t')):
                if shown := _shown(secrets, text):
                    found.setdefault(table, []).extend(shown)
    engine.dispose()
    assert found == {}
