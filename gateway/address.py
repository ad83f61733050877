"""Where a request came from."""

import re
from collections.abc import Iterable
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from flask import Request
from werkzeug.middleware.proxy_fix import ProxyFix

from chassis.settings import Settings

_WITH_PORT = re.compile(r"\[(?P<v6>[^\]]+)\](:\d+)?|(?P<v4>[\d.]+):\d+")


def behind_proxies(app: Any, settings: Settings) -> Any:
    """The WSGI application `app` that takes X-Forwarded-For from LABELYARD_TRUSTED_PROXIES proxies, if the last of
    them is in LABELYARD_PROXY_NETWORKS.

    X-Forwarded-Proto and -Host are not read at all: people's address is a setting, and nothing is made of what a
    request says.
    """
    if settings.trusted_proxies == 0:
        return app
    networks = settings.proxies
    believing = ProxyFix(app, x_for=settings.trusted_proxies, x_proto=0, x_host=0)

    def choose(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        sender = _parsed(environ.get("REMOTE_ADDR") or "")
        trusted = sender is not None and any(sender in network for network in networks)
        answer: Iterable[bytes] = (believing if trusted else app)(environ, start_response)
        return answer

    return choose


def client_address(request: Request) -> str | None:
    """The network address that sent `request`, in its one spelling; None if there is none, as on a Unix socket.

    Behind proxies it is the one that the first of them saw. Some write the port behind it.
    """
    given = request.remote_addr or ""
    found = _WITH_PORT.fullmatch(given)
    parsed = _parsed(found["v6"] or found["v4"] if found else given)
    return None if parsed is None else str(parsed)


def counted_address(request: Request) -> str:
    """What stands for one client where clients are counted: an address, or of IPv6 the network that a household or
    office has; nothing where there is none."""
    address = client_address(request)
    if address is not None and isinstance(ip_address(address), IPv6Address):
        return str(ip_network(f"{address.partition('%')[0]}/64", strict=False))
    return address or ""


def _parsed(text: str) -> Any:
    try:
        return ip_address(text)
    except ValueError:
        return None
