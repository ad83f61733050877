"""Packages of npm that tests need: pinned by the lock file in a folder of ours, installed once for each state of it."""

import hashlib
import shutil
import subprocess
from pathlib import Path

INSTALLED = Path(__file__).parents[1] / ".labelyard" / "npm"


def installed(folder: Path) -> Path:
    """A copy of `folder` with its packages beside it, in `node_modules`; made when it is missing."""
    files = sorted(file for file in folder.iterdir() if file.is_file() and file.suffix != ".py")
    digest = hashlib.sha256(b"\0".join(file.name.encode() + b"\0" + file.read_bytes() for file in files)).hexdigest()
    there = INSTALLED / f"{folder.name}-{digest[:12]}"
    if not (there / "complete").exists():
        shutil.copytree(folder, there, dirs_exist_ok=True)
        subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=there, check=True)
        (there / "complete").touch()
    return there
