"""`GET /s/{token}`: a share link, for anyone. Its token is a secret, so it stands in no log."""

import re
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

from flask import Blueprint, Response, request

from contracts.errors import Problem
from contracts.rpc.exports import FollowShareLink, NewShareLink
from gateway.address import client_address
from gateway.responses import redirect
from gateway.schemas import MadeLink
from gateway.state import gateway

PREFIX: Final = "/s/"

_TOKEN = re.compile(r"[\w-]{22,100}", re.ASCII)

shared = Blueprint("shared", __name__)


def made(link: NewShareLink) -> MadeLink:
    """A new link with its whole address."""
    url = gateway().settings.public_url.rstrip("/") + PREFIX + link.token
    return MadeLink(**link.model_dump(exclude={"token"}), url=url)


def loggable(path: str) -> str:
    """A request's path without the secret that may be in it."""
    return PREFIX + "…" if path.startswith(PREFIX) else path


@shared.get(PREFIX + "<token>")
def follow(token: str) -> Response:
    """302 to the file, at an address signed for 60 s; HEAD to one that is signed for HEAD."""
    if not _TOKEN.fullmatch(token):
        raise Problem("not_found", "There is no such link, or it was revoked.")
    asked = FollowShareLink(token=token, address=_client(), looks=request.method == "HEAD")
    response = redirect(gateway().calls(asked))
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Robots-Tag"] = "noindex"
    return response


def _client() -> str:
    """Who is counted once an hour: an address, or of IPv6 the network that a household or office has."""
    address = client_address(request)
    if address is None:
        return ""
    if isinstance(ip_address(address), IPv6Address):
        return str(ip_network(f"{address.partition('%')[0]}/64", strict=False))
    return address
