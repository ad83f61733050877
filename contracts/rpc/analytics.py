"""RPC of the analytics service: aggregate counters."""

from uuid import UUID

from pydantic import Field

from contracts.enums import CheckKind, JobState, Review, Status
from contracts.message import Message, Time
from contracts.permissions import Card, Permission
from contracts.rights import Only
from contracts.rpc import Command, Query


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
    """Counters of several projects, in the order asked; those that are not complete are left out."""

    items: tuple[Counters, ...]


class GetCounters(Query[Counters]):
    """The counters of a project, or with `user_id` of the labels that are assigned to that user.

    `updated` counts labels last changed in [`updated_since`, `updated_until`), to the quarter hour. An unknown
    project counts zero everywhere, at version 0. `counters_incomplete` where labels of the project may never have been
    counted here: it is older than the database, which was emptied, and has not been rebuilt since.
    """

    right = Card.LABELING_STATUS
    callers = frozenset({"gateway"})

    project_id: UUID
    user_id: UUID | None = None
    updated_since: Time | None = None
    updated_until: Time | None = None


class ListCounters(Query[CountersList]):
    """The counters of several projects; with `user_id` of that user's labels."""

    right = Only.SIGNED_IN

    project_ids: tuple[UUID, ...] = Field(min_length=1, max_length=200)
    user_id: UUID | None = None


class FoundLabels(Message):
    """How many labels there were of a kind; `ids` are the first 100 of them."""

    count: int = 0
    ids: tuple[UUID, ...] = ()


class CounterDifference(Message):
    """A counter that is not what the labels add up to. `scope`: the project's id, or whose labels are counted."""

    scope: UUID
    key: str
    expected: int
    actual: int


class CheckedProject(Message):
    """What was found wrong with a project's counters; a rebuild has put it right.

    `complete`: no label is missing because the database was emptied. Labels that analytics has `missing`; has in an
    older version (`behind`); has at the same or a newer version, but as `different` from the labels service; and those
    that are `unknown` there. `counters` are the first 100 of `counter_count` that differed.
    """

    project_id: UUID
    complete: bool = True
    labels: int = 0
    missing: FoundLabels = FoundLabels()
    behind: FoundLabels = FoundLabels()
    different: FoundLabels = FoundLabels()
    unknown: FoundLabels = FoundLabels()
    counter_count: int = 0
    counters: tuple[CounterDifference, ...] = ()


class CheckReport(Message):
    """Projects and labels looked at so far; `found` are the first 100 of `differing` projects."""

    projects: int = 0
    labels: int = 0
    differing: int = 0
    found: tuple[CheckedProject, ...] = ()


class CounterCheck(Message):
    """A verification or a rebuild of counters, of one project or (None) of all.

    `consistent`, once a verification is done: whether nothing was found.
    """

    id: UUID
    kind: CheckKind
    project_id: UUID | None = None
    state: JobState
    consistent: bool | None = None
    report: CheckReport = CheckReport()
    created_by: UUID
    created_at: Time
    ended_at: Time | None = None


class CounterCheckPage(Message):
    """Checks, newest first."""

    items: tuple[CounterCheck, ...]
    next: str | None = None


class StartCounterCheck(Command[CounterCheck]):
    """Verify or rebuild the counters of a project, or (None) of all."""

    right = Permission.OPERATE

    kind: CheckKind
    project_id: UUID | None = None
    actor: UUID


class GetCounterCheck(Query[CounterCheck]):
    """A check, or `not_found`."""

    right = Permission.OPERATE

    check_id: UUID


class ListCounterChecks(Query[CounterCheckPage]):
    """All checks."""

    right = Permission.OPERATE

    cursor: str | None = None
    limit: int = Field(default=50, ge=1, le=200)
