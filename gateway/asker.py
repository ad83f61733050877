"""Who asks: a signed-in person or program, or nobody in particular, and what they are in the project at hand."""

import hashlib
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from chassis.rpc.rights import viewer_of
from contracts.permissions import Role, Scope
from contracts.principals import Claims
from contracts.rpc.labels import Actor, Viewer
from contracts.rpc.members import Principal
from contracts.rpc.projects import Project


@dataclass(frozen=True)
class Credentials:
    """A session's cookie or a bearer token, as it was sent, and from where. The secret shows in no log."""

    kind: Literal["session", "token"]
    secret: str = field(repr=False)
    address: str | None = field(default=None, compare=False)

    @property
    def key(self) -> str:
        """What they are remembered under; the secret can't be read from it."""
        return hashlib.sha256(f"{self.kind}:{self.secret}".encode()).hexdigest()


@dataclass(frozen=True)
class Asker:
    """Whoever sent the request. `role`, `scope` and `project` are set on routes of a project."""

    principal: Principal | None = None
    credentials: Credentials | None = None
    role: Role | None = None
    scope: Scope | None = None
    project: Project | None = None

    @property
    def user_id(self) -> UUID:
        """Their user id; only where signing in is required."""
        assert self.principal is not None
        return self.principal.user.id

    @property
    def actor(self) -> Actor:
        """Who acts, for the services."""
        assert self.role is not None
        return Actor(user_id=self.user_id, role=self.role)

    @property
    def viewer(self) -> Viewer:
        """Whose eyes a query answers for."""
        return viewer_of(self.principal.user.id if self.principal else None, self.scope)

    def claims(self, address: str | None, agent: str | None) -> Claims:
        """What the gateway signs of them, with where their request came from."""
        claims = Claims(
            project_id=self.project.id if self.project else None,
            role=self.role,
            address=address,
            agent=agent,
        )
        return claims if self.principal is None else claims.model_copy(update=known_of(self.principal))


def known_of(principal: Principal) -> dict[str, Any]:
    """What claims say of whom a session or token stands for, in any project."""
    return {
        "user_id": principal.user.id,
        "team_role": principal.user.team_role,
        "session_id": principal.session_id,
        "token_id": principal.token_id,
        "token_scope": principal.scope if principal.token_id is not None else None,
        "manages_any_project": principal.manages_any_project,
    }
