"""What a request demands of who asks. Each request class states its `right`; chassis.rpc.rights enforces it."""

from enum import StrEnum
from typing import Final

from contracts.permissions import Card, Permission


class Only(StrEnum):
    """Rights that no role gives."""

    GATEWAY = "gateway"
    """What the gateway has to know before it knows who asks, or what they are: it asks for itself."""
    SELF = "self"
    """About the asker: `user_id`, or without one `session_id`, is theirs."""
    SIGNED_IN = "signed_in"
    """Everybody who is signed in; a `user_id` is theirs."""
    DATA_LIBRARY = "manage_any_project"
    """Owners, admins, and managers of any project."""
    SERVICE = "service"
    """Nobody but the services that the class names as `callers`."""


Right = Permission | Card | Only
"""A line of the table (in the request's `project_id`, unless it is one of OF_THE_TEAM), a card's line, or `Only`."""

OF_THE_TEAM: Final = frozenset({Permission.CREATE_PROJECT, Permission.MANAGE_TEAM, Permission.OPERATE})
"""Permissions that are about no project: what somebody is in the team decides."""
