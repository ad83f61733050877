"""Alembic, one history a service, for that service's database only."""

import importlib
from pathlib import Path

import sqlalchemy as sa
from alembic import command, context, op
from alembic.config import Config
from sqlalchemy.dialects.postgresql import BYTEA, JSONB, UUID

from chassis import privileges
from chassis.settings import settings

_LOCK = 7_226_154_003
"""Key of the advisory lock under which migrations run, so that several at once wait for one another."""

REBUILT = ("analytics",)
"""Services whose data are made of others', and can be made of them again."""

_NEW = "labelyard_new_database"
"""Key in `Connection.info`: the database had no schema when this run of migrations began."""


def configuration(service: str) -> Config:
    """Alembic's configuration for a service."""
    package = importlib.import_module(f"services.{service}")
    assert package.__path__
    config = Config()
    config.set_main_option("script_location", str(Path(package.__path__[0]) / "migrations"))
    config.attributes["service"] = service
    return config


def upgrade(service: str) -> None:
    """Bring a service's database to the newest schema, and its role's privileges with it. Again: changes nothing."""
    privileges.require_owner(service)
    command.upgrade(configuration(service), "head")
    privileges.protect(service)


def begin_anew(service: str) -> None:
    """Drop every table of a service's database but the audit, and make them again; only for those in REBUILT."""
    assert service in REBUILT, service
    engine = sa.create_engine(settings().migration_dsn(service))
    with engine.begin() as connection:
        connection.execute(sa.text("SET LOCAL lock_timeout = '10s'"))
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        held = (
            "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = current_schema() AND tablename <> 'audit'"
        )
        for table in connection.scalars(sa.text(held)).all():
            connection.execute(sa.text(f"DROP TABLE {table} CASCADE"))
    engine.dispose()
    upgrade(service)


def run_env(models: str) -> None:
    """The body of each service's `migrations/env.py`; `models` is the module whose Base has the metadata."""
    service = models.split(".")[1]
    engine = sa.create_engine(settings().migration_dsn(service))
    with engine.connect() as connection:
        connection.execute(sa.text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK})
        connection.commit()
        context.configure(
            connection=connection,
            target_metadata=importlib.import_module(models).Base.metadata,
            transaction_per_migration=True,
            compare_type=True,
        )
        connection.info[_NEW] = not context.get_context().get_current_heads()
        connection.commit()
        with context.begin_transaction():
            context.run_migrations()
        connection.execute(sa.text("SELECT pg_advisory_unlock(:key)"), {"key": _LOCK})
        connection.commit()
    engine.dispose()


def change_chassis_tables_v2() -> None:
    """Failed messages: each once, and how many tries ended with their process. Never changed afterwards."""
    op.add_column("failed_messages", sa.Column("kills", sa.Integer, nullable=False, server_default=sa.text("0")))
    op.add_column("failed_messages", sa.Column("digest", BYTEA))
    op.create_index("failed_messages_once", "failed_messages", ["queue", "digest"], unique=True)


def undo_chassis_tables_v2() -> None:
    """The way back of `change_chassis_tables_v2`."""
    op.drop_index("failed_messages_once", "failed_messages")
    op.drop_column("failed_messages", "digest")
    op.drop_column("failed_messages", "kills")


def create_audit_v1() -> None:
    """The audit, as it was first (chassis.audit). Never changed afterwards.

    It outlives a database that is begun anew (`begin_anew`): whatever changes it has to bear that it did so already.
    """
    op.create_table(
        "audit",
        sa.Column("id", UUID(as_uuid=True), primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("issuer", sa.Text),
        sa.Column("user_id", UUID(as_uuid=True)),
        sa.Column("session_id", UUID(as_uuid=True)),
        sa.Column("token_id", UUID(as_uuid=True)),
        sa.Column("address", sa.Text),
        sa.Column("agent", sa.Text),
        sa.Column("correlation_id", sa.Text),
        sa.Column("project_id", UUID(as_uuid=True)),
        sa.Column("subject", sa.Text),
        sa.Column("subject_id", sa.Text),
        sa.Column("before", JSONB),
        sa.Column("after", JSONB),
        if_not_exists=True,
    )
    for name, column in (("project", "project_id"), ("user", "user_id"), ("token", "token_id")):
        _index_audit(name, [column, "id"], f"{column} IS NOT NULL")
    _index_audit("subject", ["subject_id", "id"], "subject_id IS NOT NULL")
    _index_audit("action", ["action", "id"], None)
    _index_audit("address", ["address", "id"], "address IS NOT NULL")
    _index_audit("correlation", ["correlation_id"], "correlation_id IS NOT NULL")


def _index_audit(name: str, columns: list[str], where: str | None) -> None:
    condition = None if where is None else sa.text(where)
    op.create_index(f"audit_{name}", "audit", columns, postgresql_where=condition, if_not_exists=True)


def is_new_database() -> bool:
    """For migrations: whether this run began with a database without a schema, rather than upgrading one."""
    return bool(op.get_bind().info.get(_NEW))


def create_chassis_tables_v1() -> None:
    """The chassis tables as they were first; every service's first migration calls this. Never changed afterwards."""
    now = sa.func.now()
    op.create_table(
        "outbox",
        sa.Column("id", UUID(as_uuid=True), primary_key=True),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("envelope", BYTEA, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=now),
    )
    op.create_table(
        "failed_messages",
        sa.Column("id", UUID(as_uuid=True), primary_key=True),
        sa.Column("queue", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("body", BYTEA, nullable=False),
        sa.Column("headers", JSONB, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("failed_at", sa.DateTime(timezone=True), nullable=False, server_default=now),
        sa.Column("next_try_at", sa.DateTime(timezone=True)),
    )
    op.create_index("failed_messages_due", "failed_messages", ["queue", "next_try_at"])
    op.create_table(
        "inbox",
        sa.Column("consumer", sa.Text, primary_key=True),
        sa.Column("event_id", UUID(as_uuid=True), primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, server_default=now),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("method", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("digest", BYTEA, nullable=False),
        sa.Column("answer", JSONB, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, server_default=now),
    )
    op.create_index("idempotency_keys_age", "idempotency_keys", ["at"])
