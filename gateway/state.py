"""What one gateway process holds: its way to the services, its caches, its streams, its limits."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from flask import current_app

from chassis.settings import Settings
from contracts.errors import Problem
from contracts.events import (
    ArchiveChanged,
    CountersChanged,
    EventData,
    ExportChanged,
    GuidelineChanged,
    MembershipChanged,
    PrincipalChanged,
    ProjectChanged,
    ProjectDeleted,
    ProjectRestored,
    TaskChanged,
)
from gateway.calls import Calls
from gateway.identity_provider import IdentityProvider
from gateway.live import Hub
from gateway.security import Security

HEARD = (
    PrincipalChanged,
    MembershipChanged,
    ProjectChanged,
    ProjectDeleted,
    ProjectRestored,
    GuidelineChanged,
    CountersChanged,
    ExportChanged,
    ArchiveChanged,
    TaskChanged,
)
"""The events that every gateway process listens to."""

SIGN_ONS = 8
"""Sign-ons at a time that wait for the identity provider."""

LOGINS = 8
"""Sign-ins at a time. Each costs the members service a slow hash on purpose, and a storm must not take all threads."""


class Slots:
    """At most so many at a time."""

    def __init__(self, count: int) -> None:
        self._free = threading.BoundedSemaphore(count)

    @contextmanager
    def one(self) -> Iterator[bool]:
        """Take a slot for the block; whether there was one."""
        got = self._free.acquire(blocking=False)
        try:
            yield got
        finally:
            if got:
                self._free.release()


@dataclass(frozen=True)
class Gateway:
    """See the module."""

    settings: Settings
    calls: Calls
    security: Security
    hub: Hub
    logins: Slots
    sign_ons: Slots
    identity_provider: IdentityProvider | None
    waits: Slots  # requests that may hold a thread until assets are verified

    def heard(self, event: EventData) -> None:
        """Take an event: first forget what it makes untrue, then let streams look again."""
        self.security.heard(event)
        self.hub.heard(event)

    def listening(self, yes: bool) -> None:
        """Events are heard from now on, or no longer."""
        self.security.listening(yes)
        self.hub.listening(yes)


def build(settings: Settings) -> Gateway:
    """A gateway's parts; nothing is started or connected yet."""
    calls = Calls(share=max(1, settings.gateway_threads // 3))
    return Gateway(
        settings=settings,
        calls=calls,
        security=Security(calls, settings),
        hub=Hub(
            lambda question, deadline: calls.send(question, deadline).result(),
            settings.stream_cap,
            settings.stream_heartbeat,
        ),
        logins=Slots(LOGINS),
        sign_ons=Slots(SIGN_ONS),
        identity_provider=IdentityProvider.of(settings),
        waits=Slots(max(1, settings.gateway_threads // 4)),
    )


def gateway() -> Gateway:
    """The parts of the gateway that handles the present request."""
    parts: Gateway = current_app.extensions["labelyard"]
    return parts


def busy(what: str) -> Problem:
    """The refusal of what there are too many of right now."""
    return Problem("busy", f"Too many {what} at a time.")
