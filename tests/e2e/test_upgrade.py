"""Data of a released version, brought to today's schema, is served; a process of that version works beside today's."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
import urllib3
from alembic.script import ScriptDirectory
from sqlalchemy import make_url

from chassis.migrations import configuration
from chassis.objects import ObjectStore
from chassis.settings import SERVICES
from deploy.backup import objects
from deploy.backup.databases import program
from deploy.local.processes import PROCESSES
from deploy.local.servers.postgresql import PostgreSQL, owner_of
from deploy.local.state import REPOSITORY
from deploy.local.system import System
from tests.e2e.support import body, eventually, figures, make_team, png, sign_in
from tests.support import temporary_system

RELEASED = sorted(path.parent for path in (Path(__file__).parent / "released").glob("*/told.json"))
VERSION_BEFORE = Path(__file__).parent / "released" / "version-before"


def dsn(system: System, service: str) -> str:
    """The address of a service's database."""
    address = make_url(system.environment[f"LABELYARD_{service.upper()}_DSN"])
    return address.set(drivername="postgresql").render_as_string(hide_password=False)


def bring_back(system: System, folder: Path) -> None:
    """Put kept data into servers that are empty, as the service's role, which owned all before there was an audit."""
    (server,) = [each for each in system.servers if isinstance(each, PostgreSQL)]
    for service in SERVICES:
        with psycopg.connect(server.administrator(), autocommit=True) as administrator:
            administrator.execute(f"ALTER DATABASE {service} OWNER TO {service}".encode())
        options = ["--quiet", "--set=ON_ERROR_STOP=1", "--single-transaction", f"--file={folder / f'{service}.sql'}"]
        subprocess.run([program("psql"), "--no-psqlrc", dsn(system, service), *options], check=True)
    store = ObjectStore(
        endpoint=system.environment["LABELYARD_S3_ENDPOINT"],
        public_endpoint=system.environment["LABELYARD_S3_ENDPOINT"],
        access_key=system.environment["LABELYARD_S3_ACCESS_KEY"],
        secret_key=system.environment["LABELYARD_S3_SECRET_KEY"],
        bucket=system.environment["LABELYARD_S3_BUCKET"],
        region=system.environment["LABELYARD_S3_REGION"],
    )
    objects.restore(store, folder, objects.read(folder).values())


def holds(now: Any, then: Any) -> bool:
    """Whether `now` says everything that `then` said; what was added since does not matter."""
    if isinstance(then, dict):
        return isinstance(now, dict) and all(name in now and holds(now[name], then[name]) for name in then)
    if isinstance(then, list):
        return isinstance(now, list) and len(now) == len(then) and all(map(holds, now, then))
    return bool(now == then)


@pytest.mark.parametrize("folder", RELEASED, ids=lambda folder: folder.name)
def test_data_of_a_released_version_is_served(folder: Path, tmp_path: Path) -> None:
    told = json.loads((folder / "told.json").read_bytes())
    email, password = told["owner"]
    given = {"LABELYARD_OWNER_EMAIL": email, "LABELYARD_OWNER_PASSWORD": password}
    with temporary_system("upgraded", given) as system, ExitStack() as sessions:
        system.start_servers(say=print)
        bring_back(system, folder)
        system.up(say=print)
        for service in SERVICES:
            with psycopg.connect(dsn(system, service)) as connection:
                at = [revision for (revision,) in connection.execute("SELECT version_num FROM alembic_version")]
                owners = connection.execute("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'")
                assert owners.fetchall() == [(owner_of(service),)]
            assert at == ScriptDirectory.from_config(configuration(service)).get_heads()

        api = sign_in(sessions, system, told["email"], told["password"])
        project_id = told["project"]["id"]
        assert holds(api.project(project_id), told["project"])
        members = sorted(api.members(project_id), key=lambda each: each["user"]["id"])
        assert holds(members, told["members"])
        for label, then in told["labels"].items():
            assert holds(api.label(project_id, label), then)
            assert holds(list(api.history(project_id, label)), told["history"][label])
            answer = api.transport.request("GET", f"/assets/{then['asset_id']}/content")
            assert api.transport.http.get(answer.headers["Location"]).content == png(
                f"{then['dataset']}/{then['data_key']}"
            )
        segments = {(status, review): count for status, review, count in told["segments"]}
        assert figures(api.overview(project_id))["segments"] == segments
        (done,) = api.exports(project_id)
        assert holds([done], told["exports"])
        api.download_export(done, tmp_path / "export.json")
        assert json.loads((tmp_path / "export.json").read_bytes()) == told["document"]

        submitted = next(each for each in told["labels"].values() if each["status"] == "submitted")
        api.act(project_id, submitted["id"], "approve")
        moved = Counter(segments)
        moved["submitted", "pending_review"] -= 1
        moved["submitted", "approved"] += 1
        eventually(lambda: _same(figures(api.overview(project_id))["segments"], dict(moved)))


@pytest.fixture(scope="module")
def previous(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The code of the version before today's: what LABELYARD_TEST_PREVIOUS names, the newest tag below HEAD, or, until
    a version is tagged, the commit in the file `released/version-before`."""
    revision = os.environ.get("LABELYARD_TEST_PREVIOUS") or _newest_tag() or VERSION_BEFORE.read_text().strip()
    if _git("cat-file", "-e", f"{revision}^{{commit}}") is None:
        pytest.skip(f"the version before, {revision}, is not in this clone: it is a shallow one, or none")
    code = tmp_path_factory.mktemp("previous") / "code"
    assert _git("worktree", "add", "-q", "--detach", str(code), revision) is not None
    print(f"the version before: {revision}")
    try:
        yield code
    finally:
        _git("worktree", "remove", "--force", str(code))


def _newest_tag() -> str | None:
    return _git("describe", "--tags", "--abbrev=0", "--match=v*", "HEAD^")


def _git(*arguments: str) -> str | None:
    """What git says of this clone; None where it fails."""
    done = subprocess.run(["git", "-C", str(REPOSITORY), *arguments], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


@contextmanager
def in_place_of(system: System, name: str, code: Path, **told: str) -> Iterator[None]:
    """Run another version's process where today's would stand, or today's with other settings."""
    (process,) = [each for each in PROCESSES if each.name == name]
    port = system.state.port(f"old {name}")
    own = {"LABELYARD_HEALTH_PORT": str(port), "PYTHONDONTWRITEBYTECODE": "1"}
    environment = system.process_environment() | own | told
    system.stop(name)
    with subprocess.Popen([sys.executable, "-m", "chassis", *process.arguments], cwd=code, env=environment) as old:
        try:
            eventually(lambda: _answers(port))
            yield
            assert old.poll() is None
        finally:
            old.terminate()
            old.wait(40)
            system.start(name)


def _answers(port: int) -> None:
    try:
        status = urllib3.request("GET", f"http://127.0.0.1:{port}/readyz", timeout=2, retries=False).status
    except urllib3.exceptions.HTTPError as error:
        raise AssertionError(str(error)) from error
    assert status == 200


@pytest.mark.parametrize(("name", "asked"), [("labels", ("members", "projects")), ("projector", ())])
def test_a_process_of_the_version_before_works_beside_todays(
    system: System, previous: Path, name: str, asked: tuple[str, ...]
) -> None:
    """The version before signed nothing: whom it asks is told to accept that (docs/operators/upgrade.md)."""
    with ExitStack() as stack:
        for each in asked:
            stack.enter_context(in_place_of(system, each, REPOSITORY, LABELYARD_PRINCIPALS="accepted"))
        stack.enter_context(in_place_of(system, name, previous))
        team = stack.enter_context(make_team(system, images=2))
        lena, (label, other) = team.people["lena"], team.labels
        assigned = team.manager.assign(team.id, label, lena.id)
        lena.api.save_body(team.id, label, assigned["version"], body([team.class_ids["cell"]]))
        lena.api.act(team.id, label, "submit")
        team.people["rosa"].api.act(team.id, label, "approve")
        team.manager.assign(team.id, other, lena.id)
        expected: Mapping[tuple[str, str], int] = {("submitted", "approved"): 1, ("in_progress", "not_submitted"): 1}

        def counted() -> None:
            found = team.figures()
            assert {segment: count for segment, count in found["segments"].items() if count} == expected
            assert found["objects"] == {"cell": 1, "dot": 0}

        eventually(counted)


def _same(found: object, expected: object) -> None:
    assert found == expected
