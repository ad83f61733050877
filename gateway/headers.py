"""Headers that keep browsers from doing with our answers what nobody wants them to do, and answers to other origins."""

from collections.abc import Mapping

from flask import Request, Response

from chassis.settings import Settings

_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""For what is no page: it may load nothing. A page brings a policy of its own (gateway.docs)."""

_FEATURES = "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"

_EXPOSED = "ETag, Location, Retry-After, RateLimit, RateLimit-Policy, X-Correlation-Id"
_ASKED_WITH = "Authorization, Content-Type, Idempotency-Key, If-Match, Last-Event-ID, X-Correlation-Id, X-CSRF-Token"
_METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"
_PREFLIGHT_LIFE = "600"  # seconds


def safe(settings: Settings) -> Mapping[str, str]:
    """The headers of every answer, unless the route says otherwise."""
    headers = {
        "Content-Security-Policy": _POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Permissions-Policy": _FEATURES,
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "cross-origin" if settings.origins else "same-origin",
    }
    if settings.is_https:
        headers["Strict-Transport-Security"] = "max-age=31536000"
    return headers


class Origins:
    """Which other origins' pages may ask, with their users' sessions (the Fetch standard, "CORS protocol")."""

    def __init__(self, settings: Settings) -> None:
        self._allowed = settings.origins

    def allows(self, request: Request) -> bool:
        """Whether `request` comes from a page of such an origin."""
        return request.headers.get("Origin", "") in self._allowed

    def preflight(self, request: Request) -> Response | None:
        """The answer to a browser that asks whether it may ask; None if `request` is not that, or if it may not."""
        if request.method != "OPTIONS" or "Access-Control-Request-Method" not in request.headers:
            return None
        if not self.allows(request):
            return None
        headers = {
            "Access-Control-Allow-Methods": _METHODS,
            "Access-Control-Allow-Headers": _ASKED_WITH,
            "Access-Control-Max-Age": _PREFLIGHT_LIFE,
        }
        return Response(status=204, headers=headers)

    def mark(self, request: Request, response: Response) -> None:
        """Let a page of an allowed origin read `response`."""
        if not self._allowed:
            return
        response.vary.add("Origin")  # or a cache between would give one origin's answer to another
        if self.allows(request):
            response.headers["Access-Control-Allow-Origin"] = request.headers["Origin"]
            response.headers["Access-Control-Allow-Credentials"] = "true"
            response.headers["Access-Control-Expose-Headers"] = _EXPOSED
