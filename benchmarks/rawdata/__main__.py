"""`python -m benchmarks.rawdata`: see the package."""

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from statistics import median
from typing import Any
from uuid import UUID
from zlib import crc32

import sqlalchemy as sa
from rich.console import Console
from rich.table import Table

from benchmarks.measuring import machine, peak
from client import Labelyard
from deploy.local.system import System
from tests.support import temporary_system

AT_ONCE = 1000  # labels that are asked for in one request

console = Console(highlight=False, soft_wrap=True, width=120)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures and prints; never judges."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rawdata", description=__doc__)
    parser.add_argument("--megabytes", type=int, default=1000, help="of images (default: %(default)s)")
    parser.add_argument("--image", type=int, default=500, help="kilobytes of each, about (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="of everything (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))  # what was started is stopped on the way out
    facts = machine()
    with temporary_system("rawdata") as system:
        system.up(say=console.print)
        os.environ.update(system.environment)
        with Labelyard(system.url) as owner:
            owner.login(*system.owner)
            rounds = list(_rounds(system, owner, options.megabytes * 10**6, options.image * 1000, options.rounds))
    figures = {name: [each[name] for each in rounds] for name in rounds[0]}
    _print(facts, figures)
    if options.json:
        options.json.write_text(json.dumps({"machine": facts, "rounds": rounds}, indent=1) + "\n")


def _rounds(system: System, owner: Labelyard, size: int, image: int, rounds: int) -> Iterator[dict[str, Any]]:
    from chassis.objects import ObjectStore

    store = ObjectStore.shared()
    count = max(100, size // image)
    console.print(f"{count:,} images of about {image:,} bytes")
    library = _Library(store, image)
    library.add(count)
    for number in range(rounds):
        project_id = owner.create_project(f"Round {number}", [])["id"]
        library.label(owner, project_id)
        bare = _seconds(lambda: _read_and_write(store, library.keys))
        built, whole = _update(owner, project_id)
        library.add(count // 100)
        library.label(owner, project_id)
        unchanged = whole["size"]
        copied = _seconds(lambda: _copy(store, project_id, unchanged))  # noqa: B023  # called at once
        updated, change = _update(owner, project_id)
        state = system.supervisor.state("export-worker")
        yield {
            "images": whole["images"],
            "bytes": whole["size"],
            "bare read and write": bare,
            "build": built,
            "through, build": whole["through"],
            "bare copy": copied,
            "update": updated,
            "images added": change["added"],
            "bytes added": change["added_size"],
            "through, update": change["through"],
            "worker's peak MiB": peak(state.pid),
        }
        owner.delete_archive(project_id)


class _Library:
    """Images of noise in one dataset: whoever builds an archive moves them, and looks at no more than checksums."""

    def __init__(self, store: Any, size: int) -> None:
        from chassis.ids import new_id

        self._store, self._size, self._chance = store, size, Random(1)
        self._dataset = new_id()
        self.assets: list[UUID] = []
        self.keys: list[str] = []
        self._write("datasets", [{"id": self._dataset, "name": "benchmark", "created_at": sa.func.now()}])

    def add(self, count: int) -> None:
        """Into the store, and into the data library's own tables."""
        rows = []
        with ThreadPoolExecutor(4) as threads:
            for start in range(0, count, 32):  # no more in memory than that
                images = [self._noise() for _ in range(min(32, count - start))]
                made = [self._row(data) for data in images]
                list(threads.map(self._store.put, [row["object_key"] for row in made], images))
                rows += made
        self._write("assets", rows)
        self.assets += [row["id"] for row in rows]
        self.keys += [row["object_key"] for row in rows]

    def label(self, owner: Labelyard, project_id: str) -> None:
        """Labels of all images, those that have one left out."""
        for start in range(0, len(self.assets), AT_ONCE):
            owner.add_labels(project_id, assets=[str(each) for each in self.assets[start : start + AT_ONCE]])

    def _noise(self) -> bytes:
        return self._chance.randbytes(self._chance.randint(self._size * 3 // 4, self._size * 5 // 4))

    def _row(self, data: bytes) -> dict[str, Any]:
        from chassis.ids import new_id

        asset_id = new_id()
        return {
            "id": asset_id,
            "dataset_id": self._dataset,
            "data_key": f"{asset_id}.jpg",
            "state": "stored",
            "version": 1,
            "announced_size": len(data),
            "upload_id": new_id(),
            "object_key": f"assets/{asset_id}",
            "size": len(data),
            "crc32": f"{crc32(data):08x}",
            "width": 1000,
            "height": 1000,
            "content_type": "image/jpeg",
            "created_at": sa.func.now(),
            "updated_at": sa.func.now(),
        }

    def _write(self, table: str, rows: list[dict[str, Any]]) -> None:
        from chassis.database import Database
        from services.labels.models import Base

        with Database.of("labels").session() as session:
            for row in rows:
                session.execute(sa.insert(Base.metadata.tables[table]).values(row))


def _update(owner: Labelyard, project_id: str) -> tuple[float, dict[str, Any]]:
    """Seconds from the request until the archive stands, and its report."""
    started = time.perf_counter()
    owner.update_archive(project_id)
    while (build := (archive := owner.archive(project_id)).get("build")) and build["state"] in ("queued", "running"):
        time.sleep(0.05)
    seconds = time.perf_counter() - started
    assert build is not None and build["state"] == "done", build
    report = archive.get("report")
    assert report is not None
    return seconds, report


def _read_and_write(store: Any, keys: Sequence[str]) -> None:
    from chassis.objects import COPIES, PART

    client, bucket, key = store._client, store.bucket, "floor/written"
    upload = client._create_multipart_upload(bucket, key, {})

    def move(number: int, names: Sequence[str]) -> Any:
        from minio.datatypes import Part

        data = b"".join(map(store.get, names))
        return Part(number, client._upload_part(bucket, key, data, None, upload, number))

    each = max(1, PART * len(keys) // sum(_sizes(store, keys)))
    with ThreadPoolExecutor(COPIES) as threads:
        chunks = [keys[start : start + each] for start in range(0, len(keys), each)]
        parts = list(threads.map(move, range(1, len(chunks) + 1), chunks))
    client._complete_multipart_upload(bucket, key, upload, parts)


def _sizes(store: Any, keys: Sequence[str]) -> list[int]:
    """Of a few of them, times as many as there are."""
    few = keys[:20]
    return [sum(store.size(key) or 0 for key in few) * len(keys) // len(few)]


def _copy(store: Any, project_id: str, size: int) -> None:
    """What stands, once more, by the store itself."""
    from chassis.objects import COPIED, COPIES

    client, bucket, key = store._client, store.bucket, "floor/copied"
    [source] = [each.key for each in store.find(f"archives/{project_id}/") if each.key.endswith(".zip")]
    upload = client._create_multipart_upload(bucket, key, {})
    chunks = -(-size // COPIED)

    def copy(number: int) -> Any:
        from minio.datatypes import Part

        start, end = (size * each // chunks for each in (number - 1, number))
        headers = {
            "x-amz-copy-source": f"/{bucket}/{source}",
            "x-amz-copy-source-range": f"bytes={start}-{end - 1}",
        }
        etag, _ = client._upload_part_copy(bucket, key, upload, number, headers)
        return Part(number, etag)

    with ThreadPoolExecutor(COPIES) as threads:
        parts = list(threads.map(copy, range(1, chunks + 1)))
    client._complete_multipart_upload(bucket, key, upload, parts)


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _print(facts: dict[str, Any], figures: dict[str, list[Any]]) -> None:
    console.print()
    console.print(", ".join(f"{name}: {value}" for name, value in facts.items()))
    table = Table("", *(f"round {number}" for number in range(1, len(figures["bytes"]) + 1)), box=None, pad_edge=False)
    for name, values in figures.items():
        table.add_row(name, *(f"{value:,.2f}" if isinstance(value, float) else f"{value:,}" for value in values))
    console.print(table)
    ratios = {
        "build: our speed ÷ the bare script's": _ratios(figures["bare read and write"], figures["build"]),
        "update: our seconds ÷ the store's copy alone": _ratios(figures["update"], figures["bare copy"]),
    }
    for name, values in ratios.items():
        console.print(f"{name}: {median(values):.2f} ({', '.join(f'{value:.2f}' for value in values)})")


def _ratios(above: Sequence[float], below: Sequence[float]) -> list[float]:
    return [one / other for one, other in zip(above, below, strict=True)]


if __name__ == "__main__":
    main()
