"""Where the command line keeps its sign-in: ~/.config/labelyard/credentials.json, for its owner's eyes only."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

DEFAULT_URL = "http://127.0.0.1:8080"


class NotSignedIn(Exception):
    """There is no token for the server; the text says how to get one."""


@dataclass(frozen=True)
class Credentials:
    """A server and a personal access token for it. `device`: by what it knows this one (Labelyard.login)."""

    url: str
    token: str
    device: str | None = None


def path() -> Path:
    """The file, below XDG_CONFIG_HOME where that is set."""
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "labelyard" / "credentials.json"


def stored() -> Credentials | None:
    """What `labelyard login` stored."""
    try:
        saved = json.loads(path().read_text())
        return Credentials(saved["url"], saved["token"], saved.get("device"))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def store(credentials: Credentials) -> None:
    """Replace what is stored. The file is never readable for others, not even for a moment."""
    file = path()
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = file.with_name(f"{file.name}.{os.getpid()}")
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as out:
        json.dump(asdict(credentials), out, indent=2)
        out.write("\n")
    new.replace(file)


def default_url() -> str:
    """The server meant where none is named: LABELYARD_URL, the stored one, or the local one."""
    saved = stored()
    return os.environ.get("LABELYARD_URL") or (saved.url if saved else DEFAULT_URL)


def present() -> Credentials:
    """LABELYARD_URL and LABELYARD_TOKEN, each where set; otherwise what is stored. Raises NotSignedIn."""
    saved, url = stored(), default_url().rstrip("/")
    token = os.environ.get("LABELYARD_TOKEN")
    if not token and saved and saved.url.rstrip("/") == url:
        token = saved.token
    if not token:
        raise NotSignedIn(
            f"Not signed in to {url}. Run `labelyard login --url {url}`, or set LABELYARD_URL and LABELYARD_TOKEN "
            "(`make up` writes both to .labelyard/access.json)."
        )
    return Credentials(url, token)
