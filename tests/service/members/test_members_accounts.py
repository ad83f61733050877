"""Sessions of one's own, the password, and what slows the guessing of it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from chassis.database import Database
from contracts.enums import UserState
from contracts.errors import Problem
from contracts.events import PrincipalChanged
from contracts.rpc.members import ChangePassword, Session, SessionEntry
from services.members import domain
from services.members.handlers import sessions
from services.members.models import GuardRow, KnownDeviceRow, UserRow
from services.members.passwords import Passwords
from tests.service.members.support import PASSWORD, new_email
from tests.service.support import waiting_events

NewUser = Callable[..., UserRow]
SignIn = Callable[..., Session]


@pytest.fixture
def sign_in(database: Database, passwords: Passwords) -> SignIn:
    """Signs in, with PASSWORD unless told otherwise."""

    def attempt(email: str, password: str = PASSWORD, **how: str | None) -> Session:
        return sessions.login(database, passwords, email, password, **how)

    return attempt


def new_address() -> str:
    """A network address that nobody has used: in a /64 of its own."""
    network = uuid4().int % 2**64
    return ":".join(f"{network >> shift & 0xFFFF:x}" for shift in (48, 32, 16, 0)) + "::1"


def refused(attempt: Callable[[], object]) -> Problem:
    with pytest.raises(Problem) as caught:
        attempt()
    return caught.value


def wrong_until_held_up(sign_in: SignIn, email: str, **how: str | None) -> tuple[int, Problem]:
    """How many wrong passwords were looked at, and what came then."""
    for number in range(200):
        problem = refused(lambda: sign_in(email, "wrong", **how))
        if problem.code != "bad_credentials":
            return number, problem
    raise AssertionError("never held up")


def listed(database: Database, user_id: UUID, current: UUID | None = None, limit: int = 50) -> list[SessionEntry]:
    """All sessions of a user, page by page."""
    found: list[SessionEntry] = []
    cursor = None
    with database.session() as session:
        while True:
            page = sessions.list_sessions(session, user_id, current, cursor, limit)
            found += page.items
            cursor = page.next
            if cursor is None:
                return found


def known(database: Database, user_id: UUID) -> int:
    """How many devices of a user are known."""
    with database.session() as session:
        return len(session.scalars(sa.select(KnownDeviceRow).where(KnownDeviceRow.user_id == user_id)).all())


def is_signed_in(database: Database, signed_in: Session) -> bool:
    try:
        with database.session() as session:
            sessions.resolve_session(session, signed_in.secret)
    except Problem:
        return False
    return True


# --- Sessions ---------------------------------------------------------------------------------------


def test_sessions_are_listed_newest_first(database: Database, new_user: NewUser, sign_in: SignIn) -> None:
    user = new_user()
    made = [sign_in(user.email, device=f"browser {number}").principal for number in range(5)]
    sign_in(new_user().email)
    entries = listed(database, user.id, current=made[2].session_id, limit=2)
    assert [entry.id for entry in entries] == [each.session_id for each in reversed(made)]
    assert [entry.device for entry in entries] == [f"browser {number}" for number in (4, 3, 2, 1, 0)]
    assert [entry.current for entry in entries] == [False, False, True, False, False]
    assert all(entry.created_at <= entry.last_used_at < entry.expires_at for entry in entries)


def test_a_session_that_has_ended_is_not_listed(database: Database, new_user: NewUser, sign_in: SignIn) -> None:
    user = new_user()
    signed_in = sign_in(user.email)
    with database.session() as session:
        session.execute(
            sa.update(sessions.SessionRow)
            .where(sessions.SessionRow.id == signed_in.principal.session_id)
            .values(expires_at=datetime.now(UTC))
        )
    assert listed(database, user.id) == []


def test_a_revoked_session_is_nobody_and_the_world_hears_of_it(
    database: Database, new_user: NewUser, sign_in: SignIn
) -> None:
    user = new_user()
    first, second = (sign_in(user.email) for _ in range(2))
    ended = first.principal.session_id
    assert ended is not None
    with database.session() as session:
        sessions.revoke_session(session, user.id, ended)
        told = waiting_events(session, PrincipalChanged, user_id=user.id)
    assert [data.revoked_sessions for data in told] == [(), (ended,)]
    assert (is_signed_in(database, first), is_signed_in(database, second)) == (False, True)


def test_somebody_elses_session_is_not_found(database: Database, new_user: NewUser, sign_in: SignIn) -> None:
    user, other = new_user(), new_user()
    signed_in = sign_in(other.email)
    assert signed_in.principal.session_id is not None
    for session_id in (signed_in.principal.session_id, uuid4()):
        with pytest.raises(Problem, match="not_found"), database.session() as session:
            sessions.revoke_session(session, user.id, session_id)
    assert is_signed_in(database, signed_in)


# --- The password -----------------------------------------------------------------------------------

NEW = "battery staple"


def change(database: Database, passwords: Passwords, user: UserRow, **how: object) -> None:
    request = ChangePassword.model_validate(
        {"user_id": user.id, "current_password": PASSWORD, "new_password": NEW, **how}
    )
    with sessions.password_change(database, passwords, request) as work, database.session() as session:
        work(session)


def test_a_password_is_changed(database: Database, passwords: Passwords, new_user: NewUser, sign_in: SignIn) -> None:
    user = new_user()
    before = sign_in(user.email)
    change(database, passwords, user)
    assert refused(lambda: sign_in(user.email)).code == "bad_credentials"
    sign_in(user.email, NEW)
    assert is_signed_in(database, before)


def test_other_sessions_end_and_other_devices_are_forgotten(
    database: Database, passwords: Passwords, new_user: NewUser, sign_in: SignIn
) -> None:
    user = new_user()
    mine, *others = (sign_in(user.email) for _ in range(3))
    kept = {"session_id": mine.principal.session_id, "device_secret": mine.device_secret}
    change(database, passwords, user, end_other_sessions=True, **kept)
    assert is_signed_in(database, mine)
    assert not any(is_signed_in(database, other) for other in others)
    assert known(database, user.id) == 1
    with database.session() as session:
        (told,) = [each for each in waiting_events(session, PrincipalChanged, user_id=user.id) if each.revoked_sessions]
    assert set(told.revoked_sessions) == {other.principal.session_id for other in others}


def test_asked_by_a_token_every_session_ends(
    database: Database, passwords: Passwords, new_user: NewUser, sign_in: SignIn
) -> None:
    user = new_user()
    before = sign_in(user.email)
    change(database, passwords, user, end_other_sessions=True)
    assert not is_signed_in(database, before)


def test_a_wrong_present_password_changes_nothing_and_is_not_asked_for_ever(
    database: Database, passwords: Passwords, new_user: NewUser, sign_in: SignIn
) -> None:
    user = new_user()
    before = sign_in(user.email)
    for _ in range(domain.BY_PASSWORD_CHANGE.burst):
        wrong = refused(lambda: change(database, passwords, user, current_password="wrong", end_other_sessions=True))
        assert wrong.code == "bad_credentials"
    assert refused(lambda: change(database, passwords, user)).code == "rate_limited"
    assert is_signed_in(database, before)
    sign_in(user.email)


def test_two_changes_at_once_do_not_both_hold(
    database: Database, passwords: Passwords, new_user: NewUser, sign_in: SignIn
) -> None:
    user = new_user()
    first, second = (
        ChangePassword(user_id=user.id, current_password=PASSWORD, new_password=new) for new in ("first one", NEW)
    )
    with (
        sessions.password_change(database, passwords, first) as one,
        sessions.password_change(database, passwords, second) as other,
    ):
        with database.session() as session:
            one(session)
        with pytest.raises(Problem, match="bad_credentials"), database.session() as session:
            other(session)
    sign_in(user.email, "first one")


def test_who_is_gone_changes_no_password(database: Database, passwords: Passwords, new_user: NewUser) -> None:
    user = new_user()
    with database.session() as session:
        session.execute(sa.update(UserRow).where(UserRow.id == user.id).values(state=UserState.DELETED))
    assert refused(lambda: change(database, passwords, user)).code == "unauthenticated"


# --- Guesses ----------------------------------------------------------------------------------------


def test_wrong_passwords_are_held_up_after_some_and_told_for_how_long(new_user: NewUser, sign_in: SignIn) -> None:
    user, address = new_user(), new_address()
    looked_at, problem = wrong_until_held_up(sign_in, user.email, address=address)
    assert looked_at == domain.BY_ADDRESS_AND_ACCOUNT.burst
    assert problem.code == "rate_limited"
    assert 0 < problem.extra["retry_after"] <= domain.BY_ADDRESS_AND_ACCOUNT.pause.total_seconds()
    assert refused(lambda: sign_in(user.email, address=address)).code == "rate_limited"
    sign_in(user.email, address=new_address())
    sign_in(new_user().email, address=address)


def test_it_does_not_show_whether_anybody_has_an_address(new_user: NewUser, sign_in: SignIn) -> None:
    said = []
    for email in (new_user().email, new_email()):
        looked_at, problem = wrong_until_held_up(sign_in, email, address=new_address(), device_secret="made up")
        said.append((looked_at, problem.code, problem.detail))
    assert said[0] == said[1]


def test_the_right_password_costs_nothing(new_user: NewUser, sign_in: SignIn) -> None:
    user, address = new_user(), new_address()
    for _ in range(3 * domain.BY_ADDRESS_AND_ACCOUNT.burst):
        sign_in(user.email, address=address)


def test_being_told_to_come_back_costs_nothing(database: Database, new_user: NewUser, sign_in: SignIn) -> None:
    class Busy(Passwords):
        def matches(self, stored: str | None, password: str) -> bool:
            raise Problem("busy")

    user, address = new_user(), new_address()
    for _ in range(2 * domain.BY_ADDRESS_AND_ACCOUNT.burst):
        busy = refused(lambda: sessions.login(database, Busy(), user.email, PASSWORD, address=address))
        assert busy.code == "busy"
    sign_in(user.email, address=address)


def test_many_at_once_get_no_further_than_one_after_the_other(new_user: NewUser, sign_in: SignIn) -> None:
    user, address = new_user(), new_address()
    with ThreadPoolExecutor(8) as pool:
        tried = [pool.submit(sign_in, user.email, "wrong", address=address) for _ in range(40)]
        codes = [problem.code for each in tried if isinstance(problem := each.exception(), Problem)]
    assert sorted(codes) == ["bad_credentials"] * domain.BY_ADDRESS_AND_ACCOUNT.burst + ["rate_limited"] * 30


def test_nobody_locks_out_who_has_signed_in_before(new_user: NewUser, sign_in: SignIn) -> None:
    user, office = new_user(), new_address()
    device = sign_in(user.email, address=office).device_secret
    wrong_until_held_up(sign_in, user.email, address=office)
    for _ in range(domain.BY_ACCOUNT.burst):
        refused(lambda: sign_in(user.email, "wrong", address=new_address()))
    assert refused(lambda: sign_in(user.email, address=new_address())).code == "rate_limited"
    again = sign_in(user.email, address=office, device_secret=device)
    assert again.device_secret not in (None, device)
    looked_at, _ = wrong_until_held_up(sign_in, user.email, address=office, device_secret=again.device_secret)
    assert looked_at == domain.BY_DEVICE.burst


def test_a_device_is_known_for_its_users_and_nobody_else(new_user: NewUser, sign_in: SignIn) -> None:
    user, victim, address = new_user(), new_user(), new_address()
    device = sign_in(user.email, address=address).device_secret
    looked_at, _ = wrong_until_held_up(sign_in, victim.email, address=address, device_secret=device)
    assert looked_at == domain.BY_ADDRESS_AND_ACCOUNT.burst


def test_a_devices_secret_changes_with_each_sign_in_for_all_its_users(
    database: Database, new_user: NewUser, sign_in: SignIn
) -> None:
    ann, ben = new_user(), new_user()
    first = sign_in(ann.email).device_secret
    second = sign_in(ben.email, device_secret=first).device_secret
    third = sign_in(ann.email, device_secret=second).device_secret
    with database.session() as session:
        owners = {secret: sessions.devices.users_of(session, secret) for secret in (first, second, third)}
    assert owners == {first: set(), second: set(), third: {ann.id, ben.id}}


def test_old_devices_and_too_many_are_forgotten(
    database: Database, new_user: NewUser, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(domain, "DEVICES_KNOWN", 3)
    user = new_user()
    secrets = [sign_in(user.email).device_secret for _ in range(5)]
    with database.session() as session:
        owners = [sessions.devices.users_of(session, secret) for secret in secrets]
        assert owners == [set()] * 2 + [{user.id}] * 3
        ended = sa.update(KnownDeviceRow).where(KnownDeviceRow.user_id == user.id)
        session.execute(ended.values(expires_at=datetime.now(UTC)))
    with database.session() as session:
        assert sessions.devices.users_of(session, secrets[-1]) == set()
    sign_in(user.email)
    assert known(database, user.id) == 1


def test_full_buckets_are_swept_away(database: Database, new_user: NewUser, sign_in: SignIn) -> None:
    old = datetime.now(UTC) - timedelta(days=1)
    keys = [uuid4().bytes for _ in range(5)]
    with database.session() as session:
        session.add_all(GuardRow(key=key, full_at=old) for key in keys)
    for _ in range(20):
        sign_in(new_user().email, address=new_address())
    with database.session() as session:
        assert session.scalars(sa.select(GuardRow).where(GuardRow.key.in_(keys))).all() == []
