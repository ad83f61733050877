"""The API's page for people: Scalar, from the installed package; the browser is told to load nothing from elsewhere."""

from importlib.resources import files
from typing import Any

from flask import Blueprint, Response
from pydantic_core import to_json

from gateway.routing import PREFIX

_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Labelyard API</title>
</head>
<body>
<script id="api-reference" data-url="openapi.json" data-configuration='{
  "withDefaultFonts": false, "telemetry": false, "hideClientButton": true,
  "showDeveloperTools": "never", "agent": {"disabled": true}, "mcp": {"disabled": true}
}'></script>
<script src="docs/scalar.js"></script>
</body>
</html>
"""

_ONLY_HERE = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def blueprint(document: dict[str, Any]) -> Blueprint:
    """`/openapi.json`, and `/docs` to browse it."""
    pages = Blueprint("docs", __name__, url_prefix=PREFIX)
    as_json = to_json(document)
    script = files("flask_openapi3_scalar").joinpath("templates/scalar/js/scalar.standalone.js")

    @pages.get("/openapi.json")
    def openapi() -> Response:
        return Response(as_json, content_type="application/json")

    @pages.get("/docs")
    def page() -> Response:
        return Response(_PAGE, content_type="text/html", headers={"Content-Security-Policy": _ONLY_HERE})

    @pages.get("/docs/scalar.js")
    def scalar() -> Response:
        headers = {"Cache-Control": "max-age=86400"}
        return Response(script.read_bytes(), content_type="text/javascript", headers=headers)

    return pages
