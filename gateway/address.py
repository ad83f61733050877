"""Where a request came from."""

import re
from ipaddress import ip_address

from flask import Request

_WITH_PORT = re.compile(r"\[(?P<v6>[^\]]+)\](:\d+)?|(?P<v4>[\d.]+):\d+")


def client_address(request: Request) -> str | None:
    """The network address that sent `request`, in its one spelling; None if there is none, as on a Unix socket.

    Behind LABELYARD_TRUSTED_PROXIES proxies it is the one that the first of them saw (gateway.app). Some write the
    port behind it.
    """
    given = request.remote_addr or ""
    found = _WITH_PORT.fullmatch(given)
    try:
        return str(ip_address(found["v6"] or found["v4"] if found else given))
    except ValueError:
        return None
