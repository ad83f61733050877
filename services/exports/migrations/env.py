"""Alembic's entry for the exports database."""

from chassis.migrations import run_env

run_env("services.exports.models")
