"""Many files into a dataset: registered in batches, sent in parallel, verified by the server."""

import hashlib
import mimetypes
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import httpx

from .transport import STORE_NOT_NOW, TransferError, send_again
from .types import Asset, AssetDraft, UploadPolicy

if TYPE_CHECKING:
    from .api import Labelyard

BATCH = 200  # files in one request
PARALLEL = 8  # uploads at a time
UNVERIFIED = 2_000  # files that the server may be behind with before it is waited for
NAMED = 1_000  # failures that a summary names, as an import's report does; more are counted
Progress = Callable[[int, int], None]
"""Is told how many are done of how many, again and again."""
T = TypeVar("T")
_NO_NAME = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")  # what a data key may not contain


@dataclass(frozen=True)
class UploadFailure:
    """A file that did not become a stored asset: a stable code and a sentence."""

    data_key: str
    code: str
    detail: str


@dataclass
class UploadSummary:
    """What became of many files: how many assets are `stored`, how many of these were before (`present`), how many
    files `failed`, and the first NAMED of these failures.
    """

    stored: int = 0
    present: int = 0
    failed: int = 0
    failures: list[UploadFailure] = field(default_factory=list)

    def fail(self, data_key: str, code: str, detail: str) -> None:
        """Note a failure."""
        self.failed += 1
        if len(self.failures) < NAMED:
            self.failures.append(UploadFailure(data_key, code, detail))


def put(storage: httpx.Client, policy: UploadPolicy, path: Path) -> None:
    """Upload one file to the address that `policy` signs; raises TransferError."""

    def send() -> httpx.Response:
        with path.open("rb") as file:
            return storage.post(policy["url"], data=policy["fields"], files={"file": (path.name, file)})

    try:
        response = send_again(send, STORE_NOT_NOW)
    except httpx.TransportError as error:
        raise TransferError(f"the object store did not answer: {error or type(error).__name__}") from error
    if response.status_code >= 400:
        raise TransferError(f"the object store refused it with HTTP status {response.status_code}")


class Uploading:
    """One run of `Labelyard.upload_assets`; see there.

    It keeps nothing of a file that is done, so that a million of them need no more memory than a thousand.
    """

    def __init__(
        self,
        api: "Labelyard",
        dataset: str,
        paths: Mapping[str, Path],
        progress: Progress,
        stored: Callable[[Asset], None],
    ) -> None:
        self.api = api
        self.dataset = dataset
        self.paths = paths
        self.progress = progress
        self.stored = stored
        self.summary = UploadSummary()
        self.sent = 0

    def run(self, patience: float) -> UploadSummary:
        """Upload everything, then wait until the server has verified it."""
        unverified: set[str] = set()
        with ThreadPoolExecutor(PARALLEL) as pool:
            for keys in in_batches(self.paths):
                arrived = self._send(pool, keys)
                # the server begins to verify these while the next ones are sent
                unverified |= self._settle(arrived, wait=0)
                if len(unverified) > UNVERIFIED:
                    unverified = self._await_verification(unverified, patience, UNVERIFIED // 2)
        self._await_verification(unverified, patience)
        return self.summary

    def _send(self, pool: ThreadPoolExecutor, keys: list[str]) -> list[str]:
        """Register and upload files; the ids of assets whose file is in the object store now."""
        drafts = [draft for draft in pool.map(self._describe, keys) if draft]
        sent: list[tuple[Asset, Future[None]]] = []
        for item in self.api.register_assets(self.dataset, drafts) if drafts else []:
            asset, policy, code = item["asset"], item.get("upload"), item.get("code")
            if asset is None or code:
                self.summary.fail(item["data_key"], code or "refused", item.get("detail") or "")
            elif policy:
                path = self.paths[asset["data_key"]]
                sent.append((asset, pool.submit(put, self.api.transport.storage, policy, path)))
            elif asset["state"] == "stored":
                self._store(asset)
                self.summary.present += 1
            else:
                self.summary.fail(asset["data_key"], asset["state"], asset.get("reason") or "")
        arrived = []
        for asset, upload in sent:
            try:
                upload.result()
                arrived.append(asset["id"])
            except (TransferError, OSError) as error:
                self.summary.fail(asset["data_key"], "upload_failed", str(error))
            self._tell(1)
        self._tell(len(keys) - len(sent))
        return arrived

    def _describe(self, key: str) -> AssetDraft | None:
        """What a file is; None, and a failure, if it can't be read."""
        path = self.paths[key]
        if _NO_NAME.search(key) or len(key) > 1000:
            self.summary.fail(key, "bad_name", "a data key has at most 1,000 characters, none of them control")
            return None
        try:
            with path.open("rb") as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
                size = file.tell()
        except OSError as error:
            self.summary.fail(key, "unreadable", error.strerror or str(error))
            return None
        if not size:
            self.summary.fail(key, "empty", "the file is empty")
            return None
        content_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        return {"data_key": key, "size": size, "sha256": sha256, "content_type": content_type}

    def _settle(self, ids: Iterable[str], wait: int) -> set[str]:
        """Ask the server to verify; the ids that it has not yet come to within `wait` seconds."""
        left: set[str] = set()
        for batch in in_batches(ids):
            for asset in self.api.complete_assets(self.dataset, batch, wait):
                if asset["state"] == "registered":
                    left.add(asset["id"])
                elif asset["state"] == "stored":
                    self._store(asset)
                else:
                    reason = asset.get("reason") or "the server could not read it"
                    self.summary.fail(asset["data_key"], "rejected", reason)
        return left

    def _await_verification(self, unverified: set[str], patience: float, behind: int = 0) -> set[str]:
        """Ask until at most `behind` are not verified, which are returned; those that are left when nothing more was
        verified for `patience` seconds have failed.
        """
        deadline = time.monotonic() + patience
        while len(unverified) > behind:
            if time.monotonic() > deadline:
                self._fail_unverified(unverified)
                return set()
            left = self._settle(unverified, wait=10)
            if len(left) < len(unverified):
                deadline = time.monotonic() + patience
            elif left:  # a busy server answers without waiting
                time.sleep(min(1.0, patience))
            unverified = left
        return unverified

    def _fail_unverified(self, unverified: set[str]) -> None:
        for asset in self.api.assets(self.dataset):
            if asset["id"] in unverified:
                detail = "the server has not verified it yet: try again later"
                self.summary.fail(asset["data_key"], "not_verified", detail)

    def _store(self, asset: Asset) -> None:
        self.summary.stored += 1
        self.stored(asset)

    def _tell(self, more: int) -> None:
        self.sent += more
        self.progress(self.sent, len(self.paths))


def in_batches(items: Iterable[T]) -> Iterator[list[T]]:
    """Lists of at most BATCH items."""
    left = iter(items)
    while batch := list(islice(left, BATCH)):
        yield batch
