"""`python -m benchmarks.imports`: see the package."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from PIL import Image
from rich.console import Console
from rich.table import Table

from benchmarks.measuring import machine, peak
from client import Labelyard
from deploy.local.system import System
from tests.support import temporary_system

SIZES = (1_000, 10_000)
FORMATS = ("voc", "coco")
BOXES = 3
WIDTH, HEIGHT = 160, 120
WATCHED = ("gateway", "labels", "labels-bulk", "projector")

console = Console(highlight=False, soft_wrap=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures and prints; never judges."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.imports", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="images (default: %(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    options = parser.parse_args(arguments)
    facts = machine()
    rows = []
    for size in options.sizes:
        for format_ in FORMATS:
            with temporary_system("imports") as system, tempfile.TemporaryDirectory() as folder:
                system.up(say=console.print)
                _write(Path(folder), size)
                console.print(f"{size:,} images as {format_}")
                rows.append(_measure(system, Path(folder), size, format_))
    _print(facts, rows)
    if options.json:
        options.json.write_text(json.dumps({"machine": facts, "imports": rows}, indent=1) + "\n")


def _write(folder: Path, size: int) -> None:
    """Images that differ, with boxes, as Pascal VOC beside them and as one COCO document."""
    (folder / "images").mkdir()
    (folder / "annotations").mkdir()
    document: dict[str, Any] = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "thing"}]}
    for number in range(size):
        name = f"{number:06}.png"
        colour = (number % 256, number // 256 % 256, 128)
        Image.new("RGB", (WIDTH, HEIGHT), colour).save(folder / "images" / name)
        document["images"].append({"id": number, "file_name": name, "width": WIDTH, "height": HEIGHT})
        objects = []
        for box in range(BOXES):
            left, top, side = 10 + 40 * box, 10 + number % 50, 30
            document["annotations"].append(
                {"id": number * BOXES + box, "image_id": number, "category_id": 1, "bbox": [left, top, side, side]}
            )
            objects.append(
                f"<object><name>thing</name><bndbox><xmin>{left}</xmin><ymin>{top}</ymin>"
                f"<xmax>{left + side}</xmax><ymax>{top + side}</ymax></bndbox></object>"
            )
        (folder / "annotations" / f"{number:06}.xml").write_text(
            f"<annotation><filename>{name}</filename><size><width>{WIDTH}</width><height>{HEIGHT}</height>"
            f"<depth>3</depth></size>{''.join(objects)}</annotation>"
        )
    (folder / "coco.json").write_text(json.dumps(document))


def _measure(system: System, folder: Path, size: int, format_: str) -> dict[str, Any]:
    floor = _floor(system, folder)
    email, password = system.owner
    with Labelyard(system.url) as owner:
        owner.login(email, password)
        token = owner.create_token("benchmark")["secret"] or ""
    source = {"voc": [str(folder)], "coco": [str(folder / "coco.json"), "--images", str(folder / "images")]}[format_]
    command = [
        str(Path(sys.executable).with_name("labelyard")),
        "--json",
        "import",
        format_,
        *source,
        "--project",
        "benchmark",
    ]
    environment = {**os.environ, "LABELYARD_URL": system.url, "LABELYARD_TOKEN": token}
    started = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)
    assert process.stdout is not None
    report = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    if status:
        sys.exit(f"the import ended with {status}: {report.decode()}")
    peaks = {state.name: peak(state.pid) for state in system.supervisor.states() if state.name in WATCHED}
    return {
        "format": format_,
        "images": size,
        "seconds": seconds,
        "floor": floor,
        "peaks": {"command line": usage.ru_maxrss / 1024, **peaks},
    }


def _floor(system: System, folder: Path) -> float:
    """Seconds to put the same images into the same store, and nothing else."""
    os.environ.update(system.environment)
    from chassis.objects import ObjectStore
    from chassis.settings import settings

    settings.cache_clear()
    ObjectStore.shared.cache_clear()
    store = ObjectStore.shared()
    images = sorted((folder / "images").iterdir())
    started = time.perf_counter()
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda image: store.put(f"floor/{image.name}", image.read_bytes()), images))
    return time.perf_counter() - started


def _print(facts: dict[str, Any], rows: Sequence[dict[str, Any]]) -> None:
    console.print(", ".join(f"{name}: {value}" for name, value in facts.items()))
    table = Table(
        "format", "images", "seconds", "images/s", "bare", "ratio", *(f"{name} MiB" for name in rows[0]["peaks"])
    )
    for row in rows:
        table.add_row(
            row["format"],
            f"{row['images']:,}",
            f"{row['seconds']:.1f}",
            f"{row['images'] / row['seconds']:.0f}",
            f"{row['floor']:.1f}",
            f"{row['seconds'] / row['floor']:.1f}",
            *(f"{peak:.0f}" for peak in row["peaks"].values()),
        )
    console.print(table)


if __name__ == "__main__":
    main()
