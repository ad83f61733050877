"""What belongs to the request or event being handled and travels with everything it causes."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

from chassis.ids import new_id
from contracts.principals import Claims

_correlation_id: ContextVar[str | None] = ContextVar("correlation_id", default=None)
_since: ContextVar[datetime | None] = ContextVar("since", default=None)
_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)
_issuer: ContextVar[str | None] = ContextVar("issuer", default=None)
_principal: ContextVar[Claims | None] = ContextVar("principal", default=None)


def correlation_id() -> str:
    """The correlation id of the work at hand; a new one where there was none."""
    return known_correlation_id() or str(new_id())


def known_correlation_id() -> str | None:
    """The correlation id of the work at hand, if there is one."""
    return _correlation_id.get()


def since() -> datetime:
    """When the change was made that the work at hand comes from: the time of the first event of the chain, or now."""
    return _since.get() or datetime.now(UTC)


@contextmanager
def correlated(value: str | None, since: datetime | None = None) -> Iterator[str]:
    """Everything inside belongs to the correlation id `value`, or to a new one, and comes of a change at `since`."""
    tokens = _correlation_id.set(value or str(new_id())), _since.set(since)
    try:
        yield correlation_id()
    finally:
        _correlation_id.reset(tokens[0])
        _since.reset(tokens[1])


def deadline() -> float | None:
    """The time, in seconds since the epoch, after which nobody waits for the work at hand; None: there is none."""
    return _deadline.get()


@contextmanager
def due(deadline: float | None) -> Iterator[None]:
    """Nobody waits longer than until `deadline` for what is done inside: calls to services end by then, too."""
    token = _deadline.set(deadline)
    try:
        yield
    finally:
        _deadline.reset(token)


def principal() -> Claims | None:
    """Who the work at hand is done for, as its issuer signed it; None: for nobody, as a sweep or a fact that is told.

    In a service's handler: of the call that it answers, or of the order that its consumer took.
    """
    return _principal.get()


@contextmanager
def acting_for(principal: Claims | None) -> Iterator[None]:
    """What is done inside is done for `principal`: calls to services and orders say so, signed by this process."""
    token = _principal.set(principal)
    try:
        yield
    finally:
        _principal.reset(token)


def issuer() -> str | None:
    """The service whose work is at hand; None in the gateway."""
    return _issuer.get()


@contextmanager
def working_as(issuer: str) -> Iterator[None]:
    """What is done inside is a service's work: it signs what is asked of others."""
    token = _issuer.set(issuer)
    try:
        yield
    finally:
        _issuer.reset(token)
