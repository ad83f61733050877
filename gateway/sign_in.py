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
from gateway.cookies import DEVICE, SESSION
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
    cookies = gateway().security.cookies
    cookies.set(response, SESSION, session.secret, expires=session.principal.expires_at)
    if session.device_secret is not None:
        cookies.set(response, DEVICE, session.device_secret, life=DEVICE_COOKIE_LIFE)
    return response


def drop_session(response: Response) -> Response:
    """Take the session's cookie back; the device stays known."""
    gateway().security.cookies.delete(response, SESSION)
    return response


def device() -> str:
    """What the asker's program calls itself."""
    return request.headers.get("User-Agent", "")[:400]


def device_secret() -> str | None:
    """What the asker's device is known by, if it says so."""
    secret = gateway().security.cookies.read(request, DEVICE)
    return secret if 0 < len(secret) <= 100 else None
