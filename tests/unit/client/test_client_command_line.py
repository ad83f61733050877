"""The command line: what is said where, exit codes, sign-in, folders."""

import io
import json
import stat
import zipfile
from pathlib import Path
from typing import Any

import pytest

from client import cli, credentials, folders
from tests.unit.client.api_server import Answer, Server, problem

PROJECT = {"id": "p", "name": "Cells", "role": "manager", "counters": {"total": 1364, "submitted": 2, "reviewed": 1}}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("LABELYARD_URL", raising=False)
    monkeypatch.delenv("LABELYARD_TOKEN", raising=False)
    return tmp_path


@pytest.fixture
def signed_in(server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setenv("LABELYARD_URL", server.url)
    monkeypatch.setenv("LABELYARD_TOKEN", "secret")
    server.on("GET", "/projects", Answer(200, {"items": [PROJECT], "next": None}))
    return server


def test_login_keeps_a_token_for_its_owner_alone(server: Server, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    server.on("POST", "/auth/login", Answer(200, {"csrf_token": "abc"}, {"Set-Cookie": "labelyard_session=s; Path=/"}))
    server.on("POST", "/me/tokens", Answer(201, {"id": "t", "name": "n", "secret": "token-1"}))
    server.on("POST", "/auth/logout", Answer(204, b""))
    monkeypatch.setattr("sys.stdin", io.StringIO("pass word\n"))
    assert cli.run(["login", "--url", server.url, "--email", "ann@example.org"]) == 0
    assert server.requests[0].json == {"email": "ann@example.org", "password": "pass word"}
    made = server.seen("POST", "/me/tokens")[0]
    assert (made.headers["x-csrf-token"], made.headers["cookie"]) == ("abc", "labelyard_session=s")
    assert stat.S_IMODE(credentials.path().stat().st_mode) == 0o600
    assert credentials.present() == credentials.Credentials(server.url, "token-1")
    assert "token-1" not in "".join(capsys.readouterr())


def test_login_shows_that_it_has_been_here_before(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    cookies = [f"labelyard_device=device-{number}; Path=/api/v1; HttpOnly" for number in (1, 2)]
    server.on("POST", "/auth/login", *(Answer(200, {"csrf_token": "abc"}, {"Set-Cookie": each}) for each in cookies))
    server.on("POST", "/me/tokens", Answer(201, {"id": "t", "name": "n", "secret": "token-1"}))
    server.on("POST", "/auth/logout", Answer(204, b""))
    for _ in cookies:
        monkeypatch.setattr("sys.stdin", io.StringIO("pass word\n"))
        assert cli.run(["login", "--url", server.url, "--email", "ann@example.org"]) == 0
    shown = [request.headers.get("cookie") for request in server.seen("POST", "/auth/login")]
    assert shown == [None, "labelyard_device=device-1"]
    saved = credentials.stored()
    assert saved is not None
    assert saved.device == "device-2"


@pytest.mark.parametrize(("seconds", "said"), [(1, "a second"), (45, "45 seconds"), (599, "10 minutes")])
def test_login_tells_how_long_to_wait_after_wrong_passwords(
    server: Server, capsys: Any, monkeypatch: pytest.MonkeyPatch, seconds: int, said: str
) -> None:
    held_up = problem(429, "rate_limited", "There were too many wrong passwords.", retry_after=seconds)
    held_up.headers["Retry-After"] = str(seconds)
    server.on("POST", "/auth/login", held_up)
    monkeypatch.setattr("sys.stdin", io.StringIO("pass word\n"))
    assert cli.run(["login", "--url", server.url, "--email", "ann@example.org"]) == 1
    assert f"too many wrong passwords. Try again in {said}." in capsys.readouterr().err


def test_tokens_are_made_listed_and_revoked(signed_in: Server, capsys: Any) -> None:
    made = {"id": "t", "name": "robot", "scope": "read", "project_id": "p", "created_at": "2026-01-01T00:00:00Z"}
    signed_in.on("POST", "/me/tokens", Answer(201, {**made, "secret": "ly_secret"}))
    signed_in.on("GET", "/me/tokens", Answer(200, {"items": [made], "next": None}))
    signed_in.on("DELETE", "/me/tokens/t", Answer(204, b""))
    assert cli.run(["token", "create", "robot"]) == 2  # what it may do must be said
    capsys.readouterr()
    assert cli.run(["token", "create", "robot", "--scope", "read", "--project", "Cells", "--days", "90"]) == 0
    assert capsys.readouterr().out == "ly_secret\n"
    sent = signed_in.seen("POST", "/me/tokens")[0].json
    assert {**sent, "expires_at": ""} == {"name": "robot", "scope": "read", "project_id": "p", "expires_at": ""}
    assert cli.run(["token", "list"]) == 0
    assert "robot" in capsys.readouterr().out
    assert cli.run(["token", "revoke", "t"]) == 0


def test_lists_cut_nothing_off_in_a_narrow_terminal(
    signed_in: Server, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    project = {**PROJECT, "id": "0" * 35 + "1", "name": "Cells of the third batch"}
    token = {"id": "0" * 35 + "2", "name": "nightly-export", "scope": "write", "project_id": project["id"]}
    times = {"last_used_at": "2026-01-01T09:30:00Z", "expires_at": "2027-12-31T09:30:00Z"}
    failed = {**FAILED, "id": "0" * 35 + "3", "service": "analytics"}
    signed_in.on("GET", "/projects", Answer(200, {"items": [project], "next": None}))
    signed_in.on("GET", "/me/tokens", Answer(200, {"items": [{**token, **times}], "next": None}))
    signed_in.on("GET", "/admin/failed", Answer(200, {"items": [failed], "next": None, "unavailable": []}))
    for arguments in (["project", "list"], ["token", "list"], ["admin", "failed", "list"]):
        assert cli.run(arguments) == 0
    said = capsys.readouterr().out
    for whole in (
        project["name"], project["id"], "Submitted", "Reviewed", "1,364", "manager",
        token["name"], token["id"], "write", "Last used", "2027-12-31",
        f"analytics/{failed['id']}", FAILED["queue"], FAILED["type"], FAILED["reason"], "given up",
    ):  # fmt: skip
        assert whole in said
    assert "…" not in said


def test_sessions_are_listed_and_revoked(signed_in: Server, capsys: Any) -> None:
    moments = dict.fromkeys(("created_at", "last_used_at", "expires_at"), "2026-01-01T00:00:00Z")
    entry = {"id": "s", "device": "[a browser]", "current": False, **moments}
    signed_in.on("GET", "/me/sessions", Answer(200, {"items": [entry], "next": None}))
    signed_in.on("DELETE", "/me/sessions/s", Answer(204, b""))
    assert cli.run(["session", "list"]) == 0
    assert "[a browser]" in capsys.readouterr().out
    assert cli.run(["session", "revoke", "s"]) == 0


def test_the_password_is_changed(signed_in: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    signed_in.on("POST", "/me/password", Answer(204, b""))
    monkeypatch.setattr("sys.stdin", io.StringIO("old one\nnew one!\n"))
    assert cli.run(["password", "--end-sessions"]) == 0
    assert signed_in.requests[-1].json == {
        "current_password": "old one",
        "new_password": "new one!",
        "end_other_sessions": True,
    }


def test_the_environment_goes_before_what_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials.store(credentials.Credentials("http://a.example", "stored"))
    assert credentials.present() == credentials.Credentials("http://a.example", "stored")
    monkeypatch.setenv("LABELYARD_TOKEN", "given")
    assert credentials.present() == credentials.Credentials("http://a.example", "given")
    monkeypatch.setenv("LABELYARD_URL", "http://b.example/")
    assert credentials.present() == credentials.Credentials("http://b.example", "given")
    monkeypatch.delenv("LABELYARD_TOKEN")
    with pytest.raises(credentials.NotSignedIn):  # a's token is not shown to b
        credentials.present()


def test_who_is_not_signed_in_is_told_how(capsys: Any) -> None:
    assert cli.run(["project", "list"]) == 1
    out, err = capsys.readouterr()
    assert not out
    assert "labelyard login" in err


def test_a_server_that_is_not_there_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setenv("LABELYARD_URL", "http://127.0.0.1:9")  # the discard port: nobody listens
    monkeypatch.setenv("LABELYARD_TOKEN", "secret")
    assert cli.run(["project", "list"]) == 1
    assert "make up" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--json", "project", "list"], ["project", "list", "--json"]])
def test_json_may_stand_before_or_behind_the_command(signed_in: Server, capsys: Any, arguments: list[str]) -> None:
    assert cli.run(arguments) == 0
    assert json.loads(capsys.readouterr().out) == [PROJECT]


def test_a_refusal_is_told_with_its_code_in_json(signed_in: Server, capsys: Any) -> None:
    signed_in.on("POST", "/projects", problem(409, "name_taken", "There is a project of that name."))
    assert cli.run(["project", "create", "Cells", "--json"]) == 1
    out, err = capsys.readouterr()
    assert not out
    assert json.loads(err)["error"]["code"] == "name_taken"


def test_classes_are_named_with_their_types(signed_in: Server, capsys: Any) -> None:
    signed_in.on("POST", "/projects", Answer(201, PROJECT))
    assert cli.run(["project", "create", "Cells", "--class", "RBC", "--class", "wall: inner:polygon"]) == 0
    assert signed_in.requests[-1].json["specification"]["object_classes"] == [
        {"name": "RBC", "annotation_type": "box"},
        {"name": "wall: inner", "annotation_type": "polygon"},
    ]
    assert cli.run(["project", "create", "Cells", "--class", "RBC:bocks"]) == 2
    assert "polygon" in capsys.readouterr().err


def test_an_unknown_project_and_a_missing_folder_are_told(signed_in: Server, capsys: Any) -> None:
    signed_in.on("GET", "/projects", Answer(200, {"items": [], "next": None}))
    assert cli.run(["overview", "Nobody's"]) == 1
    assert "labelyard project list" in capsys.readouterr().err
    assert cli.run(["export", "Cells", "-o", "/no/such/folder/file.json"]) == 2
    assert cli.run(["import", "voc", "/no/such/folder", "--project", "Cells"]) == 2


@pytest.mark.parametrize(
    ("annotations", "images"), [("annotations", "images"), ("Annotations", "JPEGImages"), (".", ".")]
)
def test_voc_folders_are_known_by_their_parts(tmp_path: Path, annotations: str, images: str) -> None:
    for part in (annotations, images):
        (tmp_path / "voc" / part).mkdir(parents=True, exist_ok=True)
    (tmp_path / "voc" / annotations / "one.xml").write_text("<annotation/>")
    (tmp_path / "voc" / images / "one.JPG").write_bytes(b"x")
    (tmp_path / "voc" / images / "notes.txt").write_bytes(b"x")
    found_annotations, found_images = folders.voc(tmp_path / "voc")
    assert dict(folders.images(found_images)) == {"one.JPG": found_images / "one.JPG"}
    assert "notes.txt" not in folders.images(found_images)
    with folders.zipped_xml(found_annotations) as archive:
        assert archive is not None
        assert zipfile.ZipFile(archive).namelist() == ["one.xml"]
    assert not archive.exists()


def test_a_folder_without_annotations_is_wrong_usage(signed_in: Server, tmp_path: Path, capsys: Any) -> None:
    assert cli.run(["import", "voc", str(tmp_path), "--project", "Cells"]) == 2
    assert "no XML files" in capsys.readouterr().err


def test_a_project_is_deleted_and_restored_by_name_or_id(signed_in: Server, capsys: Any) -> None:
    signed_in.on("DELETE", "/projects/p", Answer(204, b""))
    assert cli.run(["project", "delete", "Cells"]) == 0
    assert "labelyard project restore p" in capsys.readouterr().out
    signed_in.on("POST", "/projects/p:restore", Answer(200, PROJECT))
    assert cli.run(["project", "restore", "Cells"]) == 0
    assert signed_in.seen("GET", "/projects")[-1].query == {"name": ["Cells"], "deleted": ["true"], "limit": ["200"]}
    twice = [PROJECT, PROJECT | {"id": "q"}]
    signed_in.on("GET", "/projects", Answer(200, {"items": twice, "next": None}))
    assert cli.run(["project", "restore", "Cells"]) == 1
    assert "p, q" in capsys.readouterr().err
    signed_in.on("GET", "/projects", Answer(200, {"items": [], "next": None}))
    assert cli.run(["project", "restore", "p"]) == 0
    assert len(signed_in.seen("POST", "/projects/p:restore")) == 2
    assert cli.run(["project", "list", "--deleted"]) == 0
    assert "No deleted projects" in capsys.readouterr().out


def test_a_guideline_goes_up_and_comes_down(signed_in: Server, tmp_path: Path, capsys: Any) -> None:
    data, there = b"%PDF-1.7", "/projects/p/guidelines"
    made = {"id": "g", "project_id": "p", "name": "Guide.pdf", "size": len(data), "pages": 1, "sha256": None}
    policy = {"url": f"{signed_in.url}/upload", "fields": {"key": "k"}}
    signed_in.on("POST", there, Answer(201, {"guideline": made, "upload": policy}))
    signed_in.on("POST", "/upload", Answer(204, b""))
    signed_in.on("POST", f"{there}/g:complete", Answer(200, made))
    signed_in.on("GET", there, Answer(200, {"items": [made], "next": None}))
    signed_in.on("GET", f"{there}/g/content", Answer(302, b"", {"Location": f"{signed_in.url}/file"}))
    signed_in.on("GET", "/file", Answer(200, data))
    source = tmp_path / "Guide.pdf"
    source.write_bytes(data)
    assert cli.run(["guideline", "upload", "Cells", str(source)]) == 0
    assert signed_in.seen("POST", there)[0].json == {"name": "Guide.pdf", "size": len(data)}
    assert data in signed_in.seen("POST", "/upload")[0].body
    assert cli.run(["guideline", "list", "Cells"]) == 0
    assert "Guide.pdf" in capsys.readouterr().out
    target = tmp_path / "again.pdf"
    assert cli.run(["guideline", "download", "Cells", "Guide.pdf", "-o", str(target)]) == 0
    assert target.read_bytes() == data
    assert cli.run(["guideline", "download", "Cells", "None.pdf"]) == 1


def test_watch_says_that_it_waits_and_why_it_ends(signed_in: Server, capsys: Any) -> None:
    card = {"state": "ok", "data": {"total": 7, "segments": []}}
    page = {"project": PROJECT, "viewer": {}, "cards": {"labeling_status": card}}
    message = f"event: cards\ndata: {json.dumps({'version': 1, 'cards': {}})}\n\n".encode()
    stream = Answer(200, message, {"Content-Type": "text/event-stream"}, breaks=True)
    signed_in.on("GET", "/projects/p/overview", Answer(200, page))
    signed_in.on(
        "GET", "/projects/p/live", problem(503, "busy", "As many as there may be."), stream,
        problem(404, "not_found", "It is gone."),
    )  # fmt: skip
    assert cli.run(["watch", "Cells"]) == 1
    out, err = capsys.readouterr()
    assert out == "Cells: 7 labels. \n"
    assert "As many as there may be." in err
    assert "It is gone." in err


FAILED = {
    "id": "0197", "service": "labels", "queue": "labels.events.v1", "type": "projects.project.changed.v1",
    "state": "given_up", "reason": "ValueError: [no]", "attempts": 15, "size": 2, "failed_at": "2026-01-01T00:00:00Z",
    "next_try_at": None,
}  # fmt: skip


def test_failed_messages_are_listed_with_what_is_missing(signed_in: Server, capsys: Any) -> None:
    signed_in.on("GET", "/admin/failed", Answer(200, {"items": [FAILED], "next": None, "unavailable": ["exports"]}))
    assert cli.run(["admin", "failed", "list", "--state", "given_up"]) == 3
    said = capsys.readouterr()
    assert "labels/0197" in said.out
    assert "exports" in said.err
    assert signed_in.seen("GET", "/admin/failed")[0].query["state"] == ["given_up"]
    assert cli.run(["admin", "failed", "list", "--json"]) == 3
    assert json.loads(capsys.readouterr().out) == {"items": [FAILED], "unavailable": ["exports"]}


def test_failed_messages_are_replayed_and_dropped_by_name_id_or_queue(signed_in: Server, capsys: Any) -> None:
    signed_in.on("GET", "/admin/failed", Answer(200, {"items": [FAILED], "next": None, "unavailable": []}))
    for path in ("/admin/failed/labels/0197:replay", "/admin/failed/labels/0197:drop", "/admin/failed:drop"):
        signed_in.on("POST", path, Answer(200, {"count": 1}))
    assert cli.run(["admin", "failed", "replay", "0197", "labels/0197"]) == 0
    assert cli.run(["admin", "failed", "drop", "labels/0197", "--json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {"count": 1}
    assert cli.run(["admin", "failed", "drop", "--queue", "labels.events.v1", "--state", "given_up", "--yes"]) == 0
    sent = signed_in.seen("POST", "/admin/failed:drop")[0].json
    assert sent == {"queue": "labels.events.v1", "state": "given_up"}
    assert cli.run(["admin", "failed", "replay", "unknown"]) == 1
    for wrong in ([], ["0197", "--queue", "labels.events.v1"], ["0197", "--state", "waiting"]):
        assert cli.run(["admin", "failed", "replay", *wrong]) == 2


def test_a_failed_message_is_shown_with_its_body(signed_in: Server, capsys: Any) -> None:
    shown = {**FAILED, "headers": {"x-death": "[…]"}, "body": '{"[bold]": 1}', "encoding": "text"}
    signed_in.on("GET", "/admin/failed/labels/0197", Answer(200, shown))
    assert cli.run(["admin", "failed", "show", "labels/0197"]) == 0
    said = capsys.readouterr().out
    assert '{"[bold]": 1}' in said
    assert "ValueError: [no]" in said
