"""A data library behind the test's HTTP server: registers, takes forms as an object store does, verifies."""

import re
import threading
from typing import Any

from tests.unit.client.api_server import Answer, Request, Server


class Library:
    """The assets of one dataset.

    `reject`: data keys that verification refuses; `forbid`: those that the store refuses; `ill`: how many files the
    store answers with an internal error first; `slow`: how many times it is asked before it has looked at anything.
    """

    def __init__(self, server: Server, dataset: str, slow: int = 1) -> None:
        self.server = server
        self.dataset = dataset
        self.reject: set[str] = set()
        self.forbid: set[str] = set()
        self.ill = 0
        self.slow = slow
        self.assets: dict[str, dict[str, Any]] = {}
        self.contents: dict[str, bytes] = {}
        self.lock = threading.Lock()
        server.on("POST", f"/datasets/{dataset}/assets", self.register)
        server.on("POST", f"/datasets/{dataset}/assets:complete", self.complete)
        server.on("GET", f"/datasets/{dataset}/assets", self.page)

    def register(self, request: Request) -> Answer:
        items = []
        for draft in request.json["items"]:
            key = draft["data_key"]
            asset = self.assets.setdefault(
                key, {"id": f"id-{key}", "data_key": key, "dataset": self.dataset, "state": "registered", **draft}
            )
            if asset["sha256"] != draft["sha256"]:
                items.append({"asset": None, "data_key": key, "code": "asset_exists", "detail": "another file"})
                continue
            upload = None
            if asset["state"] != "stored":
                self.server.on("POST", f"/storage/{key}", self.take)
                upload = {"url": f"{self.server.url}/storage/{key}", "fields": {"key": key, "policy": "signed"}}
            items.append({"asset": asset, "data_key": key, "upload": upload})
        return Answer(200, {"items": items})

    def take(self, request: Request) -> Answer:
        parts = re.findall(rb'name="(\w+)"(?:; filename=[^\r]+)?(?:\r\nContent-Type: [^\r]+)?\r\n\r\n', request.body)
        assert parts == [b"key", b"policy", b"file"], "an object store reads fields up to the file"
        assert "authorization" not in request.headers
        key = request.path.removeprefix("/storage/")
        if key in self.forbid:
            return Answer(403, b"<Error>AccessDenied</Error>")
        with self.lock:
            if self.ill:
                self.ill -= 1
                return Answer(500, b"<Error>InternalError</Error>")
            self.contents[key] = request.body
        return Answer(204, b"")

    def complete(self, request: Request) -> Answer:
        self.slow -= 1
        found = []
        for asset in self.assets.values():
            if asset["id"] not in request.json["ids"]:
                continue
            if self.slow < 0:
                bad = asset["data_key"] in self.reject
                asset.update({"state": "rejected", "reason": "not an image"} if bad else {"state": "stored"})
            found.append(asset)
        return Answer(200, {"items": found, "next": None})

    def page(self, request: Request) -> Answer:
        return Answer(200, {"items": list(self.assets.values()), "next": None})
