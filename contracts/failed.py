"""RPC that every service answers: the messages that its handlers failed at.

The classes name no service; `of` makes the one that is sent: `ListFailed.of("labels")(limit=50)`.
"""

from enum import StrEnum
from typing import Literal
from uuid import UUID

from pydantic import Field

from contracts.message import Message, Time
from contracts.permissions import Permission
from contracts.rpc import Command, Query


class FailedState(StrEnum):
    """What happens to a failed message by itself: it will be tried again, or nothing."""

    WAITING = "waiting"
    GIVEN_UP = "given_up"


class FailedMessage(Message):
    """A message that a handler failed at, or that ended its consumer's process.

    `queue`: where it came from; `type` of its event, `unreadable` where it is none; `attempts` so far, `reason` of the
    last one; `size` of its body in bytes; `next_try_at` None: none by itself.
    """

    id: UUID
    service: str
    queue: str
    type: str
    state: FailedState
    reason: str
    attempts: int
    size: int
    failed_at: Time
    next_try_at: Time | None = None


class FailedMessageBody(FailedMessage):
    """The same with what arrived: its headers, and its body, as base64 where it is no text. Of a body that is larger
    than a mebibyte the beginning."""

    headers: dict[str, str]
    body: str
    encoding: Literal["text", "base64"]


class FailedPage(Message):
    """A part of a list, oldest first; `next` is the cursor of the next part."""

    items: tuple[FailedMessage, ...]
    next: str | None = None


class FailedCount(Message):
    """How many messages a command was about."""

    count: int


class ListFailed(Query[FailedPage]):
    """What the service keeps, oldest first."""

    right = Permission.OPERATE

    queue: str | None = None
    type: str | None = None
    state: FailedState | None = None
    cursor: str | None = None
    limit: int = Field(default=50, ge=1, le=200)


class GetFailed(Query[FailedMessageBody]):
    """One of them, with its body."""

    right = Permission.OPERATE

    id: UUID


class ReplayFailed(Command[FailedCount]):
    """Try these again now, as if it were for the first time: one by its id, or those of a queue (and type, and state).

    It is up to the consumer of their queue, wherever that runs; this does not wait for it.
    """

    right = Permission.OPERATE

    id: UUID | None = None
    queue: str | None = None
    type: str | None = None
    state: FailedState | None = None


class DropFailed(Command[FailedCount]):
    """Forget these: what they told is not done. Chosen as in ReplayFailed."""

    right = Permission.OPERATE

    id: UUID | None = None
    queue: str | None = None
    type: str | None = None
    state: FailedState | None = None


METHODS = (ListFailed, GetFailed, ReplayFailed, DropFailed)
"""Every one of them."""
