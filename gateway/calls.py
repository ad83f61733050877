"""Calls to the services, so that one that is slow or away holds only its share of the gateway's threads."""

import threading
import time
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Generic, TypeVar

from chassis import context
from chassis.rpc.client import PendingCall, RpcClient
from chassis.settings import SERVICES
from contracts.errors import Problem
from contracts.message import Message
from contracts.rpc import Command, Request
from gateway.breaker import Breaker, Ticket

Answer = TypeVar("Answer", bound=Message)

DEADLINE = 10.0
"""Seconds from a request's coming in until all that it asks services must be answered; the overview has less."""

PATIENCE = 0.25
"""Seconds that the asker of a probe waits. Whether a service is back is found out at somebody's expense: this much."""

_FAILURES = frozenset({"unavailable", "deadline_exceeded"})


class Asked(Generic[Answer]):
    """A question that was asked, or not, because its service has not answered for a while."""

    def __init__(self, breaker: Breaker, request: Request[Answer], deadline: float) -> None:
        self._breaker = breaker
        self._request = request
        self._ticket = breaker.enter()
        self._call = RpcClient.shared().send(request, deadline) if self._ticket else None

    def result(self) -> Answer:
        """The answer within the deadline, or the Problem in its place."""
        if self._call is None or self._ticket is None:
            raise Problem("unavailable", f"{self._request.service} has not answered for a while.")
        # who changes something waits for the outcome, come what may
        if self._ticket.probe and not isinstance(self._request, Command):
            return self._probe(self._call, self._ticket)
        return self._wait(self._call, self._ticket)

    def _wait(self, call: PendingCall[Answer], ticket: Ticket) -> Answer:
        try:
            answer = call.result()
        except Problem as problem:
            if problem.code in _FAILURES:
                self._breaker.failed(ticket)
            else:
                self._breaker.answered()
            raise
        self._breaker.answered()
        return answer

    def _probe(self, call: PendingCall[Answer], ticket: Ticket) -> Answer:
        """Wait for a moment only; an answer that comes later, within the deadline, closes the breaker all the same."""
        outcome: Future[Answer] = Future()

        def wait() -> None:
            try:
                outcome.set_result(self._wait(call, ticket))
            except Exception as error:
                outcome.set_exception(error)

        threading.Thread(target=wait, name="probe", daemon=True).start()
        try:
            return outcome.result(PATIENCE)
        except FutureTimeout:
            raise Problem("unavailable", f"{self._request.service} has not answered for a while.") from None


class Calls:
    """Questions to the services: at most `share` waiting calls to one service at a time, more are refused as `busy`;
    and a breaker for each service, of which the calls that are sent and waited for later take their part, too."""

    def __init__(self, share: int) -> None:
        self._slots = {service: threading.BoundedSemaphore(share) for service in SERVICES}
        self._breakers = {service: Breaker(service) for service in SERVICES}

    def __call__(self, request: Request[Answer], deadline: float | None = None) -> Answer:
        """Ask and wait, at most `deadline` seconds; by default for what is left of the DEADLINE of the work at hand."""
        slots = self._slots[request.service]
        if not slots.acquire(blocking=False):
            raise Problem("busy", f"Too many requests wait for {request.service}.")
        try:
            if deadline is None:
                return self.send(request, DEADLINE).result()
            with context.due(time.time() + deadline):
                return self.send(request, deadline).result()
        finally:
            slots.release()

    def send(self, request: Request[Answer], deadline: float) -> Asked[Answer]:
        """Ask; the answer is waited for later, at most `deadline` seconds from now."""
        return Asked(self._breakers[request.service], request, deadline)
