"""Invitations: made as the table lets people, sent, sent again, revoked, expired, and accepted once."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from chassis.database import Database
from chassis.mail import MailFailed
from chassis.settings import settings
from chassis.tables import audit, outbox
from contracts.enums import InvitationState, MailState
from contracts.errors import Problem
from contracts.events import InvitationMailRequested, ProjectDeleted
from contracts.permissions import ProjectRole, Role, TeamRole
from contracts.rpc.members import (
    Accepted,
    AcceptInvitation,
    AddMember,
    DeactivateUser,
    Invitation,
    Invite,
    ListInvitations,
    ResendInvitation,
    RevokeInvitation,
)
from services.members.handlers import invitations, memberships, team
from services.members.models import GuardRow, InvitationRow, UserRow
from services.members.passwords import Passwords
from tests.mails import MailServer, mail_server, text_of
from tests.service.members.support import new_email
from tests.service.support import waiting_events

NewUser = Callable[..., UserRow]


@pytest.fixture
def mails(monkeypatch: pytest.MonkeyPatch) -> Iterator[MailServer]:
    """A mail server that this service knows."""
    with mail_server() as server:
        monkeypatch.setenv("LABELYARD_SMTP_URL", server.url)
        settings.cache_clear()
        yield server
    monkeypatch.undo()
    settings.cache_clear()


def invite(database: Database, actor: UUID, email: str, **fields: Any) -> Invitation:
    with database.session() as session:
        request = {"actor": actor, "email": email, "role": "labeler", **fields}
        return invitations.invite(session, Invite.model_validate(request))


def accept(database: Database, passwords: Passwords, link: str | None, **fields: Any) -> Accepted:
    assert link is not None
    base, _, token = link.partition("#")
    assert base.endswith("/invitation")
    request = AcceptInvitation.model_validate({"token": token, **fields})
    password_hash = invitations.password_hash_for_accepting(database, passwords, request)
    with database.session() as session:
        return invitations.accept(session, request, password_hash)


def resend(database: Database, actor: UUID, invitation: Invitation) -> Invitation:
    with database.session() as session:
        request = ResendInvitation(project_id=invitation.project_id, invitation_id=invitation.id, actor=actor)
        return invitations.resend(session, request)


def revoke(database: Database, actor: UUID, invitation: Invitation) -> Invitation:
    with database.session() as session:
        request = RevokeInvitation(project_id=invitation.project_id, invitation_id=invitation.id, actor=actor)
        return invitations.revoke(session, request)


def listed(database: Database, project_id: UUID | None, state: InvitationState | None = None) -> list[Invitation]:
    items: list[Invitation] = []
    cursor = None
    with database.session() as session:
        while True:
            request = ListInvitations(project_id=project_id, state=state, cursor=cursor, limit=2)
            page = invitations.list_invitations(session, request)
            items += page.items
            cursor = page.next
            if cursor is None:
                return items


def expire(database: Database, invitation: Invitation) -> None:
    with database.session() as session:
        past = datetime.now(UTC) - timedelta(seconds=1)
        row = sa.update(InvitationRow).where(InvitationRow.id == invitation.id)
        session.execute(row.values(expires_at=past, created_at=past - timedelta(days=7)))


def requested(database: Database, invitation: Invitation) -> list[InvitationMailRequested]:
    with database.session() as session:
        return waiting_events(session, InvitationMailRequested, invitation_id=invitation.id)


NEW = {"name": "Noor", "password": "a new password"}


def test_a_link_makes_an_account_and_a_member_once(database: Database, new_user: NewUser, passwords: Passwords) -> None:
    owner, project_id, email = new_user(TeamRole.OWNER), uuid4(), new_email()
    made = invite(database, owner.id, email.upper(), project_id=project_id, role="reviewer", days=3)
    assert (made.state, made.mail, made.invited_by) == (InvitationState.PENDING, MailState.OFF, owner.id)
    assert timedelta(days=2.9) < made.expires_at - datetime.now(UTC) <= timedelta(days=3)
    assert requested(database, made) == []
    [seen] = listed(database, project_id)
    assert seen == made.model_copy(update={"link": None})

    with pytest.raises(Problem, match="validation_failed"):
        accept(database, passwords, made.link)
    accepted = accept(database, passwords, made.link, **NEW)
    assert (accepted.project_id, accepted.role, accepted.user.name) == (project_id, Role.REVIEWER, "Noor")
    with database.session() as session:
        assert memberships.get_role(session, project_id, accepted.user.id).role is ProjectRole.REVIEWER
    for fields in (NEW, {"user_id": accepted.user.id}):
        with pytest.raises(Problem, match="bad_link: The invitation was accepted"):
            accept(database, passwords, made.link, **fields)
    [seen] = listed(database, project_id, InvitationState.ACCEPTED)
    assert seen.accepted_by == accepted.user.id
    for attempt in (resend, revoke):
        with pytest.raises(Problem, match="bad_link"):
            attempt(database, owner.id, made)


def test_of_many_who_use_a_link_at_once_one_gets_in(
    database: Database, new_user: NewUser, passwords: Passwords
) -> None:
    owner, project_id = new_user(TeamRole.OWNER), uuid4()
    link = invite(database, owner.id, new_email(), project_id=project_id).link
    start = Barrier(6)

    def use(number: int) -> str:
        start.wait()
        try:
            accept(database, passwords, link, name=f"Noor {number}", password=f"password {number}")
        except Problem as problem:
            return problem.code
        return "accepted"

    with ThreadPoolExecutor(6) as threads:
        outcomes = list(threads.map(use, range(6)))
    assert outcomes.count("accepted") == 1 and set(outcomes) <= {"accepted", "bad_link", "account_exists"}
    with database.session() as session:
        assert memberships.count_roles(session, project_id).labeler == 1


def test_an_account_that_is_there_accepts_signed_in_and_nobody_else(
    database: Database, new_user: NewUser, passwords: Passwords
) -> None:
    owner, user, other, project_id = new_user(TeamRole.OWNER), new_user(), new_user(), uuid4()
    link = invite(database, owner.id, user.email, project_id=project_id).link
    with pytest.raises(Problem, match="account_exists"):
        accept(database, passwords, link, **NEW)
    with pytest.raises(Problem, match="forbidden"):
        accept(database, passwords, link, user_id=other.id)
    assert accept(database, passwords, link, user_id=user.id).user.id == user.id
    nobody_has = invite(database, owner.id, new_email(), project_id=project_id).link
    with pytest.raises(Problem, match="forbidden"):
        accept(database, passwords, nobody_has, user_id=other.id)


def test_team_invitations_raise_and_never_lower(database: Database, new_user: NewUser, passwords: Passwords) -> None:
    owner, admin, user = new_user(TeamRole.OWNER), new_user(TeamRole.ADMIN), new_user()
    as_admin = invite(database, admin.id, user.email, role="admin")
    assert accept(database, passwords, as_admin.link, user_id=user.id).user.team_role is TeamRole.ADMIN
    as_owner = invite(database, owner.id, user.email, role="owner")
    assert accept(database, passwords, as_owner.link, user_id=user.id).user.team_role is TeamRole.OWNER
    newcomer = invite(database, owner.id, new_email(), role="admin")
    assert accept(database, passwords, newcomer.link, **NEW).user.team_role is TeamRole.ADMIN

    rising = new_user()
    late = invite(database, owner.id, rising.email, role="admin")
    with database.session() as session:
        team.raise_role(session, rising.id, TeamRole.OWNER)
    assert accept(database, passwords, late.link, user_id=rising.id).user.team_role is TeamRole.OWNER


def test_a_project_role_that_was_given_meanwhile_stays(
    database: Database, new_user: NewUser, passwords: Passwords
) -> None:
    owner, user, project_id = new_user(TeamRole.OWNER), new_user(), uuid4()
    link = invite(database, owner.id, user.email, project_id=project_id).link
    with database.session() as session:
        request = AddMember(project_id=project_id, email=user.email, role=ProjectRole.MANAGER)
        memberships.add_member(session, request, None)
    accept(database, passwords, link, user_id=user.id)
    with database.session() as session:
        assert memberships.get_role(session, project_id, user.id).role is ProjectRole.MANAGER


def test_who_may_invite_whom(database: Database, new_user: NewUser) -> None:
    here, elsewhere = uuid4(), uuid4()
    people = {"owner": new_user(TeamRole.OWNER).id, "admin": new_user(TeamRole.ADMIN).id, "user": new_user().id}
    for role in ProjectRole:
        member = new_user()
        with database.session() as session:
            memberships.add_member(session, AddMember(project_id=here, email=member.email, role=role), None)
        people[role.value] = member.id
    everybody = {"owner", "admin", "manager", "reviewer", "labeler"}
    expected = {"owner": everybody, "admin": everybody - {"owner"}, "manager": everybody - {"owner", "admin"}}
    for name, actor in people.items():
        for project_id in (here, elsewhere):
            done = set()
            for role in everybody:
                try:
                    place = project_id if role in set(ProjectRole) else None
                    invite(database, actor, new_email(), role=role, project_id=place)
                    done.add(role)
                except Problem as problem:
                    assert problem.code == "forbidden"
            own = name != "manager" or project_id == here
            assert done == (expected.get(name, set()) if own else set())
    for role, place in (("labeler", None), ("admin", here), ("owner", here)):
        with pytest.raises(Problem, match="validation_failed"):
            invite(database, people["owner"], new_email(), role=role, project_id=place)


def test_inviting_twice_and_inviting_members(database: Database, new_user: NewUser) -> None:
    owner, user, project_id, email = new_user(TeamRole.OWNER), new_user(), uuid4(), new_email()
    first = invite(database, owner.id, email, project_id=project_id)
    with pytest.raises(Problem, match="already_invited") as refused:
        invite(database, owner.id, email.upper(), project_id=project_id, role="manager")
    assert refused.value.extra == {"invitation_id": first.id}
    invite(database, owner.id, email, project_id=uuid4())
    invite(database, owner.id, email, role="admin")
    with pytest.raises(Problem, match="already_invited"):
        invite(database, owner.id, email, role="owner")
    with database.session() as session:
        request = AddMember(project_id=project_id, email=user.email, role=ProjectRole.LABELER)
        memberships.add_member(session, request, None)
    with pytest.raises(Problem, match="already_member"):
        invite(database, owner.id, user.email, project_id=project_id)
    with pytest.raises(Problem, match="already_member"):
        invite(database, owner.id, owner.email, role="admin")
    revoke(database, owner.id, first)
    invite(database, owner.id, email, project_id=project_id)


def test_sent_again_the_old_link_dies(database: Database, new_user: NewUser, passwords: Passwords) -> None:
    owner, project_id = new_user(TeamRole.OWNER), uuid4()
    first = invite(database, owner.id, new_email(), project_id=project_id)
    second = resend(database, owner.id, first)
    assert second.link is not None and second.link != first.link
    with pytest.raises(Problem, match="bad_link"):
        accept(database, passwords, first.link, **NEW)
    accept(database, passwords, second.link, **NEW)


def test_an_expired_invitation_is_refused_and_can_be_renewed(
    database: Database, new_user: NewUser, passwords: Passwords
) -> None:
    owner, project_id, email = new_user(TeamRole.OWNER), uuid4(), new_email()
    made = invite(database, owner.id, email, project_id=project_id)
    expire(database, made)
    with pytest.raises(Problem, match="bad_link: The invitation has expired"):
        accept(database, passwords, made.link, **NEW)
    assert [each.id for each in listed(database, project_id, InvitationState.EXPIRED)] == [made.id]
    assert listed(database, project_id, InvitationState.PENDING) == []
    renewed = resend(database, owner.id, made)
    assert renewed.state is InvitationState.PENDING and renewed.expires_at > datetime.now(UTC) + timedelta(days=6)
    expire(database, made)
    another = invite(database, owner.id, email, project_id=project_id)
    with pytest.raises(Problem, match="already_invited"):
        resend(database, owner.id, made)
    assert [each.id for each in listed(database, project_id)] == [another.id, made.id]
    accept(database, passwords, another.link, **NEW)


def test_what_is_revoked_or_whose_inviter_or_project_is_gone_is_refused(
    database: Database, new_user: NewUser, passwords: Passwords
) -> None:
    owner, admin, project_id = new_user(TeamRole.OWNER), new_user(TeamRole.ADMIN), uuid4()
    revoked = invite(database, owner.id, new_email(), project_id=project_id)
    assert revoke(database, owner.id, revoked).state is InvitationState.REVOKED
    assert revoke(database, owner.id, revoked).state is InvitationState.REVOKED
    theirs = invite(database, admin.id, new_email(), project_id=project_id)
    of_deleted = invite(database, owner.id, new_email(), project_id=project_id)
    with database.session() as session:
        team.deactivate(session, DeactivateUser(user_id=admin.id, actor=owner.id))
        memberships.project_deleted(session, ProjectDeleted(project_id=project_id, version=2))
    for made in (revoked, theirs, of_deleted):
        with pytest.raises(Problem, match="bad_link"):
            accept(database, passwords, made.link, **NEW)
    for place, number in ((project_id, uuid4()), (uuid4(), revoked.id), (None, revoked.id)):
        request = RevokeInvitation(project_id=place, invitation_id=number, actor=owner.id)
        with pytest.raises(Problem) as refused, database.session() as session:
            invitations.revoke(session, request)
        assert refused.value.code == "not_found"


def test_wrong_links_are_limited_by_network_address(
    database: Database, new_user: NewUser, passwords: Passwords
) -> None:
    with database.session() as session:
        session.execute(sa.delete(GuardRow))
    owner, project_id = new_user(TeamRole.OWNER), uuid4()
    for _ in range(31):  # a whole office on its first morning
        invited = invite(database, owner.id, new_email(), project_id=project_id)
        accept(database, passwords, invited.link, address="198.51.100.7", **NEW)
    codes = set()
    for _ in range(31):
        try:
            accept(database, passwords, "https://yard/invitation#made-up", address="198.51.100.7", **NEW)
        except Problem as problem:
            codes.add(problem.code)
    assert codes == {"bad_link", "rate_limited"}
    with pytest.raises(Problem, match="bad_link"):
        accept(database, passwords, "https://yard/invitation#made-up", address="198.51.100.8", **NEW)


def test_mails_to_one_address_are_limited(database: Database, new_user: NewUser) -> None:
    owner = new_user(TeamRole.OWNER)
    made = invite(database, owner.id, new_email(), project_id=uuid4())
    with pytest.raises(Problem, match="rate_limited"):
        for _ in range(10):
            resend(database, owner.id, made)


def test_a_link_goes_by_mail_and_lies_nowhere_else(
    database: Database, new_user: NewUser, passwords: Passwords, mails: MailServer
) -> None:
    owner, project_id, email = new_user(TeamRole.OWNER), uuid4(), new_email()
    made = invite(database, owner.id, email, project_id=project_id, project_name="Cells <b>")
    assert (made.link, made.mail) == (None, MailState.WAITING)
    [event] = requested(database, made)
    invitations.send(database, event)
    invitations.send(database, event)  # delivered twice, mailed once
    link = mails.link_to(email)
    [mail] = mails.mails_to(email)
    assert "Cells <b>" in text_of(mail) and "Cells &lt;b&gt;" in text_of(mail, "html") and link in text_of(mail, "html")
    assert [each.mail for each in listed(database, project_id)] == [MailState.SENT]

    resend(database, owner.id, made)
    with pytest.raises(Problem, match="bad_link"):
        accept(database, passwords, link, **NEW)
    first, second = requested(database, made)
    invitations.send(database, first)  # late: there is a newer one
    invitations.send(database, second)
    assert len(mails.mails_to(email, 2)) == 2
    newest = mails.link_to(email, 2)
    secret = newest.partition("#")[2]
    with database.session() as session:
        kept = [*session.scalars(sa.select(outbox.c.envelope)), *session.execute(sa.select(audit))]
        assert not any(secret in (bytes(each).decode() if isinstance(each, bytes) else str(each)) for each in kept)
        row = session.get_one(InvitationRow, made.id)
        assert secret not in str(vars(row))
    accept(database, passwords, newest, **NEW)


def test_a_mail_that_is_refused_is_tried_again_and_given_up_visibly(
    database: Database, new_user: NewUser, mails: MailServer
) -> None:
    owner, project_id, email = new_user(TeamRole.OWNER), uuid4(), new_email()
    made = invite(database, owner.id, email, project_id=project_id)
    [event] = requested(database, made)
    mails.refuse = "451 later"
    with pytest.raises(MailFailed, match="SMTPDataError 451"):
        invitations.send(database, event)
    assert [each.mail for each in listed(database, project_id)] == [MailState.WAITING]
    with database.session() as session:
        invitations.give_up(session, event)
    assert [each.mail for each in listed(database, project_id)] == [MailState.FAILED]
    mails.refuse = None
    invitations.send(database, event)
    assert [each.mail for each in listed(database, project_id)] == [MailState.SENT]
    mails.link_to(email)
