"""Tables of the members database."""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from chassis.tables import attach, word
from contracts.enums import InvitationState, UserState
from contracts.permissions import ProjectRole, TeamRole, TokenScope


class Base(DeclarativeBase):
    """This service's tables."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {datetime: sa.DateTime(timezone=True), str: sa.Text}


attach(Base.metadata)


class UserRow(Base):
    """A user. `version` rises with every change that others must hear of, ended sessions and tokens too."""

    __tablename__ = "users"
    __table_args__ = (
        sa.UniqueConstraint("email_key", name="users_email_key_unique"),
        sa.Index("users_search", "search_key", postgresql_using="gin", postgresql_ops={"search_key": "gin_trgm_ops"}),
        sa.Index("users_by_team_role", "team_role", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    email: Mapped[str]
    email_key: Mapped[str]  # what addresses are compared by: domain.email_key
    name: Mapped[str]
    password_hash: Mapped[str]  # argon2id, with its salt and parameters; empty: no password signs in
    team_role: Mapped[TeamRole] = mapped_column(word(TeamRole))
    state: Mapped[UserState] = mapped_column(word(UserState))
    version: Mapped[int] = mapped_column(sa.BigInteger)
    created_at: Mapped[datetime]
    last_active_at: Mapped[datetime | None]  # to the quarter hour
    # what people are searched by; any part of it is found by its three-letter words (pg_trgm)
    search_key: Mapped[str] = mapped_column(sa.Computed("lower(name || ' ' || email_key)", persisted=True))


class SessionRow(Base):
    """A sign-in. It ends by removing the row."""

    __tablename__ = "sessions"
    __table_args__ = (
        sa.UniqueConstraint("secret_hash", name="sessions_secret_hash_unique"),
        sa.Index("sessions_of_user", "user_id", "expires_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(sa.ForeignKey("users.id"))
    secret_hash: Mapped[bytes]
    device: Mapped[str]
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime]  # to the hour
    address: Mapped[str | None]  # the network address that it was used from last
    expires_at: Mapped[datetime]


class TokenRow(Base):
    """A personal access token. Revoked ones stay, so that a secret never comes back to life."""

    __tablename__ = "tokens"
    __table_args__ = (
        sa.UniqueConstraint("secret_hash", name="tokens_secret_hash_unique"),
        sa.Index("tokens_of_user", "user_id", "id", postgresql_where=sa.text("revoked_at IS NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(sa.ForeignKey("users.id"))
    name: Mapped[str]
    scope: Mapped[TokenScope] = mapped_column(word(TokenScope), server_default="full")
    project_id: Mapped[UUID | None]  # the only one that it is for
    secret_hash: Mapped[bytes]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]  # to the hour
    revoked_at: Mapped[datetime | None]


class KnownDeviceRow(Base):
    """A device that its user has signed in from. One browser has one secret, whoever signs in with it."""

    __tablename__ = "known_devices"
    __table_args__ = (sa.Index("known_devices_of_user", "user_id", "expires_at"),)

    secret_hash: Mapped[bytes] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(sa.ForeignKey("users.id"), primary_key=True)
    expires_at: Mapped[datetime]


class PasswordResetRow(Base):
    """A link by which a user's password can be set once, or a request for one. It ends by removing the row.

    Where nobody has the address that was typed there is a row all the same, of nobody: it must make no difference.
    """

    __tablename__ = "password_resets"
    __table_args__ = (
        sa.UniqueConstraint("secret_hash", name="password_resets_secret_hash_unique"),
        sa.Index("password_resets_of_user", "user_id"),
        sa.Index("password_resets_by_end", "expires_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID | None] = mapped_column(sa.ForeignKey("users.id"))
    secret_hash: Mapped[bytes | None]  # none until the mail is about to be sent
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]


class IdentityRow(Base):
    """Who a user is at an identity provider."""

    __tablename__ = "identities"
    __table_args__ = (sa.UniqueConstraint("user_id", "issuer", name="identities_of_user_unique"),)

    issuer: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(sa.ForeignKey("users.id"))
    created_at: Mapped[datetime]


class GuardRow(Base):
    """A bucket of guesses at passwords that is not full: domain.Bucket."""

    __tablename__ = "password_guards"
    __table_args__ = (sa.Index("password_guards_by_end", "full_at"),)

    key: Mapped[bytes] = mapped_column(primary_key=True)
    full_at: Mapped[datetime]


class MembershipRow(Base):
    """A user's role in a project; no role: was a member once. Rows stay, so that `version` never goes back."""

    __tablename__ = "memberships"
    __table_args__ = (
        sa.Index("memberships_by_role", "project_id", "role", "user_id"),
        sa.Index("memberships_of_user", "user_id", "project_id", postgresql_where=sa.text("role IS NOT NULL")),
    )

    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(sa.ForeignKey("users.id"), primary_key=True)
    role: Mapped[ProjectRole | None] = mapped_column(word(ProjectRole))
    version: Mapped[int] = mapped_column(sa.BigInteger)
    since: Mapped[datetime]


class ProjectRoleCounts(Base):
    """How many members a project has in each role: moved in the transaction that changes a membership.

    One row a project, not one a role: two opposite changes of role would lock two rows in opposite order.
    """

    __tablename__ = "project_role_counts"

    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    manager: Mapped[int]
    reviewer: Mapped[int]
    labeler: Mapped[int]


class TeamRoleCounts(Base):
    """How many active owners and admins the team has: a table of one row, made by the first migration."""

    __tablename__ = "team_role_counts"
    __table_args__ = (sa.CheckConstraint('"only"', name="team_role_counts_one_row"),)

    only: Mapped[bool] = mapped_column(primary_key=True)
    owner: Mapped[int]
    admin: Mapped[int]


class DeletedProject(Base):
    """A project that was deleted, and perhaps `restored`, at `version`: whichever message comes late."""

    __tablename__ = "deleted_projects"

    project_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(sa.BigInteger)
    restored: Mapped[bool] = mapped_column(server_default=sa.false())


class InvitationRow(Base):
    """An invitation by mail address: to a project in a project role, or to the team in a team role.

    `role` is a ProjectRole with a `project_id` and a TeamRole without. Its link is a secret of which the hash is kept;
    each new one (`round`) replaces the one before. `mailed_round`: the newest that a mail server took.
    """

    __tablename__ = "invitations"
    __table_args__ = (
        sa.UniqueConstraint("secret_hash", name="invitations_secret_hash_unique"),
        sa.Index("invitations_by_state", "project_id", "state", "id"),
        sa.Index("invitations_of_project", "project_id", "id"),
        sa.Index(
            "invitations_pending",
            sa.text("coalesce(project_id, '00000000-0000-0000-0000-000000000000'::uuid)"),
            "email_key",
            unique=True,
            postgresql_where=sa.text("state = 'pending'"),
        ),
        sa.Index("invitations_of_inviter", "created_by", postgresql_where=sa.text("state = 'pending'")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    project_id: Mapped[UUID | None]
    project_name: Mapped[str | None]  # as it was called when somebody was invited
    role: Mapped[str]
    email: Mapped[str]
    email_key: Mapped[str]
    state: Mapped[InvitationState] = mapped_column(word(InvitationState))  # pending ones may have expired meanwhile
    secret_hash: Mapped[bytes | None]
    round: Mapped[int]
    mailed_round: Mapped[int]
    mail_failed: Mapped[bool]
    created_by: Mapped[UUID] = mapped_column(sa.ForeignKey("users.id"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    accepted_by: Mapped[UUID | None] = mapped_column(sa.ForeignKey("users.id"))
