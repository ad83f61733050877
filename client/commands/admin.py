"""labelyard admin: for those who look after an installation."""

import click

from . import Group
from .audit import audit
from .counters import counters
from .failed import failed


@click.group(cls=Group)
def admin() -> None:
    """Look after the installation, for owners and admins."""


for command in (audit, counters, failed):
    admin.add_command(command)
