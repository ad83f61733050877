"""A second gateway beside a running system's own, with settings of its own."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from deploy.local.state import REPOSITORY
from deploy.local.system import System
from tests.documented import assert_documented
from tests.e2e.support import eventually


class Gateway:
    """A second one. `log` is where it writes."""

    def __init__(self, url: str, log: Path) -> None:
        self.url = url
        self.log = log

    def client(self, address: str | None = None, **how: Any) -> httpx.Client:
        """A client of its API, as if from `address`."""
        hooks = {"response": [assert_documented]}
        api = httpx.Client(base_url=f"{self.url}/api/v1", timeout=30, event_hooks=hooks, **how)
        if address is not None:
            api.headers["X-Forwarded-For"] = address
        return api


@contextmanager
def gateway_beside(system: System, name: str, folder: Path, given: dict[str, str]) -> Iterator[Gateway]:
    """A gateway while the block runs, with the variables `given`. It believes one proxy: one can come from anywhere."""
    port, health = (system.state.port(f"{name}{what}") for what in ("", " health"))
    url = f"http://127.0.0.1:{port}"
    own = {
        "LABELYARD_GATEWAY_PORT": str(port),
        "LABELYARD_HEALTH_PORT": str(health),
        "LABELYARD_TRUSTED_PROXIES": "1",
        "LABELYARD_PUBLIC_URL": url,
    }
    log = folder / "log"
    with log.open("wb") as out:
        command = (sys.executable, "-m", "chassis", "gateway")
        environment = {**system.process_environment(), **own, **given}
        process = subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=out, stderr=out)
    try:
        eventually(lambda: _is_ready(health, process, log))
        yield Gateway(url, log)
    finally:
        process.terminate()
        process.wait(30)


def _is_ready(health: int, process: subprocess.Popen[bytes], log: Path) -> None:
    if process.poll() is not None:
        raise RuntimeError(f"the second gateway has ended:\n{log.read_text()[-4000:]}")
    try:
        ready = httpx.get(f"http://127.0.0.1:{health}/readyz").is_success
    except httpx.TransportError:
        ready = False
    assert ready, "the second gateway does not come up"
