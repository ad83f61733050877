"""What is counted of a label, and how a change of labels moves the counters.

A counter is addressed by project, scope and key. The scope is the project's own id for all its labels, or the id of
a user for the labels that are assigned to them. The keys are, in their order:

    objects/{object class id}       objects of that class
    open_issues                     labels with an open issue
    segment/{status}/{review}       labels in that segment; the six of them add up to the total
    updated/{quarter hour, UTC}     labels whose latest change lies in that quarter hour
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

from contracts.enums import SEGMENTS, Review, Status
from contracts.events import LabelChanged, LabelState
from contracts.rpc.analytics import Counters, Segment

LabelKey = tuple[UUID, UUID]
"""Project and label."""

CounterKey = tuple[UUID, UUID, str]
"""Project, scope and key."""

UPDATED = "updated/"
"""The first part of the quarter hours' keys: what sorts before it is every other counter."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A label at one version, in the dimensions that are counted. `updated`: the start of a quarter hour, UTC."""

    version: int
    deleted: bool
    status: Status
    review: Review
    assignee: UUID | None
    objects: Mapping[str, int]
    has_open_issue: bool
    updated: datetime


def quarter(moment: datetime) -> datetime:
    """The start of the quarter hour that `moment` lies in, UTC."""
    moment = moment.astimezone(UTC)
    return moment.replace(minute=moment.minute - moment.minute % 15, second=0, microsecond=0)


def updated_key(moment: datetime) -> str:
    """The key that sorts, among those of the quarter hours, as `moment` does in time."""
    return UPDATED + moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds")


def counted(state: LabelState) -> Counted:
    """What is counted of a label in this state."""
    return Counted(
        version=state.version,
        deleted=state.deleted,
        status=state.status,
        review=state.review,
        assignee=state.assignee,
        objects=state.objects,
        has_open_issue=state.open_issues > 0,
        updated=quarter(state.updated_at),
    )


def counts(label: Counted) -> dict[str, int]:
    """What one label adds to the counters of a scope that it is in, by key; nothing once it is deleted."""
    if label.deleted:
        return {}
    added = {f"objects/{class_id}": number for class_id, number in label.objects.items()}
    if label.has_open_issue:
        added["open_issues"] = 1
    added[f"segment/{label.status}/{label.review}"] = 1
    added[updated_key(label.updated)] = 1
    return added


def fold(
    known: Mapping[LabelKey, Counted], events: Iterable[LabelChanged]
) -> tuple[dict[LabelKey, Counted], dict[CounterKey, int]]:
    """The labels that `events` bring in a newer version than `known` has, and what that adds to which counter.

    Free of order and repetition: only the newest state of each label matters.
    """
    newer: dict[LabelKey, Counted] = {}
    for event in events:
        for state in event.labels:
            key = (event.project_id, state.label_id)
            latest = newer.get(key) or known.get(key)
            if latest is None or latest.version < state.version:
                newer[key] = counted(state)
    return newer, moved(known, newer)


def moved(known: Mapping[LabelKey, Counted], taken: Mapping[LabelKey, Counted]) -> dict[CounterKey, int]:
    """What it adds to which counter that the labels in `taken` are that now, instead of what is `known`."""
    differences: _Differences = defaultdict(lambda: defaultdict(int))
    for key, label in taken.items():
        if key in known:
            _add(differences, key[0], known[key], -1)
        _add(differences, key[0], label, 1)
    return {
        (project_id, scope, key): difference
        for (project_id, scope), by_key in differences.items()
        for key, difference in by_key.items()
        if difference
    }


_Differences = defaultdict[tuple[UUID, UUID], defaultdict[str, int]]


def _add(differences: _Differences, project_id: UUID, label: Counted, sign: int) -> None:
    added = counts(label)
    for scope in (project_id,) if label.assignee is None else (project_id, label.assignee):
        by_key = differences[project_id, scope]
        for key, number in added.items():
            by_key[key] += sign * number


def made_at(project_id: UUID) -> datetime:
    """When a project was made, UTC: its id is a UUIDv7, whose first 48 bits are milliseconds since 1970 (RFC 9562).

    For any other id 1970: nobody can tell.
    """
    return datetime.fromtimestamp((project_id.int >> 80) / 1000 if project_id.version == 7 else 0, UTC)


@dataclass(frozen=True, slots=True)
class Compared:
    """Labels of one project that are counted otherwise than their source says; each list in the order of ids.

    `missing`: not counted at all; `behind`: in an older version; `different`: in the same version with something else
    in it, or in a version that the source has not reached; `unknown`: the source has no such label.
    """

    missing: list[UUID]
    behind: list[UUID]
    different: list[UUID]
    unknown: list[UUID]

    @property
    def doubtful(self) -> list[UUID]:
        """Those that are not just behind: their source must be asked again before anything is done about them."""
        return self.missing + self.different + self.unknown

    @property
    def all(self) -> list[UUID]:
        """Every label that differs."""
        return self.doubtful + self.behind


def compare(known: Mapping[UUID, Counted], source: Mapping[UUID, Counted]) -> Compared:
    """How the labels that are counted differ from the source's. What is deleted in both ways does not."""
    found = Compared([], [], [], [])
    for label_id in sorted(known.keys() | source.keys()):
        counted_as, truth = known.get(label_id), source.get(label_id)
        if counted_as is None:
            found.missing.append(label_id)
        elif truth is None:
            if not counted_as.deleted:
                found.unknown.append(label_id)
        elif counted_as.version < truth.version:
            found.behind.append(label_id)
        elif counted_as != truth and not (counted_as.deleted and truth.deleted):
            found.different.append(label_id)
    return found


@dataclass(frozen=True, slots=True)
class Mended:
    """What labels are brought to, by what was wrong with them (see Compared)."""

    missing: dict[UUID, Counted]
    behind: dict[UUID, Counted]
    different: dict[UUID, Counted]
    unknown: dict[UUID, Counted]

    @property
    def repairs(self) -> dict[UUID, Counted]:
        """All but what an event would have brought."""
        return self.missing | self.different | self.unknown

    @property
    def as_compared(self) -> Compared:
        """What was wrong."""
        return Compared(sorted(self.missing), sorted(self.behind), sorted(self.different), sorted(self.unknown))


def mend(known: Mapping[UUID, Counted], seen: Mapping[UUID, Counted | None], source: Mapping[UUID, Counted]) -> Mended:
    """Bring the labels that are `known` (under the lock) to their source.

    `seen`: how doubtful labels were counted, or that they were not, before `source` was asked for them. Whoever has
    changed since is left alone unless its source is newer: the events see to that.
    """
    found = Mended({}, {}, {}, {})
    for label_id, truth in source.items():
        counted_as = known.get(label_id)
        if counted_as is None:
            found.missing[label_id] = truth
        elif counted_as.version < truth.version:
            found.behind[label_id] = truth
        elif counted_as == seen.get(label_id) and counted_as != truth and not (counted_as.deleted and truth.deleted):
            found.different[label_id] = truth
    for label_id in seen.keys() - source.keys():
        counted_as = known.get(label_id)
        if counted_as is not None and counted_as == seen[label_id] and not counted_as.deleted:
            found.unknown[label_id] = replace(counted_as, deleted=True)
    return found


def compose(project_id: UUID, version: int, values: Mapping[str, int], updated: int | None) -> Counters:
    """The counters of one scope from their values by key; `updated` None: of all time, which is every label."""
    segments = tuple(
        Segment(status=status, review=review, count=values.get(f"segment/{status}/{review}", 0))
        for status, review in SEGMENTS
    )
    total = sum(segment.count for segment in segments)
    return Counters(
        project_id=project_id,
        version=version,
        total=total,
        submitted=sum(segment.count for segment in segments if segment.status is Status.SUBMITTED),
        reviewed=sum(s.count for s in segments if s.review in (Review.APPROVED, Review.REJECTED)),
        segments=segments,
        objects={key.removeprefix("objects/"): value for key, value in values.items() if key.startswith("objects/")},
        open_issues=values.get("open_issues", 0),
        updated=total if updated is None else updated,
    )
