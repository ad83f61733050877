"""Exports of several parts, while workers die, servers go and parts are damaged: each is right, or says why it failed.

The suite makes a few; `python -m tests.faults.exporting 60` makes as many as it is told, on a system of its own, and
LABELYARD_TEST_SEED repeats its choices.
"""

import io
import json
import random
import re
import sys
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import get_args

from chassis.objects import ObjectStore
from client.types import Export, ExportFormat
from deploy.local.system import System
from tests.e2e.support import Team, body, eventually, make_team
from tests.faults.crew import new_seed
from tests.faults.support import all_ready, kill, start_server
from tests.support import full_store, temporary_system

EXPORTING = ("labels-snapshot", "export-worker")
LABELS = 12
BOXES = 9000  # of a label: about 2 MiB, so that a snapshot has several parts of 8 MiB

_MOMENT = re.compile(rb"\d{4}[-/]\d\d[-/]\d\d([T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?)?")
"""What differs between two exports of the same labels: when they were made."""


@contextmanager
def large_team(system: System) -> Iterator[Team]:
    """A team whose project's snapshot has several parts."""
    with make_team(system, images=LABELS) as team:
        several = body([team.class_ids["cell"], team.class_ids["dot"]] * (BOXES // 2))
        for label in team.labels:
            version = team.manager.label(team.id, label)["version"]
            team.manager.save_body(team.id, label, version, several)
        yield team


Fault = Callable[["Exporting", Export], None]


@dataclass
class Exporting:
    """Exports of a large project, each held against one of the same format that nobody disturbed."""

    system: System
    team: Team
    store: ObjectStore
    chance: random.Random
    folder: Path
    undisturbed: dict[ExportFormat, Mapping[str, bytes]]

    @classmethod
    def of(cls, system: System, team: Team, seed: str, folder: Path) -> "Exporting":
        """With nothing made yet."""
        given = system.environment
        store = ObjectStore(
            endpoint=given["LABELYARD_S3_ENDPOINT"],
            public_endpoint=given["LABELYARD_S3_ENDPOINT"],
            access_key=given["LABELYARD_S3_ACCESS_KEY"],
            secret_key=given["LABELYARD_S3_SECRET_KEY"],
            bucket=given["LABELYARD_S3_BUCKET"],
            region=given["LABELYARD_S3_REGION"],
        )
        return cls(system, team, store, random.Random(seed), folder, {})

    def suffer(self, form: ExportFormat, fault: Fault) -> str:
        """One export and what befalls it; a line that tells of it."""
        if form not in self.undisturbed:
            self.undisturbed[form] = self._content(self._made(form))
            if form == "native":
                [document] = self.undisturbed[form].values()
                assert document.count(b'"coord"') == LABELS * BOXES
        began = time.monotonic()
        if fault is damage_part:
            self.system.stop("export-worker")  # before anybody has read the part
        if fault is fill_store:  # before there is anything of it; sometimes after its snapshot
            self.system.stop(*EXPORTING[self.chance.randint(0, 1) :])
        with ThreadPoolExecutor(1) as thread:
            asked = self.team.manager.create_export(self.team.id, form=form)
            disturbing = thread.submit(fault, self, asked)
            ended = self.ended(asked)
            disturbing.result()
        lasted = time.monotonic() - began
        if ended["state"] == "failed":
            assert ended["failure"], ended
            again = self._made(form)  # what failed can be asked for again
            assert self._content(again) == self.undisturbed[form]
            return f"{form}, {fault.__name__}: failed ({ended['failure']}), and again done, in {lasted:.1f} s"
        assert ended["state"] == "done", ended
        assert (ended["labels"], ended["objects"]) == (LABELS, LABELS * BOXES)
        assert self._content(ended) == self.undisturbed[form]
        return f"{form}, {fault.__name__}: done in {lasted:.1f} s"

    def _made(self, form: ExportFormat) -> Export:
        ended = self.ended(self.team.manager.create_export(self.team.id, form=form))
        assert ended["state"] == "done", ended
        return ended

    def ended(self, asked: Export) -> Export:
        """Asked for as people do who try again when nobody answers."""

        def ended() -> Export:
            response = self.team.manager.transport.http.get(f"/projects/{self.team.id}/exports/{asked['id']}")
            assert response.status_code == 200, response.text
            export: Export = response.json()
            assert export["state"] in ("done", "failed", "canceled"), export
            return export

        return eventually(ended, within=180)

    def _content(self, export: Export) -> Mapping[str, bytes]:
        """What is in it by name, read back by the standard library; without when it was made."""
        target = self.folder / export["id"]
        self.team.manager.download_export(export, target)
        raw = target.read_bytes()
        target.unlink()
        files = {"": raw}
        if zipfile.is_zipfile(io.BytesIO(raw)):
            with zipfile.ZipFile(io.BytesIO(raw)) as archive:
                assert archive.testzip() is None
                files = {name: archive.read(name) for name in archive.namelist()}
        for name, content in files.items():
            if name.endswith(".json"):
                json.loads(content)
        own = re.compile(re.escape(export["id"].encode()))
        return {name: own.sub(b"", _MOMENT.sub(b"", content)) for name, content in files.items()}


# --- what befalls them --------------------------------------------------------------------------------


def kill_export_workers(exporting: Exporting, _: Export) -> None:
    """kill -9, at random moments, up to three times."""
    _kill(exporting, "export-worker", exporting.chance.randint(1, 3))


def kill_snapshot_worker(exporting: Exporting, _: Export) -> None:
    """kill -9 while the snapshot is made, or when it is there."""
    _kill(exporting, "labels-snapshot", 1)


def stop_broker(exporting: Exporting, _: Export) -> None:
    """Away for a while, half-way."""
    _restart(exporting, "rabbitmq")


def stop_store(exporting: Exporting, _: Export) -> None:
    """Away for a while, half-way."""
    _restart(exporting, "s3")


def damage_part(exporting: Exporting, asked: Export) -> None:
    """A part of the snapshot becomes something else than what was written."""
    prefix = f"snapshots/{asked['id']}/"

    def parts() -> list[str]:
        keys = sorted(each.key for each in exporting.store.find(prefix))
        assert f"{prefix}manifest.json" in keys, keys
        assert len(keys) > 2, "the snapshot has one part only"
        return [key for key in keys if key != f"{prefix}manifest.json"]

    try:
        exporting.store.put(exporting.chance.choice(eventually(parts)), b"[]")
    finally:
        exporting.system.start("export-worker")


def fill_store(exporting: Exporting, asked: Export) -> None:
    """No room in the store, or room for a part of what is to be written, until the export has ended."""
    try:
        with full_store(exporting.system, exporting.store, exporting.chance.choice((0, 4, 12))):
            exporting.system.start(*EXPORTING)
            exporting.ended(asked)
    finally:
        exporting.system.start(*EXPORTING)


def _kill(exporting: Exporting, process: str, times: int) -> None:
    for _ in range(times):
        time.sleep(exporting.chance.uniform(0, 1.5))  # some moment of the export, whichever it is
        kill(exporting.system, process)


def _restart(exporting: Exporting, server: str) -> None:
    time.sleep(exporting.chance.uniform(0, 2))
    exporting.system.stop(server)
    start_server(exporting.system, server)
    all_ready(exporting.system)


FAULTS: tuple[Fault, ...] = (
    kill_export_workers,
    kill_snapshot_worker,
    stop_broker,
    stop_store,
    damage_part,
    fill_store,
)


def main() -> int:
    """Prints a line for each export; the first that is stuck or wrong ends it."""
    count, seed = int(sys.argv[1]), new_seed()
    print(f"LABELYARD_TEST_SEED={seed}", flush=True)
    told: Counter[str] = Counter()
    with temporary_system("exporting") as system, TemporaryDirectory() as folder:
        system.up(say=print)
        with large_team(system) as team:
            exporting = Exporting.of(system, team, seed, Path(folder))
            forms: tuple[ExportFormat, ...] = get_args(ExportFormat)
            for number in range(count):
                fault = FAULTS[0] if exporting.chance.random() < 0.5 else exporting.chance.choice(FAULTS)
                line = exporting.suffer(forms[number % len(forms)], fault)
                told["failed, then done" if "failed" in line else "done"] += 1
                print(f"{number + 1:3} {line}", flush=True)
    print(f"{count} exports: {dict(told)}; none stuck, none wrong")
    return 0


if __name__ == "__main__":
    sys.exit(main())
