"""Signing in and out, and one's own tokens."""

from uuid import UUID

from flask import after_this_request, request
from flask.wrappers import Response

from contracts.rpc.members import (
    CreateToken,
    ListTokens,
    Login,
    Logout,
    Principal,
    RevokeToken,
    Token,
    TokenPage,
)
from gateway.asker import Asker
from gateway.routing import Access, Group
from gateway.schemas import LoginBody, PageQuery, TokenBody
from gateway.security import COOKIE
from gateway.state import busy, gateway

group = Group("account", "Sign in and out; personal access tokens")


@group.route("POST", "/auth/login", Access.PUBLIC)
def login(body: LoginBody) -> Principal:
    """Sign in: sets the session cookie.

    Send the `csrf_token` of the answer as `X-CSRF-Token` with everything that changes something.
    """
    with gateway().logins.one() as free:
        if not free:
            raise busy("people sign in")
        device = request.headers.get("User-Agent", "")[:400]
        session = gateway().calls(Login(email=body.email, password=body.password, device=device))

    @after_this_request
    def set_cookie(response: Response) -> Response:
        response.set_cookie(
            COOKIE,
            session.secret,
            expires=session.principal.expires_at,
            httponly=True,
            samesite="Lax",
            secure=_is_https(),
        )
        return response

    return session.principal


@group.route("POST", "/auth/logout", Access.SIGNED_IN)
def logout(asker: Asker, key: str) -> None:
    """End the session; a token stays valid."""
    assert asker.principal is not None and asker.credentials is not None
    if asker.principal.session_id is not None:
        gateway().calls(Logout(session_id=asker.principal.session_id, idempotency_key=key))
        gateway().security.drop_credentials(asker.credentials)

    @after_this_request
    def clear_cookie(response: Response) -> Response:
        response.delete_cookie(COOKIE, httponly=True, samesite="Lax", secure=_is_https())
        return response


@group.route("GET", "/me", Access.SIGNED_IN)
def me(asker: Asker) -> Principal:
    """Who is signed in."""
    assert asker.principal is not None
    return asker.principal


@group.route("GET", "/me/tokens", Access.SIGNED_IN)
def list_tokens(asker: Asker, query: PageQuery) -> TokenPage:
    """One's own tokens, without their secrets."""
    return gateway().calls(ListTokens(user_id=asker.user_id, cursor=query.cursor, limit=query.limit))


@group.route("POST", "/me/tokens", Access.SIGNED_IN, status=201, location="/me/tokens/{id}")
def create_token(asker: Asker, body: TokenBody, key: str) -> Token:
    """Make a token; its secret is told only now."""
    command = CreateToken(user_id=asker.user_id, name=body.name, expires_at=body.expires_at, idempotency_key=key)
    return gateway().calls(command)


@group.route("DELETE", "/me/tokens/{token_id}", Access.SIGNED_IN)
def revoke_token(asker: Asker, token_id: UUID, key: str) -> None:
    """End a token."""
    gateway().calls(RevokeToken(user_id=asker.user_id, token_id=token_id, idempotency_key=key))
    gateway().security.drop_user(asker.user_id)


def _is_https() -> bool:
    return gateway().settings.public_url.startswith("https://")
