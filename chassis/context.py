"""What belongs to the request or event being handled and travels with everything it causes."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from chassis.ids import new_id

_correlation_id: ContextVar[str | None] = ContextVar("correlation_id", default=None)


def correlation_id() -> str:
    """The correlation id of the work at hand; a new one where there was none."""
    return _correlation_id.get() or str(new_id())


@contextmanager
def correlated(value: str | None) -> Iterator[str]:
    """Everything inside belongs to the correlation id `value`, or to a new one."""
    token = _correlation_id.set(value or str(new_id()))
    try:
        yield correlation_id()
    finally:
        _correlation_id.reset(token)
