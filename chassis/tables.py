"""The tables that the chassis keeps in every service's own database."""

from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import BYTEA, JSONB, UUID

metadata = sa.MetaData()

outbox = sa.Table(
    "outbox",
    metadata,
    # A row is an event that has not been published; the relay deletes it once the broker has confirmed it.
    sa.Column("id", UUID(as_uuid=True), primary_key=True),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("envelope", BYTEA, nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
)

failed_messages = sa.Table(
    "failed_messages",
    metadata,
    # A delivery whose handler failed, kept until a retry succeeds or somebody drops it (chassis.failed).
    sa.Column("id", UUID(as_uuid=True), primary_key=True),
    sa.Column("queue", sa.Text, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("body", BYTEA, nullable=False),
    sa.Column("headers", JSONB, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("failed_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=True),  # null: no more by itself
    # tries in a row that ended with their process; one that is under way counts already
    sa.Column("kills", sa.Integer, nullable=False, server_default=sa.text("0")),
    sa.Column("digest", BYTEA, nullable=True),  # SHA-256 of the body; null: kept by an older version
    sa.Index("failed_messages_due", "queue", "next_try_at"),
    sa.Index("failed_messages_once", "queue", "digest", unique=True),
)

inbox = sa.Table(
    "inbox",
    metadata,
    # Events whose effect has no version to compare: a row is written in the transaction of the effect.
    sa.Column("consumer", sa.Text, primary_key=True),
    sa.Column("event_id", UUID(as_uuid=True), primary_key=True),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
)

idempotency_keys = sa.Table(
    "idempotency_keys",
    metadata,
    # What a command under this key was and answered.
    sa.Column("method", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("digest", BYTEA, nullable=False),
    sa.Column("answer", JSONB, nullable=False),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    sa.Index("idempotency_keys_age", "at"),
)

audit = sa.Table(
    "audit",
    metadata,
    # What a person, a program or a service has changed (chassis.audit): rows are added, and nothing else.
    sa.Column("id", UUID(as_uuid=True), primary_key=True),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    # who: the issuer of the call, or what ran by itself; the person, and by which of their sessions or tokens
    sa.Column("issuer", sa.Text),
    sa.Column("user_id", UUID(as_uuid=True)),
    sa.Column("session_id", UUID(as_uuid=True)),
    sa.Column("token_id", UUID(as_uuid=True)),
    # from where
    sa.Column("address", sa.Text),
    sa.Column("agent", sa.Text),
    sa.Column("correlation_id", sa.Text),
    # what
    sa.Column("project_id", UUID(as_uuid=True)),
    sa.Column("subject", sa.Text),
    sa.Column("subject_id", sa.Text),
    sa.Column("before", JSONB(none_as_null=True)),
    sa.Column("after", JSONB(none_as_null=True)),
    sa.Index("audit_project", "project_id", "id", postgresql_where=sa.text("project_id IS NOT NULL")),
    sa.Index("audit_user", "user_id", "id", postgresql_where=sa.text("user_id IS NOT NULL")),
    sa.Index("audit_token", "token_id", "id", postgresql_where=sa.text("token_id IS NOT NULL")),
    sa.Index("audit_subject", "subject_id", "id", postgresql_where=sa.text("subject_id IS NOT NULL")),
    sa.Index("audit_action", "action", "id"),
    sa.Index("audit_address", "address", "id", postgresql_where=sa.text("address IS NOT NULL")),
    sa.Index("audit_correlation", "correlation_id", postgresql_where=sa.text("correlation_id IS NOT NULL")),
)


def attach(target: sa.MetaData) -> None:
    """Make the chassis tables part of a service's metadata, so that its migrations are checked for them too."""
    for table in metadata.sorted_tables:
        table.to_metadata(target)


def word(kind: type[StrEnum]) -> sa.Enum:
    """The type of a column of one of our enumerations, stored as its value."""
    return sa.Enum(kind, native_enum=False, length=20, values_callable=lambda kind: [each.value for each in kind])
