"""RPC of the analytics service: aggregate counters."""

from uuid import UUID

from pydantic import Field

from contracts.enums import Review, Status
from contracts.message import Message, Time
from contracts.rpc import Query


class Segment(Message):
    """How many labels are in one pair of status and review."""

    status: Status
    review: Review
    count: int


class Counters(Message):
    """A project's counters. `version` rises whenever they change and never goes back.

    `submitted` counts status submitted; `reviewed` approved and rejected; `objects` by object class id;
    `open_issues` labels with an open issue; `updated` labels whose latest change lies in the asked span.
    """

    project_id: UUID
    version: int
    total: int
    submitted: int
    reviewed: int
    segments: tuple[Segment, ...]
    objects: dict[str, int]
    open_issues: int
    updated: int


class CountersList(Message):
    """Counters of several projects, in the order asked."""

    items: tuple[Counters, ...]


class GetCounters(Query[Counters]):
    """The counters of a project, or with `user_id` of the labels that are assigned to that user.

    `updated` counts labels last changed in [`updated_since`, `updated_until`), to the quarter hour. An unknown
    project counts zero everywhere, at version 0.
    """

    project_id: UUID
    user_id: UUID | None = None
    updated_since: Time | None = None
    updated_until: Time | None = None


class ListCounters(Query[CountersList]):
    """The counters of several projects; with `user_id` of that user's labels."""

    project_ids: tuple[UUID, ...] = Field(min_length=1, max_length=200)
    user_id: UUID | None = None
