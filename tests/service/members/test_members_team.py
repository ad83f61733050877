"""The team's users: searched, given roles, deactivated; there is an owner left, whoever does what at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from chassis.database import Database
from contracts.enums import UserState
from contracts.errors import Problem
from contracts.events import PrincipalChanged
from contracts.permissions import ProjectRole, TeamRole
from contracts.rpc.members import (
    AddMember,
    ChangeMember,
    ChangeUser,
    DeactivateUser,
    ListMembers,
    ListUsers,
    ReactivateUser,
    RemoveMember,
    RoleCounts,
    TeamUser,
    User,
)
from services.members import domain
from services.members.handlers import memberships, sessions, team, tokens
from services.members.handlers.users import create_user
from services.members.models import TeamRoleCounts, UserRow
from services.members.passwords import Passwords
from tests.service.members.support import CHEAP, PASSWORD, new_email
from tests.service.support import waiting_events

OWNER, ADMIN, MEMBER = TeamRole.OWNER, TeamRole.ADMIN, TeamRole.MEMBER
NewUser = Callable[..., UserRow]


def change(database: Database, user_id: UUID, role: TeamRole, actor: UUID) -> User:
    with database.session() as session:
        return team.change_user(session, ChangeUser(user_id=user_id, team_role=role, actor=actor))


def deactivate(database: Database, user_id: UUID, actor: UUID) -> User:
    with database.session() as session:
        return team.deactivate(session, DeactivateUser(user_id=user_id, actor=actor))


def reactivate(database: Database, user_id: UUID, actor: UUID) -> User:
    with database.session() as session:
        return team.reactivate(session, ReactivateUser(user_id=user_id, actor=actor))


def made(database: Database, team_role: TeamRole) -> UserRow:
    with database.session() as session:
        return create_user(session, new_email(), "Somebody", CHEAP.hash(PASSWORD), team_role)


def counts(database: Database) -> tuple[int, int]:
    with database.session() as session:
        row = session.scalars(sa.select(TeamRoleCounts)).one()
        return row.owner, row.admin


def test_roles_in_the_team_and_their_counters(empty_database: Database) -> None:
    owner, other = made(empty_database, OWNER), made(empty_database, MEMBER)
    assert change(empty_database, other.id, ADMIN, owner.id).team_role is ADMIN
    assert counts(empty_database) == (1, 1)
    assert change(empty_database, other.id, OWNER, owner.id).version == 3
    assert change(empty_database, other.id, OWNER, owner.id).version == 3
    assert counts(empty_database) == (2, 0)
    assert change(empty_database, owner.id, MEMBER, owner.id).team_role is MEMBER
    assert counts(empty_database) == (1, 0)
    with empty_database.session() as session:
        told = waiting_events(session, PrincipalChanged, user_id=other.id)
    assert [(event.team_role, event.actor) for event in told] == [(MEMBER, None), (ADMIN, owner.id), (OWNER, owner.id)]
    with pytest.raises(Problem, match="forbidden"):
        change(empty_database, other.id, MEMBER, owner.id)
    with pytest.raises(Problem, match="not_found"):
        change(empty_database, uuid4(), MEMBER, other.id)


def test_the_last_owner_stays(empty_database: Database) -> None:
    owner, admin = made(empty_database, OWNER), made(empty_database, ADMIN)
    for attempt in (
        lambda: change(empty_database, owner.id, ADMIN, owner.id),
        lambda: change(empty_database, owner.id, MEMBER, owner.id),
        lambda: deactivate(empty_database, owner.id, owner.id),
    ):
        with pytest.raises(Problem, match="last_owner"):
            attempt()
    for attempt in (
        lambda: change(empty_database, owner.id, ADMIN, admin.id),
        lambda: change(empty_database, admin.id, OWNER, admin.id),
        lambda: deactivate(empty_database, owner.id, admin.id),
    ):
        with pytest.raises(Problem, match="forbidden"):
            attempt()
    assert counts(empty_database) == (1, 1)


@pytest.mark.parametrize("way", ["demote", "deactivate"])
def test_of_two_owners_who_unmake_each_other_at_once_one_stays(empty_database: Database, way: str) -> None:
    for _ in range(10):
        pair = [made(empty_database, OWNER) for _ in range(2)]
        with empty_database.session() as session:  # whoever was left of the pair before
            others = UserRow.id.not_in([each.id for each in pair])
            session.execute(sa.update(UserRow).where(others).values(team_role=MEMBER))
            session.execute(sa.update(TeamRoleCounts).values(owner=2))
        start = Barrier(2)

        def unmake(victim: UUID, actor: UUID, start: Barrier = start) -> str:
            start.wait()
            try:
                if way == "demote":
                    change(empty_database, victim, MEMBER, actor)
                else:
                    deactivate(empty_database, victim, actor)
            except Problem as problem:
                return problem.code
            return "done"

        with ThreadPoolExecutor(2) as threads:
            both = threads.map(unmake, [pair[1].id, pair[0].id], [pair[0].id, pair[1].id])
            outcomes = sorted(both)
        assert outcomes in (["done", "forbidden"], ["done", "last_owner"])
        assert counts(empty_database)[0] == 1
        with empty_database.session() as session:
            mine = sa.select(sa.func.count()).where(UserRow.team_role == OWNER, UserRow.state == UserState.ACTIVE)
            assert session.scalar(mine) == 1


def test_a_deactivated_user_is_out_at_once_and_comes_back_with_their_roles(
    database: Database, new_user: NewUser, passwords: Passwords
) -> None:
    owner, user, project_id = new_user(OWNER), new_user(), uuid4()
    with database.session() as session:
        request = AddMember(project_id=project_id, email=user.email, role=ProjectRole.LABELER)
        memberships.add_member(session, request, None)
        token = tokens.create_token(session, user.id, "mine").secret
    signed_in = sessions.login(database, passwords, user.email, PASSWORD)
    assert token is not None

    assert deactivate(database, user.id, owner.id).state is UserState.DELETED
    again = deactivate(database, user.id, owner.id)
    with database.session() as session:
        with pytest.raises(Problem, match="unauthenticated"):
            sessions.resolve_session(session, signed_in.secret)
        with pytest.raises(Problem, match="unauthenticated"):
            tokens.resolve_token(session, token)
        assert memberships.count_roles(session, project_id).labeler == 0
        assert memberships.list_members(session, ListMembers(project_id=project_id)).items == ()
        event = waiting_events(session, PrincipalChanged, user_id=user.id)[-1]
    assert (event.version, event.state, event.actor) == (again.version, UserState.DELETED, owner.id)
    assert event.revoked_sessions == (signed_in.principal.session_id,) and len(event.revoked_tokens) == 1
    with pytest.raises(Problem, match="bad_credentials"):
        sessions.login(database, passwords, user.email, PASSWORD)
    with database.session() as session:  # nothing can be done with them meanwhile but removing them
        for attempt in (
            lambda: memberships.add_member(session, request, None),
            lambda: memberships.change_member(
                session, ChangeMember(project_id=project_id, user_id=user.id, role=ProjectRole.REVIEWER)
            ),
        ):
            with pytest.raises(Problem, match="not_found"):
                attempt()

    assert reactivate(database, user.id, owner.id).state is UserState.ACTIVE
    assert reactivate(database, user.id, owner.id).version == event.version + 1
    sessions.login(database, passwords, user.email, PASSWORD)
    with database.session() as session:
        assert memberships.count_roles(session, project_id).labeler == 1
        [member] = memberships.list_members(session, ListMembers(project_id=project_id)).items
        assert member.user.id == user.id
        with pytest.raises(Problem, match="unauthenticated"):
            tokens.resolve_token(session, token)


def test_a_membership_that_ends_while_its_user_is_deactivated_is_counted_once(
    database: Database, new_user: NewUser
) -> None:
    owner, user, project_id = new_user(OWNER), new_user(), uuid4()
    with database.session() as session:
        request = AddMember(project_id=project_id, email=user.email, role=ProjectRole.REVIEWER, actor=owner.id)
        memberships.add_member(session, request, None)
    deactivate(database, user.id, owner.id)
    with database.session() as session:
        memberships.remove_member(session, RemoveMember(project_id=project_id, user_id=user.id, actor=owner.id))
    reactivate(database, user.id, owner.id)
    with database.session() as session:
        assert memberships.count_roles(session, project_id).reviewer == 0


def test_counters_hold_while_users_come_and_go_and_roles_change(database: Database, new_user: NewUser) -> None:
    owner, project_id = new_user(OWNER), uuid4()
    users = [new_user() for _ in range(4)]

    def work(number: int) -> None:
        user = users[number % len(users)]
        for step in range(12):
            with database.session() as session:
                match (number + step) % 4:
                    case 0:
                        team.deactivate(session, DeactivateUser(user_id=user.id, actor=owner.id))
                    case 1:
                        team.reactivate(session, ReactivateUser(user_id=user.id, actor=owner.id))
                    case 2:
                        memberships.remove_member(session, RemoveMember(project_id=project_id, user_id=user.id))
                    case _:
                        role = list(ProjectRole)[step % 3]
                        try:
                            request = AddMember(project_id=project_id, email=user.email, role=role)
                            memberships.add_member(session, request, None)
                        except Problem as problem:
                            assert problem.code == "not_found"

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(8)))
    with database.session() as session:
        listed = memberships.list_members(session, ListMembers(project_id=project_id, limit=200)).items
        by_role = {role.value: sum(each.role is role for each in listed) for role in ProjectRole}
        told = memberships.count_roles(session, project_id).model_dump(include=set(by_role))
    assert RoleCounts(**told) == RoleCounts(**by_role)


def test_only_those_whom_the_table_lets_give_roles(database: Database, new_user: NewUser) -> None:
    here, elsewhere = uuid4(), uuid4()
    manager, reviewer, admin, user = new_user(), new_user(), new_user(ADMIN), new_user()
    with database.session() as session:
        for email, role in ((manager.email, ProjectRole.MANAGER), (reviewer.email, ProjectRole.REVIEWER)):
            memberships.add_member(session, AddMember(project_id=here, email=email, role=role, actor=admin.id), None)

    def add(project_id: UUID, actor: UUID) -> None:
        with database.session() as session:
            request = AddMember(project_id=project_id, email=user.email, role=ProjectRole.LABELER, actor=actor)
            memberships.add_member(session, request, None)

    for project_id, actor in ((elsewhere, manager.id), (here, reviewer.id), (here, user.id), (here, uuid4())):
        with pytest.raises(Problem, match="forbidden"):
            add(project_id, actor)
    add(here, manager.id)
    add(elsewhere, admin.id)
    with pytest.raises(Problem, match="forbidden"), database.session() as session:
        memberships.remove_member(session, RemoveMember(project_id=here, user_id=user.id, actor=reviewer.id))


def found(database: Database, **which: object) -> list[TeamUser]:
    users: list[TeamUser] = []
    cursor = None
    with database.session() as session:
        while True:
            page = team.list_users(session, ListUsers.model_validate({**which, "cursor": cursor, "limit": 2}))
            users += page.items
            cursor = page.next
            if cursor is None:
                return users


def test_users_are_found_by_any_part_of_name_or_address(database: Database, new_user: NewUser) -> None:
    mark = uuid4().hex[:12]
    ann = new_user(ADMIN, email=f"Ann_{mark}@Example.com")
    bob = new_user(email=f"bob%{mark}@example.com")
    owner = new_user(OWNER)
    assert [user.id for user in found(database, search=mark.upper())] == [ann.id, bob.id]
    assert [user.id for user in found(database, search=f"_{mark[:4]}")] == [ann.id]
    assert [user.id for user in found(database, search=f"%{mark}")] == [bob.id]
    assert [user.id for user in found(database, search=mark, team_role=ADMIN)] == [ann.id]
    deactivate(database, bob.id, owner.id)
    assert [user.id for user in found(database, search=mark, state="active")] == [ann.id]
    assert [user.id for user in found(database, search=mark, state="deleted")] == [bob.id]
    assert found(database, search=f"{mark}\\") == []


def test_members_are_found_likewise(database: Database, new_user: NewUser) -> None:
    mark, project_id = uuid4().hex[:12], uuid4()
    users = [new_user(email=f"{name}.{mark}@example.com") for name in ("ann", "bob", "cem")]
    for user in users:
        with database.session() as session:
            request = AddMember(project_id=project_id, email=user.email, role=ProjectRole.LABELER)
            memberships.add_member(session, request, None)
    with database.session() as session:
        for text, expected in (("BOB", [users[1].id]), (mark, [user.id for user in users]), ("zoë", [])):
            page = memberships.list_members(session, ListMembers(project_id=project_id, search=text))
            assert [member.user.id for member in page.items] == expected


def test_the_search_has_an_index(database: Database) -> None:
    with database.session() as session:
        session.execute(sa.text("SET LOCAL enable_seqscan = off"))
        query = sa.select(UserRow.id).where(team.found_by("needle"))
        compiled = query.compile(session.get_bind(), compile_kwargs={"literal_binds": True})
        plan = session.scalars(sa.text(f"EXPLAIN {str(compiled).replace('%%', '%')}")).all()
    assert any("users_search" in line for line in plan), plan


def test_last_activity_is_written_once_in_a_quarter_hour(
    database: Database, new_user: NewUser, passwords: Passwords
) -> None:
    user = new_user()
    secret = sessions.login(database, passwords, user.email, PASSWORD).secret

    def active() -> UserRow:
        with database.session() as session:
            sessions.resolve_session(session, secret)
        with database.session() as session:
            return session.get_one(UserRow, user.id)

    first = active().last_active_at
    assert first is not None and active().last_active_at == first
    with database.session() as session:
        long_ago = first - domain.ACTIVITY_STEP
        session.execute(sa.update(UserRow).where(UserRow.id == user.id).values(last_active_at=long_ago))
    latest = active().last_active_at
    assert latest is not None and latest >= first
