"""A project's members and their roles."""

from uuid import UUID

from contracts.errors import Problem
from contracts.permissions import Permission
from contracts.rpc.labels import GetLoads, Load
from contracts.rpc.members import AddMember, ChangeMember, CountRoles, ListMembers, Member, RemoveMember
from gateway.asker import Asker
from gateway.problems import AWAY
from gateway.routing import Group
from gateway.schemas import MemberBody, MemberEntry, MemberEntryPage, MembersQuery, RoleBody
from gateway.state import gateway

group = Group("members", "Access and roles")


@group.route("GET", "/projects/{project_id}/members", Permission.INVITE)
def list_members(project_id: UUID, query: MembersQuery) -> MemberEntryPage:
    """A project's members, when they were last active, and how many labels wait for each to be labeled and reviewed.

    `search` finds any part of a name or mail address. `load` is null where the labels can't be asked at present; it is
    counted up to 10,000 of each. `roles`, of the first page only, counts all who have a role in the project.
    """
    page = gateway().calls(
        ListMembers(project_id=project_id, role=query.role, search=query.search, cursor=query.cursor, limit=query.limit)
    )
    loads = _loads(project_id, tuple(member.user.id for member in page.items))
    return MemberEntryPage(
        items=tuple(MemberEntry(**dict(member), load=loads.get(str(member.user.id))) for member in page.items),
        next=page.next,
        roles=None if query.cursor else gateway().calls(CountRoles(project_id=project_id)),
    )


@group.route("POST", "/projects/{project_id}/members", Permission.INVITE, status=201)
def add_member(asker: Asker, project_id: UUID, body: MemberBody, key: str) -> Member:
    """Give a user a role in the project."""
    member = gateway().calls(
        AddMember(
            project_id=project_id,
            email=body.email,
            role=body.role,
            name=body.name,
            password=body.password,
            actor=asker.user_id,
            idempotency_key=key,
        )
    )
    gateway().security.drop_member(project_id, member.user.id)
    return member


@group.route("PATCH", "/projects/{project_id}/members/{user_id}", Permission.INVITE)
def change_member(asker: Asker, project_id: UUID, user_id: UUID, body: RoleBody, key: str) -> Member:
    """Change a member's role. Reviews that wait for somebody who may not review any more wait for anybody then."""
    command = ChangeMember(
        project_id=project_id, user_id=user_id, role=body.role, actor=asker.user_id, idempotency_key=key
    )
    member = gateway().calls(command)
    gateway().security.drop_member(project_id, user_id)
    return member


@group.route("DELETE", "/projects/{project_id}/members/{user_id}", Permission.INVITE)
def remove_member(asker: Asker, project_id: UUID, user_id: UUID, key: str) -> None:
    """End a membership. Labels and reviews that wait for the user wait for anybody then; what they did stays."""
    command = RemoveMember(project_id=project_id, user_id=user_id, actor=asker.user_id, idempotency_key=key)
    gateway().calls(command)
    gateway().security.drop_member(project_id, user_id)


def _loads(project_id: UUID, user_ids: tuple[UUID, ...]) -> dict[str, Load]:
    """What waits for whom; nothing where the labels service is away: people are shown all the same."""
    if not user_ids:
        return {}
    try:
        deadline = gateway().settings.rpc_deadline
        return gateway().calls(GetLoads(project_id=project_id, user_ids=user_ids), deadline).loads
    except Problem as problem:
        if problem.code not in AWAY:
            raise
        return {}
