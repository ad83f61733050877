"""The download of an export."""

import hashlib
import stat
from pathlib import Path
from typing import Any

import pytest

from client import Labelyard, TransferError
from tests.unit.client.api_server import Answer, Server

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
