"""The live stream: counters pushed to whoever watches a project, as server-sent events.

Announcements are hints. For each (project, scope) that somebody watches the hub asks analytics once, at most 20 times
a second, and puts the answer into every stream's slot. A slot holds one state: a newer one replaces it, so a reader
that is slow or stuck costs nobody else anything. Each stream is written by its own thread (gunicorn's).
"""

import select
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from opentelemetry.trace import SpanKind
from pydantic_core import to_json

from chassis import context, metrics, tracing
from chassis.logs import get_logger
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
    TaskChanged,
)
from contracts.permissions import CARDS, Card, Permission, Role, scope_of
from contracts.rpc.analytics import Counters, GetCounters
from gateway.overview import Away, live_cards

log = get_logger()

PACE = 0.05
"""Seconds between two questions for the same counters: 20 a second."""

RETRY = 1.0
"""Seconds until counters are asked for again after their service did not answer."""

ASK_DEADLINE = 2.0

IDLE = 15.0
"""Seconds that a thread of the hub sleeps at most when there is nothing to ask."""

SEND_BUFFER = 8 * 1024
"""Bytes that the system may hold for a reader who is slow: a few states, since only the last is of any use."""

WATCH = 0.5
"""Seconds between looks at whether the process stops or the reader has gone."""


Work = ExportChanged | ArchiveChanged | TaskChanged
"""Says where long work is now."""

WORK: Final[Mapping[type[Work], tuple[str, Permission]]] = {
    ExportChanged: ("export", Permission.EXPORT),
    ArchiveChanged: ("archive", Permission.EXPORT),
    TaskChanged: ("task", Permission.MANAGE_DATA),
}
"""What it is called on the stream, and who is told: those who may ask for it."""


@dataclass(frozen=True)
class Topic:
    """The counters of a project, or with `user_id` of that user's labels."""

    project_id: UUID
    user_id: UUID | None


@dataclass(frozen=True)
class _Cause:
    """The oldest change that was announced and not shown yet: when it was made, and its trace."""

    since: datetime
    traceparent: str | None


@dataclass
class _Watched:
    streams: set["Stream"] = field(default_factory=set)
    latest: Counters | None = None
    announced: int = -1
    cause: "_Cause | None" = None
    dirty: bool = False
    busy: bool = False
    due: float = 0.0
    asked: int = 0  # how often


class Stream:
    """One reader: the slot that the hub fills, and what wakes its thread."""

    def __init__(self, topic: Topic, role: Role, user_id: UUID | None) -> None:
        self.topic = topic
        self.role = role
        self.user_id = user_id
        self.waits_for = 0
        """Only answers from this question on are the present state; older ones were asked before this stream began."""
        self._wake = threading.Condition()
        self._slot: Counters | Away | None = None
        self._begun = False
        self._doubted = False
        self._outdated: set[Card] = set()
        self._work: dict[UUID, Work] = {}

    def offer(self, counters: Counters) -> None:
        """Put a state into the slot; never waits."""
        with self._wake:
            self._slot = counters
            self._begun = True
            self._wake.notify()

    def miss(self, code: str) -> None:
        """The state is not to be had now, for that reason. A reader who has one already keeps it."""
        with self._wake:
            if not self._begun:
                self._slot = Away(code)
                self._wake.notify()

    def doubt(self) -> None:
        """Whether this reader may still read must be looked at now."""
        with self._wake:
            self._doubted = True
            self._wake.notify()

    def outdate(self, cards: Iterable[Card]) -> None:
        """These cards, as far as this reader sees them, are no longer true."""
        with self._wake:
            self._outdated.update(card for card in cards if self.role in CARDS[card])
            self._wake.notify()

    def outdated(self) -> list[Card]:
        """The cards that are no longer true, in their order; asked again, only new ones."""
        with self._wake:
            taken, self._outdated = self._outdated, set()
            return [card for card in Card if card in taken]

    def tell(self, event: Work) -> None:
        """Long work is now here, for those who may know of it."""
        with self._wake:
            if scope_of(WORK[type(event)][1], self.role) is not None:
                known = self._work.get(_which(event))
                if known is None or known.version < event.version:
                    self._work[_which(event)] = event
                self._wake.notify()

    def told(self) -> list[Work]:
        """The latest of each that changed, once."""
        with self._wake:
            taken, self._work = self._work, {}
            return list(taken.values())

    def first(self, seconds: float) -> Counters | Away | None:
        """The state in the slot, taken out, or why there is none; None if neither is known after `seconds`."""
        with self._wake:
            self._wake.wait_for(lambda: self._slot is not None, seconds)
            taken, self._slot = self._slot, None
            return taken

    def wait(self, seconds: float) -> tuple[Counters | None, bool]:
        """The state in the slot, taken out, and whether the reader is doubted; after at most `seconds`."""
        with self._wake:
            self._wake.wait_for(
                lambda: self._slot is not None or self._doubted or bool(self._outdated or self._work), seconds
            )
            taken, doubted = self._slot, self._doubted
            self._slot, self._doubted = None, False
            return (None if isinstance(taken, Away) else taken), doubted


class Hub:
    """All streams of this process, and the threads that fetch for them.

    Args:
        fetch: asks for counters, with seconds to wait; raises Problem.
        cap: how many streams there may be.
        heartbeat: seconds between a stream's heartbeats; each looks again at state and permission.
        threads: how many counters are asked for at a time.
    """

    def __init__(
        self, fetch: Callable[[GetCounters, float], Counters], cap: int, heartbeat: float = 15.0, threads: int = 4
    ) -> None:
        self.heartbeat = heartbeat
        self._fetch = fetch
        self._cap = cap
        self._threads = threads
        self._changed = threading.Condition()
        self._watched: dict[Topic, _Watched] = {}
        self._count = 0
        self._stopped = False

    def start(self) -> None:
        """Start fetching."""
        for number in range(self._threads):
            threading.Thread(target=self._work, name=f"live-{number}", daemon=True).start()

    def stop(self) -> None:
        """End every stream."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    @property
    def stopped(self) -> bool:
        """Whether streams must end."""
        return self._stopped

    def open(self, topic: Topic, role: Role, user_id: UUID | None) -> Stream:
        """A new stream, to be closed again; `busy` beyond the cap. The present state is on its way to the slot."""
        stream = Stream(topic, role, user_id)
        with self._changed:
            if self._count >= self._cap or self._stopped:
                raise Problem("busy", "There are as many live streams as this gateway holds.")
            self._count += 1
            metrics.streams.set(self._count)
            watched = self._watched.setdefault(topic, _Watched())
            watched.streams.add(stream)
            stream.waits_for = watched.asked + 1
            watched.dirty = True
            self._changed.notify()
        return stream

    def close(self, stream: Stream) -> None:
        """The stream has ended; once more does nothing."""
        with self._changed:
            watched = self._watched.get(stream.topic)
            if watched is None or stream not in watched.streams:
                return
            watched.streams.remove(stream)
            self._count -= 1
            metrics.streams.set(self._count)
            if not watched.streams and not watched.busy:
                del self._watched[stream.topic]

    def look_again(self, topic: Topic) -> None:
        """Ask for the present state, whether or not anything was announced."""
        with self._changed:
            if (watched := self._watched.get(topic)) is not None:
                watched.dirty = True
                self._changed.notify()

    def heard(self, event: EventData) -> None:
        """Take an event: a hint that counters or cards moved, or something that may end a reader's right."""
        if isinstance(event, CountersChanged):
            self._announced({each.project_id: each.version for each in event.projects})
        elif isinstance(event, PrincipalChanged):
            self._doubt(lambda stream: stream.user_id == event.user_id)
        elif isinstance(event, MembershipChanged):
            self._doubt(lambda stream: stream.topic.project_id == event.project_id and stream.user_id == event.user_id)
        elif isinstance(event, ProjectChanged | ProjectDeleted):
            self._doubt(lambda stream: stream.topic.project_id == event.project_id)
        elif isinstance(event, GuidelineChanged):
            for stream in self._picked(lambda stream: stream.topic.project_id == event.project_id):
                stream.outdate((Card.TO_DO, Card.GUIDELINES))
        elif isinstance(event, Work):
            for stream in self._picked(lambda stream: stream.topic.project_id == event.project_id):
                stream.tell(event)

    def listening(self, yes: bool) -> None:
        """Events are heard again: anything may have changed meanwhile."""
        if yes:
            self._doubt(lambda _: True)
            with self._changed:
                for watched in self._watched.values():
                    watched.dirty = True
                self._changed.notify_all()

    def _announced(self, versions: dict[UUID, int]) -> None:
        with self._changed:
            for topic, watched in self._watched.items():
                version = versions.get(topic.project_id)
                if version is None or version <= watched.announced:
                    continue
                watched.announced = version
                cause = _Cause(context.since(), tracing.traceparent())
                if watched.latest is not None and version <= watched.latest.version:
                    _shown(cause)  # by an answer that overtook the announcement
                else:
                    watched.dirty = True
                    watched.cause = watched.cause or cause
                    self._changed.notify()

    def _doubt(self, picks: Callable[[Stream], bool]) -> None:
        for stream in self._picked(picks):
            stream.doubt()

    def _picked(self, picks: Callable[[Stream], bool]) -> list[Stream]:
        with self._changed:
            return [each for watched in self._watched.values() for each in watched.streams if picks(each)]

    def _work(self) -> None:
        while (topic := self._next()) is not None:
            counters: Counters | None = None
            pause, reason = PACE, "internal"
            try:
                counters = self._fetch(GetCounters(project_id=topic.project_id, user_id=topic.user_id), ASK_DEADLINE)
            except Problem as problem:
                log.info("counters are not to be had", project_id=topic.project_id, code=problem.code)
                pause, reason = RETRY, problem.code
            except Exception:
                log.exception("could not fetch counters", project_id=topic.project_id)
                pause = RETRY
            self._fetched(topic, counters or Away(reason), pause)

    def _next(self) -> Topic | None:
        """The next topic that is due, marked busy; None at the end."""
        with self._changed:
            while not self._stopped:
                now = time.monotonic()
                waiting = [(watched.due, topic) for topic, watched in self._watched.items() if _wants(watched)]
                due, topic = min(waiting, key=lambda each: each[0], default=(now + IDLE, None))
                if topic is not None and due <= now:
                    watched = self._watched[topic]
                    watched.dirty, watched.busy = False, True
                    watched.asked += 1
                    return topic
                self._changed.wait(due - now)
            return None

    def _fetched(self, topic: Topic, counters: Counters | Away, pause: float) -> None:
        with self._changed:
            watched = self._watched[topic]
            watched.busy = False
            watched.due = time.monotonic() + pause
            if not watched.streams:
                del self._watched[topic]
                return
            begun = [stream for stream in watched.streams if stream.waits_for <= watched.asked]
            if isinstance(counters, Away):
                watched.dirty = True
                for stream in begun:
                    stream.miss(counters.reason)
            elif watched.latest is None or counters.version >= watched.latest.version:
                watched.latest = counters
                for stream in begun:
                    stream.offer(counters)
                if watched.cause is not None:
                    _shown(watched.cause)
                    watched.cause = None
            if watched.dirty:
                self._changed.notify()


def _which(event: Work) -> UUID:
    """What an event tells of; a project has one archive."""
    match event:
        case ExportChanged():
            return event.export_id
        case TaskChanged():
            return event.task_id
        case ArchiveChanged():
            return event.project_id


def _shown(cause: _Cause) -> None:
    """A change is on its way to the readers."""
    metrics.live_latency.observe(max(0.0, (datetime.now(UTC) - cause.since).total_seconds()))
    if tracing.enabled():
        tracing.start("push to live streams", SpanKind.PRODUCER, cause.traceparent).end()


def _wants(watched: _Watched) -> bool:
    return watched.dirty and not watched.busy


def messages(
    hub: Hub,
    stream: Stream,
    still_allowed: Callable[[], bool],
    gone: Callable[[], bool],
    seen: int = 0,
    until: Callable[[], datetime | None] = lambda: None,
) -> Iterator[bytes]:
    """What is written to a reader: the present state, every newer one, which other cards changed, and heartbeats.

    Ends when the hub stops, the reader has `gone`, or is no longer allowed to read (asked at each heartbeat, when an
    event gives a reason, and from `until` on, when the reader's sign-in expires). Where the present state is not to be
    had in time, the cards say so, under the version that the reader has `seen` last.
    """
    yield b"retry: 1000\n\n"
    first = stream.first(ASK_DEADLINE) or Away("deadline_exceeded")
    version = -1 if isinstance(first, Away) else first.version
    yield message(stream.role, first, seen)
    beat_at = time.monotonic() + hub.heartbeat
    while not hub.stopped and not gone():
        counters, doubted = stream.wait(min(WATCH, max(0.0, beat_at - time.monotonic())))
        beats = time.monotonic() >= beat_at
        expiry = until()
        expired = expiry is not None and expiry <= datetime.now(UTC)
        if (doubted or beats or expired) and not still_allowed():
            return
        if counters is not None and counters.version > version:
            version = counters.version
            yield message(stream.role, counters)
        if cards := stream.outdated():
            yield b"event: changed\ndata: " + to_json({"cards": cards}) + b"\n\n"
        for event in stream.told():
            name, _ = WORK[type(event)]
            yield f"event: {name}\ndata: {event.model_dump_json(exclude={'project_id'})}\n\n".encode()
        if beats:
            beat_at = time.monotonic() + hub.heartbeat
            hub.look_again(stream.topic)
            yield b": still here\n\n"


def message(role: Role, counters: Counters | Away, seen: int = 0) -> bytes:
    """One event of the stream: `cards`, its id the counters' version."""
    cards = live_cards(role, counters).model_dump_json()
    if isinstance(counters, Away):
        return f'event: cards\ndata: {{"version":{seen},"cards":{cards}}}\n\n'.encode()
    version = counters.version
    return f'event: cards\nid: {version}\ndata: {{"version":{version},"cards":{cards}}}\n\n'.encode()


def limit_patience(connection: socket.socket | None, seconds: float) -> None:
    """Let a slow reader of `connection` neither pile up old states nor hold a thread for ever: one that takes nothing
    of what there is to send is given up after `seconds`."""
    if connection is not None:
        connection.settimeout(seconds)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)


def reader_gone(connection: socket.socket | None) -> bool:
    """Whether the reader has closed its end (it has nothing to say, so whatever can be read is the end)."""
    if connection is None:
        return False
    try:
        poll = select.poll()  # select() can't take file numbers above 1,023
        poll.register(connection, select.POLLIN)
        return bool(poll.poll(0)) and connection.recv(1, socket.MSG_PEEK) == b""
    except OSError:
        return True
