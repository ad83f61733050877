"""Folders and files that other users may, or may not, reach.

PostgreSQL and RabbitMQ do not run as root. When root brings a system up they run as the users that their
packages made, which cannot reach a clone below, say, /root; then their data goes elsewhere.
"""

import hashlib
import os
import pwd
import shutil
import subprocess
from pathlib import Path

from deploy.local.errors import LocalError

SERVER_USERS = ("postgres", "rabbitmq")
LONGEST_FOLDER = 70  # a Unix socket's path holds 107 bytes, and the supervisor's takes up to 30 of them


def server_user(name: str) -> str | None:
    """The user to run a server as: `name` if we are root, else None, that is, who we are."""
    return name if os.geteuid() == 0 else None


def choose_folder(home: Path) -> Path:
    """`home` itself if it serves for data and sockets, else a folder of its own elsewhere on the machine."""
    if _serves(home):
        return home
    name = hashlib.sha256(str(home).encode()).hexdigest()[:12]
    if os.geteuid() == 0:
        fallback = Path("/var/lib/labelyard") / name
    else:
        fallback = Path("/var/tmp") / f"labelyard-{os.getuid()}" / name  # noqa: S108  (owner checked below)
    fallback.mkdir(parents=True, exist_ok=True)
    if fallback.stat().st_uid != os.geteuid() or fallback.parent.stat().st_uid != os.geteuid():
        raise LocalError(f"{fallback} belongs to somebody else: remove it and run this again")
    if not _serves(fallback):
        raise LocalError(
            f"neither {home} nor {fallback} can be reached by the users {' and '.join(SERVER_USERS)}:"
            " give every folder above one of them mode 755, or clone the repository elsewhere"
        )
    return fallback


def _serves(folder: Path) -> bool:
    if len(os.fsencode(folder)) > LONGEST_FOLDER:
        return False
    known = {entry.pw_name for entry in pwd.getpwall()}
    users = [user for user in SERVER_USERS if server_user(user) in known]
    return all(_reaches(user, folder) for user in users)


def _reaches(user: str, folder: Path) -> bool:
    """Asks the kernel as that user, which minds access lists and mount options too."""
    asked: list[str | Path] = ["/usr/bin/test", "-x", folder]
    return subprocess.run(asked, check=False, user=user, group=user, extra_groups=[]).returncode == 0


def make_folder(folder: Path, owner: str | None = None, mode: int = 0o755) -> Path:
    """Makes `folder` with this owner and mode, also if it is there already; gives it back."""
    folder.mkdir(parents=True, exist_ok=True)
    if owner:
        shutil.chown(folder, owner, owner)
    folder.chmod(mode)
    return folder


def write_private(file: Path, text: str, owner: str | None = None) -> None:
    """Replaces `file` at once by one that only its owner may read."""
    new = file.with_name(f"{file.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(text)
    if owner:
        shutil.chown(new, owner, owner)
    new.replace(file)
