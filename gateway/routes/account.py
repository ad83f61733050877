"""Signing in and out, and one's own account: sessions, password, tokens."""

from datetime import datetime
from uuid import UUID

from flask import after_this_request, request

from contracts.errors import Problem
from contracts.permissions import Permission
from contracts.rpc.members import (
    ChangePassword,
    CreateToken,
    ListSessions,
    ListTokens,
    Login,
    Logout,
    Principal,
    RevokeSession,
    RevokeToken,
    SessionPage,
    Token,
    TokenPage,
)
from gateway.address import client_address
from gateway.asker import Asker
from gateway.routing import Access, Group
from gateway.schemas import LoginBody, PageQuery, PasswordBody, TokenBody
from gateway.sign_in import device, device_secret, drop_session, keep_session, one_password
from gateway.state import gateway

group = Group("account", "Sign in and out; one's own sessions, password and personal access tokens")


@group.route("POST", "/auth/login", Access.PUBLIC)
def login(body: LoginBody) -> Principal:
    """Sign in: sets the session cookie.

    Send the `csrf_token` of the answer as `X-CSRF-Token` with everything that changes something. After too many
    wrong passwords the answer is `rate_limited`; a second cookie tells the devices that others do not hold up.
    Where passwords are not taken: `password_sign_in_off`.
    """
    with one_password("people sign in"):
        session = gateway().calls(
            Login(
                email=body.email,
                password=body.password,
                device=device(),
                address=client_address(request),
                device_secret=device_secret(),
            )
        )

    after_this_request(lambda response: keep_session(response, session))
    return session.principal


@group.route("POST", "/auth/logout", Access.SIGNED_IN)
def logout(asker: Asker, key: str) -> None:
    """End the session; a token stays valid."""
    assert asker.principal is not None and asker.credentials is not None
    if asker.principal.session_id is not None:
        gateway().calls(Logout(session_id=asker.principal.session_id, idempotency_key=key))
        gateway().security.drop_credentials(asker.credentials)

    after_this_request(drop_session)


@group.route("GET", "/me", Access.SELF)
def me(asker: Asker) -> Principal:
    """Who is signed in, and what their token is limited to."""
    assert asker.principal is not None
    return asker.principal


@group.route("POST", "/me/password", Access.ACCOUNT)
def change_password(asker: Asker, body: PasswordBody, key: str) -> None:
    """Change one's password; a wrong present one is `bad_credentials`, too many of them are `rate_limited`."""
    assert asker.principal is not None
    with one_password("passwords are checked"):
        gateway().calls(
            ChangePassword(
                user_id=asker.user_id,
                current_password=body.current_password,
                new_password=body.new_password,
                end_other_sessions=body.end_other_sessions,
                session_id=asker.principal.session_id,
                device_secret=device_secret(),
                idempotency_key=key,
            )
        )
    gateway().security.drop_user(asker.user_id)


@group.route("GET", "/me/sessions", Access.ACCOUNT)
def list_sessions(asker: Asker, query: PageQuery) -> SessionPage:
    """One's own sessions, newest first."""
    assert asker.principal is not None
    question = ListSessions(
        user_id=asker.user_id, current=asker.principal.session_id, cursor=query.cursor, limit=query.limit
    )
    return gateway().calls(question)


@group.route("DELETE", "/me/sessions/{session_id}", Access.ACCOUNT)
def revoke_session(asker: Asker, session_id: UUID, key: str) -> None:
    """End a session: whoever has its cookie is signed out, and their live streams end."""
    gateway().calls(RevokeSession(user_id=asker.user_id, session_id=session_id, idempotency_key=key))
    gateway().security.drop_user(asker.user_id)


@group.route("GET", "/me/tokens", Access.ACCOUNT)
def list_tokens(asker: Asker, query: PageQuery) -> TokenPage:
    """One's own tokens, without their secrets."""
    return gateway().calls(ListTokens(user_id=asker.user_id, cursor=query.cursor, limit=query.limit))


@group.route("POST", "/me/tokens", Access.ACCOUNT, status=201, location="/me/tokens/{id}")
def create_token(asker: Asker, body: TokenBody, key: str) -> Token:
    """Make a token; its secret is told only now. One that is made with a token does not outlive that."""
    assert asker.principal is not None
    if body.project_id is not None:
        gateway().security.in_project(
            asker.principal, asker.credentials, body.project_id, Permission.READ_PROJECT, reading=False
        )
    return gateway().calls(
        CreateToken(
            user_id=asker.user_id,
            name=body.name,
            expires_at=_end_of_token(asker.principal, body.expires_at),
            scope=body.scope,
            project_id=body.project_id,
            idempotency_key=key,
        )
    )


@group.route("DELETE", "/me/tokens/{token_id}", Access.ACCOUNT)
def revoke_token(asker: Asker, token_id: UUID, key: str) -> None:
    """End a token."""
    gateway().calls(RevokeToken(user_id=asker.user_id, token_id=token_id, idempotency_key=key))
    gateway().security.drop_user(asker.user_id)


def _end_of_token(maker: Principal, wanted: datetime | None) -> datetime | None:
    if maker.token_id is None or maker.expires_at is None:
        return wanted
    if wanted is not None and wanted > maker.expires_at:
        raise Problem("forbidden", "A token can't make one that outlives it.")
    return wanted or maker.expires_at
