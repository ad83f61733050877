"""labelyard members …, users …, invite …"""

from collections.abc import Iterable
from typing import cast

import click

from .. import credentials
from ..api import Labelyard
from ..output import Output, listing, moment, named
from ..transport import ApiError
from ..types import Invitation, InvitationState, ProjectRole, TeamRole, User
from . import Group, connect, the_project
from .account import ask

PROJECT_ROLES = click.Choice(["manager", "reviewer", "labeler"])
TEAM_ROLES = click.Choice(["owner", "admin", "member"])
STATES = click.Choice(["pending", "accepted", "revoked", "expired"])

_SEARCH = click.option("--search", metavar="TEXT", help="Any part of a name or mail address.")


@click.group(cls=Group)
def members() -> None:
    """Who is in a project, and as what."""


@members.command("list")
@click.argument("project")
@_SEARCH
@click.option("--role", type=PROJECT_ROLES, help="Those only.")
@click.pass_obj
def list_members(output: Output, project: str, search: str | None, role: str | None) -> None:
    """List a project's members, what waits for them, and when they were last active. PROJECT: its name or id."""
    with connect() as api:
        found = list(api.members(the_project(api, project)["id"], search, role))
    table = listing("Member", "Role", "To label", "To review", "Last active", right=("To label", "To review"))
    for each in found:
        load, user = each.get("load"), each["user"]
        waiting = (f"{load[key]:,}" if load else "–" for key in ("to_label", "to_review"))
        active = moment(each.get("last_active_at"), "never")
        table.add_row(named(user["name"], user["email"], user["id"]), each["role"], *waiting, active)
    output.result(found, table if found else "Nobody. `labelyard invite project` lets somebody in.")


@members.command("add")
@click.argument("project")
@click.argument("email")
@click.argument("role", type=PROJECT_ROLES)
@click.pass_obj
def add_member(output: Output, project: str, email: str, role: str) -> None:
    """Give somebody who has an account a role in a project. PROJECT: its name or id."""
    with connect() as api:
        there = the_project(api, project)
        made = api.add_member(there["id"], email, cast(ProjectRole, role))
    output.result(made, f"{made['user']['name']} is {made['role']} in {there['name']}.")


@members.command("role")
@click.argument("project")
@click.argument("member")
@click.argument("role", type=PROJECT_ROLES)
@click.pass_obj
def change_member(output: Output, project: str, member: str, role: str) -> None:
    """Change a member's role. PROJECT: its name or id; MEMBER: mail address or id."""
    with connect() as api:
        there = the_project(api, project)
        user = _the_one(member, (each["user"] for each in _candidates(api, there["id"], member)))
        changed = api.change_member(there["id"], user["id"], cast(ProjectRole, role))
    output.result(changed, f"{user['name']} is {role} in {there['name']}.")


@members.command("remove")
@click.argument("project")
@click.argument("member")
@click.pass_obj
def remove_member(output: Output, project: str, member: str) -> None:
    """End a membership. PROJECT: its name or id; MEMBER: mail address or id.

    What waits for them waits for anybody then; what they did stays.
    """
    with connect() as api:
        there = the_project(api, project)
        user = _the_one(member, (each["user"] for each in _candidates(api, there["id"], member)))
        api.remove_member(there["id"], user["id"])
    output.result({"removed": user}, f"{user['name']} is no member of {there['name']} any more.")


@click.group(cls=Group)
def users() -> None:
    """The team's users; for owners and admins."""


@users.command("list")
@_SEARCH
@click.option("--role", type=TEAM_ROLES, help="Those only.")
@click.option("--deactivated", is_flag=True, help="Those who can't sign in, instead.")
@click.pass_obj
def list_users(output: Output, search: str | None, role: str | None, deactivated: bool) -> None:
    """List the team's users, oldest first."""
    state = "deleted" if deactivated else "active"
    with connect() as api:
        found = list(api.users(search, cast(TeamRole | None, role), state))
    table = listing("User", "Role in the team", "Last active")
    for each in found:
        active = moment(each.get("last_active_at"), "never")
        table.add_row(named(each["name"], each["email"], each["id"]), each["team_role"], active)
    output.result(found, table if found else "Nobody.")


@users.command("role")
@click.argument("user")
@click.argument("role", type=TEAM_ROLES)
@click.pass_obj
def change_user(output: Output, user: str, role: str) -> None:
    """Change somebody's role in the team. USER: mail address or id."""
    with connect() as api:
        changed = api.change_user(_the_user(api, user)["id"], cast(TeamRole, role))
    output.result(changed, f"{changed['name']} is {role} of the team.")


@users.command()
@click.argument("user")
@click.pass_obj
def deactivate(output: Output, user: str) -> None:
    """Keep somebody from signing in: sessions and tokens end. USER: mail address or id."""
    with connect() as api:
        changed = api.deactivate_user(_the_user(api, user)["id"])
    output.result(
        changed, f"{changed['name']} can't sign in. `labelyard users reactivate {changed['id']}` undoes that."
    )


@users.command()
@click.argument("user")
@click.pass_obj
def reactivate(output: Output, user: str) -> None:
    """Let somebody sign in again, in the roles that they had. USER: mail address or id."""
    with connect() as api:
        changed = api.reactivate_user(_the_user(api, user)["id"])
    output.result(changed, f"{changed['name']} can sign in again.")


@click.group(cls=Group)
def invite() -> None:
    """Invite people by mail address."""


_DAYS = click.option("--days", type=click.IntRange(1, 30), help="How long it can be accepted.  [default: 7]")


@invite.command("project")
@click.argument("project")
@click.argument("email")
@click.argument("role", type=PROJECT_ROLES)
@_DAYS
@click.pass_obj
def invite_to_project(output: Output, project: str, email: str, role: str, days: int | None) -> None:
    """Invite somebody to a project. PROJECT: its name or id."""
    with connect() as api:
        made = api.invite(email, role, the_project(api, project)["id"], days)
    _tell(output, made)


@invite.command("team")
@click.argument("email")
@click.argument("role", type=click.Choice(["owner", "admin"]))
@_DAYS
@click.pass_obj
def invite_to_team(output: Output, email: str, role: str, days: int | None) -> None:
    """Invite somebody to be an owner or admin of the team."""
    with connect() as api:
        made = api.invite(email, role, days=days)
    _tell(output, made)


@invite.command("list")
@click.argument("project", required=False)
@click.option("--state", type=STATES, help="Those only.")
@click.pass_obj
def list_invitations(output: Output, project: str | None, state: str | None) -> None:
    """List a project's invitations, newest first; without a PROJECT (name or id), the team's."""
    with connect() as api:
        project_id = the_project(api, project)["id"] if project else None
        found = list(api.invitations(project_id, cast(InvitationState | None, state)))
    table = listing("Invitation", "Role", "State", "Mail", "Until")
    for each in found:
        until = moment(each["expires_at"])
        table.add_row(named(each["email"], each["id"]), each["role"], each["state"], each["mail"], until)
    output.result(found, table if found else "No invitations.")


@invite.command()
@click.argument("invitation", metavar="ID_OR_EMAIL")
@click.option("--project", help="The project's name or id.  [default: the team's invitations]")
@click.pass_obj
def resend(output: Output, invitation: str, project: str | None) -> None:
    """Send an invitation with a new link; the old one is worth nothing any more."""
    with connect() as api:
        _tell(output, api.resend_invitation(_the_invitation(api, invitation, project)))


@invite.command()
@click.argument("invitation", metavar="ID_OR_EMAIL")
@click.option("--project", help="The project's name or id.  [default: the team's invitations]")
@click.pass_obj
def revoke(output: Output, invitation: str, project: str | None) -> None:
    """Take an invitation back."""
    with connect() as api:
        revoked = api.revoke_invitation(_the_invitation(api, invitation, project))
    output.result(revoked, f"{revoked['email']} can't accept it any more.")


@invite.command()
@click.argument("link")
@click.option("--name", help="Make an account of that name; without it, the one that is signed in accepts.")
@click.option("--url", help="The server's address.  [default: what LINK begins with]")
@click.pass_obj
def accept(output: Output, link: str, name: str | None, url: str | None) -> None:
    """Accept an invitation. LINK: what was mailed, or handed over.

    With --name, a password is asked for, or read from standard input where that is not a terminal.
    """
    if name is None:
        with connect() as api:
            accepted = api.accept_invitation(link)
    else:
        url = (url or link.rpartition("/invitation#")[0] or credentials.default_url()).rstrip("/")
        with Labelyard(url) as api:
            try:
                accepted = api.accept_invitation(link, name, ask("New password", twice=True))
            except ApiError as error:
                if error.code != "account_exists":
                    raise
                raise click.ClickException(
                    "There is an account with that address: `labelyard login`, then this without --name."
                ) from None
        output.say(f"`labelyard login --url {url} --email {accepted['user']['email']}` signs you in.")
    place = "the project" if accepted["project_id"] else "the team"
    output.result(accepted, f"{accepted['user']['name']} is {accepted['role']} in {place} now.")


def _tell(output: Output, invitation: Invitation) -> None:
    if link := invitation.get("link"):
        output.say(f"No mail is sent here: give this link to {invitation['email']}. It is not shown again.")
        output.result(invitation, link)
    else:
        until = moment(invitation["expires_at"])
        output.result(invitation, f"A mail to {invitation['email']} is on its way; the link in it works until {until}.")


def _candidates(api: Labelyard, project_id: str, member: str) -> Iterable[dict[str, User]]:
    # an id is no part of a name or address: all are looked through for it
    return cast(Iterable[dict[str, User]], api.members(project_id, member if "@" in member else None))


def _the_user(api: Labelyard, user: str) -> User:
    return _the_one(user, api.users(user if "@" in user else None))


def _the_one(who: str, found: Iterable[User]) -> User:
    """Whoever has exactly that address or id."""
    for user in found:
        if who == user["id"] or who.casefold() == user["email"].casefold():
            return user
    raise click.ClickException(f"There is no {who!r} there: `labelyard members list` and `users list` show who is.")


def _the_invitation(api: Labelyard, which: str, project: str | None) -> Invitation:
    """The newest one with that id or address."""
    project_id = the_project(api, project)["id"] if project else None
    for each in api.invitations(project_id):
        if which == each["id"] or which.casefold() == each["email"].casefold():
            return each
    raise click.ClickException(f"There is no invitation {which!r} there: see `labelyard invite list`.")
