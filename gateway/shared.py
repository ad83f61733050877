"""`GET /s/{token}`: a share link, for anyone. Its token is a secret, so it stands in no log."""

import re
from typing import Final

from flask import Blueprint, Response, request

from contracts.errors import Problem
from contracts.rpc.exports import FollowShareLink, NewShareLink
from gateway.address import counted_address
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
    limits, address = gateway().security.limits, counted_address(request)
    limits.take("address", address)
    with limits.guess(address):
        if not _TOKEN.fullmatch(token):
            raise Problem("not_found", "There is no such link, or it was revoked.")
        link = gateway().calls(FollowShareLink(token=token, address=address, looks=request.method == "HEAD"))
    response = redirect(link)
    response.headers["X-Robots-Tag"] = "noindex"
    return response
