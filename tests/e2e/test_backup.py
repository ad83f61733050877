"""A backup of a running system, restored to another one: what was acknowledged is there, and everything agrees."""

import itertools
import json
import shutil
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from chassis.settings import SERVICES
from client import Labelyard
from client.types import Export
from deploy.backup.manifest import Manifest
from deploy.backup.objects import file_of, read
from deploy.local.processes import PROCESSES
from deploy.local.state import REPOSITORY
from deploy.local.system import System
from tests.e2e.support import PASSWORD, Team, body, eventually, export, figures, make_team, png, sign_in, upload
from tests.support import temporary_system


def backup(system: System, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """`python -m deploy.backup`, told where that system is."""
    command = [sys.executable, "-m", "deploy.backup", *arguments]
    environment = system.process_environment()
    return subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)


@dataclass(frozen=True)
class Seen:
    """What somebody saw of a project: labels with their bodies and history, by id."""

    labels: dict[str, Any]
    history: dict[str, Any]

    @classmethod
    def by(cls, api: Labelyard, project_id: str) -> "Seen":
        labels = [each["id"] for each in api.labels(project_id)]
        return cls(
            {label: api.label(project_id, label) for label in labels},
            {label: list(api.history(project_id, label)) for label in labels},
        )

    @property
    def segments(self) -> Counter[tuple[str, str]]:
        return Counter((label["status"], label["review"]) for label in self.labels.values())


@dataclass(frozen=True)
class Restored:
    """The source's project as it was when the backup was made, and the system that the backup went to."""

    team: Team
    seen: Seen
    done: Export
    document: Any
    waiting: Export
    folder: Path
    target: System
    manager: Labelyard


@pytest.fixture(scope="module")
def restored(system: System, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Restored]:
    """Made while the projector and the export worker are down: what waits for them is in the broker's queues only."""
    folder = tmp_path_factory.mktemp("backup") / "backup"
    with ExitStack() as stack:
        team = stack.enter_context(make_team(system, images=5))
        manager, lena = team.manager, team.people["lena"]
        document = json.loads(export(manager, team.id, folder.with_name("before.json")).read_bytes())
        done = next(iter(manager.exports(team.id)))
        manager.await_version(manager.create_version(team.id, "as the document"))
        system.stop("projector", "export-worker")
        try:
            for number, label in enumerate(team.labels):
                assigned = manager.assign(team.id, label, lena.id)
                lena.api.save_body(team.id, label, assigned["version"], body([team.class_ids["cell"]] * number))
            lena.api.act(team.id, team.labels[3], "submit")
            lena.api.act(team.id, team.labels[4], "skip")
            manager.act(team.id, team.labels[4], "approve")
            waiting = manager.create_export(team.id)
            eventually(lambda: _is_running(manager, team.id, waiting))
            seen = Seen.by(manager, team.id)
            made = backup(system, "create", folder)
            assert made.returncode == 0, made.stderr
            manager.act(team.id, team.labels[3], "approve")  # too late
        finally:
            system.start("projector", "export-worker")
        # with its keys: orders that wait in the outboxes of the backup are signed (docs/operators/backup.md)
        passed_on = ("LABELYARD_OWNER_", "LABELYARD_SIGNING_KEY", "LABELYARD_VERIFYING_KEYS")
        given = {name: value for name, value in system.environment.items() if name.startswith(passed_on)}
        target = stack.enter_context(temporary_system("restored", given))
        target.start_servers(say=print)
        back = backup(target, "restore", folder)
        assert back.returncode == 0, back.stderr
        target.up(say=print)
        restored_manager = sign_in(stack, target, team.people["mara"].email, PASSWORD)
        yield Restored(team, seen, done, document, waiting, folder, target, restored_manager)


def _is_running(api: Labelyard, project_id: str, waiting: Export) -> None:
    assert api.export(project_id, waiting["id"])["state"] == "running"


def test_labels_history_and_files_are_as_they_were(restored: Restored) -> None:
    now = Seen.by(restored.manager, restored.team.id)
    assert now.labels == restored.seen.labels
    assert now.history == restored.seen.history
    for label in now.labels.values():
        content = restored.manager.transport.request("GET", f"/assets/{label['asset_id']}/content")
        content = restored.manager.transport.http.get(content.headers["Location"])
        assert content.content == png(f"{label['dataset']}/{label['data_key']}")


def test_counters_have_what_was_on_its_way_to_them(restored: Restored) -> None:
    def counted() -> None:
        found = figures(restored.manager.overview(restored.team.id))
        assert Counter(found["segments"]) == restored.seen.segments
        assert found["objects"] == {"cell": sum(range(5)), "dot": 0}

    eventually(counted)


def test_exports_can_be_downloaded_and_those_under_way_come_to_their_end(restored: Restored, tmp_path: Path) -> None:
    api, project_id = restored.manager, restored.team.id
    before = api.export(project_id, restored.done["id"])
    assert before == restored.done
    api.download_export(before, tmp_path / "before.json")
    assert json.loads((tmp_path / "before.json").read_bytes()) == restored.document
    ended = api.await_export(restored.waiting)
    assert (ended["state"], ended["labels"], ended["objects"]) == ("done", 5, sum(range(5)))


def test_versions_are_exported_as_they_were_frozen(restored: Restored, tmp_path: Path) -> None:
    api, project_id = restored.manager, restored.team.id
    (version,) = api.versions(project_id)
    assert (version["state"], version.get("labels")) == ("done", 5)
    api.download_export(api.await_export(api.create_export(project_id, version=version)), tmp_path / "version.json")
    assert json.loads((tmp_path / "version.json").read_bytes())["labels"] == restored.document["labels"]


def test_verify_tells_what_does_not_agree(restored: Restored) -> None:
    well = backup(restored.target, "verify", "--read", "100")
    assert well.returncode == 0, well.stdout + well.stderr
    store, project_id = restored.target, restored.team.id
    with psycopg.connect(store.environment["LABELYARD_ANALYTICS_DSN"]) as analytics:
        analytics.execute(
            "UPDATE counters SET value = value + 1 WHERE project_id = %s AND scope = %s AND key LIKE 'segment/%%'",
            (project_id, project_id),
        )
    with psycopg.connect(store.environment["LABELYARD_EXPORTS_DSN"]) as exports:
        exports.execute("UPDATE exports SET sha256 = repeat('0', 64) WHERE id = %s", (restored.done["id"],))
    with psycopg.connect(store.environment["LABELYARD_LABELS_DSN"]) as labels:
        labels.execute("UPDATE assets SET object_key = object_key || 'x' WHERE data_key = '0000.png'")
        labels.execute("UPDATE version_objects SET sha256 = repeat('0', 64) WHERE key LIKE '%manifest.json'")
        labels.execute(
            "INSERT INTO failed_messages (id, queue, type, body, headers, reason, attempts)"
            " VALUES (gen_random_uuid(), 'labels.nobody.v1', 'nothing.v1', '', '{}', 'broken', 8)"
        )
    ill = backup(store, "verify", "--read", "100", "--within", "1")
    assert ill.returncode == 1
    wrong = [line for line in ill.stdout.splitlines() if line.startswith(f"project {project_id}")]
    assert len(wrong) == len(restored.seen.segments)
    assert f"export {restored.done['id']}: the SHA-256" in ill.stdout
    assert "version as the document" in ill.stdout
    assert "is missing" in ill.stdout
    assert "nothing.v1 of labels.nobody.v1, tried 8 times: broken" in ill.stdout


def test_a_restore_refuses_what_is_in_use_or_spoiled(restored: Restored, tmp_path: Path) -> None:
    in_use = backup(restored.target, "restore", restored.folder, "--replace")
    assert in_use.returncode == 1
    assert "stop all of Labelyard's processes" in in_use.stderr
    no_backup = backup(restored.target, "restore", tmp_path)
    assert "holds no backup" in no_backup.stderr
    for name in ("manifest.json", "objects.jsonl"):
        shutil.copy(restored.folder / name, tmp_path)
    (tmp_path / "objects.jsonl").write_bytes(b"")
    spoiled = backup(restored.target, "restore", tmp_path)
    assert "is not as it was written" in spoiled.stderr


def test_a_backup_says_what_it_holds(restored: Restored) -> None:
    manifest = Manifest.read(restored.folder)
    assert set(manifest.databases) == set(SERVICES)
    for service, dump in manifest.databases.items():
        assert (restored.folder / f"{service}.dump").stat().st_size == dump.size
    for each in read(restored.folder).values():
        assert file_of(restored.folder, each.sha256).stat().st_size == each.size


class AtWork:
    """People and workers at their work, each as fast as it goes, until the block ends."""

    def __init__(self, team: Team, finished: list[Export]) -> None:
        self.team = team
        self.finished = finished
        self.done: Counter[str] = Counter()
        self.stop = threading.Event()

    def label(self, name: str, labels: list[str]) -> None:
        """Label, submit, and be rejected."""
        team, api, rosa = self.team, self.team.people[name].api, self.team.people["rosa"].api
        for number, label in enumerate(itertools.cycle(labels)):
            if self.stop.is_set():
                return
            version = api.label(team.id, label)["version"]
            api.save_body(team.id, label, version, body([team.class_ids["cell"]] * (number % 4)))
            api.act(team.id, label, "submit")
            rosa.act(team.id, label, "reject", comment="Once more.")
            self.done["labeled"] += 1

    def export(self) -> None:
        """Make exports, whose snapshots come and go; delete those that had been made before."""
        api, project_id = self.team.manager, self.team.id
        while not self.stop.is_set():
            assert api.await_export(api.create_export(project_id))["state"] == "done"
            if self.finished:
                api.delete(f"/projects/{project_id}/exports/{self.finished.pop()['id']}")
            self.done["exported"] += 1

    def upload(self) -> None:
        """Upload images, and make labels of them."""
        for number in itertools.count():
            if self.stop.is_set():
                return
            keys = [f"{number}-{each}.png" for each in range(5)]
            assets = upload(self.team.owner, f"more of {self.team.id}", keys)
            self.team.owner.add_labels(self.team.id, assets=[asset["id"] for asset in assets])
            self.done["uploaded"] += 1

    def is_under_way(self) -> None:
        assert min(self.done[kind] for kind in ("labeled", "exported", "uploaded")) >= 2, self.done

    @contextmanager
    def working(self) -> Iterator[None]:
        half = len(self.team.labels) // 2
        jobs: list[Callable[[], None]] = [
            lambda: self.label("lena", self.team.labels[:half]),
            lambda: self.label("luca", self.team.labels[half:]),
            self.export,
            self.upload,
        ]
        with ThreadPoolExecutor(len(jobs)) as threads:
            running = [threads.submit(job) for job in jobs]
            try:
                eventually(self.is_under_way)
                yield
            finally:
                self.stop.set()
                for each in running:
                    each.result(60)


def test_a_backup_made_while_everybody_works_agrees_with_itself(
    system: System, restored: Restored, tmp_path: Path
) -> None:
    folder, target = tmp_path / "backup", restored.target
    with make_team(system, images=6) as team:
        for label, name in zip(team.labels, ["lena"] * 3 + ["luca"] * 3, strict=True):
            team.manager.assign(team.id, label, team.people[name].id)
        finished = [team.manager.await_export(team.manager.create_export(team.id)) for _ in range(5)]
        at_work = AtWork(team, finished)
        with at_work.working():
            before = Seen.by(team.manager, team.id)
            done_before = Counter(at_work.done)
            made = backup(system, "create", folder)
            assert made.returncode == 0, made.stderr
            print(f"while the backup was made: {at_work.done - done_before}")
        after = Seen.by(team.manager, team.id)

    target.stop(*(process.name for process in PROCESSES))
    back = backup(target, "restore", folder, "--replace")
    assert back.returncode == 0, back.stderr
    target.up(say=print)
    with ExitStack() as stack:
        manager = sign_in(stack, target, team.people["mara"].email, PASSWORD)
        now = Seen.by(manager, team.id)
        assert before.labels.keys() <= now.labels.keys() <= after.labels.keys()
        for label, history in now.history.items():
            told, known = ([each["version"] for each in some] for some in (history, after.history[label]))
            assert told == known[len(known) - len(told) :]  # newest first: nothing in between is missing
            assert len(told) >= len(before.history.get(label, []))
            assert now.labels[label]["version"] >= before.labels.get(label, now.labels[label])["version"]
        for each in manager.exports(team.id):
            ended = manager.await_export(each)
            print(f"an export {each['state']} after the restore: {ended['state']} now, {ended.get('failure')}")
            if ended["state"] == "done":
                manager.download_export(ended, tmp_path / "export.json")
            else:
                assert "snapshot" in (ended["failure"] or "")
        well = backup(target, "verify", "--read", "100", "--within", "150")
        assert well.returncode == 0, well.stdout + well.stderr
