"""`python -m tests.e2e.released REVISION NAME`: keeps a small data set of a released version, for test_upgrade.py.

Runs that version's own code (from a git worktree) with servers of its own, loads a little into it, and writes into the
folder NAME beside this file: each database as SQL text, the objects, and what its API said (told.json).
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from chassis.settings import SERVICES
from deploy.backup.databases import program
from deploy.local.state import REPOSITORY

HERE = Path(__file__).parent


def main(revision: str, name: str) -> None:
    """Make the folder, or replace it."""
    with tempfile.TemporaryDirectory(prefix="labelyard-released-") as folder:
        code, made = Path(folder) / "code", Path(folder) / "made"
        git = ("git", "-C", str(REPOSITORY), "worktree")
        subprocess.run([*git, "add", "--detach", str(code), revision], check=True)
        try:
            environment = os.environ | {"PYTHONPATH": str(code), "PYTHONDONTWRITEBYTECODE": "1"}
            command = [sys.executable, str(HERE / "load.py"), str(made), str(REPOSITORY)]
            subprocess.run(command, check=True, cwd=code, env=environment)
        finally:
            subprocess.run([*git, "remove", "--force", str(code)], check=True)
        for service in SERVICES:
            dump, text = made / f"{service}.dump", made / f"{service}.sql"
            options = ["--no-owner", "--no-acl", "--no-comments", f"--file={text}"]
            subprocess.run([program("pg_restore"), *options, str(dump)], check=True)
            # psql of before 2025 does not know what guards a dump against hostile servers
            lines = text.read_text().splitlines(keepends=True)
            text.write_text("".join(line for line in lines if not line.startswith(("\\restrict", "\\unrestrict"))))
            dump.unlink()
        (made / "manifest.json").unlink()  # of the dumps
        shutil.rmtree(HERE / name, ignore_errors=True)
        shutil.copytree(made, HERE / name)


if __name__ == "__main__":
    main(*sys.argv[1:])
