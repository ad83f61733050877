"""labelyard login, password, session list, session revoke, token create, token list, token revoke"""

import os
import socket
import sys
from datetime import UTC, datetime, timedelta
from typing import cast

import click

from .. import credentials
from ..api import Labelyard
from ..output import Command, Output, listing, moment, named
from ..types import TokenScope
from . import Group, connect, the_project


@click.command(cls=Command)
@click.option("--url", help="The server's address.  [default: LABELYARD_URL, else the last one, else this machine]")
@click.option("--email", prompt="Email", help="Whom to sign in.")
@click.pass_obj
def login(output: Output, url: str | None, email: str) -> None:
    """Sign in, and keep a token for the other commands.

    The password is asked for, or read from standard input where that is not a terminal.
    """
    url = (url or credentials.default_url()).rstrip("/")
    saved = credentials.stored()
    with Labelyard(url) as api:
        api.login(email, ask("Password"), saved.device if saved and saved.url.rstrip("/") == url else None)
        token = api.create_token(f"labelyard on {socket.gethostname()}")
        api.logout()
        credentials.store(credentials.Credentials(url, token["secret"] or "", api.device))
    output.result({"url": url, "email": email}, f"Signed in to {url} as {email}.")
    if os.environ.get("LABELYARD_TOKEN"):
        output.say("LABELYARD_TOKEN is set and goes before this sign-in: unset it to use it.")


@click.command(cls=Command)
@click.option("--end-sessions", is_flag=True, help="Sign out in every browser. Tokens stay as they are.")
@click.pass_obj
def password(output: Output, end_sessions: bool) -> None:
    """Change your password.

    The present and the new one are asked for, or read from standard input, a line each, where that is not a terminal.
    """
    with connect() as api:
        present, new = ask("Present password"), ask("New password", twice=True)
        api.change_password(present, new, end_other_sessions=end_sessions)
    output.result({"changed": True}, "Your password is changed.")


@click.group(cls=Group)
def session() -> None:
    """Where you are signed in."""


@session.command("list")
@click.pass_obj
def list_sessions(output: Output) -> None:
    """List your sessions, newest first."""
    with connect() as api:
        found = list(api.sessions())
    table = listing("Device", "Since", "Last used")
    for each in found:
        device = each["device"] or "unknown"
        table.add_row(named(device, each["id"]), moment(each["created_at"]), moment(each["last_used_at"]))
    output.result(found, table if found else "You are signed in nowhere.")


@session.command("revoke")
@click.argument("session_id", metavar="ID")
@click.pass_obj
def revoke_session(output: Output, session_id: str) -> None:
    """Sign out there."""
    with connect() as api:
        api.revoke_session(session_id)
    output.result({"revoked": session_id}, "That session has ended.")


@click.group(cls=Group)
def token() -> None:
    """Access tokens, by which programs work for you."""


@token.command()
@click.argument("name")
@click.option(
    "--scope",
    type=click.Choice(["read", "write", "full"]),
    required=True,
    help="read: look only; write: work; full: members, deleting projects and your account too.",
)
@click.option("--project", help="For this project only: its name or id.  [default: for all]")
@click.option("--days", type=click.IntRange(1, 36500), help="How long it lives.  [default: until it is revoked]")
@click.pass_obj
def create(output: Output, name: str, scope: str, project: str | None, days: int | None) -> None:
    """Make a token; its secret is printed, now and never again."""
    with connect() as api:
        made = api.create_token(
            name,
            (datetime.now(UTC) + timedelta(days=days)).isoformat() if days else None,
            scope=cast(TokenScope, scope),
            project_id=the_project(api, project)["id"] if project else None,
        )
    output.say(f"Made token {name} ({made['id']}). Keep its secret; it is not shown again:")
    output.result(made, made["secret"] or "")


@token.command("list")
@click.pass_obj
def list_tokens(output: Output) -> None:
    """List your tokens, newest first."""
    with connect() as api:
        found = list(api.tokens())
    table = listing("Token", "Scope", "Last used", "Expires")
    for each in found:
        used, end = moment(each.get("last_used_at"), "never"), moment(each.get("expires_at"), "never")[:10]
        project_id = each.get("project_id")
        only = ("only for the project", project_id) if project_id else ()
        table.add_row(named(each["name"], each["id"], *only), each["scope"], used, end)
    output.result(found, table if found else "You have no tokens.")


@token.command("revoke")
@click.argument("token_id", metavar="ID")
@click.pass_obj
def revoke_token(output: Output, token_id: str) -> None:
    """End a token."""
    with connect() as api:
        api.revoke_token(token_id)
    output.result({"revoked": token_id}, "That token is worth nothing any more.")


def ask(what: str, *, twice: bool = False) -> str:
    """A password, from the terminal unseen, else a line of standard input."""
    if sys.stdin.isatty():
        answer: str = click.prompt(what, hide_input=True, err=True, confirmation_prompt=twice)
        return answer
    return sys.stdin.readline().rstrip("\n")
