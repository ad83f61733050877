"""A real identity provider (tests/provider: oidc-provider under node), and browsers that sign on by it."""

import json
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from tests.npm import installed

FOLDER = Path(__file__).parent / "provider"
CLIENT = {"CLIENT_ID": "labelyard & more", "CLIENT_SECRET": "not a secret: only for tests/100%"}


@dataclass
class Provider:
    """The provider on `port`, which `start` starts; `redirect_uri` is where browsers may come back to."""

    port: int
    redirect_uri: str = ""
    _process: subprocess.Popen[str] | None = field(default=None)

    @property
    def issuer(self) -> str:
        """What it calls itself."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def settings(self) -> dict[str, str]:
        """The variables of a gateway that knows it."""
        return {
            "LABELYARD_OIDC_ISSUER": self.issuer,
            "LABELYARD_OIDC_CLIENT_ID": CLIENT["CLIENT_ID"],
            "LABELYARD_OIDC_CLIENT_SECRET": CLIENT["CLIENT_SECRET"],
            "LABELYARD_OIDC_NAME": "The test's provider",
        }

    def start(self) -> None:
        """Start it and wait until it listens."""
        own = {**CLIENT, "PORT": str(self.port), "REDIRECT_URI": self.redirect_uri}
        self._process = subprocess.Popen(
            ["node", "provider.mjs"],
            cwd=installed(FOLDER),
            env={**os.environ, **own},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline().startswith("listens"), "the identity provider does not come up"

    def stop(self) -> None:
        """End it, if it runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(30)
            self._process.communicate()
            self._process = None

    def control(self, **changes: Any) -> None:
        """Change what it does from now on (provider.mjs)."""
        httpx.post(f"{self.issuer}/control", json=changes).raise_for_status()


def go_to(browser: httpx.Client, url: str, person: dict[str, Any] | None, until: str = "/callback") -> str:
    """Follow redirects from `url`, fill in the provider's form, and stop before the address with `until` in it.

    `person`: what the provider is to say of whoever sits there, `sub` at least; None: they say no.
    """
    response = browser.get(url)
    for _ in range(20):
        if not response.is_redirect:  # the form
            where = urlsplit(str(response.url))
            assert where.path.startswith("/interaction/"), response.text
            response = browser.post(str(response.url), data={"person": json.dumps(person)})
        assert response.next_request is not None, response.text
        url = str(response.next_request.url)
        if until in urlsplit(url).path:
            return url
        response = browser.get(url)
    raise AssertionError("it goes round in circles")
