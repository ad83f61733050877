"""The one table of who may do what. The gateway enforces it, tests walk it, documents are generated from it."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """What somebody is, seen from one project. Owners and admins are that in every project.

    `visitor`: not a member, in a public project (signed in or not). `member` is a user outside any project role.
    """

    OWNER = "owner"
    ADMIN = "admin"
    MANAGER = "manager"
    REVIEWER = "reviewer"
    LABELER = "labeler"
    VISITOR = "visitor"


class TeamRole(StrEnum):
    """What a user is in the team (one installation is one team)."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"


class ProjectRole(StrEnum):
    """What a member is in one project."""

    MANAGER = "manager"
    REVIEWER = "reviewer"
    LABELER = "labeler"


MANAGERS: Final = frozenset({Role.OWNER, Role.ADMIN, Role.MANAGER})
"""Who the documents call "manager+"."""


class Scope(StrEnum):
    """How far a permission reaches."""

    ALL = "all"
    OWN = "own"  # labels assigned to them, their own figures
    ANONYMOUS = "anonymous"  # all, without people's names


class Permission(StrEnum):
    """One line of the table."""

    CREATE_PROJECT = "create_project"
    DELETE_PROJECT = "delete_project"
    MANAGE_TEAM = "manage_team"
    OPERATE = "operate"
    EDIT_PROJECT = "edit_project"
    INVITE = "invite"
    MANAGE_DATA = "manage_data"
    EXPORT = "export"
    READ_PROJECT = "read_project"
    READ_LABELS = "read_labels"
    WORK_ON_LABELS = "work_on_labels"
    ISSUES = "issues"
    READ_ANALYTICS = "read_analytics"
    READ_GUIDELINES = "read_guidelines"


_EVERYTHING = {Role.OWNER: Scope.ALL, Role.ADMIN: Scope.ALL}
_MANAGING = {**_EVERYTHING, Role.MANAGER: Scope.ALL}

PERMISSIONS: Final[Mapping[Permission, Mapping[Role, Scope]]] = {
    Permission.CREATE_PROJECT: _EVERYTHING,
    Permission.DELETE_PROJECT: _EVERYTHING,
    Permission.MANAGE_TEAM: _EVERYTHING,
    Permission.OPERATE: _EVERYTHING,
    Permission.EDIT_PROJECT: _MANAGING,
    Permission.INVITE: _MANAGING,
    Permission.MANAGE_DATA: _MANAGING,
    Permission.EXPORT: _MANAGING,
    Permission.READ_PROJECT: {
        **_MANAGING,
        Role.REVIEWER: Scope.ALL,
        Role.LABELER: Scope.ALL,
        Role.VISITOR: Scope.ANONYMOUS,
    },
    Permission.READ_LABELS: {
        **_MANAGING,
        Role.REVIEWER: Scope.ALL,
        Role.LABELER: Scope.OWN,
        Role.VISITOR: Scope.ANONYMOUS,
    },
    Permission.WORK_ON_LABELS: {**_MANAGING, Role.REVIEWER: Scope.ALL, Role.LABELER: Scope.OWN},
    Permission.ISSUES: {**_MANAGING, Role.REVIEWER: Scope.ALL, Role.LABELER: Scope.OWN},
    Permission.READ_ANALYTICS: {**_MANAGING, Role.REVIEWER: Scope.OWN, Role.LABELER: Scope.OWN},
    Permission.READ_GUIDELINES: {**_MANAGING, Role.REVIEWER: Scope.ALL, Role.LABELER: Scope.ALL},
}
"""Permission -> role -> how far. A role that is absent has no right at all."""


class Card(StrEnum):
    """The cards of the Projects Overview, in the order they are shown."""

    TO_DO = "to_do"
    QUICK_ACTIONS = "quick_actions"
    LABELING_STATUS = "labeling_status"
    REVIEW = "review"
    AUTO_LABEL = "auto_label"
    CONFIGURATION = "configuration"
    MEMBER_ROLES = "member_roles"
    GUIDELINES = "guidelines"


CARDS: Final[Mapping[Card, Mapping[Role, Scope]]] = {
    Card.TO_DO: _MANAGING,
    Card.QUICK_ACTIONS: {**_MANAGING, Role.REVIEWER: Scope.ALL, Role.LABELER: Scope.OWN},
    Card.LABELING_STATUS: {
        **_MANAGING,
        Role.REVIEWER: Scope.ALL,
        Role.LABELER: Scope.OWN,
        Role.VISITOR: Scope.ALL,
    },
    Card.REVIEW: {**_MANAGING, Role.REVIEWER: Scope.ALL},
    Card.AUTO_LABEL: _MANAGING,
    Card.CONFIGURATION: {
        # a labeler sees the classes with the counts of their own labels
        **_MANAGING,
        Role.REVIEWER: Scope.ALL,
        Role.LABELER: Scope.OWN,
        Role.VISITOR: Scope.ALL,
    },
    Card.MEMBER_ROLES: _MANAGING,
    Card.GUIDELINES: {**_MANAGING, Role.REVIEWER: Scope.ALL, Role.LABELER: Scope.ALL},
}
"""Card -> role -> scope. A card that is absent for a role is absent from every answer to it."""

INVITES: Final[Mapping[Role, frozenset[str]]] = {
    Role.OWNER: frozenset({"owner", "admin", "manager", "reviewer", "labeler"}),
    Role.ADMIN: frozenset({"admin", "manager", "reviewer", "labeler"}),
    Role.MANAGER: frozenset({"manager", "reviewer", "labeler"}),
}
"""Who may give which role to whom; managers in their own projects only."""


def effective_role(team_role: TeamRole | None, project_role: ProjectRole | None, public: bool) -> Role | None:
    """What somebody is in a project: team owners and admins first, then the project role, then visitor.

    `team_role` is None for somebody who is not signed in. None comes out for somebody who may not even know
    that the project exists.
    """
    if team_role in (TeamRole.OWNER, TeamRole.ADMIN):
        return Role(team_role.value)
    if project_role is not None:
        return Role(project_role.value)
    return Role.VISITOR if public else None


def scope_of(permission: Permission, role: Role | None) -> Scope | None:
    """How far `role` may use `permission`; None: not at all."""
    return None if role is None else PERMISSIONS[permission].get(role)


def permissions_of(role: Role) -> list[Permission]:
    """Everything that `role` may do, in the table's order."""
    return [permission for permission, roles in PERMISSIONS.items() if role in roles]


class TokenScope(StrEnum):
    """How much of what its user may do a personal access token may do: each all of the one before, and more."""

    READ = "read"  # look, change nothing
    WRITE = "write"  # work in projects and on the data library
    FULL = "full"  # let people in, delete projects, look after the account itself

    def covers(self, needed: "TokenScope") -> bool:
        """Whether this is `needed` or more."""
        order = tuple(TokenScope)
        return order.index(self) >= order.index(needed)


BEYOND_WRITE: Final = frozenset(
    {Permission.DELETE_PROJECT, Permission.MANAGE_TEAM, Permission.OPERATE, Permission.INVITE}
)
"""What a token needs full scope to change: a program that leaks its token must not let others in or destroy."""


def token_scope_for(permission: Permission, *, reading: bool) -> TokenScope:
    """The least scope of a token that may use `permission`, to read or to change something."""
    if reading:
        return TokenScope.READ
    return TokenScope.FULL if permission in BEYOND_WRITE else TokenScope.WRITE
