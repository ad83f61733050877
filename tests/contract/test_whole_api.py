"""Schemathesis asks the running system everything that the OpenAPI document allows, and what it does not allow.

No answer may be a server error, or of a status, type, header or body that the document does not say; what breaks a
schema is refused, what fits one is understood, and nothing is answered to nobody that needs a sign-in.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest

from deploy.local.system import System
from gateway.openapi import PATH
from tests.contract import test_permission_walk as walk
from tests.documented import document
from tests.team import Person, hire, new_admin, new_failed_message, new_project, new_token, owner_of

SEED = 5
HERE = Path(__file__).parent

OTHERWISE = {
    "login": "needs the right password: tests/service/gateway/test_gateway_sign_in.py",
    "change_password": "needs the right password: tests/e2e/test_accounts.py",
    "complete_password_reset": "needs the mailed secret: tests/e2e/test_password_reset.py",
    "take_review": "needs a label that waits for it: tests/contract/test_audit_walk.py",
    "change_saved_filter": "needs the version that was read: tests/e2e/test_saved_filters.py",
    "merge_tag": "ends the tag: tests/contract/test_audit_walk.py",
    "unshare_export": "needs a link that stands: tests/service/gateway/test_gateway_shared.py",
    "download_archive": "needs one that is built: tests/e2e/test_raw_data.py",
    "share_archive": "needs one: tests/e2e/test_raw_data.py",
    "unshare_archive": "needs a link that stands: tests/e2e/test_raw_data.py",
    "accept_invitation": "needs the mailed secret: tests/contract/test_audit_walk.py",
    "accept_my_invitation": "needs the mailed secret: tests/contract/test_audit_walk.py",
    "resend_invitation": "needs one that was not revoked: tests/contract/test_audit_walk.py",
    "resend_team_invitation": "needs an invitation to the team: tests/contract/test_audit_walk.py",
    "revoke_team_invitation": "needs an invitation to the team: tests/contract/test_audit_walk.py",
    "sign_on": "needs an identity provider: tests/e2e/test_sign_on.py",
    "sign_on_callback": "needs an identity provider: tests/e2e/test_sign_on.py",
}
"""Operations whose good answers are seen elsewhere."""

FILTERED = [
    *("search_labels", "count_labels", "group_labels", "bulk_labels", "preview_bulk", "create_export"),
    *("create_saved_filter", "change_saved_filter", "create_version"),
]
"""Operations whose bodies hold filters, which hold filters: every way to be wrong in every place of them, as the phase
`coverage` asks, comes to no end. tests/service/labels/test_labels_filters.py looks at those."""


@pytest.fixture(scope="module")
def admin(system: System) -> Person:
    """Somebody who may do everything, and whose many tokens and sessions are in nobody's way."""
    return new_admin(system, owner_of(system))


@pytest.fixture(scope="module")
def ground(system: System, admin: Person, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file with the ids of something of everything, twice: to be changed, and to be deleted."""
    home, spare = (_everything(system, admin) for _ in range(2))
    path = tmp_path_factory.mktemp("ground") / "ground.json"
    doomed = {"project_id": new_project(admin)}
    path.write_text(json.dumps({"home": home, "spare": spare, "doomed": doomed}))
    yield path
    owner_of(system).ok("POST", "/admin/failed:drop", json={"queue": "projects.clearing.v1"})


def _everything(system: System, admin: Person) -> dict[str, str]:
    values = walk._ground(system, admin, public=False).values
    project = f"/projects/{values['project_id']}"
    upload = admin.ok("POST", f"{project}/uploads", json={"filename": "a.json", "size": 2})
    policy = upload["policy"]
    httpx.post(policy["url"], data=policy["fields"], files={"file": b"{}"}).raise_for_status()
    return {
        **values,
        "service": "projects",
        "message_id": new_failed_message(system, admin, "projects.clearing.v1"),
        "user_id": str(hire(system, admin, values["project_id"], "labeler").id),
        "session_id": admin.ok("GET", "/me/sessions")["items"][0]["id"],
        "upload": upload["upload"],
    }


@pytest.mark.timeout(1200)  # thousands of questions: on a busy machine more than what holds for every test
def test_an_admin_by_a_token(system: System, admin: Person, ground: Path, tmp_path: Path) -> None:
    token = new_token(system, admin).api.headers["Authorization"]
    others, these = (
        [part for name in FILTERED for part in (f"--{kind}-operation-id", name)] for kind in ("exclude", "include")
    )
    ask = partial(_ask, system, ground, tmp_path, {"Authorization": token})
    answers = ask(others) | ask([*these, "--phases", "fuzzing"])
    assert answers.keys() == {*_operations()}, "an operation was not asked"
    good = {name for name, counts in answers.items() if any(status < "400" for status in counts)}
    assert {*_operations()} - good - {*OTHERWISE} == set(), "never answered well"


def _operations() -> list[str]:
    return [each["operationId"] for methods in document()["paths"].values() for each in methods.values()]


def _ask(
    system: System, ground: Path, folder: Path, headers: dict[str, str], options: list[str]
) -> dict[str, dict[str, int]]:
    """How often each operation was answered with which status."""
    tally = folder / "tally.json"
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(HERE / "schemathesis.toml")]
    command += ["run", str(PATH), "--url", f"{system.url}/api/v1", "--seed", str(SEED), "--max-examples", "8"]
    command += options
    for name, value in headers.items():
        command += ["--header", f"{name}: {value}"]
    environment = {**os.environ, "LABELYARD_TEST_GROUND": str(ground), "LABELYARD_TEST_TALLY": str(tally)}
    done = subprocess.run(command, env=environment, cwd=HERE.parents[1], capture_output=True, text=True, check=False)
    report = done.stdout + done.stderr
    answers: dict[str, dict[str, int]] = json.loads(tally.read_text()) if tally.exists() else {}
    asked = {name: sum(counts.values()) for name, counts in answers.items()}
    print(report[report.find("= SUMMARY =") :])
    least = min(asked.values(), default=0)
    print(f"seed {SEED}: {len(asked)} operations, {sum(asked.values())} questions, of each at least {least}")
    assert done.returncode == 0, report
    return answers
