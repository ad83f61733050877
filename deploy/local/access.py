"""`.labelyard/access.json`: where the system is, and how people and programs sign in."""

import contextlib
import json
from pathlib import Path
from typing import TypedDict

from client import ApiError, Labelyard
from deploy.local.errors import LocalError
from deploy.local.folders import write_private
from deploy.local.system import System


class Access(TypedDict):
    """What access.json holds; `token` is a personal access token of the owner."""

    url: str
    email: str
    password: str
    token: str


def path(home: Path) -> Path:
    """Where access.json is for the installation kept in `home`."""
    return home / "access.json"


def ensure(system: System) -> Access:
    """The owner's access. A token that still works is kept, else a new one is made and written down."""
    file = path(system.state.home)
    email, password = system.owner
    access: Access = {"url": system.url, "email": email, "password": password, "token": ""}
    with contextlib.suppress(OSError, ValueError, KeyError):
        access["token"] = json.loads(file.read_text())["token"]
    if not _works(access):
        access["token"] = _new_token(access)
    write_private(file, json.dumps(access, indent=1) + "\n")
    return access


def _works(access: Access) -> bool:
    if not access["token"]:
        return False
    try:
        with Labelyard(access["url"], access["token"]) as api:
            return bool(api.me())
    except ApiError as error:
        if error.status == 401:
            return False
        raise LocalError(f"the gateway does not say who its token is of: {error}") from error


def _new_token(access: Access) -> str:
    try:
        with Labelyard(access["url"]) as api:
            api.login(access["email"], access["password"])
            secret = api.create_token("make up").get("secret")
    except ApiError as error:
        raise LocalError(
            f"{access['email']} could not sign in with the password made at set-up: {error}. If it was changed,"
            " set LABELYARD_OWNER_PASSWORD to the new one and run this again"
        ) from error
    if not secret:
        raise LocalError("the gateway made a token without telling it")
    return secret
