"""What browsers are told with every answer, which other origins may ask, and how often anybody may."""

import dataclasses
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from chassis.settings import Settings
from contracts.errors import Problem
from contracts.rpc import Request
from contracts.rpc.members import Login, Session
from gateway.app import create_app
from gateway.security import Security
from gateway.state import build
from tests.unit.gateway.test_gateway_security import principal

ELSEWHERE = "https://tools.example.org"


class Members:
    """Knows every secret that begins with a name; the rest is nobody's. Signs everybody in, and remembers what `device`
    they showed."""

    def __init__(self) -> None:
        self.people: dict[str, Any] = {}
        self.asked = 0
        self.device: str | None = None

    def __call__(self, question: Request[Any], _: float | None = None) -> Any:
        self.asked += 1
        if isinstance(question, Login):
            self.device = question.device_secret
            return Session(secret="ann-1", principal=principal(), device_secret="device-1")
        secret: str = question.secret  # type: ignore[attr-defined]
        name, _, number = secret.partition("-")
        if not number:
            raise Problem("unauthenticated")
        known = self.people.setdefault(name, principal())
        return known.model_copy(update={"token_id": uuid4()})


def browser(**given: Any) -> tuple[FlaskClient, Members]:
    """A client of a gateway with the settings `given`, and the members service behind it."""
    settings = Settings(amqp_url="amqp://nobody@nowhere.invalid", **given)
    members = Members()
    security = Security(members, settings)  # type: ignore[arg-type]
    security.listening(True)
    parts = dataclasses.replace(build(settings), security=security, calls=members)  # type: ignore[arg-type]
    return create_app(parts).test_client(use_cookies=False), members


def me(client: FlaskClient, secret: str, **how: Any) -> TestResponse:
    headers = {"Authorization": f"Bearer {secret}", **how.pop("headers", {})}
    return client.get("/api/v1/me", headers=headers, **how)


@pytest.mark.parametrize("path", ["/api/v1/me", "/api/v1/openapi.json", "/api/v1/docs", "/nowhere", "/s/nothing"])
def test_every_answer_tells_browsers_to_be_careful(path: str) -> None:
    client, _ = browser(public_url="https://labels.example.org")
    answer = client.get(path)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    assert "unsafe-eval" not in policy and "script-src 'unsafe" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "geolocation=()" in answer.headers["Permissions-Policy"]
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_without_https_browsers_are_not_told_to_insist_on_it() -> None:
    client, _ = browser()
    assert "Strict-Transport-Security" not in client.get("/api/v1/me").headers


@pytest.mark.parametrize(("url", "prefix"), [("https://labels.example.org", "__Host-"), ("http://127.0.0.1", "")])
def test_with_https_cookies_can_only_come_from_this_host(url: str, prefix: str) -> None:
    client, members = browser(public_url=url)
    names = [f"{prefix}{name}" for name in ("labelyard_session", "labelyard_device")]

    def sign_in(cookies: str = "") -> TestResponse:
        body = {"email": "ann@example.org", "password": "right"}
        return client.post("/api/v1/auth/login", json=body, headers={"Cookie": cookies}, base_url=url)

    said = sign_in().headers.getlist("Set-Cookie")
    assert [each.partition("=")[0] for each in said] == names
    for each in said:
        flags = {flag.strip() for flag in each.split(";")[1:]}
        assert {"HttpOnly", "SameSite=Lax"} <= flags and not any(flag.startswith("Domain") for flag in flags)
        assert ("Secure" in flags) == bool(prefix)
        assert "Path=/" in flags or not prefix
    sign_in(f"{names[1]}=device-1")
    assert members.device == "device-1"
    other = "" if prefix else "__Host-"
    sign_in(f"{other}labelyard_device=device-1")
    assert members.device is None

    def asked_with(cookie: str) -> int:
        return client.get("/api/v1/me", headers={"Cookie": cookie}, base_url=url).status_code

    assert asked_with(f"{names[0]}=ann-1") == 200
    assert asked_with(f"{other}labelyard_session=ann-1") == 401  # as a neighbour could plant one


def test_the_documents_page_has_no_script_of_its_own() -> None:
    client, _ = browser()
    page = client.get("/api/v1/docs")
    assert "script-src 'self';" in page.headers["Content-Security-Policy"]
    assert "onload" not in page.text and "javascript:" not in page.text


def test_no_address_is_answered_with_a_redirect_to_where_the_request_says_it_is() -> None:
    client, _ = browser()
    for path in ("/api/v1//me", "/api/v1/me/"):
        answer = client.get(path, headers={"Host": "evil.example.org"})
        assert answer.status_code == 404 and "Location" not in answer.headers, path


def test_a_page_of_a_listed_origin_may_ask_and_read() -> None:
    client, _ = browser(cors_origins=f"{ELSEWHERE}, https://other.example.org:8443")
    asked = {"Origin": ELSEWHERE, "Access-Control-Request-Method": "PATCH"}
    preflight = client.options("/api/v1/projects", headers=asked)
    assert preflight.status_code == 204
    assert preflight.headers["Access-Control-Allow-Origin"] == ELSEWHERE
    assert preflight.headers["Access-Control-Allow-Credentials"] == "true"
    assert "PATCH" in preflight.headers["Access-Control-Allow-Methods"]
    assert {"X-CSRF-Token", "If-Match"} <= {*preflight.headers["Access-Control-Allow-Headers"].split(", ")}
    for answer in (
        me(client, "ada-1", headers={"Origin": ELSEWHERE}),
        client.get("/no", headers={"Origin": ELSEWHERE}),
    ):
        assert answer.headers["Access-Control-Allow-Origin"] == ELSEWHERE
        assert "ETag" in answer.headers["Access-Control-Expose-Headers"]
        assert "Origin" in answer.headers["Vary"]


@pytest.mark.parametrize("origin", ["https://evil.example.org", "https://tools.example.org.evil.org", "null", "*", ""])
def test_a_page_of_another_origin_may_not(origin: str) -> None:
    client, _ = browser(cors_origins=ELSEWHERE)
    preflight = client.options("/api/v1/me", headers={"Origin": origin, "Access-Control-Request-Method": "GET"})
    for answer in (preflight, me(client, "ada-1", headers={"Origin": origin})):
        assert not any(name.startswith("Access-Control") for name, _ in answer.headers)
        assert "Origin" in answer.headers["Vary"]


@pytest.mark.parametrize("wrong", ["*", "tools.example.org", "https://tools.example.org/path", "https://*.example.org"])
def test_what_is_no_origin_is_no_setting(wrong: str) -> None:
    with pytest.raises(ValueError, match="no origin"):
        Settings(amqp_url="amqp://nobody@nowhere.invalid", cors_origins=wrong)


def test_a_page_of_another_site_signs_nobody_in() -> None:
    """Login CSRF: a stranger's page must not make the browser somebody else's."""
    client, members = browser(cors_origins=ELSEWHERE)
    body = {"email": "a@b.c", "password": "of-the-stranger"}
    crossing = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example.org"}
    refused = client.post("/api/v1/auth/login", json=body, headers=crossing)
    assert (refused.status_code, refused.json and refused.json["code"]) == (403, "csrf_failed")
    form = client.post("/api/v1/auth/login", data='{"email": "a@b.c"}', content_type="text/plain")
    assert (form.status_code, form.json and form.json["code"]) == (415, "unsupported_media_type")
    assert members.asked == 0


def statuses(answers: list[TestResponse]) -> list[int]:
    return [answer.status_code for answer in answers]


def test_a_token_is_answered_so_often_in_a_minute() -> None:
    client, _ = browser(rate_limit_token=3)
    answers = [me(client, "ada-1") for _ in range(4)]
    assert statuses(answers) == [200, 200, 200, 429]
    assert [answer.headers["RateLimit-Policy"] for answer in answers] == ['"token";q=3;w=60'] * 4
    assert [answer.headers["RateLimit"].split(";t=")[0] for answer in answers] == [
        f'"token";r={n}' for n in (2, 1, 0, 0)
    ]
    problem = answers[-1].get_json()
    assert (problem["code"], problem["counted_by"], problem["limit"]) == ("rate_limited", "token", 3)
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
    assert me(client, "bob-1").status_code == 200


def test_a_persons_tokens_count_together() -> None:
    client, _ = browser(rate_limit_user=3)
    assert statuses([me(client, f"ada-{number}") for number in range(4)]) == [200, 200, 200, 429]
    assert me(client, "bob-1").status_code == 200


def test_who_is_not_signed_in_is_counted_by_address() -> None:
    client, _ = browser(rate_limit_address=2)

    def ask(address: str) -> int:
        return client.get("/api/v1/projects", environ_base={"REMOTE_ADDR": address}).status_code

    assert [ask("192.0.2.1") for _ in range(3)] == [401, 401, 429]
    assert ask("192.0.2.2") == 401
    assert [ask(f"2001:db8::{number}") for number in range(3)] == [401, 401, 429]  # one household


def test_who_guesses_is_not_answered_any_more_and_disturbs_nobody() -> None:
    client, members = browser(rate_limit_guesses=3)
    assert me(client, "ada-1").status_code == 200
    assert statuses([me(client, f"guess{number}") for number in range(5)]) == [401, 401, 401, 429, 429]
    assert members.asked == 4
    assert me(client, "ada-1").status_code == 200  # from the same address, known already
    assert me(client, "guess", environ_base={"REMOTE_ADDR": "192.0.2.9"}).status_code == 401
    links = client.get("/s/short"), client.get("/s/short", environ_base={"REMOTE_ADDR": "192.0.2.8"})
    assert statuses([*links]) == [429, 404]  # share links are guessed at in the same way


def test_no_limit_is_no_header() -> None:
    client, _ = browser(rate_limit_token=0, rate_limit_user=0, rate_limit_address=0, rate_limit_guesses=0)
    answers = [me(client, "ada-1"), *(me(client, "guess") for _ in range(100))]
    assert {answer.status_code for answer in answers[1:]} == {401}
    assert not any("RateLimit" in answer.headers for answer in answers)
