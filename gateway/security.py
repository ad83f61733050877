"""Who asks, and whether they may: sessions, tokens, CSRF, and the permission table of contracts.permissions."""

import hmac
from datetime import UTC, datetime
from uuid import UUID

from flask import Request

from chassis import context
from chassis.settings import Settings
from contracts.enums import Visibility
from contracts.errors import Problem
from contracts.events import EventData, MembershipChanged, PrincipalChanged, ProjectChanged, ProjectDeleted
from contracts.permissions import (
    Permission,
    ProjectRole,
    Role,
    Scope,
    TeamRole,
    effective_role,
    scope_of,
)
from contracts.principals import Claims
from contracts.rpc.members import GetRole, Principal, ResolveSession, ResolveToken
from contracts.rpc.projects import GetProject, Project
from gateway.address import client_address, counted_address
from gateway.asker import Asker, Credentials, known_of
from gateway.cache import Cache
from gateway.calls import Calls
from gateway.cookies import SESSION, Cookies
from gateway.headers import Origins
from gateway.limits import Limits
from gateway.routing import Access, least_scope

CSRF_HEADER = "X-CSRF-Token"

_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_TEAM_MANAGERS = (TeamRole.OWNER, TeamRole.ADMIN)


def credentials_of(request: Request, cookies: Cookies) -> Credentials | None:
    """What `request` signs in with: the bearer token, or else the cookie; None without either."""
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and secret.strip():
        return Credentials("token", secret.strip(), client_address(request))
    if scheme:
        raise Problem("unauthenticated", "Authorization must be: Bearer, and a token.")
    cookie = cookies.read(request, SESSION)
    return Credentials("session", cookie, client_address(request)) if cookie else None


class Security:
    """Resolves askers and keeps what it learned (gateway.cache)."""

    def __init__(self, calls: Calls, settings: Settings) -> None:
        self._call = calls
        self.limits = Limits(settings)
        self.origins = Origins(settings)
        self.cookies = Cookies(settings)
        self._principals: Cache[str, Principal] = Cache()
        self._roles: Cache[tuple[UUID, UUID], ProjectRole] = Cache(50_000)
        self._heads: Cache[UUID, Project] = Cache()

    def admit(
        self, request: Request, access: Access | Permission, project_id: UUID | None, *, deleted: bool = False
    ) -> Asker:
        """Whoever sent `request`, if `access` is theirs; the fitting refusal otherwise.

        `project_id` is the project of the address. Who may not know of a project gets `not_found` for it, whether
        it exists or not, and `unauthenticated` when they are not signed in. With `deleted` it may be a deleted one,
        which only those know of who have the permission.
        """
        reading = request.method in _READING
        if not reading and request.headers.get("Sec-Fetch-Site") == "cross-site" and not self.origins.allows(request):
            raise Problem("csrf_failed", "Pages of other sites may change nothing here.")
        credentials = None if access is Access.PUBLIC else credentials_of(request, self.cookies)
        address = counted_address(request)
        if credentials is None:
            self.limits.take("address", address)
        if access is Access.PUBLIC:
            return Asker()
        principal = None
        if credentials is not None:
            principal = self._known(credentials, address, reading=reading)
            if credentials.kind == "session" and not reading:
                _check_csrf(request, principal)
        if access is Access.ASSET:
            project_id = _project_in_query(request)
            access = Permission.READ_LABELS if project_id else Access.DATA_LIBRARY
        if principal is not None:
            _check_limits(principal, access, project_id, reading=reading)
        if isinstance(access, Permission) and project_id is not None:
            return self.in_project(principal, credentials, project_id, access, reading=reading, deleted=deleted)
        if principal is None:
            raise Problem("unauthenticated")
        if not _may(principal, access):
            raise Problem("forbidden")
        return Asker(principal, credentials)

    def in_project(
        self,
        principal: Principal | None,
        credentials: Credentials | None,
        project_id: UUID,
        permission: Permission,
        *,
        reading: bool,
        deleted: bool = False,
    ) -> Asker:
        """The asker with their role in a project and the reach of `permission` there."""
        try:
            project = (
                self._call(GetProject(project_id=project_id, deleted=True))
                if deleted
                else self.head(project_id, reading=reading)
            )
            role = self.role(principal, project, reading=reading)
            if role is None:
                raise Problem("not_found")
            scope = scope_of(permission, role)
            if scope is None:
                raise Problem("forbidden" if project.deleted_at is None else "not_found")
        except Problem as problem:
            if problem.code not in ("not_found", "forbidden"):
                raise
            # Without details: whether a hidden project exists must not show.
            raise Problem("unauthenticated" if principal is None else problem.code) from None
        return Asker(principal, credentials, role, scope, project)

    def principal(self, credentials: Credentials, *, reading: bool, address: str | None = None) -> Principal:
        """Whom `credentials` stand for. From an `address` of too many that stand for nobody, only known ones do."""
        secret = credentials.secret
        question = (
            ResolveSession(secret=secret, address=credentials.address)
            if credentials.kind == "session"
            else ResolveToken(secret=secret)
        )

        def ask(deadline: float | None) -> Principal:
            with self.limits.guess(address):
                return self._call(question, deadline)

        principal = self._principals.get(credentials.key, ask, reading=reading)
        assert principal is not None
        if principal.expires_at is not None and principal.expires_at <= datetime.now(UTC):
            self.drop_credentials(credentials)
            raise Problem("unauthenticated", "The sign-in has expired.")
        return principal

    def _known(self, credentials: Credentials, address: str, *, reading: bool) -> Principal:
        """Whom `credentials` stand for; counted, as are those that stand for nobody."""
        principal = self.principal(credentials, reading=reading, address=address)
        self.limits.take("user", str(principal.user.id))
        if principal.token_id is not None:
            self.limits.take("token", str(principal.token_id))
        return principal

    def head(self, project_id: UUID, *, reading: bool) -> Project:
        """A project, or `not_found`."""
        project = self._heads.get(
            project_id,
            lambda deadline: self._call(GetProject(project_id=project_id), deadline),
            reading=reading,
        )
        assert project is not None
        return project

    def role(self, principal: Principal | None, project: Project, *, reading: bool) -> Role | None:
        """What somebody is in a project."""
        public = project.visibility is Visibility.PUBLIC
        if principal is None:
            return effective_role(None, None, public)
        user = principal.user
        project_role = None
        if user.team_role not in _TEAM_MANAGERS:
            with context.acting_for(Claims.model_construct(**known_of(principal))):
                project_role = self._roles.get(
                    (project.id, user.id),
                    lambda deadline: self._call(GetRole(project_id=project.id, user_id=user.id), deadline).role,
                    reading=reading,
                )
        return effective_role(user.team_role, project_role, public)

    def heard(self, event: EventData) -> None:
        """Drop what an event makes untrue."""
        if isinstance(event, PrincipalChanged):
            self.drop_user(event.user_id)
        elif isinstance(event, MembershipChanged):
            self.drop_member(event.project_id, event.user_id)
        elif isinstance(event, ProjectChanged | ProjectDeleted):
            self.drop_project(event.project_id)

    def listening(self, yes: bool) -> None:
        """Whether events are heard from now on."""
        for cache in (self._principals, self._roles, self._heads):
            cache.heard(yes)

    def drop_credentials(self, credentials: Credentials) -> None:
        """Forget whom they stand for."""
        self._principals.drop(credentials.key)

    def drop_user(self, user_id: UUID) -> None:
        """Forget all sessions and tokens of a user."""
        self._principals.drop_where(lambda _, principal: principal.user.id == user_id)

    def drop_member(self, project_id: UUID, user_id: UUID) -> None:
        """Forget a user's role in a project, and whether they manage any."""
        self._roles.drop((project_id, user_id))
        self.drop_user(user_id)

    def drop_project(self, project_id: UUID) -> None:
        """Forget a project's head."""
        self._heads.drop(project_id)


def manages_library(principal: Principal) -> bool:
    """Whether somebody may use the team's data library."""
    return principal.manages_any_project or principal.user.team_role in _TEAM_MANAGERS


def _may(principal: Principal, access: Access | Permission) -> bool:
    if access in (Access.SIGNED_IN, Access.SELF, Access.ACCOUNT):
        return True
    if access is Access.DATA_LIBRARY:
        return manages_library(principal)
    assert isinstance(access, Permission)  # outside of any project, only what somebody is in the team counts
    return scope_of(access, effective_role(principal.user.team_role, None, False)) is Scope.ALL


def _check_limits(principal: Principal, access: Access | Permission, project_id: UUID | None, *, reading: bool) -> None:
    """Refuse what the asker's token is not for; a session has no limits."""
    needed = least_scope(access, reading=reading)
    if not principal.scope.covers(needed):
        raise Problem("forbidden", f"The token's scope is {principal.scope}; this takes {needed}.")
    if principal.project_id is None or access is Access.SELF:
        return
    if project_id is None:
        raise Problem("forbidden", "The token is for one project only.")
    if project_id != principal.project_id:
        raise Problem("not_found")  # whether there is such a project is not for this token to know


def _check_csrf(request: Request, principal: Principal) -> None:
    sent = request.headers.get(CSRF_HEADER, "")
    if not principal.csrf_token or not hmac.compare_digest(sent.encode(), principal.csrf_token.encode()):
        raise Problem("csrf_failed", f"Send the session's csrf_token as {CSRF_HEADER}.")


def _project_in_query(request: Request) -> UUID | None:
    given = request.args.get("project_id")
    if given is None:
        return None
    try:
        return UUID(given)
    except ValueError:
        raise Problem("not_found") from None
