"""Who is let in, where sessions and tokens are resolved by a function instead of the members service."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask, request

from chassis.ids import new_id
from chassis.settings import Settings
from contracts.enums import UserState
from contracts.errors import Problem
from contracts.events import PrincipalChanged
from contracts.permissions import Permission, TeamRole, TokenScope
from contracts.rpc import Request
from contracts.rpc.members import Principal, User
from gateway.address import client_address
from gateway.app import create_app
from gateway.asker import Asker, Credentials
from gateway.routing import Access
from gateway.security import Security
from gateway.state import build

PROJECT = new_id()
SETTINGS = Settings(amqp_url="amqp://nobody@nowhere.invalid")
TOKEN = Credentials("token", "ly_secret")


def principal(**limits: Any) -> Principal:
    """An owner, by a token."""
    now = datetime.now(UTC)
    user = User(
        id=new_id(),
        email="a@b.c",
        name="A",
        team_role=TeamRole.OWNER,
        state=UserState.ACTIVE,
        version=1,
        created_at=now,
    )
    return Principal(user=user, token_id=new_id(), **limits)


class Members:
    """Knows one token; counts how often it is asked."""

    def __init__(self, answer: Principal) -> None:
        self.answer: Principal | None = answer
        self.asked = 0

    def __call__(self, _: Request[Any], __: float | None = None) -> Principal:
        self.asked += 1
        if self.answer is None:
            raise Problem("unauthenticated")
        return self.answer


@contextmanager
def security(answer: Principal) -> Iterator[tuple[Security, Members]]:
    """A gateway's security that hears events, within a request that carries TOKEN."""
    members = Members(answer)
    subject = Security(members, SETTINGS)  # type: ignore[arg-type]
    subject.listening(True)
    yield subject, members


def admit(subject: Security, method: str, access: Access | Permission, project_id: UUID | None = None) -> Asker:
    headers = {"Authorization": f"Bearer {TOKEN.secret}"}
    with Flask("test").test_request_context("/", method=method, headers=headers):
        return subject.admit(request, access, project_id)


def code(ask: Callable[[], object]) -> str:
    with pytest.raises(Problem) as caught:
        ask()
    return caught.value.code


@pytest.mark.parametrize(
    ("scope", "allowed"),
    [
        (TokenScope.READ, {("GET", Access.SIGNED_IN), ("HEAD", Access.SIGNED_IN), ("GET", Permission.MANAGE_TEAM)}),
        (
            TokenScope.WRITE,
            {
                ("GET", Access.SIGNED_IN),
                ("HEAD", Access.SIGNED_IN),
                ("GET", Permission.MANAGE_TEAM),
                ("POST", Access.DATA_LIBRARY),
                ("POST", Permission.CREATE_PROJECT),
            },
        ),
    ],
)
def test_a_scope_lets_through_what_it_covers(scope: TokenScope, allowed: set[tuple[str, Access | Permission]]) -> None:
    everything: list[tuple[str, Access | Permission]] = [
        ("GET", Access.SIGNED_IN),
        ("HEAD", Access.SIGNED_IN),
        ("GET", Permission.MANAGE_TEAM),
        ("POST", Access.DATA_LIBRARY),
        ("POST", Permission.CREATE_PROJECT),
        ("POST", Permission.MANAGE_TEAM),
        ("GET", Access.ACCOUNT),
        ("DELETE", Access.ACCOUNT),
    ]
    with security(principal(scope=scope)) as (subject, _):
        for method, access in everything:
            if (method, access) in allowed:
                admit(subject, method, access)
            else:
                assert code(lambda method=method, access=access: admit(subject, method, access)) == "forbidden"


def test_a_token_for_one_project_is_for_nothing_else() -> None:
    with security(principal(project_id=PROJECT)) as (subject, _):
        admit(subject, "GET", Access.SELF)
        for access in (Access.SIGNED_IN, Access.ACCOUNT, Access.DATA_LIBRARY, Access.ASSET, Permission.CREATE_PROJECT):
            assert code(lambda access=access: admit(subject, "GET", access)) == "forbidden"
        assert code(lambda: admit(subject, "GET", Permission.READ_PROJECT, new_id())) == "not_found"


class Later(datetime):
    """The clock, two hours on."""

    @classmethod
    def now(cls, tz: Any = None) -> datetime:
        return datetime.now(tz) + timedelta(hours=2)


def test_an_expired_token_is_refused_though_it_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    soon = principal(expires_at=datetime.now(UTC) + timedelta(hours=1))
    with security(soon) as (subject, members):
        admit(subject, "GET", Access.SELF)
        monkeypatch.setattr("gateway.security.datetime", Later)
        assert code(lambda: admit(subject, "GET", Access.SELF)) == "unauthenticated"
        assert members.asked == 1
        members.answer = None
        assert code(lambda: admit(subject, "GET", Access.SELF)) == "unauthenticated"
        assert members.asked == 2  # it was forgotten


def test_what_was_revoked_is_asked_for_again_and_refused() -> None:
    known = principal()
    with security(known) as (subject, members):
        admit(subject, "GET", Access.SELF)
        admit(subject, "GET", Access.SELF)
        assert members.asked == 1
        members.answer = None
        assert known.token_id is not None
        subject.heard(
            PrincipalChanged(
                user_id=known.user.id,
                version=2,
                state=UserState.ACTIVE,
                team_role=TeamRole.OWNER,
                revoked_tokens=(known.token_id,),
            )
        )
        assert code(lambda: admit(subject, "GET", Access.SELF)) == "unauthenticated"


@pytest.mark.parametrize(
    ("proxies", "sender", "forwarded", "expected"),
    [
        (0, "192.0.2.1", None, "192.0.2.1"),
        (0, "192.0.2.1", "203.0.113.9", "192.0.2.1"),
        (1, "192.0.2.1", "203.0.113.9", "203.0.113.9"),
        (1, "192.0.2.1", "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        (2, "192.0.2.1", "6.6.6.6, 198.51.100.1, 203.0.113.9", "198.51.100.1"),
        (1, "192.0.2.1", None, "192.0.2.1"),
        (2, "192.0.2.1", "203.0.113.9", "192.0.2.1"),
        (1, "192.0.2.1", "203.0.113.9:4711", "203.0.113.9"),
        (1, "192.0.2.1", "[2001:DB8::0:1]:4711", "2001:db8::1"),
        (0, "2001:DB8::0:1", None, "2001:db8::1"),
        (1, "192.0.2.1", "nonsense", None),
        (1, "198.51.100.1", "203.0.113.9", "198.51.100.1"),  # no proxy of ours
        (1, "2001:db8::7", "203.0.113.9", "203.0.113.9"),
        (0, "", None, None),
    ],
)
def test_where_a_request_comes_from(proxies: int, sender: str, forwarded: str | None, expected: str | None) -> None:
    networks = "192.0.2.0/24, 2001:db8::/32"
    settings = SETTINGS.model_copy(update={"trusted_proxies": proxies, "proxy_networks": networks})
    app = create_app(build(settings))
    seen: list[str | None] = []
    app.add_url_rule("/where", view_func=lambda: (seen.append(client_address(request)), "")[1])
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    app.test_client().get("/where", headers=headers, environ_base={"REMOTE_ADDR": sender})
    assert seen == [expected]
