"""Invitations to projects and to the team, by mail address."""

from uuid import UUID

from flask import request

from chassis.ids import new_id
from contracts.permissions import Permission, Role
from contracts.rpc.members import (
    Accepted,
    AcceptInvitation,
    Invitation,
    InvitationPage,
    Invite,
    ListInvitations,
    ResendInvitation,
    RevokeInvitation,
)
from gateway.address import client_address
from gateway.asker import Asker
from gateway.routing import Access, Group
from gateway.schemas import AcceptBody, InvitationBody, InvitationsQuery, NewAccountBody, TeamInvitationBody
from gateway.state import busy, gateway

group = Group("invitations", "Invitations to projects and to the team, by mail address")

_OF_PROJECT = "/projects/{project_id}/invitations"
_OF_TEAM = "/invitations"


@group.route("GET", _OF_PROJECT, Permission.INVITE)
def list_invitations(project_id: UUID, query: InvitationsQuery) -> InvitationPage:
    """A project's invitations, newest first."""
    question = ListInvitations(project_id=project_id, state=query.state, cursor=query.cursor, limit=query.limit)
    return gateway().calls(question)


@group.route("POST", _OF_PROJECT, Permission.INVITE, status=201)
def invite(asker: Asker, project_id: UUID, body: InvitationBody, key: str) -> Invitation:
    """Invite somebody to the project. Their mail has a link; where no mail is sent, this answer has it, and no other.

    `already_member`, `already_invited` (with the `invitation_id`), `rate_limited` after many links for one address.
    """
    assert asker.project is not None
    return gateway().calls(
        Invite(
            project_id=project_id,
            project_name=asker.project.name,
            email=body.email,
            role=Role(body.role),
            days=body.days,
            actor=asker.user_id,
            idempotency_key=key,
        )
    )


@group.route("POST", _OF_PROJECT + "/{invitation_id}:resend", Permission.INVITE)
def resend_invitation(asker: Asker, project_id: UUID, invitation_id: UUID, key: str) -> Invitation:
    """Send an invitation with a new link, also one that has expired; older links are worth nothing any more."""
    return _resend(asker, project_id, invitation_id, key)


@group.route("POST", _OF_PROJECT + "/{invitation_id}:revoke", Permission.INVITE)
def revoke_invitation(asker: Asker, project_id: UUID, invitation_id: UUID, key: str) -> Invitation:
    """Nobody can accept the invitation any more."""
    return _revoke(asker, project_id, invitation_id, key)


@group.route("GET", _OF_TEAM, Permission.MANAGE_TEAM)
def list_team_invitations(query: InvitationsQuery) -> InvitationPage:
    """The team's invitations, newest first."""
    return gateway().calls(ListInvitations(state=query.state, cursor=query.cursor, limit=query.limit))


@group.route("POST", _OF_TEAM, Permission.MANAGE_TEAM, status=201)
def invite_to_team(asker: Asker, body: TeamInvitationBody, key: str) -> Invitation:
    """Invite somebody to be an owner or admin of the team; admins invite admins only. Otherwise as to a project."""
    command = Invite(
        email=body.email, role=Role(body.role.value), days=body.days, actor=asker.user_id, idempotency_key=key
    )
    return gateway().calls(command)


@group.route("POST", _OF_TEAM + "/{invitation_id}:resend", Permission.MANAGE_TEAM)
def resend_team_invitation(asker: Asker, invitation_id: UUID, key: str) -> Invitation:
    """Send an invitation with a new link, also one that has expired; older links are worth nothing any more."""
    return _resend(asker, None, invitation_id, key)


@group.route("POST", _OF_TEAM + "/{invitation_id}:revoke", Permission.MANAGE_TEAM)
def revoke_team_invitation(asker: Asker, invitation_id: UUID, key: str) -> Invitation:
    """Nobody can accept the invitation any more."""
    return _revoke(asker, None, invitation_id, key)


@group.route("POST", "/invitations:accept", Access.PUBLIC)
def accept_invitation(body: NewAccountBody) -> Accepted:
    """Accept an invitation, once, with a new account for the invited address. Then sign in.

    `account_exists` where the address has one: sign in, and accept by `/me/invitations:accept`. `bad_link` for a link
    that was used, replaced or revoked, or has expired.
    """
    with gateway().logins.one() as free:
        if not free:
            raise busy("people sign in")
        return gateway().calls(
            AcceptInvitation(
                token=body.token,
                name=body.name,
                password=body.password,
                address=client_address(request),
                idempotency_key=f"nobody:accept_invitation:{new_id()}",
            )
        )


@group.route("POST", "/me/invitations:accept", Access.ACCOUNT)
def accept_my_invitation(asker: Asker, body: AcceptBody, key: str) -> Accepted:
    """Accept an invitation, once, with one's own account: `forbidden` unless that has the invited address."""
    accepted = gateway().calls(
        AcceptInvitation(token=body.token, user_id=asker.user_id, address=client_address(request), idempotency_key=key)
    )
    if accepted.project_id is not None:
        gateway().security.drop_member(accepted.project_id, accepted.user.id)
    gateway().security.drop_user(accepted.user.id)
    return accepted


def _resend(asker: Asker, project_id: UUID | None, invitation_id: UUID, key: str) -> Invitation:
    command = ResendInvitation(
        project_id=project_id, invitation_id=invitation_id, actor=asker.user_id, idempotency_key=key
    )
    return gateway().calls(command)


def _revoke(asker: Asker, project_id: UUID | None, invitation_id: UUID, key: str) -> Invitation:
    command = RevokeInvitation(
        project_id=project_id, invitation_id=invitation_id, actor=asker.user_id, idempotency_key=key
    )
    return gateway().calls(command)
