"""Alembic's entry for the projects database."""

from chassis.migrations import run_env

run_env("services.projects.models")
