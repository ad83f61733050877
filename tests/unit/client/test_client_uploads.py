"""Many files into a dataset."""

from pathlib import Path

import pytest

from client import Labelyard, UploadFailure, uploads
from tests.unit.client.api_server import Server
from tests.unit.client.stored import Library


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    found = {}
    for number in range(450):
        path = tmp_path / f"{number:03}.png"
        path.write_bytes(b"image %d" % number)
        found[path.name] = path
    return found


def test_files_are_registered_in_batches_sent_and_verified(server: Server, files: dict[str, Path]) -> None:
    library = Library(server, "cells", slow=3)
    told: list[tuple[int, int]] = []
    stored: list[str] = []
    with Labelyard(server.url, "secret") as api:
        summary = api.upload_assets(
            "cells",
            files,
            progress=lambda done, total: told.append((done, total)),
            stored=lambda asset: stored.append(asset["data_key"]),
        )
    assert sorted(stored) == sorted(files)
    assert (summary.stored, summary.present, summary.failed, summary.failures) == (450, 0, 0, [])
    assert b"image 7" in library.contents["007.png"]
    sizes = [len(request.json["items"]) for request in server.seen("POST", "/datasets/cells/assets")]
    assert sizes == [200, 200, 50]
    assert told == sorted(told)
    assert told[-1] == (450, 450)


def test_what_is_stored_is_not_sent_again(server: Server, files: dict[str, Path]) -> None:
    library = Library(server, "cells")
    with Labelyard(server.url) as api:
        api.upload_assets("cells", files)
        library.contents.clear()
        summary = api.upload_assets("cells", files)
    assert summary.present == summary.stored == 450
    assert not library.contents


def test_one_bad_file_does_not_stop_the_others(server: Server, files: dict[str, Path]) -> None:
    library = Library(server, "cells")
    library.reject, library.forbid = {"003.png"}, {"004.png"}
    with Labelyard(server.url) as api:
        api.upload_assets("cells", {"002.png": files["005.png"]})
        files["000.png"].write_bytes(b"")
        files["001.png"].unlink()
        files["line\nbreak.png"] = files["005.png"]
        summary = api.upload_assets("cells", files)
    codes = {failure.data_key: failure.code for failure in summary.failures}
    assert codes == {
        "000.png": "empty",
        "001.png": "unreadable",
        "002.png": "asset_exists",
        "003.png": "rejected",
        "004.png": "upload_failed",
        "line\nbreak.png": "bad_name",
    }
    assert UploadFailure("003.png", "rejected", "not an image") in summary.failures
    assert (summary.stored, summary.failed) == (451 - 6, 6)


def test_a_store_with_an_internal_error_is_sent_the_file_again(server: Server, files: dict[str, Path]) -> None:
    library = Library(server, "cells")
    library.ill = 1
    with Labelyard(server.url) as api:
        summary = api.upload_assets("cells", {"000.png": files["000.png"]})
    assert not summary.failures
    assert len(server.seen("POST", "/storage/000.png")) == 2


def test_a_server_that_never_verifies_is_not_waited_for_for_ever(server: Server, files: dict[str, Path]) -> None:
    Library(server, "cells", slow=1_000_000)
    some = dict(list(files.items())[:2])
    with Labelyard(server.url) as api:
        summary = api.upload_assets("cells", some, patience=0.05)
    assert {failure.code for failure in summary.failures} == {"not_verified"}


def test_a_server_that_is_behind_with_verifying_is_waited_for(
    server: Server, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "UNVERIFIED", 100)
    Library(server, "cells", slow=4)
    with Labelyard(server.url) as api:
        summary = api.upload_assets("cells", files)
    assert (summary.stored, summary.failed) == (450, 0)
    paths = [request.path for request in server.requests if request.path.startswith("/datasets")]
    last = len(paths) - paths[::-1].index("/datasets/cells/assets") - 1
    assert len(paths[:last]) > 4, "the last files were registered before the first were verified"


def test_a_summary_names_the_first_failures_and_counts_all(server: Server, files: dict[str, Path]) -> None:
    Library(server, "cells")
    bad = {f"{number}\n": files["000.png"] for number in range(uploads.NAMED + 5)}
    with Labelyard(server.url) as api:
        summary = api.upload_assets("cells", bad)
    assert (summary.stored, summary.failed, len(summary.failures)) == (0, uploads.NAMED + 5, uploads.NAMED)
