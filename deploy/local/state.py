"""What one local installation keeps between runs: its folder, its private ports and its secrets.

`.labelyard/state.json` (mode 600) is the only copy. Ports and secrets are made when they are first asked
for and stay the same from then on.
"""

import contextlib
import fcntl
import json
import random
import secrets
import shutil
import socket
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from deploy import keys
from deploy.local.errors import LocalError
from deploy.local.folders import choose_folder, write_private

REPOSITORY = Path(__file__).resolve().parents[2]
PRIVATE_PORTS = range(20_000, 32_000)  # below the range that outgoing connections take theirs from


@dataclass
class State:
    """One installation. `home` holds state.json; `folder` the servers' data, logs and sockets."""

    home: Path
    folder: Path
    ports: dict[str, int] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    done: dict[str, str] = field(default_factory=dict)

    @classmethod
    def load(cls, home: Path) -> "State | None":
        """The state kept in `home`, or None if there is none."""
        file = home / "state.json"
        try:
            kept = json.loads(file.read_text())
        except FileNotFoundError:
            return None
        except PermissionError:
            raise LocalError(f"{file} belongs to {file.owner()}: run this as that user") from None
        if Path(kept["home"]) != home:
            raise LocalError(
                f"{file} is of another clone, {kept['home']}. If this clone is a copy of that one, remove"
                f" {home} and run this again; if it was moved, move it back for `make down PURGE=1`"
            )
        return cls(home, Path(kept["folder"]), kept["ports"], kept["secrets"], kept["done"])

    @classmethod
    def load_or_create(cls, home: Path) -> "State":
        """The state kept in `home`, or a new one in a folder that the servers' users reach."""
        state = cls.load(home)
        if state is None:
            home.mkdir(parents=True, exist_ok=True)
            state = cls(home, choose_folder(home))
            state.save()
        return state

    def save(self) -> None:
        kept = asdict(self) | {"home": str(self.home), "folder": str(self.folder)}
        write_private(self.home / "state.json", json.dumps(kept, indent=1) + "\n")

    def port(self, name: str) -> int:
        """The loopback port of `name`, free when it was chosen."""
        if name not in self.ports:
            self.ports[name] = _free_port(taken=set(self.ports.values()))
            self.save()
        return self.ports[name]

    def gateway_port(self, first: int = 8080) -> int:
        """The port that people use: `first`, or the next one that is free."""
        if "gateway" not in self.ports:
            self.ports["gateway"] = next(port for port in range(first, 65_536) if _is_free(port))
            self.save()
        return self.ports["gateway"]

    def forget_taken_ports(self) -> None:
        """Gives up ports that something else took while this installation was down."""
        self.ports = {name: port for name, port in self.ports.items() if _is_free(port)}
        self.save()

    def secret(self, name: str) -> str:
        """The generated secret of `name`: 32 letters, digits, `-` and `_`."""
        if name not in self.secrets:
            self.secrets[name] = secrets.token_urlsafe(24)
            self.save()
        return self.secrets[name]

    def private_key(self, issuer: str) -> str:
        """The generated key that `issuer` signs with, in base64."""
        name = f"signing key of {issuer}"
        if name not in self.secrets:
            self.secrets[name] = keys.new_private_key()
            self.save()
        return self.secrets[name]

    def is_done(self, step: str, for_: str) -> bool:
        """Whether `step` was carried out for this very revision of code and environment."""
        return self.done.get(step) == for_

    def mark_done(self, step: str, for_: str) -> None:
        self.done[step] = for_
        self.save()

    def purge(self) -> None:
        """Removes everything that was kept. The processes must be stopped."""
        shutil.rmtree(self.folder, ignore_errors=True)
        for file in ("state.json", "access.json", "lock"):
            (self.home / file).unlink(missing_ok=True)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps two commands on the same installation from running at once."""
        with (self.home / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise LocalError("another `make up` or `make down` is at work here: wait for it") from None
            yield


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _free_port(taken: set[int]) -> int:
    for port in random.sample(PRIVATE_PORTS, len(PRIVATE_PORTS)):
        if port not in taken and _is_free(port):
            return port
    raise LocalError(f"no free port on 127.0.0.1 between {PRIVATE_PORTS[0]} and {PRIVATE_PORTS[-1]}")
