"""`python -m services.members.reset EMAIL`: prints a link by which that user's password can be set, once, for an hour.

The last resort where neither a mail server nor another owner or admin can help. It needs the members database.
"""

import sys

from chassis import audit, logs
from chassis.database import Database
from chassis.settings import settings
from contracts.enums import UserState
from services.members.handlers.resets import link_of, new_link
from services.members.handlers.users import find_by_email


def main(arguments: list[str]) -> None:
    """Exit with status 0 and the link, or 1 and a sentence."""
    if len(arguments) != 1:
        sys.exit("whose? python -m services.members.reset EMAIL")
    logs.configure("members reset", settings().log_level)
    with Database.of("members").session() as session:
        user = find_by_email(session, arguments[0])
        if user is None or user.state is not UserState.ACTIVE:
            sys.exit(f"There is no user with the address {arguments[0]}.")
        made = new_link(session, user)
        audit.write(session, "members.create_password_reset", "user", user.id, issuer="operator")
    assert made.secret is not None
    print(link_of(made.secret))


if __name__ == "__main__":
    main(sys.argv[1:])
