"""The members service as others see it: a running process, asked through the broker."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
import sqlalchemy as sa

from chassis.database import Database
from chassis.rpc.client import RpcClient
from chassis.tables import idempotency_keys
from contracts.errors import Problem
from contracts.permissions import ProjectRole
from contracts.rpc.members import (
    AddMember,
    ChangeMember,
    ChangePassword,
    CountRoles,
    CreateToken,
    GetRole,
    ListMembers,
    ListProjectRoles,
    ListSessions,
    ListTokens,
    Login,
    Logout,
    RemoveMember,
    ResolveSession,
    ResolveToken,
    RevokeSession,
    RevokeToken,
    RoleCounts,
)
from deploy.local.system import System
from services.members.models import UserRow
from tests.service.members.support import PASSWORD, new_email
from tests.service.signing import SigningClient

NewUser = Callable[..., UserRow]

DEADLINE = 20


@pytest.fixture(scope="module")
def members(servers: System, settings_environment: dict[str, str]) -> Iterator[RpcClient]:
    """A client of a running members service."""
    servers.start("members")
    client = SigningClient()
    yield client
    client.close()
    servers.stop("members")


def test_every_method(members: RpcClient) -> None:
    project_id, email = uuid4(), new_email()
    added = members.call(
        AddMember(project_id=project_id, email=email, role=ProjectRole.LABELER, name="Ada", password=PASSWORD),
        DEADLINE,
    )
    user_id = added.user.id
    signed_in = members.call(Login(email=email, password=PASSWORD, device="test"), DEADLINE)
    assert members.call(ResolveSession(secret=signed_in.secret), DEADLINE) == signed_in.principal
    token = members.call(CreateToken(user_id=user_id, name="laptop"), DEADLINE)
    assert token.secret is not None
    assert members.call(ResolveToken(secret=token.secret), DEADLINE).user.id == user_id
    assert [each.id for each in members.call(ListTokens(user_id=user_id), DEADLINE).items] == [token.id]
    mine = signed_in.principal.session_id
    (listed,) = members.call(ListSessions(user_id=user_id, current=mine), DEADLINE).items
    assert (listed.id, listed.device, listed.current) == (mine, "test", True)
    other = members.call(Login(email=email, password=PASSWORD, address="192.0.2.1"), DEADLINE).principal.session_id
    assert other is not None
    members.call(RevokeSession(user_id=user_id, session_id=other), DEADLINE)
    changed = ChangePassword(
        user_id=user_id, current_password=PASSWORD, new_password="another one", idempotency_key=uuid4().hex
    )
    for _ in range(2):  # sent again, it answers the same, though the password is another now
        members.call(changed, DEADLINE)
    members.call(ChangeMember(project_id=project_id, user_id=user_id, role=ProjectRole.MANAGER), DEADLINE)
    assert members.call(GetRole(project_id=project_id, user_id=user_id), DEADLINE).role is ProjectRole.MANAGER
    assert members.call(ListProjectRoles(user_id=user_id), DEADLINE).roles == {str(project_id): ProjectRole.MANAGER}
    assert [each.user.id for each in members.call(ListMembers(project_id=project_id), DEADLINE).items] == [user_id]
    counted = members.call(CountRoles(project_id=project_id), DEADLINE)
    assert counted.model_copy(update={"owner": 0, "admin": 0}) == RoleCounts(manager=1)
    members.call(RevokeToken(user_id=user_id, token_id=token.id), DEADLINE)
    assert signed_in.principal.session_id is not None
    members.call(Logout(session_id=signed_in.principal.session_id), DEADLINE)
    for ended in (ResolveSession(secret=signed_in.secret), ResolveToken(secret=token.secret)):
        with pytest.raises(Problem, match="unauthenticated"):
            members.call(ended, DEADLINE)
    members.call(RemoveMember(project_id=project_id, user_id=user_id), DEADLINE)
    assert members.call(ListMembers(project_id=project_id), DEADLINE).items == ()


def test_refusals_have_their_codes(members: RpcClient) -> None:
    for request, code in (
        (Login(email=new_email(), password=PASSWORD), "bad_credentials"),
        (Login(email="a\0b@example.com", password=PASSWORD), "validation_failed"),
        (AddMember(project_id=uuid4(), email=new_email(), role=ProjectRole.LABELER), "not_found"),
        (ChangeMember(project_id=uuid4(), user_id=uuid4(), role=ProjectRole.LABELER), "not_found"),
    ):
        with pytest.raises(Problem) as caught:
            members.call(request, DEADLINE)
        assert caught.value.code == code


def test_a_command_sent_again_does_nothing_more_and_keeps_its_secrets(
    members: RpcClient, database: Database, new_user: NewUser
) -> None:
    user, project_id, key = new_user(), uuid4(), uuid4().hex
    make = CreateToken(user_id=user.id, name="laptop", idempotency_key=key)
    first, again = (members.call(make, DEADLINE) for _ in range(2))
    assert first.secret is not None
    assert again == first.model_copy(update={"secret": None})
    with pytest.raises(Problem, match="idempotency_mismatch"):
        members.call(CreateToken(user_id=user.id, name="desktop", idempotency_key=key), DEADLINE)
    add = AddMember(
        project_id=project_id,
        email=new_email(),
        role=ProjectRole.LABELER,
        name="Ada",
        password=PASSWORD,
        idempotency_key=key,
    )
    assert members.call(add, DEADLINE) == members.call(add, DEADLINE)
    with pytest.raises(Problem, match="idempotency_mismatch"):
        members.call(add.model_copy(update={"role": ProjectRole.MANAGER}), DEADLINE)
    with database.session() as session:
        kept = session.scalars(sa.select(idempotency_keys.c.answer).where(idempotency_keys.c.key == key)).all()
    assert len(kept) == 2
    assert first.secret not in str(kept)


def test_a_storm_of_sign_ins_leaves_those_alone_who_are_signed_in(members: RpcClient, new_user: NewUser) -> None:
    user = new_user()
    secret = members.call(Login(email=user.email, password=PASSWORD), DEADLINE).secret
    outcomes: Counter[str] = Counter()

    def sign_in(_: int) -> None:
        try:
            members.call(Login(email=new_email(), password="wrong password"), DEADLINE)
        except Problem as problem:
            outcomes[problem.code] += 1

    with ThreadPoolExecutor(60) as pool:
        storm = pool.map(sign_in, range(300))
        answered = 0
        while sum(outcomes.values()) < 300:
            assert members.call(ResolveSession(secret=secret), 30).user.id == user.id
            answered += 1
            time.sleep(0.01)
        list(storm)
    assert answered > 0
    assert set(outcomes) == {"bad_credentials", "busy"}
