"""Who a call or an order is made for, as its issuer signs it (chassis.principals).

docs/decisions/signed-principals.md says why.
"""

from typing import Final
from uuid import UUID

from contracts.message import Message
from contracts.permissions import Role, TeamRole, TokenScope

GATEWAY: Final = "gateway"
"""The issuer that knows people: all others are services, each by its name."""


class Claims(Message):
    """Who asks, and as what. What is None is not known, or is nobody: a visitor has no `user_id`.

    `issuer`: the gateway or a service, as itself where there is no `user_id`, or for that user. `session_id` or
    `token_id` says by which of theirs a user asks; `manages_any_project`, whether the data library is theirs. `role` is
    what they are in the project `project_id`, as the gateway found out. `address`: the network address that the request
    came from; `agent`: what their program calls itself.
    """

    issuer: str = GATEWAY
    user_id: UUID | None = None
    team_role: TeamRole | None = None
    session_id: UUID | None = None
    token_id: UUID | None = None
    token_scope: TokenScope | None = None
    manages_any_project: bool = False
    project_id: UUID | None = None
    role: Role | None = None
    address: str | None = None
    agent: str | None = None
