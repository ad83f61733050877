"""Rules of users, credentials and roles."""

from datetime import UTC, datetime, timedelta

import pytest

from contracts.permissions import ProjectRole
from services.members import domain

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ada@Example.com", "ada@example.COM"),
        ("  ada@example.com\n", "ada@example.com"),
        ("jose\u0301@example.com", "JOSÉ@example.com"),
        ("straße@example.com", "STRASSE@example.com"),
    ],
)
def test_addresses_that_are_the_same(one: str, other: str) -> None:
    assert domain.email_key(one) == domain.email_key(other)


def test_addresses_that_differ() -> None:
    assert domain.email_key("ada@example.com") != domain.email_key("adam@example.com")


def test_secrets_are_long_random_and_never_the_same() -> None:
    secrets = {domain.new_secret() for _ in range(100)} | {domain.new_token_secret() for _ in range(100)}
    assert len(secrets) == 200
    assert all(len(secret.removeprefix(domain.TOKEN_PREFIX)) == 43 for secret in secrets)  # 256 bits in base64
    assert len({domain.hash_secret(secret) for secret in secrets}) == 200


def test_a_token_shows_what_it_is() -> None:
    assert domain.new_token_secret().startswith("ly_")


def test_the_stored_hash_and_the_csrf_token_differ_from_the_secret_and_from_each_other() -> None:
    secret = domain.new_secret()
    assert len(domain.hash_secret(secret)) == 32
    assert domain.csrf_token(secret) == domain.csrf_token(secret)
    assert domain.csrf_token(secret) != domain.csrf_token(domain.new_secret())
    assert domain.csrf_token(secret) != domain.hash_secret(secret).hex()


@pytest.mark.parametrize(
    ("secret", "acceptable"),
    [
        ("ly_" + "x" * 43, True),
        ("x" * 43, True),
        ("x" * 42, False),
        ("x" * 42 + " x", False),
        ("x" * 43 + "\n", False),
        ("ä" * 50, False),
        ("", False),
    ],
)
def test_secrets_that_an_operator_brings(secret: str, acceptable: bool) -> None:
    assert domain.acceptable_token_secret(secret) is acceptable


def test_a_session_ends_two_weeks_after_its_last_use() -> None:
    assert domain.session_end(NOW) - NOW == timedelta(days=14)


@pytest.mark.parametrize(
    ("last_used_at", "news"),
    [(None, True), (NOW, False), (NOW - timedelta(minutes=59), False), (NOW - timedelta(hours=1), True)],
)
def test_uses_are_written_down_once_an_hour(last_used_at: datetime | None, news: bool) -> None:
    assert domain.use_is_news(last_used_at, NOW) is news


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, None, {}),
        (ProjectRole.MANAGER, ProjectRole.MANAGER, {}),
        (None, ProjectRole.LABELER, {ProjectRole.LABELER: 1}),
        (ProjectRole.LABELER, None, {ProjectRole.LABELER: -1}),
        (ProjectRole.LABELER, ProjectRole.MANAGER, {ProjectRole.LABELER: -1, ProjectRole.MANAGER: 1}),
    ],
)
def test_what_a_change_of_role_moves(
    before: ProjectRole | None, after: ProjectRole | None, expected: dict[ProjectRole, int]
) -> None:
    assert domain.moved(before, after) == expected


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/130.0 Safari/537.36",
            "Chrome on Windows",
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/130.0 Safari/537.36 Edg/130.0",
            "Edge on Windows",
        ),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 14_6) AppleWebKit/605.1 Version/18.0 Safari/605.1", "Safari on a Mac"),
        ("Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        ("Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/130.0 Mobile Safari/537.36", "Chrome on Android"),
        (
            "Mozilla/5.0 (iPhone; iPhone OS 18_0 like Mac OS X) CriOS/130.0 Mobile Safari/604.1",
            "Chrome on an iPhone",
        ),
        ("curl/8.10.1", "curl"),
        ("python-httpx/0.28.1", "a Python program"),
        ("a lost laptop", "a lost laptop"),
        ("x" * 400, "x" * 40),
        ("", "unknown"),
    ],
)
def test_a_device_is_named_in_words(user_agent: str, name: str) -> None:
    assert domain.device_name(user_agent) == name
