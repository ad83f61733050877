"""`python -m deploy.docker.databases`: makes each service's role and database as its DSN names them.

LABELYARD_ADMIN_DSN is the address of an administrator, who may make roles and databases. Again: changes nothing, unless
a DSN has a new password: that becomes the role's.
"""

import sys

import psycopg
from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import make_url

from chassis.settings import SERVICES, secrets_folder, settings
from deploy.databases import make_database


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
    with psycopg.connect(administrator.dsn, autocommit=True, connect_timeout=10) as connection:
        for service in SERVICES:
            address = make_url(settings().dsn(service))
            if not (address.database and address.username and address.password):
                sys.exit(f"LABELYARD_{service.upper()}_DSN must name a database, a role and its password.")
            make_database(connection, address.database, address.username, str(address.password))
    print(f"Databases of {', '.join(SERVICES)} are there.")


if __name__ == "__main__":
    main()
