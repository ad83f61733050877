"""Whether who asks may ask what they ask, by what is signed of them and by the tables of contracts.permissions.

The gateway has decided the same before. What it lets through by mistake, and what another than the gateway sends, ends
here: at the service that has the data.
"""

from typing import Any
from uuid import UUID

from contracts.errors import Problem
from contracts.permissions import (
    CARDS,
    Card,
    Permission,
    Scope,
    TeamRole,
    TokenScope,
    effective_role,
    scope_of,
    token_scope_for,
)
from contracts.principals import GATEWAY, Claims
from contracts.rights import OF_THE_TEAM, Only
from contracts.rpc import Query, Request
from contracts.rpc.labels import Actor, Viewer


def check(claims: Claims, request: Request[Any]) -> None:
    """Problem `forbidden` unless `claims` entitle to `request`, and it speaks of the same people as they do."""
    if claims.issuer != GATEWAY or (claims.user_id is None and claims.role is None and GATEWAY in request.callers):
        if claims.issuer not in request.callers:
            raise _refusal(f"{claims.issuer} may not call this")
        _check_actor(claims, request)
        return
    right = request.needs()
    if isinstance(right, Only):
        _check_only(right, claims, request)
    else:
        _check_role(right, claims, request)
    _check_actor(claims, request)


def _check_only(right: Only, claims: Claims, request: Request[Any]) -> None:
    user_id, reading = getattr(request, "user_id", None), isinstance(request, Query)
    match right:
        case Only.GATEWAY:
            return
        case Only.SERVICE:
            raise _refusal("it is for services only")
        case Only.SELF:
            named = "user_id" if "user_id" in type(request).model_fields else "session_id"
            asker: UUID | None = getattr(claims, named)
            if asker is None or getattr(request, named, None) != asker:
                raise _refusal("it is somebody else's")
            _check_token(claims, TokenScope.READ if reading else TokenScope.FULL)
        case Only.SIGNED_IN:
            if claims.user_id is None or user_id not in (None, claims.user_id):
                raise _refusal("nobody is signed in, or somebody else")
        case Only.DATA_LIBRARY:
            if not (claims.manages_any_project or claims.team_role in (TeamRole.OWNER, TeamRole.ADMIN)):
                raise _refusal("they manage no project")
            _check_token(claims, TokenScope.READ if reading else TokenScope.WRITE)


def _check_role(right: Permission | Card, claims: Claims, request: Request[Any]) -> None:
    if right in OF_THE_TEAM:
        role = effective_role(claims.team_role, None, False)
    else:
        role = claims.role
        if claims.project_id is None or claims.project_id != getattr(request, "project_id", None):
            raise _refusal("they were let into another project")
    scope = scope_of(right, role) if isinstance(right, Permission) else CARDS[right].get(role) if role else None
    if scope is None:
        raise _refusal(f"{role or 'nobody'} has no right to {right}")
    if isinstance(right, Permission):
        _check_token(claims, token_scope_for(right, reading=isinstance(request, Query)))
    _check_scope(scope, claims, request)


def _check_token(claims: Claims, needed: TokenScope) -> None:
    """Refuse what the asker's token is not for; a session has no limits."""
    if claims.token_scope is not None and not claims.token_scope.covers(needed):
        raise _refusal(f"their token's scope is {claims.token_scope}")


def _check_scope(scope: Scope, claims: Claims, request: Request[Any]) -> None:
    """What a query answers for is what the scope reaches to, and not what the request says."""
    viewer = getattr(request, "viewer", None)
    if isinstance(viewer, Viewer) and viewer != viewer_of(claims.user_id, scope):
        raise _refusal("it answers for other eyes than theirs")
    own = scope is Scope.OWN and isinstance(request, Query) and "user_id" in type(request).model_fields
    if own and getattr(request, "user_id", None) != claims.user_id:
        raise _refusal("it is about somebody else")


def viewer_of(user_id: UUID | None, scope: Scope | None) -> Viewer:
    """Whose eyes a query answers for, with a right of that scope."""
    return Viewer(only_assignee=user_id if scope is Scope.OWN else None, anonymous=scope is Scope.ANONYMOUS)


def _check_actor(claims: Claims, request: Request[Any]) -> None:
    actor = getattr(request, "actor", None)
    if isinstance(actor, Actor) and (actor.user_id, actor.role) != (claims.user_id, claims.role):
        raise _refusal("somebody else is to act, or as something else")
    if isinstance(actor, UUID) and actor != claims.user_id:
        raise _refusal("somebody else is to act")


def _refusal(reason: str) -> Problem:
    return Problem("forbidden", f"Not for who asks: {reason}.")
