"""Calls as the gateway makes them: signed, for somebody who may ask."""

from contextlib import nullcontext
from typing import Any, TypeVar
from uuid import UUID, uuid4

from chassis import context
from chassis.rpc.client import PendingCall, RpcClient
from contracts.message import Message
from contracts.permissions import Role, TeamRole
from contracts.principals import Claims
from contracts.rights import Only
from contracts.rpc import Request
from contracts.rpc.labels import Actor, Viewer

Answer = TypeVar("Answer", bound=Message)


def entitled(request: Request[Any]) -> Claims:
    """Claims of somebody who may ask `request`: whom it names, or else an owner, in the project that it names."""
    actor, viewer = getattr(request, "actor", None), getattr(request, "viewer", Viewer())
    user_id: UUID | None = actor.user_id if isinstance(actor, Actor) else actor
    role = actor.role if isinstance(actor, Actor) else Role.OWNER
    if viewer.only_assignee is not None:
        user_id, role = viewer.only_assignee, Role.LABELER
    if viewer.anonymous:
        role = Role.VISITOR
    return Claims(
        user_id=user_id or getattr(request, "user_id", None) or uuid4(),
        session_id=getattr(request, "session_id", None),
        team_role=TeamRole.OWNER,
        manages_any_project=True,
        project_id=getattr(request, "project_id", None),
        role=role,
    )


class SigningClient(RpcClient):
    """Asks for whom the work at hand is done (context.acting_for), or else for somebody who may; what only services
    may ask, as one of them."""

    def send(self, request: Request[Answer], deadline: float) -> PendingCall[Answer]:
        claims = context.principal() or entitled(request)
        services = request.callers if request.right is Only.SERVICE else ()
        with context.acting_for(claims), context.working_as(min(services)) if services else nullcontext():
            return super().send(request, deadline)
