"""Setting a forgotten password by a link that works once."""

from uuid import UUID

from flask import Response, request

from contracts.permissions import Permission
from contracts.rpc.members import CompletePasswordReset, CreatePasswordReset, RequestPasswordReset
from gateway.address import client_address
from gateway.asker import Asker
from gateway.routing import Access, Group
from gateway.schemas import ResetBody, ResetLink, ResetRequestBody
from gateway.sign_in import one_password
from gateway.state import gateway

group = Group("password reset", "Set a forgotten password by a link that works once")

PAGE = "/reset"
"""Where a link leads: a page of the gateway (gateway.pages)."""


@group.route("POST", "/auth/password-reset", Access.PUBLIC, status=202)
def request_password_reset(body: ResetRequestBody) -> Response:
    """Have a link mailed by which one's password can be set.

    The answer is the same whether anybody has the address or not. Too many requests are `rate_limited`; where no mail
    server is set up it is `unsupported`, and an owner or admin of the team makes a link.
    """
    gateway().calls(RequestPasswordReset(email=body.email, address=client_address(request)))
    return Response(status=202)


@group.route("POST", "/auth/password-reset:complete", Access.PUBLIC)
def complete_password_reset(body: ResetBody) -> None:
    """Set the password with the token of a link, which works once and for an hour; else `bad_link`."""
    with one_password("passwords are set"):
        gateway().calls(
            CompletePasswordReset(
                secret=body.token, new_password=body.new_password, end_sessions=body.end_other_sessions
            )
        )


@group.route("POST", "/users/{user_id}/password-reset", Permission.MANAGE_TEAM, status=201)
def create_password_reset(asker: Asker, user_id: UUID, key: str) -> ResetLink:
    """Make such a link for a user, to hand over some other way; for an owner, only an owner makes one.

    It is told only now, and takes the place of links that were made before.
    """
    made = gateway().calls(CreatePasswordReset(user_id=user_id, actor=asker.user_id, idempotency_key=key))
    base = gateway().settings.public_url.rstrip("/")
    return ResetLink(url=made.secret and f"{base}{PAGE}#{made.secret}", expires_at=made.expires_at)
