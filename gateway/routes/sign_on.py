"""Single sign-on: the browser goes to the identity provider and comes back signed in (gateway.identity_provider)."""

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Response, request

from chassis.logs import get_logger
from contracts.errors import Problem
from contracts.rpc.members import GetSignInMethods, SignOn
from gateway import pages
from gateway.address import client_address
from gateway.cookies import SIGN_ON
from gateway.identity_provider import FLOW_LIFE, IdentityProvider
from gateway.routing import Access, Group
from gateway.schemas import SignInOffer, SignOnAnswerQuery, SignOnOffer, SignOnQuery
from gateway.sign_in import device, device_secret, keep_session
from gateway.state import busy, gateway

group = Group("sign-on", "How to sign in; single sign-on by an identity provider")


log = get_logger()


@group.route("GET", "/auth/methods", Access.PUBLIC)
def sign_in_methods() -> SignInOffer:
    """How one may sign in here."""
    methods = gateway().calls(GetSignInMethods())
    provider = gateway().identity_provider
    return SignInOffer(
        password=methods.password,
        password_reset=methods.reset_by_mail,
        sign_on=SignOnOffer(name=gateway().settings.oidc_name, path=SIGN_ON.path) if provider is not None else None,
    )


@group.route("GET", "/auth/sign-on", Access.PUBLIC, status=302)
def sign_on(query: SignOnQuery) -> Response:
    """Begin single sign-on: sends the browser to the identity provider.

    `not_found` where none is set up, `unavailable` while it does not answer.
    """
    provider = _provider()
    try:
        with _slot():
            url, flow = provider.begin(query.return_to)
    except Problem as problem:
        return pages.refusal(problem)
    response = Response(status=302, headers={"Location": url, "Cache-Control": "no-store"})
    gateway().security.cookies.set(response, SIGN_ON, flow, life=FLOW_LIFE)
    return response


@group.route("GET", "/auth/sign-on/callback", Access.PUBLIC, status=302)
def sign_on_callback(query: SignOnAnswerQuery) -> Response:
    """Where the identity provider sends the browser back to: sets the session cookie, as signing in does.

    Refused with `sign_on_expired`, `sign_on_refused`, `bad_identity`, `no_account`, `email_unverified`; browsers see a
    page that says so.
    """
    provider = _provider()
    try:
        with _slot():
            identity, return_to = provider.complete(query, gateway().security.cookies.read(request, SIGN_ON))
        session = gateway().calls(
            SignOn(
                issuer=provider.issuer,
                subject=identity.subject,
                email=identity.email,
                email_verified=identity.email_verified,
                name=identity.name,
                device=device(),
                address=client_address(request),
                device_secret=device_secret(),
            )
        )
    except Problem as problem:
        log.warning("sign-on refused", code=problem.code, detail=problem.detail, address=client_address(request))
        response = pages.refusal(problem)
    else:
        location = gateway().settings.public_url.rstrip("/") + return_to
        response = Response(status=302, headers={"Location": location, "Cache-Control": "no-store"})
        keep_session(response, session)
    gateway().security.cookies.delete(response, SIGN_ON)
    return response


@contextmanager
def _slot() -> Iterator[None]:
    """Room to wait for the provider: one that is slow must not take all threads."""
    with gateway().sign_ons.one() as free:
        if not free:
            raise busy("people sign in")
        yield


def _provider() -> IdentityProvider:
    provider = gateway().identity_provider
    if provider is None:
        raise Problem("not_found", "Single sign-on is not set up here.")
    return provider
