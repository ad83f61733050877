"""Starts one of Labelyard's processes with a trap in it, so that it can be killed at a moment that tests name.

`python -m tests.faults.launch stop WINDOW ARGUMENTS...`: it stops itself (SIGSTOP) when it reaches the window.
`python -m tests.faults.launch die PROJECT worker NAME`: it ends at once (os._exit) when it is to handle an event of
that project, and is there again right away, as often as that takes.

`python -m tests.faults.launch bulk LABELS worker labels.bulk`: parts of bulk tasks have so many labels, and another
task has its turn after every part.

`python -m tests.faults.launch snapshot LABELS worker labels.snapshot`: parts of snapshots have so many labels.
`python -m tests.faults.launch term PART worker exports.export`: it is told to stop (SIGTERM) while it is at that part.

The traps are put into the real code from here, so that there is nothing of them in it.
"""

import ctypes
import importlib
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chassis.consumer import Subscription

WINDOWS = ("commit and publish", "publish and confirm", "confirm and forget", "effect and ack", "commit and answer")


KILLED = 77
"""The status of a process that the mark has killed."""


def stop_at(window: str) -> None:
    """Puts the trap into the code."""
    from chassis.database import Database
    from chassis.relay import Publisher

    match window:
        case "commit and publish":
            _patch(Publisher, "publish", before=_stop)
        case "publish and confirm":
            _patch(Publisher, "publish", before=_wait_in_vain)
        case "confirm and forget":
            _patch(Publisher, "publish", after=_stop)
        case "effect and ack":
            _change_subscriptions(lambda subscription: replace(subscription, after_commit=_stop))
        case "commit and answer":
            _patch(Database, "wake_relay", before=_stop)
        case _:
            sys.exit(f"there is no window {window}, only {WINDOWS}")


def die_of(project_id: str, worker: str) -> None:
    """Runs what follows in one child after the other, each of which dies of the project's events."""
    import chassis.process  # noqa: F401  # so that a child has it when it begins

    service, _, name = worker.partition(".")
    importlib.import_module(f"services.{service}.workers.{name}")
    while child := os.fork():
        _, status = os.waitpid(child, 0)
        if not os.WIFEXITED(status) or os.WEXITSTATUS(status) != KILLED:
            sys.exit(1)
        print("killed", flush=True)
    set_parent_death_signal = 1  # PR_SET_PDEATHSIG, prctl(2)
    ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)

    def die(_: Any, events: Any) -> None:
        if any(str(event.project_id) == project_id for event in (events if isinstance(events, list) else [events])):
            os._exit(KILLED)

    def deadly(subscription: "Subscription") -> "Subscription":
        handlers = {event: _after(die, handler) for event, handler in subscription.handlers.items()}
        return replace(subscription, handlers=handlers)

    _change_subscriptions(deadly)


def in_small_parts(labels: int) -> None:
    """Lets bulk tasks be in the middle, and take turns, over few labels."""
    from services.labels.handlers.bulk import planning, work

    setattr(planning, "AT_ONCE", labels)  # noqa: B010  # it is Final
    work.SLICE_SECONDS = 0.0


def in_short_parts(labels: int) -> None:
    """Lets exports have several parts over few labels."""
    from services.labels.workers import snapshot

    original = snapshot._in_parts
    snapshot._in_parts = lambda found, most: original(found, min(most, labels))


def told_to_stop_at(part: int) -> None:
    """Has the process told to stop within a part, and go on with that when it knows."""
    from services.exports.workers import export

    def tell(*arguments: Any) -> None:
        if arguments[-1].part == part:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(1.5)

    export._work = _after(tell, export._work)


def _after(first: Callable[..., None], then: Callable[..., Any]) -> Callable[..., Any]:
    def both(*arguments: Any) -> Any:
        first(*arguments)
        return then(*arguments)

    return both


def _change_subscriptions(change: "Callable[[Subscription], Subscription]") -> None:
    from chassis.consumer import EventConsumer

    original = EventConsumer.__init__

    def patched(consumer: EventConsumer, subscription: "Subscription", *others: Any, **named: Any) -> None:
        original(consumer, change(subscription), *others, **named)

    setattr(EventConsumer, "__init__", patched)  # noqa: B010  # mypy would have it typed alike


def _patch(
    owner: type, name: str, before: Callable[..., None] | None = None, after: Callable[..., None] | None = None
) -> None:
    original = getattr(owner, name)

    def patched(*arguments: Any, **named: Any) -> Any:
        if before is not None:
            before(*arguments, **named)
        result = original(*arguments, **named)
        if after is not None:
            after(*arguments, **named)
        return result

    setattr(owner, name, patched)


def _stop(*_: Any, **__: Any) -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def _wait_in_vain(publisher: Any, *_: Any) -> None:
    """From now on it stops instead of hearing what the broker says."""
    publisher._connection.drain_events = _stop


if __name__ == "__main__":
    from chassis.__main__ import _patch as go_green
    from chassis.__main__ import main

    trap, what, *arguments = sys.argv[1:]
    if arguments[0] == "rpc":
        go_green()  # before anything else is imported
    if trap == "stop":
        stop_at(what)
    elif trap == "bulk":
        in_small_parts(int(what))
    elif trap == "snapshot":
        in_short_parts(int(what))
    elif trap == "term":
        told_to_stop_at(int(what))
    else:
        die_of(what, arguments[1])
    main(arguments)
