"""Calls to the services, so that one that is slow or away holds only its share of the gateway's threads."""

import threading
from typing import TypeVar

from chassis.rpc.client import PendingCall, RpcClient
from chassis.settings import SERVICES
from contracts.errors import Problem
from contracts.message import Message
from contracts.rpc import Request

Answer = TypeVar("Answer", bound=Message)

DEADLINE = 10.0
"""Seconds a service gets for what is not the overview."""


class Calls:
    """The RPC client, with at most `share` waiting calls to one service at a time; more are refused as `busy`."""

    def __init__(self, share: int) -> None:
        self._slots = {service: threading.BoundedSemaphore(share) for service in SERVICES}

    def __call__(self, request: Request[Answer], deadline: float | None = None) -> Answer:
        """Ask and wait, at most `deadline` seconds."""
        slots = self._slots[request.service]
        if not slots.acquire(blocking=False):
            raise Problem("busy", f"Too many requests wait for {request.service}.")
        try:
            return RpcClient.shared().call(request, DEADLINE if deadline is None else deadline)
        finally:
            slots.release()

    def send(self, request: Request[Answer], deadline: float) -> PendingCall[Answer]:
        """Ask; the answer is waited for later, at most `deadline` seconds from now."""
        return RpcClient.shared().send(request, deadline)
