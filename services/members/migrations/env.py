"""Alembic's entry for the members database."""

from chassis.migrations import run_env

run_env("services.members.models")
