"""What ways to sign in share: room for slow hashes, the cookies that are left in the browser."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from flask import request
from flask.wrappers import Response

from chassis.logs import get_logger
from contracts.errors import Problem
from contracts.rpc.members import Session
from gateway.address import client_address
from gateway.routing import PREFIX
from gateway.security import COOKIE, DEVICE_COOKIE
from gateway.state import busy, gateway

log = get_logger()

DEVICE_COOKIE_LIFE = timedelta(days=400)
"""As long as browsers keep a cookie at most; the members service forgets a device sooner."""


@contextmanager
def one_password(what: str) -> Iterator[None]:
    """Room for one slow hash, in the block; who guesses wrong in it is in the log with their address."""
    with gateway().logins.one() as free:
        if not free:
            raise busy(what)
        try:
            yield
        except Problem as problem:
            if problem.code in ("bad_credentials", "rate_limited"):
                log.warning("password refused", code=problem.code, address=client_address(request))
            raise


def keep_session(response: Response, session: Session) -> Response:
    """Give the browser a new session, and the secret by which its device is known next time."""
    response.set_cookie(
        COOKIE,
        session.secret,
        expires=session.principal.expires_at,
        httponly=True,
        samesite="Lax",
        secure=is_https(),
    )
    if session.device_secret is not None:
        response.set_cookie(
            DEVICE_COOKIE,
            session.device_secret,
            max_age=DEVICE_COOKIE_LIFE,
            path=PREFIX,
            httponly=True,
            samesite="Lax",
            secure=is_https(),
        )
    return response


def drop_session(response: Response) -> Response:
    """Take the session's cookie back; the device stays known."""
    response.delete_cookie(COOKIE, httponly=True, samesite="Lax", secure=is_https())
    return response


def device() -> str:
    """What the asker's program calls itself."""
    return request.headers.get("User-Agent", "")[:400]


def device_secret() -> str | None:
    """What the asker's device is known by, if it says so."""
    secret = request.cookies.get(DEVICE_COOKIE, "")
    return secret if 0 < len(secret) <= 100 else None


def is_https() -> bool:
    """Whether people come by https: then cookies go that way only."""
    return gateway().settings.public_url.startswith("https://")
