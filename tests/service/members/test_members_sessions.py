"""Signing in and out, and whom a cookie stands for."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from uuid import uuid4

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher

from chassis.database import Database
from chassis.settings import settings
from contracts.body import Specification
from contracts.enums import UserState, Visibility
from contracts.errors import Problem
from contracts.events import PrincipalChanged, ProjectDeleted, ProjectRestored
from contracts.permissions import ProjectRole, TeamRole
from contracts.rpc.members import AddMember, ChangePassword, Session
from services.members import domain
from services.members.handlers import memberships, sessions
from services.members.models import SessionRow, UserRow
from services.members.passwords import Passwords
from tests.service.members.support import CHEAP, PASSWORD, new_email
from tests.service.support import waiting_events

NewUser = Callable[..., UserRow]


def resolve(database: Database, secret: str) -> sessions.Principal:
    with database.session() as session:
        return sessions.resolve_session(session, secret)


def end_of_use(database: Database, signed_in: Session, ago: timedelta) -> None:
    """Make a session look as if it was last used so long ago."""
    used_at = datetime.now(UTC) - ago
    with database.session() as session:
        session.execute(
            sa.update(SessionRow)
            .where(SessionRow.id == signed_in.principal.session_id)
            .values(last_used_at=used_at, expires_at=domain.session_end(used_at))
        )


def test_sign_in_and_be_known(database: Database, passwords: Passwords, new_user: NewUser) -> None:
    user = new_user(TeamRole.ADMIN)
    signed_in = sessions.login(database, passwords, user.email.upper(), PASSWORD, "a browser")
    principal = resolve(database, signed_in.secret)
    assert principal == signed_in.principal
    assert principal.user.id == user.id
    assert principal.user.team_role is TeamRole.ADMIN
    assert principal.token_id is None
    assert principal.csrf_token
    assert principal.expires_at is not None
    assert timedelta(days=13, hours=23) < principal.expires_at - datetime.now(UTC) <= timedelta(days=14)


def test_only_a_hash_of_the_secret_is_stored(database: Database, passwords: Passwords, new_user: NewUser) -> None:
    signed_in = sessions.login(database, passwords, new_user().email, PASSWORD, "")
    with database.session() as session:
        row = session.get_one(SessionRow, signed_in.principal.session_id)
    assert row.secret_hash == domain.hash_secret(signed_in.secret)
    assert signed_in.secret not in str(vars(row))


def test_a_wrong_password_and_an_unknown_address_are_refused_alike(
    database: Database, passwords: Passwords, new_user: NewUser
) -> None:
    said = set()
    for email, password in ((new_user().email, "wrong"), (new_email(), PASSWORD), ("no address", PASSWORD)):
        with pytest.raises(Problem) as caught:
            sessions.login(database, passwords, email, password, "")
        said.add((caught.value.code, caught.value.detail))
    assert said == {("bad_credentials", "")}


def test_a_deleted_user_cannot_sign_in_nor_go_on(database: Database, passwords: Passwords, new_user: NewUser) -> None:
    user = new_user()
    signed_in = sessions.login(database, passwords, user.email, PASSWORD, "")
    with database.session() as session:
        session.execute(sa.update(UserRow).where(UserRow.id == user.id).values(state=UserState.DELETED))
    with pytest.raises(Problem, match="bad_credentials"):
        sessions.login(database, passwords, user.email, PASSWORD, "")
    with pytest.raises(Problem, match="unauthenticated"):
        resolve(database, signed_in.secret)


def test_a_password_of_old_parameters_is_hashed_anew(
    database: Database, passwords: Passwords, new_user: NewUser
) -> None:
    user = new_user()
    newer = Passwords(hasher=PasswordHasher(time_cost=2, memory_cost=16, parallelism=1), at_once=1, waiting=1)
    sessions.login(database, newer, user.email, PASSWORD, "")
    with database.session() as session:
        stored = session.get_one(UserRow, user.id).password_hash
    assert CHEAP.check_needs_rehash(stored)
    assert not newer.outdated(stored)
    sessions.login(database, newer, user.email, PASSWORD, "")


def test_no_connection_is_held_while_a_password_is_checked(
    settings_environment: dict[str, str], new_user: NewUser
) -> None:
    one_connection = Database(settings().dsn("members"), pool=1)

    class Watching(Passwords):
        def matches(self, stored: str | None, password: str) -> bool:
            with one_connection.session() as session:  # would wait for ever if ours were still out
                session.execute(sa.select(1))
            return super().matches(stored, password)

    sessions.login(one_connection, Watching(hasher=CHEAP), new_user().email, PASSWORD, "")
    one_connection.close()


class Meeting(Passwords):
    """Checks passwords, and lets something else happen before it says what it found: `meanwhile`, the first time."""

    def __init__(self, meanwhile: Callable[[], object], hasher: PasswordHasher = CHEAP) -> None:
        super().__init__(hasher=hasher, at_once=4, waiting=100)
        self._meanwhile = [meanwhile]

    def matches(self, stored: str | None, password: str) -> bool:
        found = super().matches(stored, password)
        if self._meanwhile:
            self._meanwhile.pop()()
        return found


def test_an_old_password_does_not_outlive_its_change(
    database: Database, passwords: Passwords, new_user: NewUser
) -> None:
    """Whoever signs in with it is checking it when it changes."""
    user = new_user()
    checked, changed = Barrier(2, timeout=30), Barrier(2, timeout=30)
    request = ChangePassword(
        user_id=user.id, current_password=PASSWORD, new_password="another horse", end_other_sessions=True
    )

    def change() -> None:
        checked.wait()
        with sessions.password_change(database, passwords, request) as work, database.session() as session:
            work(session)
        changed.wait()

    def meanwhile() -> None:
        checked.wait()
        changed.wait()

    with ThreadPoolExecutor(1) as other:
        changing = other.submit(change)
        with pytest.raises(Problem, match="bad_credentials"):
            sessions.login(database, Meeting(meanwhile), user.email, PASSWORD, "")
        changing.result()
    with database.session() as session:
        assert session.scalar(sa.select(sa.func.count()).where(SessionRow.user_id == user.id)) == 0


def test_who_is_deleted_while_they_sign_in_gets_no_session(database: Database, new_user: NewUser) -> None:
    user = new_user()

    def delete() -> None:
        with database.session() as session:
            session.execute(sa.update(UserRow).where(UserRow.id == user.id).values(state=UserState.DELETED))

    with pytest.raises(Problem, match="bad_credentials"):
        sessions.login(database, Meeting(delete), user.email, PASSWORD, "")


def test_two_who_sign_in_while_the_password_is_hashed_anew_both_get_in(database: Database, new_user: NewUser) -> None:
    """The first one's new hash is of the same password."""
    user = new_user()
    newer = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)

    def first() -> None:
        sessions.login(database, Passwords(hasher=newer), user.email, PASSWORD, "")

    second = sessions.login(database, Meeting(first, newer), user.email, PASSWORD, "")
    assert resolve(database, second.secret).user.id == user.id


def test_signing_out_ends_the_session_and_says_so_once(
    database: Database, passwords: Passwords, new_user: NewUser
) -> None:
    user = new_user()
    first, second = (sessions.login(database, passwords, user.email, PASSWORD, "") for _ in range(2))
    ended = first.principal.session_id
    assert ended is not None
    with database.session() as session:
        sessions.logout(session, ended)
        sessions.logout(session, ended)
        told = waiting_events(session, PrincipalChanged, user_id=user.id)
    assert [(data.version, data.revoked_sessions) for data in told] == [(1, ()), (2, (ended,))]
    with pytest.raises(Problem, match="unauthenticated"):
        resolve(database, first.secret)
    assert resolve(database, second.secret).user.version == 2


def test_an_unknown_secret_is_nobody(database: Database) -> None:
    with pytest.raises(Problem, match="unauthenticated"):
        resolve(database, domain.new_secret())


def test_a_session_lives_as_long_as_it_is_used(database: Database, passwords: Passwords, new_user: NewUser) -> None:
    signed_in = sessions.login(database, passwords, new_user().email, PASSWORD, "")
    end_of_use(database, signed_in, timedelta(days=13))
    resolve(database, signed_in.secret)
    again = resolve(database, signed_in.secret)
    assert again.expires_at is not None
    assert again.expires_at - datetime.now(UTC) > timedelta(days=13, hours=23)
    end_of_use(database, signed_in, timedelta(days=14))
    with pytest.raises(Problem, match="unauthenticated"):
        resolve(database, signed_in.secret)


def test_reading_a_session_does_not_write_each_time(
    database: Database, passwords: Passwords, new_user: NewUser
) -> None:
    signed_in = sessions.login(database, passwords, new_user().email, PASSWORD, "")

    def stored_version() -> object:
        with database.session() as session:
            xmin = sa.literal_column("xmin::text::bigint")
            return session.scalar(sa.select(xmin).where(SessionRow.id == signed_in.principal.session_id))

    before = stored_version()
    for _ in range(5):
        resolve(database, signed_in.secret)
    assert stored_version() == before
    end_of_use(database, signed_in, timedelta(hours=2))
    before = stored_version()
    resolve(database, signed_in.secret)
    written = stored_version()
    assert written != before
    resolve(database, signed_in.secret)
    assert stored_version() == written


def test_ended_sessions_are_swept_at_the_next_sign_in(
    database: Database, passwords: Passwords, new_user: NewUser
) -> None:
    user = new_user()
    old = sessions.login(database, passwords, user.email, PASSWORD, "")
    end_of_use(database, old, timedelta(days=15))
    sessions.login(database, passwords, user.email, PASSWORD, "")
    with database.session() as session:
        assert session.get(SessionRow, old.principal.session_id) is None


def test_a_principal_knows_whether_they_manage_anything(
    database: Database, passwords: Passwords, new_user: NewUser
) -> None:
    user, project_id = new_user(), uuid4()
    signed_in = sessions.login(database, passwords, user.email, PASSWORD, "")
    assert not signed_in.principal.manages_any_project
    for role, manages in ((ProjectRole.REVIEWER, False), (ProjectRole.MANAGER, True)):
        with database.session() as session:
            memberships.add_member(session, AddMember(project_id=project_id, email=user.email, role=role), None)
        assert resolve(database, signed_in.secret).manages_any_project is manages
    assert sessions.login(database, passwords, user.email, PASSWORD, "").principal.manages_any_project
    project = {"project_id": project_id, "name": "p", "data_type": "image", "visibility": Visibility.PRIVATE}
    for version, is_back in ((2, False), (5, True), (4, False), (6, False)):
        with database.session() as session:
            if is_back:
                restored = ProjectRestored(**project, version=version, specification=Specification(), spec_version=1)
                memberships.project_restored(session, restored)
            else:
                memberships.project_deleted(session, ProjectDeleted(project_id=project_id, version=version))
        assert resolve(database, signed_in.secret).manages_any_project is (version in (4, 5)), "4 came late"
