"""Names are people's: whatever stands in them, every command prints it as it is."""

import io
from pathlib import Path
from typing import Any

import pytest

from client import cli, draw
from tests.unit.client.api_server import Answer, Server
from tests.unit.client.stored import Library

NAMES = ["a [/b]", "[red]x", "[link=https://example.com]y[/link]", ":warning: z", "w\\[", "[[v]]"]
TIME = "2026-01-01T00:00:00Z"


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("COLUMNS", "250")  # nothing is folded
    found: str = request.param
    return found


@pytest.fixture
def server(server: Server, name: str, monkeypatch: pytest.MonkeyPatch) -> Server:
    """Where everything is called `name`."""
    monkeypatch.setenv("LABELYARD_URL", server.url)
    monkeypatch.setenv("LABELYARD_TOKEN", "secret")
    server.on("GET", "/projects", Answer(200, {"items": [_project(name)], "next": None}))
    return server


def _project(name: str) -> dict[str, Any]:
    return {"id": "p", "name": name, "role": "manager", "counters": {}, "visibility": "private", "version": 1}


def _exposure(name: str) -> dict[str, Any]:
    unknown = {"labels": None, "images": None, "objects": None}
    shown = {**unknown, "permissions": [], "cards": [name], "name": name, "description": ""}
    hidden = {"cards": [], "people": None, "labels_with_open_issues": 1, "guidelines": 0}
    return {
        "visibility": "private",
        "version": 1,
        "shown": shown,
        "hidden": hidden,
        "share_links": 1,
        "confirmation": "1-2",
    }


def _page(name: str) -> dict[str, Any]:
    segments = [{"status": "held", "review": name, "count": 0}]
    status = {"scope": "project", "total": 0, "submitted": 0, "reviewed": 0, "segments": segments}
    shown = {"name": name, "annotation_type": "box", "color": "#cc0000", "count": 1}
    configuration = {"object_classes": [shown], "image_categories": [{"name": name}]}
    cards = {
        "labeling_status": status,
        "configuration": configuration,
        "auto_label": {"status": "on", "model": name},
        "newer": {name: name},
    }
    shown_cards = {key: {"state": "ok", "data": data} for key, data in cards.items()}
    return {"project": _project(name), "viewer": {"role": "manager"}, "cards": shown_cards}


def test_projects(server: Server, name: str, capsys: Any) -> None:
    server.on("POST", "/projects", Answer(201, _project(name)))
    server.on("DELETE", "/projects/p", Answer(204, b""))
    server.on("POST", "/projects/p:restore", Answer(200, _project(name)))
    server.on("PATCH", "/projects/p", Answer(200, _project(name)))
    server.on("GET", "/projects/p/visibility", Answer(200, _exposure(name)))
    for arguments in (["create"], ["list"], ["publish", "--yes"], ["unpublish"], ["delete"], ["restore"]):
        assert cli.run(["project", *arguments, *([] if arguments == ["list"] else [name])]) == 0
        assert name in capsys.readouterr().out, arguments


def test_an_overview(server: Server, name: str, capsys: Any) -> None:
    server.on("GET", "/projects/p/overview", Answer(200, _page(name)))
    assert cli.run(["overview", name]) == 0
    assert capsys.readouterr().out.count(name) == 6 + (draw.words(name) == name)


def test_an_export(server: Server, name: str, tmp_path: Path, capsys: Any) -> None:
    done = {"id": "e", "project_id": "p", "state": "done", "labels": 0, "objects": 0, "size": 2, "sha256": None}
    server.on("POST", "/projects/p/exports", Answer(202, done))
    server.on("GET", "/projects/p/exports/e/download", Answer(302, b"", {"Location": f"{server.url}/file"}))
    server.on("GET", "/file", Answer(200, b"{}"))
    target = tmp_path / name.replace("/", "|")
    assert cli.run(["export", name, "-o", str(target)]) == 0
    assert str(target) in capsys.readouterr().out


def test_guidelines(server: Server, name: str, tmp_path: Path, capsys: Any) -> None:
    made = {"id": "g", "project_id": "p", "name": name, "size": 2, "pages": 1, "sha256": None}
    policy = {"url": f"{server.url}/upload", "fields": {"key": "k"}}
    server.on("POST", "/projects/p/guidelines", Answer(201, {"guideline": made, "upload": policy}))
    server.on("POST", "/upload", Answer(204, b""))
    server.on("POST", "/projects/p/guidelines/g:complete", Answer(200, made))
    server.on("GET", "/projects/p/guidelines", Answer(200, {"items": [made], "next": None}))
    server.on("GET", "/projects/p/guidelines/g/content", Answer(302, b"", {"Location": f"{server.url}/file"}))
    server.on("GET", "/file", Answer(200, b"{}"))
    source, target = tmp_path / "guide.pdf", tmp_path / name.replace("/", "|")
    source.write_bytes(b"{}")
    assert cli.run(["guideline", "upload", name, str(source)]) == 0
    assert name in capsys.readouterr().out
    assert cli.run(["guideline", "list", name]) == 0
    assert name in capsys.readouterr().out
    assert cli.run(["guideline", "download", name, name, "-o", str(target)]) == 0
    assert str(target) in capsys.readouterr().out


def test_an_account(server: Server, name: str, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    token = {"id": "t", "name": name, "scope": "read", "project_id": None, "created_at": TIME, "secret": "ly_s"}
    session = {"id": "s", "device": name, "current": False, "created_at": TIME, "last_used_at": TIME}
    server.on("POST", "/auth/login", Answer(200, {"csrf_token": "abc"}))
    server.on("POST", "/auth/logout", Answer(204, b""))
    server.on("POST", "/me/tokens", Answer(201, token))
    server.on("GET", "/me/tokens", Answer(200, {"items": [token], "next": None}))
    server.on("GET", "/me/sessions", Answer(200, {"items": [session], "next": None}))
    for arguments in (["token", "create", name, "--scope", "read"], ["token", "list"], ["session", "list"]):
        assert cli.run(arguments) == 0
        assert name in "".join(capsys.readouterr()), arguments
    monkeypatch.setattr("sys.stdin", io.StringIO("pass word\n"))
    assert cli.run(["login", "--email", f"{name}@example.org"]) == 0
    assert f"{name}@example.org" in capsys.readouterr().out


@pytest.mark.parametrize("state", ["done", "failed"])
def test_an_import(server: Server, name: str, state: str, tmp_path: Path, capsys: Any) -> None:
    Library(server, "cells").reject = {"one.png"}
    (tmp_path / "one.xml").write_text("<annotation/>")
    (tmp_path / "one.png").write_bytes(b"an image")
    fault = {"file": name, "line": None, "object": name, "code": "bad_text", "detail": f"why: {name}"}
    report = {"labels": 1, "objects": 1, "objects_by_class": {name: 1}, "errors": [fault], "error_count": 1}
    ended = {"id": "i", "project_id": "p", "state": state, "done": 1, "total": 1, "report": report}
    policy = {"url": f"{server.url}/upload", "fields": {"key": "k"}}
    server.on("POST", "/projects/p/uploads", Answer(201, {"upload": "u", "policy": policy}))
    server.on("POST", "/upload", Answer(204, b""))
    server.on("POST", "/projects/p/imports", Answer(202, ended | {"failure": f"because {name}"}))
    assert cli.run(["import", "voc", str(tmp_path), "--project", name, "--dataset", "cells"]) != 0
    said = capsys.readouterr().out
    assert f"because {name}" in said if state == "failed" else f"Project {name}: 1 labels" in said
    assert said.count(name) == 5


def test_no_command_escapes_what_is_printed_as_it_is() -> None:
    modules = Path(cli.__file__).parent.rglob("*.py")
    assert not [module for module in modules if "rich.markup" in module.read_text(encoding="utf-8")]
