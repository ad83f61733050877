"""The team's users."""

from uuid import UUID

from contracts.permissions import Permission
from contracts.rpc.members import ChangeUser, DeactivateUser, ListUsers, ReactivateUser, TeamUserPage, User
from gateway.asker import Asker
from gateway.routing import Group
from gateway.schemas import TeamRoleBody, UsersQuery
from gateway.state import gateway

group = Group("users", "The team's users, and their roles in the team")


@group.route("GET", "/users", Permission.MANAGE_TEAM)
def list_users(query: UsersQuery) -> TeamUserPage:
    """The team's users, oldest first; `search` finds any part of a name or mail address."""
    question = ListUsers(
        search=query.search, team_role=query.team_role, state=query.state, cursor=query.cursor, limit=query.limit
    )
    return gateway().calls(question)


@group.route("PATCH", "/users/{user_id}", Permission.MANAGE_TEAM)
def change_user(asker: Asker, user_id: UUID, body: TeamRoleBody, key: str) -> User:
    """Change a user's role in the team. Only owners make or unmake owners, and one is always left (`last_owner`)."""
    command = ChangeUser(user_id=user_id, team_role=body.team_role, actor=asker.user_id, idempotency_key=key)
    user = gateway().calls(command)
    gateway().security.drop_user(user_id)
    return user


@group.route("POST", "/users/{user_id}:deactivate", Permission.MANAGE_TEAM)
def deactivate_user(asker: Asker, user_id: UUID, key: str) -> User:
    """Keep a user from signing in: all sessions and tokens end. What waits for them waits for anybody then."""
    user = gateway().calls(DeactivateUser(user_id=user_id, actor=asker.user_id, idempotency_key=key))
    gateway().security.drop_user(user_id)
    return user


@group.route("POST", "/users/{user_id}:reactivate", Permission.MANAGE_TEAM)
def reactivate_user(asker: Asker, user_id: UUID, key: str) -> User:
    """Let a user sign in again, in the roles that they had; sessions and tokens do not come back."""
    user = gateway().calls(ReactivateUser(user_id=user_id, actor=asker.user_id, idempotency_key=key))
    gateway().security.drop_user(user_id)
    return user
