"""Alembic's entry for the labels database."""

from chassis.migrations import run_env

run_env("services.labels.models")
