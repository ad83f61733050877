"""`python -m deploy.docker.databases`: makes each service's roles and database as its DSN and MIGRATION_DSN name them.

LABELYARD_ADMIN_DSN is the address of a superuser, on the server that has all of them. Again: changes nothing, unless
an address has a new password: that becomes the role's. What a version without owners left to the service's role is
handed over to the owner.
"""

import sys

from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import make_url

from chassis.settings import SERVICES, secrets_folder, settings
from deploy.databases import Role, make_database


class Administrator(BaseSettings):
    """Who makes the databases."""

    model_config = SettingsConfigDict(env_prefix="LABELYARD_ADMIN_", extra="ignore", env_ignore_empty=True)

    dsn: str


def main() -> None:
    """Make them all; ends with a message that names a setting that is missing."""
    try:
        administrator = Administrator(_secrets_dir=secrets_folder())
    except ValidationError:
        sys.exit("LABELYARD_ADMIN_DSN is not set, and databases are not made without it.")
    for service in SERVICES:
        role = _role(settings().dsn(service), f"{service}_dsn")
        owner = _role(settings().migration_dsn(service), f"{service}_migration_dsn")
        database = str(make_url(settings().dsn(service)).database)
        make_database(administrator.dsn, database, role, owner if owner.name != role.name else None)
    print(f"Databases of {', '.join(SERVICES)} are there.")


def _role(dsn: str, setting: str) -> Role:
    address = make_url(dsn)
    if not (address.database and address.username and address.password):
        sys.exit(f"LABELYARD_{setting.upper()} must name a database, a role and its password.")
    return Role(address.username, str(address.password))


if __name__ == "__main__":
    main()
