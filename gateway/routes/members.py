"""A project's members and their roles."""

from uuid import UUID

from contracts.permissions import Permission
from contracts.rpc.members import AddMember, ChangeMember, ListMembers, Member, MemberPage, RemoveMember
from gateway.routing import Group
from gateway.schemas import MemberBody, MembersQuery, RoleBody
from gateway.state import gateway

group = Group("members", "Access and roles")


@group.route("GET", "/projects/{project_id}/members", Permission.INVITE)
def list_members(project_id: UUID, query: MembersQuery) -> MemberPage:
    """A project's members."""
    question = ListMembers(project_id=project_id, role=query.role, cursor=query.cursor, limit=query.limit)
    return gateway().calls(question)


@group.route("POST", "/projects/{project_id}/members", Permission.INVITE, status=201)
def add_member(project_id: UUID, body: MemberBody, key: str) -> Member:
    """Give a user a role in the project."""
    member = gateway().calls(
        AddMember(
            project_id=project_id,
            email=body.email,
            role=body.role,
            name=body.name,
            password=body.password,
            idempotency_key=key,
        )
    )
    gateway().security.drop_member(project_id, member.user.id)
    return member


@group.route("PATCH", "/projects/{project_id}/members/{user_id}", Permission.INVITE)
def change_member(project_id: UUID, user_id: UUID, body: RoleBody, key: str) -> Member:
    """Change a member's role."""
    command = ChangeMember(project_id=project_id, user_id=user_id, role=body.role, idempotency_key=key)
    member = gateway().calls(command)
    gateway().security.drop_member(project_id, user_id)
    return member


@group.route("DELETE", "/projects/{project_id}/members/{user_id}", Permission.INVITE)
def remove_member(project_id: UUID, user_id: UUID, key: str) -> None:
    """End a membership."""
    gateway().calls(RemoveMember(project_id=project_id, user_id=user_id, idempotency_key=key))
    gateway().security.drop_member(project_id, user_id)
