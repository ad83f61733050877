"""Running a command to its end."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from deploy.local.errors import LocalError


def run(
    *command: str | Path,
    folder: Path,
    environment: Mapping[str, str] | None = None,
    user: str | None = None,
) -> str:
    """Runs `command` in `folder`, as `user` if one is given, and gives back what it printed.

    Raises LocalError with the end of its output if it fails.
    """
    done = subprocess.run(
        command,
        check=False,
        cwd=folder,
        env=environment or os.environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        user=user,
        group=user,
        extra_groups=[] if user else None,
    )
    if done.returncode:
        said = "\n".join(done.stdout.splitlines()[-25:])
        words = " ".join(str(word) for word in command)
        raise LocalError(f"`{words}` failed:\n{said}")
    return done.stdout
