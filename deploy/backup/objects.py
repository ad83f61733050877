"""The bucket, copied into files and back."""

import hashlib
import os
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any
from uuid import uuid4

from pydantic import ValidationError

from chassis.objects import PART, Listed, ObjectStore
from deploy.backup.manifest import BackupError, Object, sha256_of

LIST = "objects.jsonl"
THREADS = 8
_BLOCK = 1024 * 1024


class Copies:
    """The objects of a backup that is being made: their bytes in files, and a line for each in objects.jsonl."""

    def __init__(self, store: ObjectStore, folder: Path) -> None:
        self._store = store
        self._folder = folder
        self._etags: dict[str, str] = {}
        self._writing = threading.Lock()

    def copy_new(self) -> int:
        """Copy what the bucket holds and was not copied yet; how many objects that was."""
        new = (found for found in self._store.find() if self._etags.get(found.key) != found.etag)
        with (self._folder / LIST).open("a", encoding="utf-8") as lines:
            return sum(_at_once(lambda found: self._copy(found, lines), new))

    def _copy(self, found: Listed, lines: Any) -> bool:
        part = self._folder / f"{uuid4().hex}.part"
        try:
            with self._store.open(found.key) as stream, part.open("wb") as file:
                digest, size = hashlib.sha256(), 0
                while block := stream.read(_BLOCK):
                    digest.update(block)
                    size += len(block)
                    file.write(block)
                content_type = stream.headers.get("Content-Type", "application/octet-stream")
                etag = stream.headers.get("ETag", found.etag).strip('"')
                file.flush()
                os.fsync(file.fileno())
        except KeyError:
            part.unlink(missing_ok=True)
            return False  # deleted since it was listed: whoever deleted it committed before
        target = file_of(self._folder, digest.hexdigest())
        target.parent.mkdir(parents=True, exist_ok=True)
        part.replace(target)
        line = Object(key=found.key, size=size, sha256=digest.hexdigest(), content_type=content_type, etag=etag)
        with self._writing:
            lines.write(line.model_dump_json() + "\n")
            self._etags[found.key] = etag
        return True


def read(folder: Path) -> dict[str, Object]:
    """The objects of a backup by key."""
    with (folder / LIST).open(encoding="utf-8") as lines:
        try:
            objects = (Object.model_validate_json(line) for line in lines)
            return {each.key: each for each in objects}  # of two lines the later one counts
        except ValidationError as error:
            raise BackupError(f"{folder / LIST} cannot be read: {error}") from error


def restore(store: ObjectStore, folder: Path, objects: Iterable[Object]) -> int:
    """Put the objects of a backup into the bucket; how many there were."""

    def one(each: Object) -> bool:
        file = file_of(folder, each.sha256)
        if not file.exists() or sha256_of(file) != each.sha256:
            raise BackupError(f"{file}, the bytes of {each.key}, is missing or not as it was written")
        if each.size < PART:
            store.put(each.key, file.read_bytes(), each.content_type)
        else:
            with file.open("rb") as stream:
                store.put_stream(each.key, stream, each.content_type)
        return True

    return sum(_at_once(one, objects))


def file_of(folder: Path, sha256: str) -> Path:
    """Where the bytes of that digest are in a backup."""
    return folder / "objects" / sha256[:2] / sha256


def _at_once(work: Any, items: Iterable[Any]) -> Iterator[Any]:
    """The results of `work` on each item, THREADS at a time and no further ahead; the first failure ends it."""
    with ThreadPoolExecutor(THREADS) as threads:
        running: set[Future[Any]] = set()
        for item in items:
            running.add(threads.submit(work, item))
            if len(running) >= 2 * THREADS:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                yield from (each.result() for each in done)
        yield from (each.result() for each in running)
