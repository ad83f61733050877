"""Fixtures of the client's unit tests."""

import threading
from collections.abc import Iterator

import pytest

from client import transport
from tests.unit.client.api_server import Server


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    thread = threading.Thread(target=made.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield made
    made.http.shutdown()
    made.http.server_close()


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Waits before a retry are noted instead of waited for."""
    waited: list[float] = []

    def wait_before(attempt: int, asked: float | None = None) -> float:
        waited.append(real(attempt, asked))
        return 0.0

    real = transport.wait_before
    monkeypatch.setattr(transport, "wait_before", wait_before)
    monkeypatch.setattr("client.live.wait_before", wait_before)
    monkeypatch.setattr("client.downloads.wait_before", wait_before)
    return waited
