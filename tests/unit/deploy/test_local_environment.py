"""Which servers run here, and what Labelyard's processes are told."""

from pathlib import Path

import pytest

from chassis.settings import ISSUERS, keys_of
from deploy import keys
from deploy.local import environment as environments
from deploy.local.environment import PACKAGES, build, revision
from deploy.local.errors import LocalError
from deploy.local.processes import PROCESSES
from deploy.local.state import State

DSNS = {
    f"LABELYARD_{service}_DSN": f"postgresql://elsewhere/{service.lower()}"
    for service in ("MEMBERS", "PROJECTS", "LABELS", "ANALYTICS", "EXPORTS")
}
S3 = {
    "LABELYARD_S3_ENDPOINT": "http://s3.example.com",
    "LABELYARD_S3_ACCESS_KEY": "access",
    "LABELYARD_S3_SECRET_KEY": "secret",
}
AMQP = {"LABELYARD_AMQP_URL": "amqp://broker.example.com"}


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path, tmp_path)


@pytest.mark.parametrize(
    ("given", "here"),
    [
        ({}, {"postgresql", "rabbitmq", "s3"}),
        ({"UNRELATED": "x", "LABELYARD_AMQP_URL": ""}, {"postgresql", "rabbitmq", "s3"}),
        (AMQP, {"postgresql", "s3"}),
        (S3, {"postgresql", "rabbitmq"}),
        ({"LABELYARD_LABELS_DSN": "postgresql://elsewhere/labels"}, {"postgresql", "rabbitmq", "s3"}),
        (DSNS, {"rabbitmq", "s3"}),
        (DSNS | AMQP | S3, set()),
    ],
)
def test_a_given_address_replaces_a_server(state: State, given: dict[str, str], here: set[str]) -> None:
    environment, servers = build(state, given)

    assert {server.name for server in servers} == here
    for name, value in given.items():
        if name.startswith("LABELYARD_") and value:
            assert environment[name] == value
    assert "UNRELATED" not in environment


def test_an_object_store_without_keys_is_refused(state: State) -> None:
    with pytest.raises(LocalError, match="_SECRET_KEY"):
        build(state, {"LABELYARD_S3_ENDPOINT": "http://s3.example.com"})


def test_keys_are_made_once_and_each_process_has_its_own(state: State) -> None:
    environment, _ = build(state, {})
    assert build(state, {})[0] == environment
    private, public = (keys_of(environment[f"LABELYARD_{which}"]) for which in ("SIGNING_KEY", "VERIFYING_KEYS"))
    assert set(private) == set(public) == {*ISSUERS}
    own = {each.name: each.issuers for each in PROCESSES}
    assert (own["labels"], own["gateway"], own["labels-bulk"]) == (("labels",), ("gateway",), ("labels",))
    assert own["events"] == ("members", "projects", "exports")
    assert set(keys_of(keys.of(own["events"], environment["LABELYARD_SIGNING_KEY"]))) == set(own["events"])


def test_private_keys_without_public_ones_are_refused(state: State) -> None:
    with pytest.raises(LocalError, match="VERIFYING_KEYS"):
        build(state, {"LABELYARD_SIGNING_KEY": "labels:x"})


def test_another_environment_is_another_revision(state: State) -> None:
    environment, _ = build(state, {})

    assert revision(environment) == revision(dict(environment))
    assert revision(environment) != revision(environment | {"LABELYARD_LOG_LEVEL": "DEBUG"})


@pytest.mark.parametrize(
    ("file", "matters"),
    [
        ("gateway/routes/labels.py", True),
        ("gateway/openapi.json", True),
        ("services/labels/migrations/script.py.mako", True),
        ("requirements.txt", True),
        ("gateway/__pycache__/wsgi.cpython-311.pyc", False),
        ("gateway/.openapi.json.swp", False),
        ("docs/README.md", False),
    ],
)
def test_what_a_process_reads_is_in_its_revision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, matters: bool
) -> None:
    monkeypatch.setattr(environments, "REPOSITORY", tmp_path)
    for package in PACKAGES:
        (tmp_path / package).mkdir()
    (tmp_path / "requirements.txt").touch()
    before = revision({})
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_text("changed")

    assert (revision({}) != before) == matters
