"""labelyard admin: for those who look after an installation."""

import click

from . import Group
from .counters import counters


@click.group(cls=Group)
def admin() -> None:
    """Look after the installation, for owners and admins."""


admin.add_command(counters)
