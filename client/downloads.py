"""A large file from the object store."""

import hashlib
import os
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx

from .transport import ATTEMPTS, STORE_NOT_NOW, TransferError, retry_after, wait_before
from .uploads import Progress


def fetch(
    storage: httpx.Client,
    address: Callable[[], str],
    target: Path,
    *,
    size: int | None,
    sha256: str | None,
    progress: Progress,
    crc32: str | None = None,
) -> None:
    """Download what `address` tells to `target`, which appears only whole: written beside it, checked, renamed.

    `size` in bytes, `sha256` and `crc32` (hexadecimal): what must arrive, where known. Raises TransferError otherwise.
    A download that breaks off goes on where it did; `address` is asked anew for that, since what it signs does not live
    long.
    """
    digest, check, received = hashlib.sha256(), 0, 0
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            for start, chunk in _chunks(storage, address):
                if start != received:  # from the beginning again
                    digest, check, received = hashlib.sha256(), 0, 0
                    file.seek(0)
                    file.truncate()
                file.write(chunk)
                digest.update(chunk)
                check = zlib.crc32(chunk, check)
                received += len(chunk)
                progress(received, size or received)
        if size is not None and received != size:
            raise TransferError(f"{received:,} bytes of {size:,} arrived")
        if sha256 is not None and digest.hexdigest() != sha256:
            raise TransferError("what arrived has another sha256 than the file had")
        if crc32 is not None and check != int(crc32, 16):
            raise TransferError("what arrived has another CRC-32 than the file had")
        part.chmod(0o666 & ~_umask())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _chunks(storage: httpx.Client, address: Callable[[], str]) -> Iterator[tuple[int, bytes]]:
    """A file's bytes in pieces, each with its place; from place 0 again where the store does not resume.

    Gives up when it fails ATTEMPTS times without that another byte has come.
    """
    received = failures = 0
    while True:
        asked, before = None, received
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={received}-"} if received else {})
        try:
            with storage.stream("GET", address(), headers=headers) as response:
                if response.status_code == 416 and received:
                    return  # it broke off behind the last byte
                if response.status_code in (200, 206):
                    received = _start(response, received)
                    for chunk in response.iter_bytes():
                        yield received, chunk
                        received += len(chunk)
                    return
                if response.status_code not in STORE_NOT_NOW:
                    raise TransferError(f"the object store refused it with HTTP status {response.status_code}")
                why, asked = f"the object store answers HTTP status {response.status_code}", retry_after(response)
        except httpx.TransportError as error:
            why = str(error) or type(error).__name__
        failures = 1 if received > before else failures + 1
        if failures >= ATTEMPTS:
            raise TransferError(f"the download broke off: {why}")
        time.sleep(wait_before(failures, asked))


def _start(response: httpx.Response, asked: int) -> int:
    """Where in the file a response begins, which was asked for the bytes from `asked` on."""
    if response.status_code == 200:
        return 0
    if not response.headers.get("content-range", "").startswith(f"bytes {asked}-"):
        raise TransferError("the object store sent another part of the file than it was asked for")
    return asked


def _umask() -> int:
    """The process's umask, which can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
