"""Links that set a password: one use, one hour, the newest only; nothing that opens an account is stored or told."""

import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import get_ident

import pytest
import sqlalchemy as sa

from chassis import mail
from chassis.database import Database
from chassis.settings import settings
from chassis.tables import outbox
from contracts.enums import UserState
from contracts.errors import Problem
from contracts.events import PasswordResetRequested, PrincipalChanged
from contracts.permissions import TeamRole
from contracts.rpc.members import ChangePassword
from services.members import domain, reset
from services.members.handlers import resets, sessions
from services.members.handlers.users import create_user
from services.members.models import GuardRow, PasswordResetRow, UserRow
from services.members.passwords import Passwords
from tests.mails import MailServer, mail_server, text_of
from tests.service.members.support import CHEAP, PASSWORD, new_email
from tests.service.support import waiting_events

NewUser = Callable[..., UserRow]
NEW = "battery staple"


@pytest.fixture(scope="module")
def mails(settings_environment: dict[str, str]) -> Iterator[MailServer]:
    with mail_server() as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("LABELYARD_SMTP_URL", server.url)
        patch.setenv("LABELYARD_PUBLIC_URL", "https://labels.example.com/")
        settings.cache_clear()
        yield server
    settings.cache_clear()


def request(database: Database, email: str, address: str | None = None) -> PasswordResetRequested:
    with database.session() as session:
        before = {event.reset_id for event in waiting_events(session, PasswordResetRequested)}
        resets.request(session, email, address)
        [event] = [each for each in waiting_events(session, PasswordResetRequested) if each.reset_id not in before]
    return event


def mailed(database: Database, mails: MailServer, user: UserRow, count: int = 1) -> str:
    """The secret of a link that was requested and mailed."""
    resets.send(database, request(database, user.email))
    return mails.link_to(user.email, count).rpartition("#")[2]


def complete(database: Database, secret: str, end_all: bool = True) -> None:
    with database.session() as session:
        resets.complete(session, secret, CHEAP.hash(NEW), end_all)


def refused(database: Database, secret: str) -> None:
    with pytest.raises(Problem) as caught, database.session() as session:
        resets.check(session, secret)
    assert caught.value.code == "bad_link"
    with pytest.raises(Problem, match="bad_link"):
        complete(database, secret)


def test_a_mailed_link_sets_the_password_once(
    database: Database, passwords: Passwords, new_user: NewUser, mails: MailServer
) -> None:
    user = new_user()
    secret = mailed(database, mails, user)
    assert mails.link_to(user.email) == f"https://labels.example.com/reset#{secret}"
    complete(database, secret)
    sessions.login(database, passwords, user.email, NEW)
    with pytest.raises(Problem, match="bad_credentials"):
        sessions.login(database, passwords, user.email, PASSWORD)
    refused(database, secret)


def test_of_two_at_once_one_sets_it(database: Database, new_user: NewUser, mails: MailServer) -> None:
    secret = mailed(database, mails, new_user())

    def attempt(_: int) -> str:
        try:
            complete(database, secret)
        except Problem as problem:
            return problem.code
        return "done"

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(attempt, range(8))) == [*["bad_link"] * 7, "done"]


def test_a_reset_signs_out_everywhere_unless_told_otherwise(
    database: Database, passwords: Passwords, new_user: NewUser, mails: MailServer
) -> None:
    user = new_user()
    kept = sessions.login(database, passwords, user.email, PASSWORD)
    complete(database, mailed(database, mails, user), end_all=False)
    with database.session() as session:
        assert sessions.resolve_session(session, kept.secret).user.id == user.id
    complete(database, mailed(database, mails, user, 2))
    with database.session() as session, pytest.raises(Problem, match="unauthenticated"):
        sessions.resolve_session(session, kept.secret)
    with database.session() as session:
        told = waiting_events(session, PrincipalChanged, user_id=user.id)[-1]
    assert told.revoked_sessions == (kept.principal.session_id,)


def test_only_the_newest_link_works_and_none_after_a_change(
    database: Database, passwords: Passwords, new_user: NewUser, mails: MailServer
) -> None:
    user = new_user()
    older, newer = mailed(database, mails, user), mailed(database, mails, user, 2)
    refused(database, older)
    with database.session() as session:
        assert resets.check(session, newer) == user.id
    changed = ChangePassword(user_id=user.id, current_password=PASSWORD, new_password="another horse")
    with sessions.password_change(database, passwords, changed) as change, database.session() as session:
        change(session)
    refused(database, newer)


def test_a_request_that_comes_late_does_not_replace_a_newer_link(
    database: Database, new_user: NewUser, mails: MailServer
) -> None:
    user = new_user()
    late = request(database, user.email)
    newer = mailed(database, mails, user)
    resets.send(database, late)
    with database.session() as session:
        assert resets.check(session, newer) == user.id
    assert len(mails.mails_to(user.email)) == 1


def test_an_hour_later_it_is_worth_nothing(database: Database, new_user: NewUser, mails: MailServer) -> None:
    user = new_user()
    secret, waiting = mailed(database, mails, user), request(database, user.email)
    with database.session() as session:
        of_user = sa.update(PasswordResetRow).where(PasswordResetRow.user_id == user.id)
        session.execute(of_user.values(expires_at=datetime.now(UTC) - timedelta(seconds=1)))
    refused(database, secret)
    resets.send(database, waiting)  # its time is over before the mail server was back
    assert len(mails.mails_to(user.email)) == 1


def test_a_mail_that_was_sent_is_not_sent_again_and_one_that_was_not_has_another_link(
    database: Database, new_user: NewUser, mails: MailServer
) -> None:
    user = new_user()
    event = request(database, user.email)
    mails.refuse = "451 not now"
    with pytest.raises(mail.MailFailed) as caught:
        resets.send(database, event)
    mails.refuse = None
    assert re.search(r"[\w-]{30,}", str(caught.value)) is None  # it is kept with the failed message
    with database.session() as session:
        first = session.get_one(PasswordResetRow, event.reset_id).secret_hash
    resets.send(database, event)
    resets.send(database, event)
    assert len(mails.mails_to(user.email)) == 1
    secret = mails.link_to(user.email).rpartition("#")[2]
    assert domain.hash_secret(secret) != first
    complete(database, secret)


def test_nothing_that_is_stored_opens_the_account(database: Database, new_user: NewUser, mails: MailServer) -> None:
    user = new_user()
    event = request(database, user.email)
    resets.send(database, event)
    secret = mails.link_to(user.email).rpartition("#")[2]
    with database.session() as session:
        row = session.get_one(PasswordResetRow, event.reset_id)
        told = [bytes(each) for each in session.scalars(sa.select(outbox.c.envelope))]
    assert row.secret_hash == domain.hash_secret(secret)
    assert secret not in str(vars(row))
    assert not any(secret.encode() in each for each in told)
    assert {*json.loads(event.model_dump_json())} == {"reset_id"}


@pytest.mark.parametrize("state", ["unknown", "deleted"])
def test_where_nobody_may_sign_in_the_same_is_done_and_nothing_mailed(
    database: Database, new_user: NewUser, mails: MailServer, state: str
) -> None:
    email = new_email()
    if state == "deleted":
        user = new_user(email=email)
        with database.session() as session:
            session.execute(sa.update(UserRow).where(UserRow.id == user.id).values(state=UserState.DELETED))
    event = request(database, email, "192.0.2.1")
    resets.send(database, event)
    with database.session() as session:
        assert session.get_one(PasswordResetRow, event.reset_id).user_id is None
    known = new_user()
    mailed(database, mails, known)  # mails come in order: there is none on its way
    assert mails._to(email) == []


def test_the_database_is_asked_the_same_whether_anybody_has_the_address(database: Database, new_user: NewUser) -> None:
    """So neither the answer nor its time tells."""
    asked: list[str] = []
    here = get_ident()

    def listen(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if get_ident() == here:  # the outbox is announced from elsewhere
            asked.append(statement)

    sa.event.listen(database.engine, "before_cursor_execute", listen)
    statements = []
    for email in (new_user().email, new_email()):
        asked.clear()
        with database.session() as session:
            resets.request(session, email, "192.0.2.2")
        statements.append([*asked])
    sa.event.remove(database.engine, "before_cursor_execute", listen)
    assert statements[0] == statements[1] != []


def test_an_operator_makes_a_link(
    database: Database, new_user: NewUser, mails: MailServer, capsys: pytest.CaptureFixture[str]
) -> None:
    user = new_user()
    reset.main([user.email])
    complete(database, capsys.readouterr().out.strip().partition("/reset#")[2])
    with pytest.raises(SystemExit, match="no user"):
        reset.main([new_email()])


def test_a_deleted_user_does_not_come_back_by_a_link(database: Database, new_user: NewUser, mails: MailServer) -> None:
    user = new_user()
    secret = mailed(database, mails, user)
    with database.session() as session:
        session.execute(sa.update(UserRow).where(UserRow.id == user.id).values(state=UserState.DELETED))
    with pytest.raises(Problem, match="bad_link"):
        complete(database, secret)


def test_requests_are_limited_by_account_and_by_address_known_or_not(database: Database, new_user: NewUser) -> None:
    for email in (new_user().email, new_email()):
        for _ in range(domain.RESETS_BY_ACCOUNT.burst):
            request(database, email)
        with pytest.raises(Problem) as caught:
            request(database, email)
        assert (caught.value.code, caught.value.extra["retry_after"] > 0) == ("rate_limited", True)
    for _ in range(domain.RESETS_BY_ADDRESS.burst):
        request(database, new_email(), "192.0.2.77")
    with pytest.raises(Problem, match="rate_limited"):
        request(database, new_email(), "192.0.2.77")
    request(database, new_email(), "192.0.2.78")


def test_requests_hold_up_no_sign_in(database: Database, passwords: Passwords, new_user: NewUser) -> None:
    user = new_user()
    for _ in range(domain.RESETS_BY_ACCOUNT.burst):
        request(database, user.email, "192.0.2.79")
    guards = domain.sign_in_guards(domain.email_key(user.email), "192.0.2.79", None)
    with database.session() as session:
        assert session.scalars(sa.select(GuardRow.key).where(GuardRow.key.in_(guards))).all() == []
    sessions.login(database, passwords, user.email, PASSWORD, address="192.0.2.79")


def test_an_admin_makes_a_link_for_anybody_but_those_above(database: Database, new_user: NewUser) -> None:
    owner, admin, other, member = (
        new_user(role) for role in (TeamRole.OWNER, TeamRole.ADMIN, TeamRole.ADMIN, TeamRole.MEMBER)
    )
    allowed = {(owner.id, other.id), (admin.id, other.id), (admin.id, member.id), (owner.id, owner.id)}
    for maker in (owner, admin, member):
        for user in (owner, other, member):
            if (maker.id, user.id) in allowed or maker is owner:
                with database.session() as session:
                    made = resets.create(session, user.id, maker.id)
                assert made.secret is not None
                complete(database, made.secret)
            else:
                with database.session() as session, pytest.raises(Problem) as caught:
                    resets.create(session, user.id, maker.id)
                assert caught.value.code == "forbidden"


def test_a_letter_is_plain_text_and_html_of_the_same(database: Database, mails: MailServer) -> None:
    email = new_email()
    with database.session() as session:
        create_user(session, email, "<b>Mia</b>", CHEAP.hash(PASSWORD))
    resets.send(database, request(database, email))
    [letter] = mails.mails_to(email)
    assert "Hello <b>Mia</b>," in text_of(letter)
    assert "Hello &lt;b&gt;Mia&lt;/b&gt;," in text_of(letter, "html")
    assert mails.link_to(email) in text_of(letter, "html")
