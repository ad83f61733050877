"""A few exports of several parts, each disturbed in its own way; `python -m tests.faults.exporting 60` makes many."""

from pathlib import Path

from chassis.objects import NO_ROOM
from deploy.local.system import System
from tests.faults.crew import new_seed
from tests.faults.exporting import (
    Exporting,
    damage_part,
    fill_store,
    kill_export_workers,
    large_team,
    stop_store,
)


def test_exports_are_right_or_say_why_they_failed(system: System, tmp_path: Path) -> None:
    seed = new_seed()
    print(f"LABELYARD_TEST_SEED={seed}")
    with large_team(system) as team:
        exporting = Exporting.of(system, team, seed, tmp_path)
        for form, fault in (
            ("native", kill_export_workers),
            ("yolo_detect", kill_export_workers),
            ("native", stop_store),
        ):
            print(exporting.suffer(form, fault))
        damaged = exporting.suffer("yolo_detect", damage_part)
        assert "failed" in damaged, damaged
        full = exporting.suffer("coco", fill_store)
        print(full)
        assert f"failed ({NO_ROOM})" in full
