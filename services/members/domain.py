"""Rules of users, their credentials and their roles: plain Python, no I/O."""

import hashlib
import secrets
import unicodedata
from datetime import datetime, timedelta
from typing import Final

from contracts.permissions import ProjectRole

SESSION_LIFE: Final = timedelta(days=14)
"""A session ends when it was not used for so long."""

USE_STEP: Final = timedelta(hours=1)
"""Uses of a session or token are written down at most this often: reading who asks must not write every time."""

TOKEN_PREFIX: Final = "ly_"  # noqa: S105  # no secret, the sign of one
"""Personal access tokens start so: people and secret scanners see what they have found."""

OWN_TOKEN_LENGTH: Final = 43
"""The least length of a token secret that an operator brings along: what 256 random bits take in base64."""


def email_key(email: str) -> str:
    """What addresses are compared by: case and Unicode composition make no difference."""
    return unicodedata.normalize("NFC", email.strip()).casefold()


def new_session_secret() -> str:
    """A secret for a session cookie: 256 random bits in URL-safe base64."""
    return secrets.token_urlsafe(32)


def new_token_secret() -> str:
    """A secret for a personal access token: 256 random bits after a readable prefix."""
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def acceptable_token_secret(secret: str) -> bool:
    """Whether an operator's own secret is long enough and of characters that fit an Authorization header."""
    return len(secret) >= OWN_TOKEN_LENGTH and secret.isascii() and secret.isprintable() and " " not in secret


def hash_secret(secret: str) -> bytes:
    """What is stored of a random secret. No salt or stretching: there is nothing to guess in 256 random bits."""
    return hashlib.sha256(secret.encode()).digest()


def csrf_token(session_secret: str) -> str:
    """The CSRF token of a session. Derived, so that nothing is stored; it does not give the secret away."""
    return hashlib.sha256(b"csrf:" + session_secret.encode()).hexdigest()


def session_end(used_at: datetime) -> datetime:
    """When a session that was last used at `used_at` ends."""
    return used_at + SESSION_LIFE


def use_is_news(last_used_at: datetime | None, now: datetime) -> bool:
    """Whether a use at `now` is written down."""
    return last_used_at is None or now - last_used_at >= USE_STEP


def moved(before: ProjectRole | None, after: ProjectRole | None) -> dict[ProjectRole, int]:
    """What a change of role adds to the number of members in each role."""
    changes: dict[ProjectRole, int] = {}
    if before != after:
        if before is not None:
            changes[before] = -1
        if after is not None:
            changes[after] = 1
    return changes
