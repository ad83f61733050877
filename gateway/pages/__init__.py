"""The few pages that a browser must be shown: where mailed links lead, and why a sign-on did not work.

A page with a form sends what is typed, and the link's token, to a route of the API (page.js). The token stands behind
the `#` of the link, which browsers send nowhere, and the script takes it out of the address bar. Nothing is loaded
from elsewhere, no script stands in a page, and no page tells others where one came from.
"""

from collections.abc import Mapping
from html import escape
from importlib.resources import files
from typing import Final

from flask import Blueprint, Response, request

from contracts.errors import Problem
from gateway import problems
from gateway.routing import PREFIX

_PAGE: Final = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · Labelyard</title>
<link rel="stylesheet" href="/pages/page.css">
{head}</head>
<body>
<main>
<h1>{title}</h1>
{body}
</main>
</body>
</html>
"""

_SCRIPT: Final = '<script src="/pages/page.js" defer></script>\n'

HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def form(title: str, action: str, fields: str, button: str, done: str) -> Response:
    """A page whose `fields` (HTML) are sent to the API's route `action` as JSON, with the link's `token`.

    `done` is what it says when that has worked.
    """
    body = (
        f'<form data-action="{escape(PREFIX + action)}" data-done="{escape(done)}">\n{fields}\n'
        f'<button type="submit">{escape(button)}</button>\n</form>\n<p id="outcome" role="status"></p>\n'
        "<noscript><p>This page needs JavaScript: it keeps the link's secret out of what browsers send around.</p>"
        "</noscript>"
    )
    return Response(
        _PAGE.format(title=escape(title), head=_SCRIPT, body=body), content_type="text/html", headers=dict(HEADERS)
    )


def refusal(problem: Problem) -> Response:
    """The refusal of a request that a browser made on its way: a page where that is wanted, else a problem document."""
    response = problems.answer(problem)
    kinds = request.accept_mimetypes
    if kinds.best_match([problems.MEDIA_TYPE, "application/json", "text/html"]) == "text/html":
        body = (
            f"<p>{escape(problem.detail or problem.title)}</p>\n"
            f'<p><a href="/">Back</a></p>\n<p class="code">{escape(problem.code)}</p>'
        )
        response.set_data(_PAGE.format(title=escape(problem.title), head="", body=body))
        response.content_type = "text/html; charset=utf-8"
        response.headers.update(HEADERS)
    return response


def blueprint() -> Blueprint:
    """`/reset` and `/invitation`, and the script and style of all pages; `/` leads to the API's page."""
    pages = Blueprint("pages", __name__)

    @pages.get("/")
    def home() -> Response:
        return Response(status=302, headers={"Location": f"{PREFIX}/docs"})

    @pages.get("/reset")
    def reset() -> Response:
        return form(
            "Set a new password",
            "/auth/password-reset:complete",
            '<label>New password, at least 8 characters\n<input name="new_password" type="password" minlength="8" '
            'maxlength="1000" autocomplete="new-password" required autofocus></label>\n'
            '<label class="choice"><input name="end_other_sessions" type="checkbox" checked> '
            "Sign out everywhere</label>",
            "Set password",
            "Your new password is set. Sign in with it.",
        )

    @pages.get("/invitation")
    def invitation() -> Response:
        return form(
            "Make your account",
            "/invitations:accept",
            '<label>Your name\n<input name="name" maxlength="200" autocomplete="name" required autofocus></label>\n'
            '<label>Password, at least 8 characters\n<input name="password" type="password" minlength="8" '
            'maxlength="1000" autocomplete="new-password" required></label>',
            "Accept the invitation",
            "Your account is made. Sign in with it.",
        )

    @pages.get("/pages/page.js")
    def script() -> Response:
        return _file("page.js", "text/javascript")

    @pages.get("/pages/page.css")
    def style() -> Response:
        return _file("page.css", "text/css")

    return pages


def _file(name: str, kind: str) -> Response:
    data = files("gateway.pages").joinpath(name).read_bytes()
    return Response(data, content_type=f"{kind}; charset=utf-8", headers={"Cache-Control": "max-age=300"})
