"""A large file from the object store."""

import hashlib
import os
import tempfile
from pathlib import Path

import httpx

from .transport import TransferError
from .uploads import Progress

CHUNK = 1 << 20  # bytes


def fetch(
    storage: httpx.Client,
    url: str,
    target: Path,
    *,
    size: int | None,
    sha256: str | None,
    progress: Progress,
) -> None:
    """Download `url` to `target`, which appears only whole: written beside it, checked, renamed.

    `size` in bytes and `sha256`: what must arrive, where known. Raises TransferError otherwise.
    """
    digest, received = hashlib.sha256(), 0
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file, storage.stream("GET", url) as response:
            if response.status_code != 200:
                raise TransferError(f"the object store refused it with HTTP status {response.status_code}")
            for chunk in response.iter_bytes(CHUNK):
                file.write(chunk)
                digest.update(chunk)
                received += len(chunk)
                progress(received, size or received)
        if size is not None and received != size:
            raise TransferError(f"{received:,} bytes of {size:,} arrived")
        if sha256 is not None and digest.hexdigest() != sha256:
            raise TransferError("what arrived has another sha256 than the file had")
        part.chmod(0o666 & ~_umask())
        part.replace(target)
    except httpx.TransportError as error:
        raise TransferError(f"the download broke off: {error or type(error).__name__}") from error
    finally:
        part.unlink(missing_ok=True)


def _umask() -> int:
    """The process's umask, which can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
