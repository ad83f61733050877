"""The commands, one module for each part of the command line."""

from __future__ import annotations

import click

from ..api import Labelyard
from ..credentials import present
from ..output import Command
from ..types import Project, Version

FAILED = 1
PARTLY_DONE = 3
DIFFERS = 4


class Group(click.Group):
    """A group of commands."""

    command_class = Command
    group_class = type


def connect() -> Labelyard:
    """The server, signed in; raises NotSignedIn."""
    credentials = present()
    return Labelyard(credentials.url, credentials.token)


def the_project(api: Labelyard, name_or_id: str) -> Project:
    """The project that is meant, or a message that says how to find it."""
    project = api.find_project(name_or_id)
    if project is None:
        raise click.ClickException(
            f"There is no project {name_or_id!r}, or none that you may see. `labelyard project list` shows yours."
        )
    return project


def the_version(api: Labelyard, project_id: str, name_or_id: str) -> Version:
    """The version that is meant, or a message that says how to find it."""
    for each in api.versions(project_id):
        if name_or_id in (each["name"], each["id"]):
            return each
    raise click.ClickException(f"There is no version {name_or_id!r}: see `labelyard versions list`.")
