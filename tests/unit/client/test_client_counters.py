"""labelyard admin counters: what is asked for, what is said, exit codes."""

import json
from typing import Any

import pytest

from client import cli
from tests.unit.client.api_server import Answer, Server

PROJECT = {"id": "0190a000-0000-7000-8000-000000000001", "name": "Cells", "role": "owner"}
NONE = {"count": 0, "ids": []}
FOUND = {
    "project_id": PROJECT["id"],
    "complete": True,
    "labels": 12,
    "missing": {"count": 12, "ids": [f"label-{number}" for number in range(12)]},
    "behind": NONE,
    "different": NONE,
    "unknown": {"count": 1, "ids": ["ghost"]},
    "counter_count": 1,
    "counters": [{"scope": PROJECT["id"], "key": "open_issues", "expected": 1234, "actual": 9}],
}


def check(kind: str, state: str, *found: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": "c",
        "kind": kind,
        "state": state,
        "consistent": not found if (kind, state) == ("verify", "done") else None,
        "report": {"projects": 3, "labels": 12, "differing": len(found), "found": list(found)},
        "created_at": "2026-11-23T12:00:00Z",
    }


@pytest.fixture
def signed_in(server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setenv("LABELYARD_URL", server.url)
    monkeypatch.setenv("LABELYARD_TOKEN", "secret")
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    server.on("GET", "/projects", Answer(200, {"items": [PROJECT], "next": None}))
    return server


def answer(server: Server, kind: str, *found: dict[str, Any]) -> None:
    server.on("POST", f"/admin/counters:{kind}", Answer(202, check(kind, "queued")))
    running, done = check(kind, "running"), check(kind, "done", *found)
    server.on("GET", "/admin/counters/checks/c", Answer(200, running), Answer(200, done))


def test_it_waits_and_says_that_nothing_differs(signed_in: Server, capsys: Any) -> None:
    answer(signed_in, "verify")
    assert cli.run(["admin", "counters", "verify", "--all"]) == 0
    assert signed_in.seen("POST", "/admin/counters:verify")[0].json == {"all": True}
    assert capsys.readouterr().out == "Nothing differs: 3 projects with 12 labels.\n"


@pytest.mark.parametrize("named", ["Cells", PROJECT["id"]])
def test_what_differs_is_shown_and_the_exit_code_says_so(signed_in: Server, capsys: Any, named: str) -> None:
    answer(signed_in, "verify", FOUND)
    assert cli.run(["admin", "counters", "verify", named]) == 4
    assert signed_in.seen("POST", "/admin/counters:verify")[0].json == {"project": PROJECT["id"]}
    said = capsys.readouterr().out
    for words in ("1 of 3 projects", "Cells", "label-9", "ghost", "open_issues", "1,234"):
        assert words in said
    assert "label-10" not in said


def test_a_rebuild_tells_what_it_mended(signed_in: Server, capsys: Any) -> None:
    answer(signed_in, "rebuild", FOUND)
    assert cli.run(["admin", "counters", "rebuild", "Cells", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == check("rebuild", "done", FOUND)


@pytest.mark.parametrize("arguments", [[], ["Cells", "--all"]])
def test_one_project_or_all(signed_in: Server, arguments: list[str]) -> None:
    assert cli.run(["admin", "counters", "rebuild", *arguments]) == 2
