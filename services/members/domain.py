"""Rules of users, their credentials and their roles: plain Python, no I/O."""

import hashlib
import json
import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

from contracts.permissions import INVITES, ProjectRole, Role, TeamRole, effective_role

SESSION_LIFE: Final = timedelta(days=14)
"""A session ends when it was not used for so long."""

USE_STEP: Final = timedelta(hours=1)
"""Uses of a session or token are written down at most this often: reading who asks must not write every time."""

ACTIVITY_STEP: Final = timedelta(minutes=15)
"""How often it is written down at most that a user does something."""

DEVICE_LIFE: Final = timedelta(days=180)
"""A device is forgotten when its user has not signed in from it for so long."""

DEVICES_KNOWN: Final = 100
"""How many devices of one user are remembered: those that were used last."""

RESET_LIFE: Final = timedelta(hours=1)
"""How long a link that sets a password is worth something."""

TOKEN_PREFIX: Final = "ly_"  # noqa: S105  # no secret, the sign of one
"""Personal access tokens start so: people and secret scanners see what they have found."""

OWN_TOKEN_LENGTH: Final = 43
"""The least length of a token secret that an operator brings along: what 256 random bits take in base64."""


_BROWSERS: Final = (  # the first that occurs: most call themselves by their forebears' names too
    ("labelyard", "Labelyard's command line"),
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Vivaldi/", "Vivaldi"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("HeadlessChrome/", "Chrome without a window"),
    ("Chromium/", "Chromium"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
    ("python-", "a Python program"),
)
_SYSTEMS: Final = (
    ("iPhone", "an iPhone"),
    ("iPad", "an iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Macintosh", "a Mac"),
    ("Linux", "Linux"),
)


def device_name(user_agent: str) -> str:
    """A device in words, of what it calls itself: browser and system, the first words, or "unknown".

    Only for people to recognise their own by: whoever wants to calls itself anything.
    """
    browser = next((name for sign, name in _BROWSERS if sign in user_agent), None)
    system = next((name for sign, name in _SYSTEMS if sign in user_agent), None)
    if browser and system:
        return f"{browser} on {system}"
    return browser or system or user_agent[:40].strip() or "unknown"


def email_key(email: str) -> str:
    """What addresses are compared by: case and Unicode composition make no difference."""
    return unicodedata.normalize("NFC", email.strip()).casefold()


def new_secret() -> str:
    """A secret for a cookie: 256 random bits in URL-safe base64."""
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


TEAM_RANK: Final = {TeamRole.MEMBER: 0, TeamRole.ADMIN: 1, TeamRole.OWNER: 2}
"""Which team role is more than which."""


def may_give_in_team(giver: TeamRole, role: TeamRole) -> bool:
    """Whether `giver` may make somebody that, or make something else of somebody who is that (INVITES).

    To be no more than a member is nothing to give: whoever looks after users may.
    """
    if giver is TeamRole.MEMBER:
        return False
    return role is TeamRole.MEMBER or role.value in INVITES[Role(giver.value)]


def may_give(team_role: TeamRole, project_role: ProjectRole | None, role: Role) -> bool:
    """Whether somebody who is that in the team, and in the project at hand, may invite as `role` (INVITES)."""
    giver = effective_role(team_role, project_role, False)
    return giver is not None and role.value in INVITES.get(giver, frozenset())


@dataclass(frozen=True)
class Bucket:
    """How often passwords may be guessed: `burst` times at once, then once each `pause`.

    All that is remembered of a bucket is when it will be full again, and of a full one nothing (the generic cell rate
    algorithm of ITU-T I.371, with the bucket's fill as a time).
    """

    burst: int
    pause: timedelta

    def wait(self, full_at: datetime, now: datetime) -> timedelta:
        """How long until there is a guess to take; zero if there is one."""
        return max(timedelta(), self.taken(full_at, now) - self.burst * self.pause - now)

    def taken(self, full_at: datetime, now: datetime) -> datetime:
        """When the bucket will be full again after one more guess is taken."""
        return max(full_at, now) + self.pause

    def given_back(self, full_at: datetime) -> datetime:
        """The same after a guess is given back that was none."""
        return full_at - self.pause


BY_ADDRESS: Final = Bucket(60, timedelta(seconds=10))
"""All that comes from one network address: an office behind one is let mistype, a list of passwords is not tried."""

BY_ADDRESS_AND_ACCOUNT: Final = Bucket(10, timedelta(minutes=10))
"""One account from one address. Smaller and slower than BY_ACCOUNT, so that no address alone can empty that."""

BY_ACCOUNT: Final = Bucket(50, timedelta(minutes=2))
"""One account, wherever from: what many addresses together can try."""

BY_DEVICE: Final = Bucket(10, timedelta(minutes=1))
"""One account from a device that has signed in to it before: in place of all others, so that nobody can lock it out."""

BY_PASSWORD_CHANGE: Final = Bucket(10, timedelta(minutes=10))
"""The present password, asked of somebody who is signed in."""


RESETS_BY_ADDRESS: Final = Bucket(20, timedelta(minutes=1))
"""Requests for links that set a password, from one network address."""

RESETS_BY_ACCOUNT: Final = Bucket(5, timedelta(minutes=10))
"""The same for one account, wherever from: nobody's mail box is filled, and a link lives long enough to be used."""

INVITATIONS_BY_MAIL_ADDRESS: Final = Bucket(10, timedelta(minutes=30))
"""Links of invitations for one mail address, from all projects: nobody's mail box is filled."""

ACCEPTS_BY_ADDRESS: Final = Bucket(30, timedelta(seconds=20))
"""Wrong links of invitations, from one network address."""


def invitation_guards(account: str) -> Mapping[bytes, Bucket]:
    """The bucket that a link of an invitation must take of; no sign-in is held up by it."""
    return {_guard("invitations of", account): INVITATIONS_BY_MAIL_ADDRESS}


def accept_guards(address: str) -> Mapping[bytes, Bucket]:
    """The same for a try to accept one, given back if the link is one."""
    return {_guard("accepts from", network(address)): ACCEPTS_BY_ADDRESS}


def sign_in_guards(account: str, address: str | None, device_secret: str | None) -> Mapping[bytes, Bucket]:
    """The buckets that a sign-in must take a guess of, by what they are remembered under.

    `account` is what addresses are compared by, whether anybody has it or not; `address` the network address;
    `device_secret` only that of a device that is known for the account.
    """
    if device_secret is not None:
        return {_guard("device", account, device_secret): BY_DEVICE}
    guards = {_guard("account", account): BY_ACCOUNT}
    if address is not None:
        place = network(address)
        guards[_guard("address", place)] = BY_ADDRESS
        guards[_guard("address and account", place, account)] = BY_ADDRESS_AND_ACCOUNT
    return guards


def password_change_guards(user_id: str) -> Mapping[bytes, Bucket]:
    """The same for a change of password."""
    return {_guard("password change", user_id): BY_PASSWORD_CHANGE}


def reset_guards(account: str, address: str | None) -> Mapping[bytes, Bucket]:
    """The same for a request for a link that sets a password; no sign-in is held up by these."""
    guards = {_guard("reset of account", account): RESETS_BY_ACCOUNT}
    if address is not None:
        guards[_guard("resets from address", network(address))] = RESETS_BY_ADDRESS
    return guards


def network(address: str) -> str:
    """What network addresses are counted by: IPv4's one by one, IPv6's by the /64 that one customer has."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ip_network((int(parsed), 64), strict=False))


def _guard(*parts: str) -> bytes:
    # hashed: of one size, and no list of who signs in from where
    return hashlib.sha256(json.dumps(parts).encode()).digest()
