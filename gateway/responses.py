"""Answers that are not JSON."""

from flask import Response

from contracts.rpc.labels import Link


def redirect(link: Link) -> Response:
    """302 to a signed address. It is for this asker and soon invalid, so nobody keeps it."""
    return Response(status=302, headers={"Location": link.url, "Cache-Control": "no-store"})
