"""RPC that every service answers: what was changed there, by whom (chassis.audit).

The classes name no service; `of` makes the one that is sent: `ListAudit.of("labels")(limit=50)`.
"""

from typing import Any
from uuid import UUID

from pydantic import Field

from contracts.message import Message, Time
from contracts.permissions import Permission
from contracts.rpc import Query

OK = "ok"
"""The outcome of what was done; of what was refused it is the problem's code."""


class AuditEntry(Message):
    """A change, or the attempt at one that was refused.

    `action`: service and method. `issuer`: the gateway, for a person or program; a service, by itself or for them; a
    command that an operator ran. `subject` is the kind of what was changed and `subject_id` which one. `before` and
    `after` hold what differs; where there is nothing to compare, `after` is what was asked for. Large parts are left
    out, as `{"omitted": bytes}`.
    """

    id: UUID
    at: Time
    service: str
    action: str
    outcome: str = OK
    issuer: str | None = None
    user_id: UUID | None = None
    session_id: UUID | None = None
    token_id: UUID | None = None
    address: str | None = None
    agent: str | None = None
    correlation_id: str | None = None
    project_id: UUID | None = None
    subject: str | None = None
    subject_id: str | None = None
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None


class AuditPage(Message):
    """Entries, newest first. `more`: there are older ones."""

    items: tuple[AuditEntry, ...]
    more: bool = False


class ListAudit(Query[AuditPage]):
    """The service's entries, newest first, older than the one with the id `before`; all that is given must hold.

    `action`: one, or all that begin so where it ends with a dot; `since` and `until` (exclusive) to the millisecond.
    """

    right = Permission.OPERATE

    project_id: UUID | None = None
    user_id: UUID | None = None
    token_id: UUID | None = None
    action: str | None = None
    outcome: str | None = None
    subject: str | None = None
    subject_id: str | None = None
    address: str | None = None
    correlation_id: str | None = None
    since: Time | None = None
    until: Time | None = None
    before: UUID | None = None
    limit: int = Field(default=50, ge=1, le=1000)


METHODS = (ListAudit,)
"""Every one of them."""
