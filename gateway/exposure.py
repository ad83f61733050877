"""What a project shows to visitors once it is public: spelled out before the switch, and confirmed with it."""

import hashlib
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from contracts.enums import Visibility
from contracts.errors import Problem
from contracts.message import Message
from contracts.permissions import CARDS, Card, Permission, Role, permissions_of
from contracts.rpc import Request
from contracts.rpc.analytics import Counters, GetCounters
from contracts.rpc.exports import CountShareLinks, ShareLinkCount
from contracts.rpc.members import CountRoles, RoleCounts
from contracts.rpc.projects import GetProjectCards, Project, ProjectCards
from gateway.overview import Parts


class Shown(Message):
    """What visitors see, signed in or not. `images`: whose labels they see, with file and dataset names; `objects` in
    them. None: nobody can say at present.
    """

    permissions: tuple[Permission, ...]
    cards: tuple[Card, ...]
    name: str
    description: str
    object_classes: int
    image_categories: int
    labels: int | None
    images: int | None
    objects: int | None


class Hidden(Message):
    """What visitors do not see: the names of `people`, labels' issues, guidelines. None: nobody can say at present."""

    cards: tuple[Card, ...]
    people: int | None
    labels_with_open_issues: int | None
    guidelines: int


class Exposure(Message):
    """What the visibility of a project means. `share_links`: how many addresses there are by which anybody downloads an
    export, whether the project is public or private; None: nobody can say at present. `confirmation`: what to send to
    make it public, as long as neither its settings nor the rights of visitors change.
    """

    visibility: Visibility
    version: int
    shown: Shown
    hidden: Hidden
    share_links: int | None
    confirmation: str


_CARDS: Final = tuple(card for card in Card if Role.VISITOR in CARDS[card])
_PERMISSIONS: Final = tuple(permissions_of(Role.VISITOR))
_RIGHTS: Final = hashlib.sha256(repr([*map(str, _CARDS), *map(str, _PERMISSIONS)]).encode()).hexdigest()[:12]
"""Differs where visitors' rights do."""


def questions(project_id: UUID) -> Mapping[str, Request[Any]]:
    """What to ask for `describe`, by the name of the part."""
    return {
        "projects": GetProjectCards(project_id=project_id),
        "counters": GetCounters(project_id=project_id),
        "roles": CountRoles(project_id=project_id),
        "links": CountShareLinks(project_id=project_id),
    }


def describe(parts: Parts) -> Exposure:
    """What becomes visible; `unavailable` where the projects service does not say what it is about."""
    if not isinstance(parts.projects, ProjectCards):
        raise Problem(parts.projects.reason)
    project = parts.projects.project
    counters = parts.counters if isinstance(parts.counters, Counters) else None
    roles = parts.roles if isinstance(parts.roles, RoleCounts) else None
    links = parts.links if isinstance(parts.links, ShareLinkCount) else None
    return Exposure(
        visibility=project.visibility,
        version=project.version,
        shown=Shown(
            permissions=_PERMISSIONS,
            cards=_CARDS,
            name=project.name,
            description=project.description,
            object_classes=len(project.specification.object_classes),
            image_categories=len(project.specification.image_categories),
            labels=counters and counters.total,
            images=counters and counters.total,  # a label is one asset's
            objects=counters and sum(counters.objects.values()),
        ),
        hidden=Hidden(
            cards=tuple(card for card in Card if card not in _CARDS),
            people=roles and sum(dict(roles).values()),
            labels_with_open_issues=counters and counters.open_issues,
            guidelines=parts.projects.guidelines,
        ),
        share_links=links and links.count,
        confirmation=confirmation(project),
    )


def confirmation(project: Project) -> str:
    """What says that somebody has seen what becomes visible of `project` as it is now."""
    return f"{project.version}-{_RIGHTS}"


def confirmed_version(given: str, if_match: int | None) -> int:
    """The project's version that was seen; `stale_version` if `given` is of other rights, or not of `if_match`."""
    version, _, rights = given.partition("-")
    if rights != _RIGHTS or not version.isdecimal() or if_match not in (None, int(version)):
        raise Problem("stale_version", "What becomes visible has changed: look at it again.")
    return int(version)
