"""Alembic's entry to this service's migrations."""

from chassis.migrations import run_env

run_env("services.analytics.models")
