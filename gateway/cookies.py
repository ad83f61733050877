"""The cookies that browsers keep for us.

Where people come by https, their names begin with `__Host-`: a browser takes such a cookie from this very host only, by
https, for all its paths (RFC 6265bis, 4.1.3.2). So neither a neighbour below the same domain nor whoever alters plain
http can plant one.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import Request
from flask.wrappers import Response

from chassis.settings import Settings
from gateway.routing import PREFIX

HOST = "__Host-"


@dataclass(frozen=True)
class Cookie:
    """A cookie's name and the paths that it goes to; both where people come by plain http."""

    name: str
    path: str = "/"


SESSION = Cookie("labelyard_session")
DEVICE = Cookie("labelyard_device", PREFIX)
SIGN_ON = Cookie("labelyard_sign_on", f"{PREFIX}/auth/sign-on")


class Cookies:
    """Reads, sets and deletes them, as the address that people use asks for."""

    def __init__(self, settings: Settings) -> None:
        self._https = settings.is_https

    def name(self, cookie: Cookie) -> str:
        """What browsers know `cookie` by."""
        return f"{HOST}{cookie.name}" if self._https else cookie.name

    def read(self, request: Request, cookie: Cookie) -> str:
        """What `request` brings; empty without."""
        return request.cookies.get(self.name(cookie), "")

    def set(
        self,
        response: Response,
        cookie: Cookie,
        value: str,
        *,
        expires: datetime | None = None,
        life: timedelta | None = None,
    ) -> None:
        """Have the browser keep `value`; until it is closed, if neither an end nor a life is given."""
        response.set_cookie(
            self.name(cookie),
            value,
            expires=expires,
            max_age=life,
            path=self._path(cookie),
            httponly=True,
            samesite="Lax",  # people come from other sites by links, and from the identity provider
            secure=self._https,
        )

    def delete(self, response: Response, cookie: Cookie) -> None:
        """Have the browser forget it."""
        response.delete_cookie(
            self.name(cookie), path=self._path(cookie), httponly=True, samesite="Lax", secure=self._https
        )

    def _path(self, cookie: Cookie) -> str:
        return "/" if self._https else cookie.path
