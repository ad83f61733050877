"""Personal access tokens."""

from datetime import UTC, datetime
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis import audit, paging
from chassis.ids import new_id
from contracts.enums import UserState
from contracts.errors import Problem
from contracts.permissions import TokenScope
from contracts.rpc.members import Principal, Token, TokenPage
from services.members import domain
from services.members.handlers.sessions import manages_any_project
from services.members.handlers.users import seen, to_user, user_changed
from services.members.models import TokenRow, UserRow


def create_token(
    session: Session,
    user_id: UUID,
    name: str,
    expires_at: datetime | None = None,
    scope: TokenScope = TokenScope.FULL,
    project_id: UUID | None = None,
    secret: str | None = None,
) -> Token:
    """Make a token, of `secret` or a new one; Problem `not_found` where there is no such active user."""
    # locked, so that nobody who is being deleted keeps a token made meanwhile
    user = session.get(UserRow, user_id, with_for_update={"read": True})
    if user is None or user.state is not UserState.ACTIVE:
        raise Problem("not_found", "There is no such user.")
    secret = secret or domain.new_token_secret()
    row = TokenRow(
        id=new_id(),
        user_id=user_id,
        name=name,
        scope=scope,
        project_id=project_id,
        secret_hash=domain.hash_secret(secret),
        created_at=datetime.now(UTC),
        expires_at=expires_at,
    )
    session.add(row)
    session.flush()
    return _to_token(row, secret)


def list_tokens(session: Session, user_id: UUID, cursor: str | None, limit: int) -> TokenPage:
    """A user's tokens that are not revoked, newest first."""
    query = sa.select(TokenRow).where(TokenRow.user_id == user_id, TokenRow.revoked_at.is_(None))
    if cursor:
        (last,) = paging.decode(cursor, UUID)
        query = query.where(TokenRow.id < last)
    found = session.scalars(query.order_by(TokenRow.id.desc()).limit(limit + 1))
    rows, more = paging.page(found, limit, lambda row: row.id)
    return TokenPage(items=tuple(map(_to_token, rows)), next=more)


def revoke_token(session: Session, user_id: UUID, token_id: UUID) -> None:
    """End a token of this user; ending it twice is no error, somebody else's is `not_found`."""
    row = session.get(TokenRow, token_id, with_for_update=True)
    if row is None or row.user_id != user_id:
        raise Problem("not_found", "You have no such token.")
    if row.revoked_at is None:
        row.revoked_at = datetime.now(UTC)
        audit.note("token", row.id, before={"name": row.name, "scope": row.scope, "project_id": row.project_id})
        user_changed(session, user_id, revoked_tokens=(token_id,))


def resolve_token(session: Session, secret: str) -> Principal:
    """Whom a bearer token stands for; Problem `unauthenticated`. Writes at most once an hour."""
    now = datetime.now(UTC)
    found = session.execute(
        sa.select(TokenRow, UserRow, manages_any_project(UserRow.id))
        .join(UserRow, UserRow.id == TokenRow.user_id)
        .where(TokenRow.secret_hash == domain.hash_secret(secret), TokenRow.revoked_at.is_(None))
        .where(sa.or_(TokenRow.expires_at.is_(None), TokenRow.expires_at > now))
        .where(UserRow.state == UserState.ACTIVE)
    ).one_or_none()
    if found is None:
        raise Problem("unauthenticated", "The token is unknown, revoked or expired.")
    row, user, manages = found
    seen(session, user, now)
    if domain.use_is_news(row.last_used_at, now):
        row.last_used_at = now
    return Principal(
        user=to_user(user),
        token_id=row.id,
        manages_any_project=manages,
        expires_at=row.expires_at,
        scope=row.scope,
        project_id=row.project_id,
    )


def _to_token(row: TokenRow, secret: str | None = None) -> Token:
    return Token(
        id=row.id,
        name=row.name,
        scope=row.scope,
        project_id=row.project_id,
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        secret=secret,
    )
