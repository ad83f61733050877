"""RPC of the members service: users, credentials, project membership."""

from datetime import timedelta
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from contracts.enums import InvitationState, MailState, UserState
from contracts.message import Message, Time
from contracts.permissions import Card, Permission, ProjectRole, Role, TeamRole, TokenScope
from contracts.rights import Only, Right
from contracts.rpc import Command, Nothing, Query

InvitedRole = Literal[Role.OWNER, Role.ADMIN, Role.MANAGER, Role.REVIEWER, Role.LABELER]
"""What somebody can be invited as: anything but a visitor."""

SearchText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
"""Any part of a name or a mail address; case makes no difference."""


class User(Message):
    """A user of this installation."""

    id: UUID
    email: str
    name: str
    team_role: TeamRole
    state: UserState
    version: int
    created_at: Time


class Principal(Message):
    """Who a session cookie or a token stands for. `session_id` or `token_id` says by which.

    `scope` and, with a value, `project_id` are what a token is limited to; a session is not.
    """

    user: User
    session_id: UUID | None = None
    token_id: UUID | None = None
    csrf_token: str | None = Field(default=None, repr=False)  # of sessions only
    manages_any_project: bool = False
    expires_at: Time | None = None
    scope: TokenScope = TokenScope.FULL
    project_id: UUID | None = None


class Session(Message):
    """A new session. `secret` goes into the cookie and is never given out again.

    So does `device_secret` into another: who sends it with their next sign-in is known not to guess passwords.
    """

    principal: Principal
    secret: str = Field(repr=False)
    device_secret: str | None = Field(default=None, repr=False)


class SessionEntry(Message):
    """A session that has not ended. `device` is what it called itself, `device_name` the same for people to read.

    `last_used_at` is right to the hour: it was used then, and at most an hour longer. `address`: the network address
    that it was used from last, at most half a minute old, or null where that is not known.
    """

    id: UUID
    device: str
    device_name: str
    address: str | None = None
    created_at: Time
    last_used_at: Time
    expires_at: Time
    current: bool  # the asker's own


class SessionPage(Message):
    """Sessions, newest first."""

    items: tuple[SessionEntry, ...]
    next: str | None = None


class Token(Message):
    """A personal access token; `secret` only in the answer that made it, not when that command is sent again.

    It may do what its user may, as far as `scope` goes and, with a `project_id`, in that project only.
    """

    id: UUID
    name: str
    scope: TokenScope = TokenScope.FULL
    project_id: UUID | None = None
    created_at: Time
    expires_at: Time | None = None
    last_used_at: Time | None = None
    secret: str | None = Field(default=None, repr=False)


class TokenPage(Message):
    """Tokens, newest first."""

    items: tuple[Token, ...]
    next: str | None = None


class PasswordReset(Message):
    """A link by which a user's password can be set, once; `secret` only in the answer that made it."""

    user: User
    expires_at: Time
    secret: str | None = Field(default=None, repr=False)


class SignInMethods(Message):
    """`password`: whether passwords are taken; `reset_by_mail`: whether a forgotten one can be set anew by mail."""

    password: bool
    reset_by_mail: bool


class Member(Message):
    """A user's role in one project. `last_active_at`: when they last asked for anything, to the quarter hour."""

    project_id: UUID
    user: User
    role: ProjectRole
    version: int
    since: Time
    last_active_at: Time | None = None


class MemberPage(Message):
    """Members by user id."""

    items: tuple[Member, ...]
    next: str | None = None


class TeamUser(User):
    """A user, and when they last asked for anything, to the quarter hour."""

    last_active_at: Time | None = None


class TeamUserPage(Message):
    """Users by id, which is by age."""

    items: tuple[TeamUser, ...]
    next: str | None = None


class Invitation(Message):
    """An invitation by mail address: to a project in a ProjectRole, or without one to the team in a TeamRole.

    `mail`: where its mail stands. `link` accepts it, once: only where no mail is sent, in the answer that made it.
    """

    id: UUID
    project_id: UUID | None = None
    role: InvitedRole
    email: str
    state: InvitationState
    mail: MailState
    invited_by: UUID
    created_at: Time
    expires_at: Time
    ended_at: Time | None = None
    accepted_by: UUID | None = None
    link: str | None = Field(default=None, repr=False)


class InvitationPage(Message):
    """Invitations, newest first."""

    items: tuple[Invitation, ...]
    next: str | None = None


class Accepted(Message):
    """Who has accepted an invitation, and what they are now: in a project, or without one in the team."""

    user: User
    project_id: UUID | None = None
    role: InvitedRole


class ProjectRoles(Message):
    """A user's role in projects, by project id."""

    roles: dict[str, ProjectRole]


class RoleAnswer(Message):
    """A user's role in a project; None: not a member. `version` 0: never was one. No `state`: no such user."""

    role: ProjectRole | None
    version: int = 0
    state: UserState | None = None
    team_role: TeamRole | None = None


class RoleCounts(Message):
    """How many people have each role in a project: team owners and admins, then members by project role."""

    owner: int = 0
    admin: int = 0
    manager: int = 0
    reviewer: int = 0
    labeler: int = 0


class Login(Command[Session]):
    """Sign in. Refused with `bad_credentials`; the same cost whether the mail address is known or not.

    After too many wrong passwords `rate_limited`, with the seconds to wait as `retry_after`. They are counted by
    `address`, the network address that the request came from, and by account; whoever sends the `device_secret` of
    an earlier sign-in is not held up by what others do.
    """

    right = Only.GATEWAY

    email: str = Field(max_length=320)
    password: str = Field(max_length=1000, repr=False)
    device: str = Field(default="", max_length=400)
    address: str | None = Field(default=None, max_length=100)
    device_secret: str | None = Field(default=None, max_length=100, repr=False)


class Logout(Command[Nothing]):
    """End a session."""

    right = Only.SELF

    session_id: UUID


class ListSessions(Query[SessionPage]):
    """A user's sessions; `current` is the one that asks."""

    right = Only.SELF

    user_id: UUID
    current: UUID | None = None
    cursor: str | None = None
    limit: int = Field(default=50, ge=1, le=200)


class RevokeSession(Command[Nothing]):
    """End a session of this user; one that has ended, or is somebody else's, is `not_found`."""

    right = Only.SELF

    user_id: UUID
    session_id: UUID


class ChangePassword(Command[Nothing]):
    """Give a user another password; a wrong present one is `bad_credentials`, too many of them `rate_limited`.

    With `end_other_sessions`, all but `session_id` end, and no device but that of `device_secret` is known any more.
    """

    right = Only.SELF

    user_id: UUID
    current_password: str = Field(max_length=1000, repr=False)
    new_password: str = Field(min_length=8, max_length=1000, repr=False)
    end_other_sessions: bool = False
    session_id: UUID | None = None
    device_secret: str | None = Field(default=None, max_length=100, repr=False)


class RequestPasswordReset(Command[Nothing]):
    """Have a link mailed by which a password can be set. Whether anybody has the address makes no difference.

    Too many of them from one network `address`, or for one mail address, are `rate_limited`; `unsupported` where no
    mail server is set up.
    """

    right = Only.GATEWAY

    email: str = Field(max_length=320)
    address: str | None = Field(default=None, max_length=100)


class CreatePasswordReset(Command[PasswordReset]):
    """Make such a link for a user, to hand over some other way; not for somebody above the `actor`."""

    right = Permission.MANAGE_TEAM

    user_id: UUID
    actor: UUID


class CompletePasswordReset(Command[Nothing]):
    """Set the password of the user that a link was made for; `bad_link` if it is worth nothing (any more).

    With `end_sessions` all their sessions end, and none of their devices is known any more.
    """

    right = Only.GATEWAY

    secret: str = Field(max_length=200, repr=False)
    new_password: str = Field(min_length=8, max_length=1000, repr=False)
    end_sessions: bool = True


class SignOn(Command[Session]):
    """Sign in somebody whom the identity provider has named: `subject` is who they are at `issuer`.

    Who comes for the first time is the user with that mail address, if `email_verified`; where there is none, a new
    one is made if the installation says so. Otherwise `no_account`, or `email_unverified`.
    """

    right = Only.GATEWAY

    issuer: str = Field(max_length=1000)
    subject: str = Field(min_length=1, max_length=255)
    email: str | None = Field(default=None, max_length=320, pattern=r"^[^@\s]+@[^@\s]+$")
    email_verified: bool = False
    name: str | None = Field(default=None, min_length=1, max_length=200)
    device: str = Field(default="", max_length=400)
    address: str | None = Field(default=None, max_length=100)
    device_secret: str | None = Field(default=None, max_length=100, repr=False)


class GetSignInMethods(Query[SignInMethods]):
    """How people may sign in here, as far as this service has a say in it."""

    right = Only.GATEWAY


class ResolveSession(Query[Principal]):
    """Whom a cookie's secret stands for; `unauthenticated` if nobody any more.

    `address` is where it is used from now: it is remembered with the session.
    """

    right = Only.GATEWAY

    secret: str = Field(repr=False)
    address: str | None = Field(default=None, max_length=100)


class ResolveToken(Query[Principal]):
    """Whom a bearer token stands for; `unauthenticated` if nobody any more."""

    right = Only.GATEWAY

    secret: str = Field(repr=False)


class CreateToken(Command[Token]):
    """Make a personal access token; with a `project_id`, one for that project only."""

    right = Only.SELF

    user_id: UUID
    name: str = Field(min_length=1, max_length=200)
    expires_at: Time | None = None
    scope: TokenScope = TokenScope.FULL
    project_id: UUID | None = None


class ListTokens(Query[TokenPage]):
    """A user's tokens."""

    right = Only.SELF

    user_id: UUID
    cursor: str | None = None
    limit: int = Field(default=50, ge=1, le=200)


class RevokeToken(Command[Nothing]):
    """End a token; its user is answered `not_found` for somebody else's."""

    right = Only.SELF

    user_id: UUID
    token_id: UUID


class GetRole(Query[RoleAnswer]):
    """A user's role in a project."""

    right = Only.SELF
    callers = frozenset({"labels"})

    project_id: UUID
    user_id: UUID


class ListProjectRoles(Query[ProjectRoles]):
    """A user's role in each project they are a member of (at most 10,000)."""

    right = Only.SELF

    user_id: UUID


class CountRoles(Query[RoleCounts]):
    """The member-roles card: kept as counters, nothing is counted on the way."""

    right = Card.MEMBER_ROLES

    project_id: UUID


class AddMember(Command[Member]):
    """Give a user a role in a project.

    A user with `email` who does not exist is made when `name` and `password` are given, else `not_found`.
    Adding somebody again with another role changes the role. `actor`: who gives it, and may (`forbidden`).
    """

    right = Permission.INVITE

    project_id: UUID
    email: str = Field(max_length=320, pattern=r"^[^@\s]+@[^@\s]+$")
    role: ProjectRole
    name: str | None = Field(default=None, min_length=1, max_length=200)
    password: str | None = Field(default=None, min_length=8, max_length=1000, repr=False)
    actor: UUID | None = None


class ChangeMember(Command[Member]):
    """Change a member's role."""

    right = Permission.INVITE

    project_id: UUID
    user_id: UUID
    role: ProjectRole
    actor: UUID | None = None


class RemoveMember(Command[Nothing]):
    """End a membership; not being a member is no error. The labels that wait for the user wait for anybody then."""

    right = Permission.INVITE

    project_id: UUID
    user_id: UUID
    actor: UUID | None = None


class ListMembers(Query[MemberPage]):
    """A project's members who can sign in; `role` keeps one role, `search` those whose name or address has it."""

    right = Permission.INVITE

    project_id: UUID
    role: ProjectRole | None = None
    search: SearchText | None = None
    cursor: str | None = None
    limit: int = Field(default=50, ge=1, le=200)


class ListUsers(Query[TeamUserPage]):
    """The team's users; `team_role` and `state` keep one, `search` those whose name or address has it."""

    right = Permission.MANAGE_TEAM

    search: SearchText | None = None
    team_role: TeamRole | None = None
    state: UserState | None = None
    cursor: str | None = None
    limit: int = Field(default=50, ge=1, le=200)


class ChangeUser(Command[User]):
    """Give a user another role in the team.

    `forbidden` where the `actor` may not give the role, or not take the present one away; `last_owner` for the only one
    left.
    """

    right = Permission.MANAGE_TEAM

    user_id: UUID
    team_role: TeamRole
    actor: UUID


class DeactivateUser(Command[User]):
    """Keep a user from signing in: all sessions and tokens end, and the labels that wait for them wait for anybody.

    `forbidden`, `last_owner` as for ChangeUser. Invitations that they made and nobody has accepted are revoked.
    """

    right = Permission.MANAGE_TEAM

    user_id: UUID
    actor: UUID


class ReactivateUser(Command[User]):
    """Let a user sign in again, with the roles that they had; what had ended does not come back."""

    right = Permission.MANAGE_TEAM

    user_id: UUID
    actor: UUID


INVITATION_DAYS: Final = 30
"""How long an invitation can be accepted, at most."""

INVITED_FOR: Final = timedelta(days=7)
"""How long it is where nobody says otherwise."""


class Invite(Command[Invitation]):
    """Invite whoever has an address to a project, or to the team.

    `forbidden` where the `actor` may not give that role; `already_member`; `already_invited`, with the `invitation_id`,
    while such an invitation can still be accepted. Roles of a project go with a `project_id`, the team's without.
    """

    right = Permission.INVITE

    project_id: UUID | None = None
    project_name: str | None = Field(default=None, max_length=1000)
    email: str = Field(max_length=320, pattern=r"^[^@\s]+@[^@\s]+$")
    role: InvitedRole
    days: int = Field(default=INVITED_FOR.days, ge=1, le=INVITATION_DAYS)
    actor: UUID

    def needs(self) -> Right:
        """In a project, to let people in there; in the team, to look after its users."""
        return Permission.INVITE if self.project_id is not None else Permission.MANAGE_TEAM


class ListInvitations(Query[InvitationPage]):
    """Invitations to a project, or to the team; `state` keeps one."""

    right = Permission.INVITE

    project_id: UUID | None = None
    state: InvitationState | None = None
    cursor: str | None = None
    limit: int = Field(default=50, ge=1, le=200)

    def needs(self) -> Right:
        """In a project, to let people in there; in the team, to look after its users."""
        return Permission.INVITE if self.project_id is not None else Permission.MANAGE_TEAM


class ResendInvitation(Command[Invitation]):
    """Send an invitation with a new link, which can be accepted as long as the first one could; older links die.

    `bad_link` for one that was accepted or revoked, `forbidden` where the `actor` could not make it.
    """

    right = Permission.INVITE

    project_id: UUID | None = None
    invitation_id: UUID
    actor: UUID

    def needs(self) -> Right:
        """In a project, to let people in there; in the team, to look after its users."""
        return Permission.INVITE if self.project_id is not None else Permission.MANAGE_TEAM


class RevokeInvitation(Command[Invitation]):
    """Nobody can accept an invitation any more; `bad_link` once somebody has. Revoking twice is no error."""

    right = Permission.INVITE

    project_id: UUID | None = None
    invitation_id: UUID
    actor: UUID

    def needs(self) -> Right:
        """In a project, to let people in there; in the team, to look after its users."""
        return Permission.INVITE if self.project_id is not None else Permission.MANAGE_TEAM


class AcceptInvitation(Command[Accepted]):
    """Take the role that a link offers, once: `bad_link` afterwards, and when it was revoked or has expired.

    Whoever has the link can read that address's mail. So without an account of that address one is made, of `name` and
    `password`; with one, it is `user_id`'s, who is signed in: `account_exists` where nobody is, `forbidden` for anybody
    else. A role that they have is never lowered. `rate_limited`, counted by network `address`.
    """

    right = Only.GATEWAY

    token: str = Field(max_length=200, repr=False)
    name: str | None = Field(default=None, min_length=1, max_length=200)
    password: str | None = Field(default=None, min_length=8, max_length=1000, repr=False)
    user_id: UUID | None = None
    address: str | None = Field(default=None, max_length=100)

    def needs(self) -> Right:
        """Somebody who is signed in accepts for themselves."""
        return self.right if self.user_id is None else Only.SELF
