"""The download of an export."""

import hashlib
import stat
from pathlib import Path
from typing import Any

import pytest

from client import Labelyard, TransferError
from client.transport import ATTEMPTS
from tests.unit.client.api_server import Answer, Request, Server, problem

CONTENT = b'{"labels": []}' * 1000


def _export(server: Server, content: bytes, **changes: Any) -> Any:
    server.on("GET", "/projects/p/exports/e/download", Answer(302, b"", {"Location": f"{server.url}/storage/e?sig=1"}))
    server.on("GET", "/storage/e", Answer(200, content))
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    return {"id": "e", "project_id": "p", "state": "done", "size": len(CONTENT), "sha256": sha256, **changes}


def test_the_file_appears_whole_and_readable_and_no_token_goes_to_the_store(server: Server, tmp_path: Path) -> None:
    target = tmp_path / "labels.json"
    with Labelyard(server.url, "secret") as api:
        api.download_export(_export(server, CONTENT), target)
    assert target.read_bytes() == CONTENT
    assert stat.S_IMODE(target.stat().st_mode) & stat.S_IRUSR
    assert list(tmp_path.iterdir()) == [target]
    assert "authorization" not in server.seen("GET", "/storage/e")[0].headers


@pytest.mark.parametrize("content", [CONTENT[:-1], CONTENT[:-1] + b"x", CONTENT + b"more"])
def test_what_is_not_the_export_leaves_the_old_file(server: Server, tmp_path: Path, content: bytes) -> None:
    target = tmp_path / "labels.json"
    target.write_text("old")
    with Labelyard(server.url) as api, pytest.raises(TransferError):
        api.download_export(_export(server, content), target)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def _breaks_after(count: int, *, resumes: bool = True) -> Any:
    """Sends `count` bytes more of the file, of all that it announces, and breaks off; the rest when that is less."""

    def answer(request: Request) -> Answer:
        start = int(request.headers.get("range", "bytes=0-").removeprefix("bytes=").removesuffix("-")) if resumes else 0
        rest = CONTENT[start:]
        headers = {"Content-Length": str(len(rest))}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"
        return Answer(206 if start else 200, rest[:count], headers, breaks=True)

    return answer


def test_what_breaks_off_goes_on_where_it_did(server: Server, tmp_path: Path) -> None:
    target, told = tmp_path / "labels.json", list[int]()
    export = _export(server, CONTENT)
    server.on("GET", "/storage/e", *[_breaks_after(len(CONTENT) // 10)] * ATTEMPTS * 2, _breaks_after(len(CONTENT)))
    with Labelyard(server.url) as api:
        api.download_export(export, target, lambda done, total: told.append(done))
    assert target.read_bytes() == CONTENT
    assert told == sorted(told)
    asked = server.seen("GET", "/storage/e")
    assert [request.headers.get("range") for request in asked][:2] == [None, f"bytes={len(CONTENT) // 10}-"]
    links = server.seen("GET", "/projects/p/exports/e/download")
    assert len(links) == len(asked)  # an address is signed for a short time only


def test_a_store_that_does_not_resume_sends_it_again(server: Server, tmp_path: Path) -> None:
    target = tmp_path / "labels.json"
    export = _export(server, CONTENT)
    server.on("GET", "/storage/e", _breaks_after(999), _breaks_after(len(CONTENT), resumes=False))
    with Labelyard(server.url) as api:
        api.download_export(export, target)
    assert target.read_bytes() == CONTENT


def test_another_part_than_was_asked_for_is_refused(server: Server, tmp_path: Path) -> None:
    export = _export(server, CONTENT) | {"sha256": None}
    other = Answer(206, CONTENT[998:], {"Content-Range": f"bytes 998-{len(CONTENT) - 1}/{len(CONTENT)}"})
    server.on("GET", "/storage/e", _breaks_after(999), other)
    with Labelyard(server.url) as api, pytest.raises(TransferError, match="another part"):
        api.download_export(export, tmp_path / "labels.json")


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_store_that_can_not_now_is_asked_again(server: Server, tmp_path: Path, status: int) -> None:
    target = tmp_path / "labels.json"
    export = _export(server, CONTENT)
    server.on("GET", "/storage/e", problem(status, "InternalError"), Answer(200, CONTENT))
    with Labelyard(server.url) as api:
        api.download_export(export, target)
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("answer", [Answer(breaks=True), problem(500, "InternalError")])
def test_a_store_that_never_can_is_given_up(server: Server, tmp_path: Path, answer: Answer) -> None:
    export = _export(server, CONTENT)
    server.on("GET", "/storage/e", _breaks_after(10), answer)
    with Labelyard(server.url) as api, pytest.raises(TransferError, match="broke off"):
        api.download_export(export, tmp_path / "labels.json")
    assert len(server.seen("GET", "/storage/e")) == ATTEMPTS
    assert not list(tmp_path.iterdir())
