"""The Projects Overview: which services its cards need, and how the cards are made of what they answered.

Shapes: docs/developers/vocabulary.md, "The overview". Everything here but `gather` is pure.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Final, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import Field

from contracts.body import ImageCategory
from contracts.enums import SEGMENTS, AnnotationType, DataType, Review, Status, Visibility
from contracts.errors import Problem
from contracts.message import Message
from contracts.permissions import CARDS, Card, Permission, Role, Scope, permissions_of
from contracts.rpc import Request
from contracts.rpc.analytics import Counters, GetCounters
from contracts.rpc.exports import ShareLinkCount
from contracts.rpc.labels import GetLabelCards, LabelQuick
from contracts.rpc.members import CountRoles, RoleCounts
from contracts.rpc.projects import AutoLabel, GetProjectCards, Project, ProjectCards
from gateway.calls import Asked

Data = TypeVar("Data", bound=Message)
Answer = TypeVar("Answer", bound=Message)


def _absent() -> Any:
    """A field that is left out of the JSON where it is None."""
    return Field(default=None, exclude_if=lambda value: value is None)


class Ok(Message, Generic[Data]):
    """A card with its figures."""

    state: Literal["ok"] = "ok"
    data: Data


class Unavailable(Message):
    """A card whose service did not answer in time; `reason` is an error code."""

    state: Literal["unavailable"] = "unavailable"
    reason: str


class ToDoItem(Message):
    """A step of setting up. `done` None: nobody can say at present."""

    key: Literal["upload_data", "upload_guideline", "invite_collaborators"]
    done: bool | None


class ToDo(Message):
    """What is left to set up."""

    items: tuple[ToDoItem, ...]


class QuickAction(Message):
    """A list of labels to go to: `query` is that of GET …/labels. No `count`: nobody can say at present."""

    key: Literal["submitted_labels", "updated_today", "open_issues"]
    query: str
    count: int | None = _absent()


class QuickActions(Message):
    """Lists of labels to go to."""

    items: tuple[QuickAction, ...]


class ChartSegment(Message):
    """Labels in one pair of status and review, and the query that lists them."""

    status: Status
    review: Review
    count: int
    query: str


class LabelingStatus(Message):
    """How far the labels are: all of the project, or those assigned to the asker."""

    scope: Literal["project", "mine"]
    total: int
    submitted: int
    reviewed: int
    version: int
    segments: tuple[ChartSegment, ...]


class ReviewFigures(Message):
    """Labels by review."""

    not_submitted: int
    pending_review: int
    approved: int
    rejected: int


class ClassFigures(Message):
    """An object class, and how many objects of it there are. No `count`: nobody can say at present."""

    id: UUID
    name: str
    annotation_type: AnnotationType
    color: str
    count: int | None = _absent()


class Configuration(Message):
    """What is labeled."""

    data_type: DataType
    annotation_types: tuple[AnnotationType, ...]
    object_classes: tuple[ClassFigures, ...]
    image_categories: tuple[ImageCategory, ...]


class Guidelines(Message):
    """How many guidelines there are."""

    count: int


class Cards(Message):
    """The cards that the asker's role sees; the others are absent."""

    to_do: Ok[ToDo] | Unavailable | None = _absent()
    quick_actions: Ok[QuickActions] | Unavailable | None = _absent()
    labeling_status: Ok[LabelingStatus] | Unavailable | None = _absent()
    review: Ok[ReviewFigures] | Unavailable | None = _absent()
    auto_label: Ok[AutoLabel] | Unavailable | None = _absent()
    configuration: Ok[Configuration] | Unavailable | None = _absent()
    member_roles: Ok[RoleCounts] | Unavailable | None = _absent()
    guidelines: Ok[Guidelines] | Unavailable | None = _absent()


class Head(Message):
    """The project that the page is about."""

    id: UUID
    name: str
    visibility: Visibility
    version: int


class ViewerRole(Message):
    """What the asker is here, and may do."""

    role: Role
    permissions: tuple[Permission, ...]


class Overview(Message):
    """The composed page."""

    project: Head
    viewer: ViewerRole
    cards: Cards


@dataclass(frozen=True)
class Away:
    """A service that did not answer, and the code of why."""

    reason: str


@dataclass(frozen=True)
class Parts:
    """What the services answered. A part that no card needs is None."""

    projects: ProjectCards | Away
    counters: Counters | Away | None = None
    roles: RoleCounts | Away | None = None
    labels: LabelQuick | Away | None = None
    links: ShareLinkCount | Away | None = None


@dataclass(frozen=True)
class Day:
    """The asker's day: [since, until)."""

    since: datetime
    until: datetime


LIVE_CARDS: Final = (Card.LABELING_STATUS, Card.REVIEW)
"""The cards that the live stream carries."""

_NEEDS: Final[Mapping[Card, frozenset[str]]] = {
    Card.TO_DO: frozenset({"projects", "roles", "labels"}),
    Card.QUICK_ACTIONS: frozenset({"counters"}),
    Card.LABELING_STATUS: frozenset({"counters"}),
    Card.REVIEW: frozenset({"counters"}),
    Card.AUTO_LABEL: frozenset({"projects"}),
    Card.CONFIGURATION: frozenset({"projects", "counters"}),
    Card.MEMBER_ROLES: frozenset({"roles"}),
    Card.GUIDELINES: frozenset({"projects"}),
}


def day_of(now: datetime, zone: tzinfo) -> Day:
    """The day in `zone` that `now` lies in; 23 or 25 hours long where clocks change."""
    midnight = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    following = (midnight + timedelta(days=1)).replace(hour=0, minute=0)
    return Day(midnight.astimezone(UTC), following.astimezone(UTC))


def counters_scope(role: Role, user_id: UUID | None) -> UUID | None:
    """Whose labels' counters `role` sees: None for the whole project's."""
    return user_id if CARDS[Card.LABELING_STATUS].get(role) is Scope.OWN else None


def questions(role: Role, project_id: UUID, user_id: UUID | None, day: Day) -> dict[str, Request[Any]]:
    """What to ask for the cards of `role`, by the name of the part; `projects` always."""
    needed = {"projects"}.union(*(_NEEDS[card] for card, roles in CARDS.items() if role in roles))
    every: dict[str, Request[Any]] = {
        "projects": GetProjectCards(project_id=project_id),
        "counters": GetCounters(
            project_id=project_id,
            user_id=counters_scope(role, user_id),
            updated_since=day.since,
            updated_until=day.until,
        ),
        "roles": CountRoles(project_id=project_id),
        "labels": GetLabelCards(project_id=project_id),
    }
    return {name: question for name, question in every.items() if name in needed}


def gather(
    asked: Mapping[str, Request[Any]], send: Callable[[Request[Any], float], Asked[Any]], deadline: float
) -> Parts:
    """Ask everything at once and wait at most `deadline` seconds; `not_found` if the project is gone."""
    pending = {name: send(question, deadline) for name, question in asked.items()}
    parts: dict[str, Any] = {}
    for name, call in pending.items():
        try:
            parts[name] = call.result()
        except Problem as problem:
            if name == "projects" and problem.code in ("not_found", "gone"):
                raise
            parts[name] = Away(problem.code)
    return Parts(**parts)


def compose(project: Project, role: Role, parts: Parts, day: Day) -> Overview:
    """The page for `role`. `project` is the head as the gateway remembers it, for when projects is away."""
    head = project if isinstance(parts.projects, Away) else parts.projects.project
    counters = parts.counters
    makers: dict[Card, Callable[[], Ok[Any] | Unavailable]] = {
        Card.TO_DO: lambda: Ok[ToDo](data=_to_do(parts)),
        Card.QUICK_ACTIONS: lambda: Ok[QuickActions](data=_quick_actions(counters, day)),
        Card.AUTO_LABEL: lambda: _card(parts.projects, lambda known: Ok[AutoLabel](data=known.auto_label)),
        Card.CONFIGURATION: lambda: _card(parts.projects, lambda known: _configuration(known.project, counters)),
        Card.MEMBER_ROLES: lambda: _card(parts.roles, lambda known: Ok[RoleCounts](data=known)),
        Card.GUIDELINES: lambda: _card(
            parts.projects, lambda known: Ok[Guidelines](data=Guidelines(count=known.guidelines))
        ),
    }
    cards = {card.value: make() for card, make in makers.items() if role in CARDS[card]}
    return Overview(
        project=Head(id=head.id, name=head.name, visibility=head.visibility, version=head.version),
        viewer=ViewerRole(role=role, permissions=tuple(permissions_of(role))),
        cards=live_cards(role, counters).model_copy(update=cards),
    )


def live_cards(role: Role, counters: Counters | Away | None) -> Cards:
    """The cards of the live stream for `role`."""
    scope = CARDS[Card.LABELING_STATUS].get(role)
    return Cards(
        labeling_status=_card(counters, lambda known: _labeling_status(known, scope)) if scope else None,
        review=_card(counters, _review) if role in CARDS[Card.REVIEW] else None,
    )


def _card(part: Answer | Away | None, make: Callable[[Answer], Ok[Data]]) -> Ok[Data] | Unavailable:
    assert part is not None, "a card's part was not asked for"
    return Unavailable(reason=part.reason) if isinstance(part, Away) else make(part)


def _to_do(parts: Parts) -> ToDo:
    data = None if isinstance(parts.labels, Away | None) else parts.labels.has_data
    guideline = None if isinstance(parts.projects, Away) else parts.projects.guidelines > 0
    counts = None if isinstance(parts.roles, Away | None) else parts.roles
    invited = None if counts is None else counts.manager + counts.reviewer + counts.labeler > 0
    return ToDo(
        items=(
            ToDoItem(key="upload_data", done=data),
            ToDoItem(key="upload_guideline", done=guideline),
            ToDoItem(key="invite_collaborators", done=invited),
        )
    )


def _quick_actions(counters: Counters | Away | None, day: Day) -> QuickActions:
    known = counters if isinstance(counters, Counters) else None
    today = f"updated_since={day.since:%Y-%m-%dT%H:%M:%SZ}"
    return QuickActions(
        items=(
            QuickAction(key="submitted_labels", query="status=submitted", count=known and known.submitted),
            QuickAction(key="updated_today", query=today, count=known and known.updated),
            QuickAction(key="open_issues", query="has_open_issues=true", count=known and known.open_issues),
        )
    )


def _labeling_status(counters: Counters, scope: Scope) -> Ok[LabelingStatus]:
    counts = {(segment.status, segment.review): segment.count for segment in counters.segments}
    segments = tuple(
        ChartSegment(
            status=status,
            review=review,
            count=counts.get((status, review), 0),
            query=f"status={status}&review={review}",
        )
        for status, review in SEGMENTS
    )
    return Ok[LabelingStatus](
        data=LabelingStatus(
            scope="mine" if scope is Scope.OWN else "project",
            total=counters.total,
            submitted=counters.submitted,
            reviewed=counters.reviewed,
            version=counters.version,
            segments=segments,
        )
    )


def _review(counters: Counters) -> Ok[ReviewFigures]:
    sums = dict.fromkeys(Review, 0)
    for segment in counters.segments:
        sums[segment.review] += segment.count
    return Ok[ReviewFigures](data=ReviewFigures(**{review.value: count for review, count in sums.items()}))


def _configuration(project: Project, counters: Counters | Away | None) -> Ok[Configuration]:
    specification = project.specification
    objects = counters.objects if isinstance(counters, Counters) else None
    classes = tuple(
        ClassFigures(
            id=each.id,
            name=each.name,
            annotation_type=each.annotation_type,
            color=each.color,
            count=None if objects is None else objects.get(str(each.id), 0),
        )
        for each in specification.object_classes
    )
    return Ok[Configuration](
        data=Configuration(
            data_type=project.data_type,
            annotation_types=_distinct(each.annotation_type for each in classes),
            object_classes=classes,
            image_categories=specification.image_categories,
        )
    )


def _distinct(types: Iterable[AnnotationType]) -> tuple[AnnotationType, ...]:
    return tuple(dict.fromkeys(types))
