"""The chassis' small parts, without any server."""

import json
import logging
import threading
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis import context, ids, logs, outbox, paging
from chassis import settings as settings_module
from chassis.consumer import Subscription
from chassis.failed import UNREADABLE, Policy, type_of
from chassis.health import Health
from contracts.enums import JobState
from contracts.errors import Problem
from contracts.events import ExportChanged


def test_ids_are_version_7_and_ascend() -> None:
    made = [ids.new_id() for _ in range(1000)]
    assert {each.version for each in made} == {7}
    assert made == sorted(made)
    assert len(set(made)) == 1000


@given(st.text(), st.integers(), st.uuids())
def test_a_cursor_gives_back_its_values(text: str, number: int, unique: UUID) -> None:
    assert paging.decode(paging.encode(text, number, unique), str, int, UUID) == (text, number, unique)


@pytest.mark.parametrize("cursor", ["", "x", "é", "W10", "bnVsbA", "WyJhIl0", "e30", paging.encode("a", "b")])
def test_a_made_up_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(Problem) as refusal:
        paging.decode(cursor, int)
    assert refusal.value.code == "bad_cursor"


def test_an_event_survives_the_wire() -> None:
    event = ExportChanged(project_id=uuid4(), export_id=uuid4(), version=3, state=JobState.RUNNING, total=7)
    event_id = ids.new_id()
    with context.correlated("from-the-request"):
        body = outbox.encode(event, event_id)
    document = json.loads(body)
    assert document["specversion"] == "1.0"
    assert document["source"] == "/labelyard/exports"
    envelope = outbox.decode(body)
    assert (envelope.id, envelope.data, envelope.correlation_id) == (event_id, event, "from-the-request")
    assert envelope.time.tzinfo is not None and envelope.time <= datetime.now(UTC)


def test_a_reader_takes_fields_it_does_not_know() -> None:
    event = ExportChanged(project_id=uuid4(), export_id=uuid4(), version=3, state=JobState.RUNNING)
    document = json.loads(outbox.encode(event))
    document["data"]["added_next_year"] = {"x": 1}
    assert outbox.decode(json.dumps(document).encode()).data == event


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b'{"type": "no.such.event.v1"}', b'{"type": 7}'])
def test_what_is_no_event_is_a_value_error(body: bytes) -> None:
    with pytest.raises(ValueError):
        outbox.decode(body)


def test_retries_slow_down_to_an_hour() -> None:
    policy = Policy()
    delays = [policy.delay(attempts) for attempts in range(1, policy.attempts)]
    assert delays[:3] == [1, 2, 4]
    assert delays == sorted(delays)
    assert max(delays) == 3600
    assert policy.due(policy.attempts - 1) is not None
    assert policy.due(policy.attempts) is None
    assert policy.due(1, policy.kills) is None


def test_the_type_of_a_message_is_found_without_reading_it() -> None:
    event = ExportChanged(project_id=uuid4(), export_id=uuid4(), version=3, state=JobState.RUNNING)
    assert type_of(outbox.encode(event)) == event.type
    assert type_of(json.dumps(json.loads(outbox.encode(event))).encode()) == event.type
    assert type_of(b'{"type": "\\u0000"}') == type_of(b"\xff") == UNREADABLE


def test_a_queue_is_bound_for_exactly_its_event_types() -> None:
    queue = Subscription("labels.things.v1", {ExportChanged: lambda *_: None}).declaration()
    assert [(b.exchange.name, b.routing_key) for b in queue.bindings] == [("exports.events", "export.changed.v1")]
    assert queue.queue_arguments["x-queue-type"] == "quorum"


@pytest.fixture
def clean_settings(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    import os

    for name in [name for name in os.environ if name.startswith("LABELYARD_")]:
        monkeypatch.delenv(name)
    settings_module.settings.cache_clear()
    return monkeypatch


def test_a_wrong_setting_ends_the_process_and_is_named(clean_settings: pytest.MonkeyPatch) -> None:
    clean_settings.setenv("LABELYARD_AMQP_URL", "http://broker")
    clean_settings.setenv("LABELYARD_GATEWAY_PORT", "99999")
    with pytest.raises(SystemExit) as end:
        settings_module.settings()
    assert "LABELYARD_AMQP_URL" in str(end.value)
    assert "LABELYARD_GATEWAY_PORT" in str(end.value)


def test_a_missing_setting_is_named_and_secrets_are_not_shown(clean_settings: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit) as end:
        settings_module.settings().require("amqp_url")
    assert "LABELYARD_AMQP_URL" in str(end.value)
    settings_module.settings.cache_clear()
    clean_settings.setenv("LABELYARD_LABELS_DSN", "mysql://user:secret@localhost/labels")
    with pytest.raises(SystemExit) as end:
        settings_module.settings()
    assert "LABELYARD_LABELS_DSN" in str(end.value)
    assert "secret" not in str(end.value)


def test_a_setting_may_stand_in_a_file(clean_settings: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "labelyard_amqp_url").write_text("amqp://from-a-file\n")
    (tmp_path / "labelyard_s3_secret_key").write_text("from-a-file")
    clean_settings.setenv("LABELYARD_SECRETS", str(tmp_path))
    clean_settings.setenv("LABELYARD_S3_SECRET_KEY", "from-a-variable")
    settings = settings_module.settings()
    assert settings.amqp_url == "amqp://from-a-file"
    assert settings.s3_secret_key == "from-a-variable"
    settings_module.settings.cache_clear()


def test_a_database_that_is_not_set_is_named(clean_settings: pytest.MonkeyPatch) -> None:
    clean_settings.setenv("LABELYARD_AMQP_URL", "amqp://localhost")
    clean_settings.setenv("LABELYARD_LABELS_DSN", "postgres://localhost/labels")
    settings = settings_module.settings()
    assert settings.dsn("labels") == "postgresql+psycopg://localhost/labels"
    with pytest.raises(SystemExit) as end:
        settings.dsn("members")
    assert "LABELYARD_MEMBERS_DSN" in str(end.value)
    settings_module.settings.cache_clear()


def _get(port: int, path: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_health_tells_ready_from_live(monkeypatch: pytest.MonkeyPatch) -> None:
    health, port = Health("test"), _free_port()
    health.serve("127.0.0.1", port)
    assert _get(port, "/livez")[0] == 200
    assert _get(port, "/readyz")[0] == 503  # not started yet
    health.started()
    health.report("database", True)
    health.warn("failed messages", lambda: "3 are waiting")
    status, body = _get(port, "/readyz")
    assert status == 200
    assert json.loads(body)["warnings"] == {"failed messages": "3 are waiting"}
    health.report("database", False)
    status, body = _get(port, "/readyz")
    assert status == 503
    assert json.loads(body)["dependencies"] == {"database": False}
    health.report("database", True)
    assert _get(port, "/readyz")[0] == 200
    monkeypatch.setattr("chassis.health.HUNG_AFTER", 0.0)  # as if the main loop had not beaten for long
    assert _get(port, "/livez")[0] == 503
    monkeypatch.undo()
    health.stopping()
    assert _get(port, "/readyz")[0] == 503
    assert b"labelyard_" in _get(port, "/metrics")[1]
    assert _get(port, "/elsewhere")[0] == 404


def test_logs_are_json_with_the_correlation_id(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        logs.configure("test-process")
        with context.correlated("abc"):
            logs.get_logger().info("something happened", label=7)
            logging.getLogger("urllib.thing").warning("so did %s", "this")
        lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
    assert [line["event"] for line in lines] == ["something happened", "so did this"]
    assert {line["correlation_id"] for line in lines} == {"abc"}
    assert {line["process"] for line in lines} == {"test-process"}
    assert lines[0]["label"] == 7


def test_correlation_stays_on_its_thread() -> None:
    seen: list[str] = []
    with context.correlated("mine"):
        thread = threading.Thread(target=lambda: seen.append(context.correlation_id()))
        thread.start()
        thread.join()
        assert context.correlation_id() == "mine"
    assert seen != ["mine"]
