"""Who is what in which project, and how many of each role there are."""

import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import pytest

from chassis.database import Database
from contracts.enums import UserState
from contracts.errors import Problem
from contracts.events import MembershipChanged, ProjectDeleted
from contracts.permissions import ProjectRole, TeamRole
from contracts.rpc.members import AddMember, ChangeMember, ListMembers, Member, RemoveMember, RoleAnswer, RoleCounts
from services.members.handlers import memberships
from services.members.handlers.users import create_user, find_by_email
from services.members.models import UserRow
from services.members.passwords import Passwords
from tests.service.members.support import CHEAP, new_email
from tests.service.support import waiting_events

NewUser = Callable[..., UserRow]
LABELER, REVIEWER, MANAGER = ProjectRole.LABELER, ProjectRole.REVIEWER, ProjectRole.MANAGER


def add(database: Database, project_id: UUID, email: str, role: ProjectRole) -> Member:
    with database.session() as session:
        return memberships.add_member(session, AddMember(project_id=project_id, email=email, role=role), None)


def counts(database: Database, project_id: UUID) -> RoleCounts:
    with database.session() as session:
        return memberships.count_roles(session, project_id)


def members(database: Database, project_id: UUID, role: ProjectRole | None = None, limit: int = 200) -> list[Member]:
    """All members, page by page."""
    found: list[Member] = []
    cursor = None
    with database.session() as session:
        while True:
            page = memberships.list_members(
                session, ListMembers(project_id=project_id, role=role, cursor=cursor, limit=limit)
            )
            found += page.items
            cursor = page.next
            if cursor is None:
                return found


def test_a_membership_and_its_events(database: Database, new_user: NewUser) -> None:
    user, project_id = new_user(), uuid4()
    with database.session() as session:
        assert memberships.get_role(session, project_id, user.id) == RoleAnswer(
            role=None, version=0, state=UserState.ACTIVE, team_role=TeamRole.MEMBER
        )
        assert memberships.get_role(session, project_id, uuid4()) == RoleAnswer(role=None)
    first = add(database, project_id, user.email.upper(), LABELER)
    assert (first.user.id, first.role, first.version) == (user.id, LABELER, 1)
    assert add(database, project_id, user.email, LABELER) == first
    with database.session() as session:
        changed = memberships.change_member(session, ChangeMember(project_id=project_id, user_id=user.id, role=MANAGER))
        assert (changed.role, changed.version, changed.since) == (MANAGER, 2, first.since)
        assert memberships.list_project_roles(session, user.id).roles == {str(project_id): MANAGER}
        memberships.remove_member(session, RemoveMember(project_id=project_id, user_id=user.id))
        memberships.remove_member(session, RemoveMember(project_id=project_id, user_id=user.id))
        memberships.remove_member(session, RemoveMember(project_id=project_id, user_id=uuid4()))
        answer = memberships.get_role(session, project_id, user.id)
        assert (answer.role, answer.version) == (None, 3)
        assert memberships.list_project_roles(session, user.id).roles == {}
    again = add(database, project_id, user.email, REVIEWER)
    assert again.version == 4
    assert again.since > first.since
    with database.session() as session:
        told = waiting_events(session, MembershipChanged, project_id=project_id)
    assert [(data.user_id, data.version, data.role) for data in told] == [
        (user.id, 1, LABELER),
        (user.id, 2, MANAGER),
        (user.id, 3, None),
        (user.id, 4, REVIEWER),
    ]


def test_changing_somebody_who_is_no_member(database: Database, new_user: NewUser) -> None:
    user, project_id = new_user(), uuid4()
    add(database, uuid4(), user.email, LABELER)
    for user_id in (user.id, uuid4()):
        with pytest.raises(Problem, match="not_found"), database.session() as session:
            memberships.change_member(session, ChangeMember(project_id=project_id, user_id=user_id, role=MANAGER))
    add(database, project_id, user.email, LABELER)
    with database.session() as session:
        memberships.remove_member(session, RemoveMember(project_id=project_id, user_id=user.id))
    with pytest.raises(Problem, match="not_found"), database.session() as session:
        memberships.change_member(session, ChangeMember(project_id=project_id, user_id=user.id, role=MANAGER))


def test_adding_somebody_unknown_needs_name_and_password(database: Database, passwords: Passwords) -> None:
    project_id, email = uuid4(), new_email()
    for name, password in ((None, None), ("Ada", None), (None, "12345678")):
        request = AddMember(project_id=project_id, email=email, role=LABELER, name=name, password=password)
        assert memberships.password_hash_for_new_user(database, passwords, request) is None
        with pytest.raises(Problem, match="not_found"), database.session() as session:
            memberships.add_member(session, request, None)
    request = AddMember(project_id=project_id, email=email, role=LABELER, name="Ada", password="12345678")
    password_hash = memberships.password_hash_for_new_user(database, passwords, request)
    with database.session() as session:
        member = memberships.add_member(session, request, password_hash)
    assert (member.user.name, member.user.email, member.user.team_role) == ("Ada", email, TeamRole.MEMBER)
    # a known user keeps their password, whatever else is sent
    assert memberships.password_hash_for_new_user(database, passwords, request) is None


def test_members_are_listed_in_pages_and_by_role(database: Database, new_user: NewUser) -> None:
    project_id = uuid4()
    roles = [LABELER, MANAGER, LABELER, REVIEWER, LABELER, LABELER, REVIEWER]
    added = [add(database, project_id, new_user().email, role) for role in roles]
    add(database, uuid4(), new_user().email, LABELER)
    by_user = sorted(added, key=lambda member: member.user.id)
    assert members(database, project_id, limit=2) == by_user
    assert members(database, project_id, LABELER, limit=3) == [each for each in by_user if each.role is LABELER]
    with pytest.raises(Problem, match="bad_cursor"), database.session() as session:
        memberships.list_members(session, ListMembers(project_id=project_id, cursor="nonsense"))


def test_members_of_a_deleted_project_stay(database: Database, new_user: NewUser) -> None:
    user, project_id = new_user(), uuid4()
    added = add(database, project_id, user.email, LABELER)
    with database.session() as session:
        memberships.project_deleted(session, ProjectDeleted(project_id=project_id, version=5))
    assert members(database, project_id) == [added]


def test_owners_and_admins_are_counted_for_every_project(database: Database, new_user: NewUser) -> None:
    before = counts(database, uuid4())
    for role in (TeamRole.OWNER, TeamRole.ADMIN, TeamRole.ADMIN, TeamRole.MEMBER):
        new_user(role)
    after = counts(database, uuid4())
    assert (after.owner - before.owner, after.admin - before.admin) == (1, 2)
    assert (after.manager, after.reviewer, after.labeler) == (0, 0, 0)


def test_of_twenty_users_with_one_address_one_is_made(database: Database) -> None:
    email = new_email()

    def create(number: int) -> str:
        try:
            with database.session() as session:
                create_user(session, email if number % 2 else email.upper(), f"User {number}", "hash")
            return "made"
        except Problem as problem:
            return problem.code

    with ThreadPoolExecutor(20) as pool:
        outcomes = Counter(pool.map(create, range(20)))
    assert outcomes == {"made": 1, "email_taken": 19}


def test_of_twenty_who_add_the_same_new_user_all_succeed_with_one_user(database: Database) -> None:
    project_id, email = uuid4(), new_email()
    request = AddMember(project_id=project_id, email=email, role=LABELER, name="Ada", password="12345678")

    def join(_: int) -> Member:
        with database.session() as session:
            return memberships.add_member(session, request, CHEAP.hash("12345678"))

    with ThreadPoolExecutor(20) as pool:
        joined = list(pool.map(join, range(20)))
    assert len({member.user.id for member in joined}) == 1
    assert {member.version for member in joined} == {1}
    assert counts(database, project_id).labeler == 1


def test_counters_equal_the_truth_after_random_changes_at_once(database: Database, new_user: NewUser) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    projects = [uuid4() for _ in range(3)]
    users = [new_user() for _ in range(8)]

    def change(number: int) -> None:
        chance = random.Random(seed + number)
        for _ in range(40):
            project_id, user = chance.choice(projects), chance.choice(users)
            role = chance.choice([None, *ProjectRole])
            try:
                with database.session() as session:
                    if role is None:
                        memberships.remove_member(session, RemoveMember(project_id=project_id, user_id=user.id))
                    elif chance.random() < 0.5:
                        memberships.change_member(
                            session, ChangeMember(project_id=project_id, user_id=user.id, role=role)
                        )
                    else:
                        request = AddMember(project_id=project_id, email=user.email, role=role)
                        memberships.add_member(session, request, None)
            except Problem as problem:
                assert problem.code == "not_found"

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(change, range(20)))
    for project_id in projects:
        present = members(database, project_id)
        truth = Counter(member.role.value for member in present)
        counted = counts(database, project_id)
        assert {role.value: getattr(counted, role.value) for role in ProjectRole} == {
            role.value: truth[role.value] for role in ProjectRole
        }
        with database.session() as session:
            told = waiting_events(session, MembershipChanged, project_id=project_id)
        newest: dict[UUID, MembershipChanged] = {}
        for data in told:
            if data.user_id not in newest or data.version > newest[data.user_id].version:
                newest[data.user_id] = data
        assert {user_id: data.role for user_id, data in newest.items() if data.role} == {
            member.user.id: member.role for member in present
        }
        for user_id, data in newest.items():  # every version was told, once
            assert sorted(each.version for each in told if each.user_id == user_id) == list(range(1, data.version + 1))


def test_a_user_is_found_whatever_the_case(database: Database, new_user: NewUser) -> None:
    user = new_user(email=f"Ada.{uuid4().hex}@Example.com")
    with database.session() as session:
        found = find_by_email(session, user.email.upper())
    assert found is not None
    assert (found.id, found.email) == (user.id, user.email)
