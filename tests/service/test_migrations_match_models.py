"""The migrations make what the models say: Alembic finds nothing left to do."""

import importlib

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from chassis.settings import SERVICES, settings


@pytest.mark.parametrize("service", SERVICES)
def test_migrations_match_models(service: str, settings_environment: dict[str, str]) -> None:
    metadata = importlib.import_module(f"services.{service}.models").Base.metadata
    engine = sa.create_engine(settings().dsn(service))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()
