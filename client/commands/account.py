"""labelyard login"""

import os
import socket
import sys

import click

from .. import credentials
from ..api import Labelyard
from ..output import Command, Output


@click.command(cls=Command)
@click.option("--url", help="The server's address.  [default: LABELYARD_URL, else the last one, else this machine]")
@click.option("--email", prompt="Email", help="Whom to sign in.")
@click.pass_obj
def login(output: Output, url: str | None, email: str) -> None:
    """Sign in, and keep a token for the other commands.

    The password is asked for, or read from standard input where that is not a terminal.
    """
    url = (url or credentials.default_url()).rstrip("/")
    if sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, err=True)
    else:
        password = sys.stdin.readline().rstrip("\n")
    with Labelyard(url) as api:
        api.login(email, password)
        token = api.create_token(f"labelyard on {socket.gethostname()}")
        api.logout()
    credentials.store(credentials.Credentials(url, token["secret"] or ""))
    output.result({"url": url, "email": email}, f"Signed in to {url} as {email}.")
    if os.environ.get("LABELYARD_TOKEN"):
        output.say("LABELYARD_TOKEN is set and goes before this sign-in: unset it to use it.")
