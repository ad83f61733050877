"""Who asks: a signed-in person or program, or nobody in particular, and what they are in the project at hand."""

import hashlib
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from contracts.permissions import Role, Scope
from contracts.rpc.labels import Actor, Viewer
from contracts.rpc.members import Principal
from contracts.rpc.projects import Project


@dataclass(frozen=True)
class Credentials:
    """A session's cookie or a bearer token, as it was sent. The secret shows in no log."""

    kind: Literal["session", "token"]
    secret: str = field(repr=False)

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
        return Viewer(
            only_assignee=self.user_id if self.scope is Scope.OWN else None,
            anonymous=self.scope is Scope.ANONYMOUS,
        )
