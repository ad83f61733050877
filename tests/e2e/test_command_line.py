"""The whole command line against a whole system: BCCD goes in, equal counts come out everywhere."""

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest

from client import Labelyard
from deploy.local.state import REPOSITORY
from deploy.local.system import System
from tests.pdfs import pdf

BCCD = REPOSITORY.parent / "shared" / "data" / "bccd"
OBJECTS = {"RBC": 4153, "WBC": 372, "Platelets": 361}  # the 4,888 boxes of boxes.csv, less two of zero area
COMMAND = Path(sys.executable).with_name("labelyard")


class CommandLine:
    """`labelyard` as somebody with a home of their own."""

    def __init__(self, home: Path) -> None:
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(home), "LC_ALL": "C.UTF-8"}

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        # Ctrl-C reaches it as at a terminal, even if the tests run in the background of a shell, which ignores it
        return subprocess.Popen(
            [COMMAND, *arguments],
            env=self.environment,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  # takes no lock
            **options,
        )

    def __call__(self, *arguments: str, code: int = 0, given: str = "") -> str:
        """Standard output; the exit code must be `code`."""
        pipe = subprocess.PIPE
        run = self.start(*arguments, stdin=pipe, stdout=pipe, stderr=pipe)
        out, err = run.communicate(given, timeout=240)
        assert run.returncode == code, (arguments, out, err)
        return out

    def json(self, *arguments: str, code: int = 0) -> Any:
        return json.loads(self(*arguments, "--json", code=code))


@pytest.fixture(scope="module")
def labelyard(system: System, tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """Signed in as the owner."""
    command = CommandLine(tmp_path_factory.mktemp("home"))
    email, password = system.owner
    assert "labelyard login" in _refused(command, "project", "list")
    command("login", "--url", system.url, "--email", email, given=f"{password}\n")
    return command


@pytest.fixture(scope="module")
def bccd(labelyard: CommandLine) -> dict[str, Any]:
    """What the import of BCCD reported."""
    if not BCCD.is_dir():
        pytest.skip("the BCCD data set is not beside this clone")
    report: dict[str, Any] = labelyard.json("import", "voc", str(BCCD), "--project", "BCCD", code=3)
    return report


def _refused(command: CommandLine, *arguments: str) -> str:
    run = command.start(*arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = run.communicate(timeout=60)
    assert (run.returncode, out) == (1, "")
    return err


def _counted(page: dict[str, Any]) -> tuple[int, dict[str, int]]:
    cards = page["cards"]
    classes = cards["configuration"]["data"]["object_classes"]
    return cards["labeling_status"]["data"]["total"], {each["name"]: each["count"] for each in classes}


def _overview(labelyard: CommandLine, project: str, expected: tuple[int, dict[str, int]]) -> dict[str, Any]:
    """The overview once its counters, which follow behind, say what is expected."""
    deadline = time.monotonic() + 30
    while True:
        page: dict[str, Any] = labelyard.json("overview", project)
        if _counted(page) == expected or time.monotonic() > deadline:
            assert _counted(page) == expected
            return page
        time.sleep(0.2)


def test_bccd_goes_in_with_its_two_empty_boxes_named(bccd: dict[str, Any]) -> None:
    assert bccd["images"]["failures"] == []
    assert bccd["images"]["found"] == bccd["images"]["uploaded"] == 364
    report = bccd["import"]["report"]
    assert (report["labels"], report["objects"], report["objects_by_class"]) == (364, 4886, OBJECTS)
    assert report["error_count"] == 2
    assert {Path(error["file"]).stem for error in report["errors"]} == {"BloodImage_00338", "BloodImage_00343"}
    assert {error["code"] for error in report["errors"]} == {"bad_geometry"}
    assert all(error["line"] for error in report["errors"])


def test_the_overview_counts_them(labelyard: CommandLine, bccd: dict[str, Any]) -> None:
    page = _overview(labelyard, "BCCD", (364, OBJECTS))
    segments = page["cards"]["labeling_status"]["data"]["segments"]
    assert [segment["count"] for segment in segments] == [364, 0, 0, 0, 0, 0]
    drawn = labelyard("overview", bccd["project"]["id"])
    for shown in ("BCCD", "364 labels", "4,153", "372", "361"):
        assert shown in drawn


def test_its_quotas_are_shown_and_set(labelyard: CommandLine, bccd: dict[str, Any]) -> None:
    shown = labelyard.json("project", "quota", "BCCD")
    assert shown["exports"] == {"limit": None, "default": None, "used": 0}
    assert shown["storage"]["used"] > 364 * 1000
    set_ = labelyard.json("project", "quota", "BCCD", "--exports", "1000", "--storage", "default")
    assert (set_["exports"]["limit"], set_["storage"]) == (1000, shown["storage"])
    assert "1,000" in labelyard("project", "quota", "BCCD")
    labelyard("project", "quota", "BCCD", "--exports", "many", code=2)


def test_the_same_import_again_changes_nothing(labelyard: CommandLine, bccd: dict[str, Any]) -> None:
    before = _overview(labelyard, "BCCD", (364, OBJECTS))
    again = labelyard.json("import", "voc", str(BCCD), "--project", "BCCD", code=3)
    assert (again["images"]["uploaded"], again["images"]["present"]) == (0, 364)
    assert again["import"]["report"] == bccd["import"]["report"]
    after = _overview(labelyard, "BCCD", (364, OBJECTS))
    versions = [page["cards"]["labeling_status"]["data"]["version"] for page in (before, after)]
    assert versions[0] == versions[1]


def test_the_export_holds_them(labelyard: CommandLine, bccd: dict[str, Any], tmp_path: Path) -> None:
    target = tmp_path / "bccd.json"
    said = labelyard.json("export", "BCCD", "-o", str(target))
    assert (said["export"]["labels"], said["export"]["objects"]) == (364, 4886)
    assert list(tmp_path.iterdir()) == [target]
    document = json.loads(target.read_text())
    names = {each["id"]: each["name"] for each in document["project"]["specification"]["object_classes"]}
    counted = Counter(names[each["class_id"]] for label in document["labels"] for each in label["objects"])
    assert len(document["labels"]) == 364
    assert counted == OBJECTS
    none = labelyard.json("export", "BCCD", "-o", str(target), "--status", "skipped")
    assert none["export"]["labels"] == 0
    assert json.loads(target.read_text())["labels"] == []


def test_its_images_are_built_shared_and_downloaded(
    labelyard: CommandLine, bccd: dict[str, Any], tmp_path: Path
) -> None:
    assert "Nothing was built yet" in labelyard("raw-data", "status", "BCCD")
    asked = labelyard.json("raw-data", "update", "BCCD", "--no-wait")
    assert asked["build"]["state"] in ("queued", "running")
    built = labelyard.json("raw-data", "update", "BCCD")
    assert (built["report"]["images"], built["build"]["state"]) == (364, "done")
    shown = labelyard("raw-data", "status", "BCCD")
    assert "364 images" in shown and "Nothing has changed since" in shown
    url = labelyard("raw-data", "share", "BCCD", "--days", "1").strip()
    assert labelyard.json("raw-data", "status", "BCCD")["link"]["downloads"] == 0
    target = tmp_path / "bccd.zip"
    assert labelyard.json("raw-data", "download", "BCCD", "-o", str(target))["size"] == target.stat().st_size
    with zipfile.ZipFile(target) as archive:
        found = {Path(name).name: archive.read(name) for name in archive.namelist()}
    assert found == {path.name: path.read_bytes() for path in (BCCD / "images").iterdir()}
    assert httpx.get(url, follow_redirects=True).content == target.read_bytes()
    assert "downloaded 1 times" in labelyard("raw-data", "status", "BCCD")
    labelyard("raw-data", "unshare", "BCCD")
    assert httpx.get(url).status_code == 404
    labelyard("raw-data", "delete", "BCCD")
    assert "was deleted" in _refused(labelyard, "raw-data", "download", "BCCD", "-o", str(target))


def test_watch_tells_what_happens_and_ends_well(labelyard: CommandLine, bccd: dict[str, Any], system: System) -> None:
    watching = labelyard.start("watch", "BCCD", "--json", stdout=subprocess.PIPE)
    assert watching.stdout is not None
    try:
        first = json.loads(watching.stdout.readline())
        assert first["cards"]["labeling_status"]["data"]["total"] == 364
        with Labelyard(system.url) as api:
            api.login(*system.owner)
            project_id = bccd["project"]["id"]
            label = next(api.labels(project_id))
            api.act(project_id, label["id"], "submit")
            told = json.loads(watching.stdout.readline())
            api.act(project_id, label["id"], "reopen")
            back = json.loads(watching.stdout.readline())
    finally:
        watching.send_signal(signal.SIGINT)
        code = watching.wait(timeout=30)
    submitted = [each["cards"]["labeling_status"]["data"]["submitted"] for each in (first, told, back)]
    assert submitted == [0, 1, 0]
    assert first["version"] < told["version"] < back["version"]
    assert code == 0


def test_coco_goes_in_and_what_is_wrong_changes_nothing_if_so_asked(
    labelyard: CommandLine, bccd: dict[str, Any], tmp_path: Path
) -> None:
    image = BCCD / "images" / "BloodImage_00000.jpg"
    document = {
        "images": [{"id": 1, "file_name": image.name, "width": 640, "height": 480}],
        "categories": [{"id": 1, "name": "cell"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "bbox": [10, 10, 50, 40]},
            {"id": 2, "image_id": 1, "category_id": 1, "bbox": [10, 10, 0, 40]},
        ],
    }
    images = tmp_path / "images"
    images.mkdir()
    (images / image.name).write_bytes(image.read_bytes())
    (images / "broken.jpg").write_bytes(b"this is no picture")
    file = tmp_path / "annotations.json"
    file.write_text(json.dumps(document))
    arguments = ("import", "coco", str(file), "--images", str(images), "--project", "Coco", "--status", "submitted")

    refused = labelyard.json(*arguments, "--on-error", "all_or_nothing", code=1)
    assert refused["import"]["state"] == "failed"
    assert [failure["data_key"] for failure in refused["images"]["failures"]] == ["broken.jpg"]
    assert _counted(labelyard.json("overview", "Coco"))[0] == 0

    kept = labelyard.json(*arguments, code=3)
    assert kept["import"]["report"]["objects"] == 1
    page = _overview(labelyard, "Coco", (1, {"cell": 1}))
    assert page["cards"]["labeling_status"]["data"]["submitted"] == 1


def test_a_token_with_limits_works_within_them(labelyard: CommandLine, system: System) -> None:
    made = labelyard.json("project", "create", "Looked at")
    secret = labelyard("token", "create", "looker", "--scope", "read", "--project", "Looked at", "--days", "1").strip()
    looker = CommandLine(Path(labelyard.environment["HOME"]) / "elsewhere")
    looker.environment |= {"LABELYARD_URL": system.url, "LABELYARD_TOKEN": secret}
    assert looker.json("overview", made["id"])["project"]["name"] == "Looked at"
    assert "scope" in _refused(looker, "token", "create", "another", "--scope", "read")
    (listed,) = [each for each in labelyard.json("token", "list") if each["name"] == "looker"]
    assert (listed["scope"], listed["project_id"]) == ("read", made["id"])
    labelyard("token", "revoke", listed["id"])
    assert "labelyard login" in _refused(looker, "overview", made["id"])


def test_the_sessions_that_are_told_can_be_ended(labelyard: CommandLine, system: System) -> None:
    with Labelyard(system.url) as browser:
        session_id = browser.login(*system.owner)["session_id"]
        assert session_id in [each["id"] for each in labelyard.json("session", "list")]
        labelyard("session", "revoke", session_id)
        assert session_id not in [each["id"] for each in labelyard.json("session", "list")]


def test_refusals_say_what_to_do(labelyard: CommandLine, system: System) -> None:
    made = labelyard.json("project", "create", "Twice", "--class", "cell", "--class", "wall:polygon")
    assert [each["annotation_type"] for each in made["specification"]["object_classes"]] == ["box", "polygon"]
    assert "Twice" in labelyard("project", "list")
    assert "labelyard project list" in _refused(labelyard, "project", "create", "Twice")
    assert "labelyard project list" in _refused(labelyard, "overview", "Nobody's")
    stranger = CommandLine(Path(labelyard.environment["HOME"]) / "elsewhere")
    stranger.environment |= {"LABELYARD_URL": system.url, "LABELYARD_TOKEN": "nobody's"}
    assert "labelyard login" in _refused(stranger, "project", "list")


def test_a_project_goes_and_comes_back_with_its_guideline(labelyard: CommandLine, tmp_path: Path) -> None:
    made = labelyard.json("project", "create", "Tidal")
    guide = tmp_path / "Guide.pdf"
    guide.write_bytes(pdf(2))
    assert labelyard.json("guideline", "upload", "Tidal", str(guide))["pages"] == 2
    labelyard("project", "delete", "Tidal")
    assert "labelyard project list" in _refused(labelyard, "guideline", "list", made["id"])
    assert "Tidal" in labelyard("project", "list", "--deleted")
    labelyard("project", "restore", "Tidal")
    assert "Guide" in labelyard("guideline", "list", "Tidal")
    labelyard("guideline", "download", "Tidal", "Guide.pdf", "-o", str(tmp_path / "copy.pdf"))
    assert (tmp_path / "copy.pdf").read_bytes() == guide.read_bytes()
