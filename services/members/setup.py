"""`python -m services.members.setup`: makes the first owner, where the team has none.

LABELYARD_OWNER_EMAIL and LABELYARD_OWNER_PASSWORD say who that is. LABELYARD_OWNER_TOKEN, if set, becomes a personal
access token of theirs; one that was revoked stays so. Again: changes nothing.
"""

import sys

import sqlalchemy as sa
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.orm import Session

from chassis import audit, logs
from chassis.database import Database
from chassis.settings import secrets_folder, settings
from contracts.enums import UserState
from contracts.permissions import TeamRole
from services.members import domain
from services.members.handlers.tokens import create_token
from services.members.handlers.users import create_user, find_by_email
from services.members.models import TeamRoleCounts, TokenRow, UserRow
from services.members.passwords import Passwords


class FirstOwner(BaseSettings):
    """Who the first owner is."""

    model_config = SettingsConfigDict(env_prefix="LABELYARD_OWNER_", env_ignore_empty=True)

    email: str | None = Field(default=None, max_length=320, pattern=r"^[^@\s]+@[^@\s]+$")
    password: SecretStr | None = Field(default=None, min_length=8, max_length=1000)
    token: SecretStr | None = None


class NotSetUp(Exception):
    """The first owner cannot be made; the message says what to set."""


def set_up(session: Session, hasher: Passwords, first: FirstOwner) -> str:
    """Make the first owner and their token, where they are missing; a sentence on what was done.

    Of two at once, the second waits and finds the first one's owner.
    """
    counts = session.execute(sa.select(TeamRoleCounts).with_for_update()).scalar_one()
    if counts.owner:
        done = "The team has an owner."
    elif first.email is None or first.password is None:
        raise NotSetUp(
            "The team has no owner yet. Set LABELYARD_OWNER_EMAIL and LABELYARD_OWNER_PASSWORD (at least 8 characters)."
        )
    else:
        password_hash = hasher.hash(first.password.get_secret_value())
        name = first.email.partition("@")[0]
        made = create_user(session, first.email, name, password_hash, TeamRole.OWNER)
        after = {"email": made.email, "team_role": made.team_role}
        audit.write(session, "members.setup", "user", made.id, issuer="setup", after=after)
        done = f"{first.email} is the team's first owner."
    if first.token is not None and first.email is not None:
        owner = find_by_email(session, first.email)
        if owner is not None and _give_token(session, owner, first.token.get_secret_value()):
            done += " Their access token is in place."
    return done


def _give_token(session: Session, owner: UserRow, secret: str) -> bool:
    if not domain.acceptable_token_secret(secret):
        raise NotSetUp(
            f"LABELYARD_OWNER_TOKEN must have {domain.OWN_TOKEN_LENGTH} or more printable ASCII characters, "
            "no spaces, and be random: an `ly_` and 43 random ones do."
        )
    if owner.state is not UserState.ACTIVE or owner.team_role is not TeamRole.OWNER:
        return False
    known = sa.select(TokenRow.id).where(TokenRow.secret_hash == domain.hash_secret(secret))
    if session.scalar(known) is not None:
        return False
    token = create_token(session, owner.id, "set-up", secret=secret)
    audit.write(
        session, "members.setup", "token", token.id, issuer="setup", after={"name": token.name, "user": owner.id}
    )
    return True


def main() -> None:
    """Exit with status 0 and what was done, or 1 and what is missing."""
    logs.configure("members setup", settings().log_level)
    try:
        first = FirstOwner(_secrets_dir=secrets_folder())
    except ValidationError as error:
        faults = [
            f"LABELYARD_OWNER_{str(fault['loc'][0]).upper()}: {fault['msg']}"
            for fault in error.errors(include_input=False, include_url=False)
        ]
        sys.exit("\n".join(faults))
    try:
        with Database.of("members").session() as session:
            done = set_up(session, Passwords(), first)
    except NotSetUp as reason:
        sys.exit(str(reason))
    print(done)


if __name__ == "__main__":
    main()
