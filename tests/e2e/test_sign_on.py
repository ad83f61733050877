"""Single sign-on against a real identity provider, through a second gateway that knows it."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit
from uuid import uuid4

import httpx
import pytest
import sqlalchemy as sa

from deploy.local.system import System
from gateway.cookies import SESSION
from tests.beside import Gateway, gateway_beside
from tests.e2e.support import eventually
from tests.identity_provider import Provider, go_to
from tests.team import Person, hire, new_project, owner_of

CALLBACK = "/api/v1/auth/sign-on/callback"
BEGIN = "/auth/sign-on"


@pytest.fixture(scope="module")
def provider(system: System) -> Iterator[Provider]:
    """One that does not run yet."""
    port = system.state.port("sign-on gateway")
    provider = Provider(system.state.port("identity provider"), f"http://127.0.0.1:{port}{CALLBACK}")
    yield provider
    provider.stop()


@pytest.fixture(scope="module")
def gateway(system: System, provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway that knows the provider, and has never spoken with it."""
    folder = tmp_path_factory.mktemp("gateway")
    with gateway_beside(system, "sign-on gateway", folder, provider.settings) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def running(gateway: Gateway, provider: Provider) -> Provider:
    """The provider, which runs."""
    provider.stop()
    provider.start()
    return provider


@pytest.fixture
def honest(running: Provider) -> Iterator[Provider]:
    """The provider, which tells the truth again when the test is over."""
    yield running
    running.control(lie=None, thin=True)


@pytest.fixture(scope="module")
def owner(system: System) -> Person:
    return owner_of(system)


@pytest.fixture(scope="module")
def project(owner: Person) -> str:
    return new_project(owner)


@pytest.fixture
def user(system: System, owner: Person, project: str) -> Person:
    return hire(system, owner, project, "labeler")


def identity(user: Person, **other: Any) -> dict[str, Any]:
    """What the provider says of a user of ours."""
    return {"sub": uuid4().hex, "email": user.email, "email_verified": True, "name": "From the provider", **other}


def come_back(gateway: Gateway, browser: httpx.Client, person: dict[str, Any] | None, **query: str) -> str:
    """Begin in `browser` and sign in at the provider: the address that the browser is sent back to."""
    begun = browser.get(BEGIN, params=query)
    assert begun.status_code == 302, begun.text
    return go_to(browser, begun.headers["Location"], person)


def sign_on(gateway: Gateway, browser: httpx.Client, person: dict[str, Any] | None, **query: str) -> httpx.Response:
    """The whole way; the answer to the browser that came back."""
    return browser.get(come_back(gateway, browser, person, **query))


def refused(response: httpx.Response, status: int, code: str, **more: object) -> None:
    told = response.json()
    assert (response.status_code, told["code"]) == (status, code), response.text
    assert {name: told[name] for name in more} == more
    assert SESSION.name not in response.cookies


def changed(url: str, **query: str | None) -> str:
    """`url` with other query parameters; None leaves one out."""
    parts = urlsplit(url)
    given = {**dict(parse_qsl(parts.query)), **query}
    return parts._replace(query=urlencode({name: value for name, value in given.items() if value is not None})).geturl()


# --- The provider is away ---------------------------------------------------------------------------


def test_without_the_provider_passwords_go_on(system: System, gateway: Gateway) -> None:
    email, password = system.owner
    with gateway.client() as browser:
        away = browser.get(BEGIN)
        refused(away, 503, "unavailable")
        assert int(away.headers["Retry-After"]) > 0
        assert browser.post("/auth/login", json={"email": email, "password": password}).is_success
        assert browser.get("/me").json()["user"]["email"] == email


def test_a_provider_that_goes_away_on_the_way_is_a_503(gateway: Gateway, running: Provider, user: Person) -> None:
    with gateway.client() as browser:
        back = come_back(gateway, browser, identity(user))
        running.stop()
        try:
            away = browser.get(back)
        finally:
            running.start()
        refused(away, 503, "unavailable")
        assert "Retry-After" in away.headers


# --- Signing on -------------------------------------------------------------------------------------


@pytest.mark.parametrize("thin", [True, False], ids=["mail address asked for", "mail address in the token"])
def test_signing_on_is_signing_in(gateway: Gateway, honest: Provider, user: Person, thin: bool) -> None:
    honest.control(thin=thin)
    person = identity(user)
    with gateway.client(headers={"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"}) as browser:
        offered = browser.get("/auth/methods").json()
        assert offered["sign_on"] == {"name": "The test's provider", "path": "/api/v1/auth/sign-on"}
        signed_on = sign_on(gateway, browser, person, return_to="/projects?sort=name")
        assert (signed_on.status_code, signed_on.headers["Location"]) == (302, f"{gateway.url}/projects?sort=name")
        cookies = signed_on.headers.get_list("Set-Cookie")
        assert all("HttpOnly" in cookie and "SameSite=Lax" in cookie for cookie in cookies)
        me = browser.get("/me").json()
        assert (me["user"]["id"], me["user"]["name"]) == (user.id, user.name)
        browser.headers["X-CSRF-Token"] = me["csrf_token"]
        [mine] = browser.get("/me/sessions", params={"limit": 1}).json()["items"]
        assert (mine["current"], mine["device_name"], mine["address"]) == (True, "Firefox on Linux", "127.0.0.1")
        assert browser.post("/auth/logout").status_code == 204
        assert browser.get("/me").status_code == 401


def test_once_linked_it_is_the_subject_that_counts(gateway: Gateway, running: Provider, user: Person) -> None:
    person = identity(user)
    for told in (person, {"sub": person["sub"], "email": "married@example.org", "email_verified": False}):
        with gateway.client() as browser:
            assert sign_on(gateway, browser, told).status_code == 302
            assert browser.get("/me").json()["user"]["id"] == user.id
    with gateway.client() as browser:  # an address that the provider has given to somebody else
        refused(sign_on(gateway, browser, identity(user)), 403, "no_account")


def test_who_has_no_account_gets_none(gateway: Gateway, running: Provider, user: Person) -> None:
    stranger = {**identity(user), "email": f"{uuid4().hex}@example.org"}
    with gateway.client() as browser:
        refused(sign_on(gateway, browser, stranger), 403, "no_account")
        refused(sign_on(gateway, browser, {"sub": uuid4().hex}), 403, "no_account")
    for unsure in ({"email_verified": False}, {"email_verified": "true"}):
        with gateway.client() as browser:
            refused(sign_on(gateway, browser, identity(user, **unsure)), 403, "email_unverified")


def test_a_deactivated_user_stays_out(system: System, gateway: Gateway, running: Provider, user: Person) -> None:
    person = identity(user)
    with gateway.client() as browser:
        assert sign_on(gateway, browser, person).status_code == 302
    engine = sa.create_engine(system.environment["LABELYARD_MEMBERS_DSN"])
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE users SET state = 'deleted' WHERE id = :id"), {"id": user.id})
    engine.dispose()
    for told in (person, identity(user)):
        with gateway.client() as browser:
            refused(sign_on(gateway, browser, told), 403, "no_account")


def test_new_keys_are_found(gateway: Gateway, running: Provider, user: Person) -> None:
    person = identity(user)

    def signs_on() -> None:
        with gateway.client() as browser:
            assert sign_on(gateway, browser, person).status_code == 302

    signs_on()
    running.control(rotate=True)
    eventually(signs_on)  # keys are asked for anew after a moment at the earliest


# --- What is not believed ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lie", "reason"),
    [
        ("audience", "audience"),
        ("audiences", "audience"),
        ("party", "audience"),
        ("issuer", "issuer"),
        ("expired", "expired"),
        ("future", "clock"),
        ("nonce", "nonce"),
        ("no nonce", "nonce"),
        ("unsigned", "signature"),
        ("signature", "signature"),
        ("another key", "signature"),
        ("our secret", "signature"),
        ("subject", "subject"),
    ],
)
def test_a_token_that_does_not_hold_is_refused(
    gateway: Gateway, honest: Provider, user: Person, lie: str, reason: str
) -> None:
    honest.control(lie=lie)
    with gateway.client() as browser:
        refused(sign_on(gateway, browser, identity(user)), 401, "bad_identity", reason=reason)
        assert browser.get("/me").status_code == 401


def test_a_nonce_of_another_sign_on_is_refused(gateway: Gateway, running: Provider, user: Person) -> None:
    with gateway.client() as browser:
        url = changed(browser.get(BEGIN).headers["Location"], nonce="of another one")
        back = go_to(browser, url, identity(user))
        refused(browser.get(back), 401, "bad_identity", reason="nonce")


def test_only_the_browser_that_began_comes_in(gateway: Gateway, running: Provider, user: Person) -> None:
    """Or somebody could be signed in as somebody else by a link."""
    with gateway.client() as mine, gateway.client() as other:
        back = come_back(gateway, mine, identity(user))
        refused(other.get(back), 400, "sign_on_expired")
        other.get(BEGIN)
        refused(other.get(back), 400, "sign_on_expired")
        refused(mine.get(changed(back, state="another")), 400, "sign_on_expired")
        refused(mine.get(back), 400, "sign_on_expired")  # begun anew: the try before ended it


def test_a_code_works_once(gateway: Gateway, running: Provider, user: Person) -> None:
    with gateway.client() as browser:
        back = come_back(gateway, browser, identity(user))
        kept = {"Cookie": "; ".join(f"{name}={value}" for name, value in browser.cookies.items())}
        assert browser.get(back).status_code == 302
    with gateway.client(headers=kept) as again:
        refused(again.get(back), 400, "sign_on_expired")


def test_a_code_of_somebody_else_is_refused(gateway: Gateway, running: Provider, user: Person, owner: Person) -> None:
    """The code that was caught on its way belongs to a verifier that only its own browser has (PKCE)."""
    with gateway.client() as mine, gateway.client() as thief:
        caught = dict(parse_qsl(urlsplit(come_back(gateway, mine, identity(user))).query))["code"]
        own = come_back(gateway, thief, identity(owner))
        refused(thief.get(changed(own, code=caught)), 400, "sign_on_expired")


def test_an_answer_of_another_provider_is_refused(gateway: Gateway, running: Provider, user: Person) -> None:
    for issuer in ("https://another.example", None):
        with gateway.client() as browser:
            back = changed(come_back(gateway, browser, identity(user)), iss=issuer)
            refused(browser.get(back), 401, "bad_identity", reason="issuer")


def test_a_no_is_a_no(gateway: Gateway, running: Provider) -> None:
    with gateway.client() as browser:
        refused(sign_on(gateway, browser, None), 403, "sign_on_refused")


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example", "//evil.example", "/\\evil.example", "evil", "/a\\b", "/\tx", "/ü", "/a b", "", "/%0a\n"],
)
def test_it_leads_nowhere_else(gateway: Gateway, elsewhere: str) -> None:
    with gateway.client() as browser:
        refused(browser.get(BEGIN, params={"return_to": elsewhere}), 422, "validation_failed")


def test_a_browser_sees_a_page_and_no_secret_is_logged(gateway: Gateway, running: Provider, user: Person) -> None:
    html = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    with httpx.Client(base_url=f"{gateway.url}/api/v1", headers=html, timeout=30) as browser:
        back = come_back(gateway, browser, {**identity(user), "email": f"{uuid4().hex}@example.org"})
        page = browser.get(back)
        assert (page.status_code, page.headers["content-type"]) == (403, "text/html; charset=utf-8")
        assert "no_account" in page.text and "script" not in page.text
        assert page.headers["Referrer-Policy"] == "no-referrer"
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    told = dict(parse_qsl(urlsplit(back).query))
    log = gateway.log.read_text()
    assert "no_account" in log
    assert not [name for name in ("code", "state") if told[name] in log]


def test_where_no_provider_is_known_there_is_no_sign_on(system: System) -> None:
    with httpx.Client(base_url=f"{system.url}/api/v1") as api:
        assert api.get("/auth/methods").json() == {"password": True, "password_reset": True, "sign_on": None}
        for path in (BEGIN, "/auth/sign-on/callback?state=x"):
            refused(api.get(path), 404, "not_found")
