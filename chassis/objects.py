"""The object store: any S3-compatible server, through the minio SDK.

Two clients: the internal one moves bytes, the public one only signs addresses, with the host that browsers and command
lines reach. A region is always given, or signing would make a network call (field notes).
"""

import io
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import chain
from typing import Any, BinaryIO, Literal, Protocol
from urllib.parse import quote, urlsplit
from zlib import crc32

import urllib3
from minio import Minio
from minio.commonconfig import CopySource
from minio.datatypes import Part, PostPolicy
from minio.deleteobjects import DeleteObject
from minio.error import MinioException, S3Error

from chassis.settings import settings
from contracts.rpc.labels import Link, UploadPolicy

PART = 16 * 1024 * 1024
"""Bytes of one part of a streamed upload; 10,000 parts are the most that S3 takes."""

LEAST = 5 * 1024 * 1024
"""Bytes of a part of a multipart upload that is not its last, at least."""

COPIED = 256 * 1024 * 1024
"""Bytes that the store is asked to copy at once: some answer only when they have."""

MANY = 4000
"""Parts that are sent of an object at most, about: S3 takes 10,000, and what stands between copies is a part, too."""

NO_ROOM = "The object store has no room for it."
"""What people are told who asked for something that was to be stored."""

COPIES = 4
"""Parts of one object that are on their way at once."""

CHUNK = 1024 * 1024
"""Bytes that are read at once."""

_FULL = frozenset({"XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "QuotaExceeded", "InsufficientCapacity"})
"""What stores answer that have no room. JuiceFS says it in words, and of a part that its object is missing."""

ERRORS: tuple[type[Exception], ...] = (MinioException, urllib3.exceptions.HTTPError, OSError)
"""What an operation raises when the store, or the way to it, is not in order."""


class Readable(Protocol):
    """What a streamed upload reads from."""

    def read(self, size: int = -1, /) -> bytes:
        """Up to `size` bytes; none at the end."""
        ...


class Full(OSError):
    """The store has no room for an object; its argument is the key."""


class Damaged(Exception):
    """An object is not what was stored; its argument is the key."""


@dataclass(frozen=True)
class Range:
    """`length` bytes of an object, from `offset` on. With an `etag`, only of the object that has it. `crc32`: theirs,
    looked at where they come through a process."""

    key: str
    offset: int
    length: int
    etag: str | None = None
    crc32: int | None = None


@dataclass(frozen=True)
class Stored:
    """A part of a multipart upload that is there, and how many bytes of it came through a process."""

    etag: str
    through: int


@dataclass(frozen=True)
class Composed:
    """An object that was put together: its size in bytes, how many of them came through this process, its etag."""

    size: int
    through: int
    etag: str


class Journal(Protocol):
    """Who remembers multipart uploads that have begun and not ended, so that none is left behind for ever.

    `resumable`: their parts, too; one that was interrupted is not aborted then.
    """

    resumable: bool

    def began(self, key: str, upload_id: str) -> None:
        """It is committed when this returns; nothing has been uploaded yet."""
        ...

    def stored(self, key: str, upload_id: str, number: int, stored: Stored) -> None:
        """A part of it is there. Called from several threads."""
        ...

    def begun(self, key: str) -> tuple[str, Mapping[int, Stored]] | None:
        """The upload to go on with, and its parts that are there; None: a new one is to begin."""
        ...

    def ended(self, key: str, upload_id: str) -> None:
        """It was completed or aborted."""
        ...


@dataclass(frozen=True)
class Listed:
    """An object as a listing shows it; `etag` changes when its bytes do."""

    key: str
    size: int
    etag: str


class Changed(Exception):
    """An object is not the one that was written: its `etag` is another."""


class ObjectStore:
    """One bucket. Keys never begin with a slash."""

    def __init__(
        self, *, endpoint: str, public_endpoint: str, access_key: str, secret_key: str, bucket: str, region: str
    ) -> None:
        """Endpoints are http(s)://host[:port]."""
        self.bucket = bucket
        self.endpoint = endpoint
        self.public_endpoint = public_endpoint.rstrip("/")
        self._client = _client(endpoint, access_key, secret_key, region)
        self._signer = _client(public_endpoint, access_key, secret_key, region)

    @classmethod
    @cache
    def shared(cls) -> "ObjectStore":
        """The store of the settings, one object a process."""
        values = settings()
        endpoint = values.require("s3_endpoint")
        return cls(
            endpoint=endpoint,
            public_endpoint=values.s3_public_endpoint or endpoint,
            access_key=values.require("s3_access_key"),
            secret_key=values.require("s3_secret_key"),
            bucket=values.s3_bucket,
            region=values.s3_region,
        )

    def make_bucket(self) -> None:
        """Make the bucket if it isn't there."""
        if not self._client.bucket_exists(self.bucket):
            try:
                self._client.make_bucket(self.bucket)
            except S3Error as error:
                if error.code not in ("BucketAlreadyOwnedByYou", "BucketAlreadyExists"):
                    raise

    def put(self, key: str, data: bytes, content_type: str = "application/octet-stream") -> str:
        """Store `data` under `key`, whole or not at all; its etag. In one request: an upload in parts could be left."""
        whole = max(len(data), LEAST)
        stream = io.BytesIO(data)
        with _storing(key):
            result = self._client.put_object(
                self.bucket, key, stream, len(data), content_type=content_type, part_size=whole
            )
        return result.etag or ""

    def put_stream(self, key: str, stream: Readable, content_type: str = "application/octet-stream") -> None:
        """Store what `stream` yields until its end, a part of PART bytes in memory at a time."""
        source: BinaryIO = stream  # type: ignore[assignment]  # the SDK only reads
        with _storing(key):
            self._client.put_object(self.bucket, key, source, length=-1, part_size=PART, content_type=content_type)

    def compose(
        self,
        key: str,
        pieces: Iterable[bytes | Range],
        content_type: str,
        journal: Journal,
        expected: int = 0,
    ) -> Composed:
        """Store `pieces`, one behind the other, as one object.

        The store copies ranges itself, but for those below 5 MiB and the first 5 MiB of one that stands behind less
        than that: no part but an upload's last may be smaller. Whole or not at all; what it was under `key` before
        stays until then. `expected`: its size in bytes, if it is known and so large that the parts must be.
        KeyError where an object is missing, Changed where it is another, Damaged where its `crc32` is, Full.
        A `journal` that remembers parts lets who is given the same pieces again go on where this one stopped.
        """
        # small parts are little memory; who goes on must make the parts that were made before, by an older version, too
        unit = PART if journal.resumable else LEAST
        composition = _Composition(self, self._client, key, content_type, journal)
        try:
            for part in parts(pieces, *_bounds(expected), unit):
                composition.add(part)
            return composition.finish()
        except BaseException as error:
            composition.abort(error)
            raise

    def abort(self, key: str, upload_id: str) -> None:
        """End a multipart upload that is not to be completed; one that has ended is fine."""
        try:
            self._client._abort_multipart_upload(self.bucket, key, upload_id)
        except S3Error as error:
            if error.code != "NoSuchUpload":
                raise

    def get(self, key: str) -> bytes:
        """The whole object; KeyError where there is none."""
        with self.open(key) as stream:
            return stream.read()

    @contextmanager
    def open(
        self, key: str, offset: int = 0, length: int = 0, etag: str | None = None
    ) -> Iterator[urllib3.BaseHTTPResponse]:
        """Read an object from `offset`, `length` bytes of it (0: to its end); KeyError where there is none, Changed
        where it has not this `etag`."""
        headers: Any = {"If-Match": etag} if etag else None
        with _translated(key):
            response = self._client.get_object(self.bucket, key, offset=offset, length=length, request_headers=headers)
        try:
            yield response
        finally:
            response.close()
            response.release_conn()

    def size(self, key: str) -> int | None:
        """An object's size in bytes; None where there is none."""
        try:
            return self._client.stat_object(self.bucket, key).size
        except S3Error as error:
            if error.code in ("NoSuchKey", "NoSuchObject"):
                return None
            raise

    def find(self, prefix: str = "") -> Iterator[Listed]:
        """The objects whose keys begin with `prefix`, by key."""
        for found in self._client.list_objects(self.bucket, prefix=prefix, recursive=True):
            if found.object_name is not None and not found.is_dir:
                yield Listed(found.object_name, found.size or 0, found.etag or "")

    def copy(self, source: str, target: str) -> None:
        """Copy an object of at most 5 GiB inside the store."""
        self._client.copy_object(self.bucket, target, CopySource(self.bucket, source))

    def delete(self, key: str) -> None:
        """Delete an object; none there is fine."""
        self._client.remove_object(self.bucket, key)

    def delete_all(self, keys: Iterable[str]) -> None:
        """Delete these objects, as many as there are; OSError if one of them stays."""
        for error in self._client.remove_objects(self.bucket, [DeleteObject(key) for key in keys]):
            raise OSError(f"{error.name}: {error.code}: {error.message}")

    def delete_prefix(self, prefix: str) -> None:
        """Delete every object whose key begins with `prefix`."""
        for found in self._client.list_objects(self.bucket, prefix=prefix, recursive=True):
            if found.object_name is not None:
                self.delete(found.object_name)

    def link(
        self,
        key: str,
        expires: int,
        filename: str | None = None,
        content_type: str | None = None,
        method: Literal["GET", "HEAD"] = "GET",
    ) -> Link:
        """A public address to download an object, signed for `method` and for `expires` seconds (1 to 604,800).

        With `filename`, browsers save it under that name (RFC 6266).
        """
        headers: dict[str, str] = {}
        if filename is not None:
            ascii_name = "".join(c if c.isascii() and c.isprintable() and c not in '"\\' else "_" for c in filename)
            headers["response-content-disposition"] = (
                f"attachment; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(filename, safe='')}"
            )
        if content_type is not None:
            headers["response-content-type"] = content_type
        lifetime = timedelta(seconds=expires)
        url = self._signer.get_presigned_url(method, self.bucket, key, expires=lifetime, response_headers=dict(headers))
        return Link(url=url, expires_at=datetime.now(UTC) + lifetime)

    def upload_policy(self, key: str, max_size: int, expires: int, min_size: int = 1) -> UploadPolicy:
        """A permission to upload `key` with `min_size` to `max_size` bytes within `expires` seconds.

        A POST policy and not a presigned PUT, which would enforce no size.
        """
        until = datetime.now(UTC) + timedelta(seconds=expires)
        policy = PostPolicy(self.bucket, until)
        policy.add_equals_condition("key", key)
        policy.add_content_length_range_condition(min_size, max_size)
        fields = self._signer.presigned_post_policy(policy)
        return UploadPolicy(
            url=f"{self.public_endpoint}/{self.bucket}", fields={**fields, "key": key}, expires_at=until
        )

    def ready(self) -> bool:
        """Whether the store answers."""
        try:
            return bool(self._client.bucket_exists(self.bucket))
        except ERRORS:
            return False


def parts(
    pieces: Iterable[bytes | Range], least: int = LEAST, most: int = COPIED, unit: int = PART
) -> Iterator[list[bytes | Range]]:
    """The parts of a multipart upload that pieces make one behind the other: a range alone is copied by the store, all
    else is read and sent. No part but the last has less than LEAST bytes. `least`: ranges below are read; `most`: of a
    part that is copied; `unit`: of one that is sent, about; if there are very many of those, PART from then on. The
    same pieces, of which none is read here, make the same parts.
    """
    gathered: list[bytes | Range] = []
    size = sent = 0
    unit = max(unit, least)
    for piece in pieces:
        if isinstance(piece, bytes):
            gathered.append(piece)
            size += len(piece)
        else:
            offset, length = piece.offset, piece.length
            taken = LEAST - size if 0 < size < LEAST else 0
            if length - taken < least:
                taken = length
            if taken:
                gathered.append(piece if taken == length else replace(piece, offset=offset, length=taken, crc32=None))
                size += taken
            offset, length = offset + taken, length - taken
            if length:
                if gathered:
                    yield gathered
                    gathered, size = [], 0
                chunks = -(-length // most)
                for number in range(chunks):  # of one size, lest the last is too small
                    start, end = (offset + length * each // chunks for each in (number, number + 1))
                    yield [replace(piece, offset=start, length=end - start, crc32=None)]
        if size >= (unit if sent < MANY else max(unit, PART)):
            yield gathered
            gathered, size, sent = [], 0, sent + 1
    if gathered:
        yield gathered


def through(pieces: Iterable[bytes | Range], expected: int = 0) -> int:
    """Bytes of `pieces` that come through a process which composes them, resumably, and are not copied by the store."""
    sent = (part for part in parts(pieces, *_bounds(expected)) if _copied(part) is None)
    return sum(map(_length, chain.from_iterable(sent)))


def _bounds(expected: int) -> tuple[int, int]:
    """The least and most that are copied at once of an object of about this size."""
    return max(LEAST, expected // MANY), max(COPIED, expected // MANY)


def _length(piece: bytes | Range) -> int:
    return len(piece) if isinstance(piece, bytes) else piece.length


def _copied(part: list[bytes | Range]) -> Range | None:
    """What the store copies to make a part; None: it is read and sent."""
    alone = part[0] if len(part) == 1 else None
    return alone if isinstance(alone, Range) and alone.length >= LEAST else None


class _Composition:
    """An object that is being put together. The SDK's methods for parts are private: this is the one place that calls
    them (its version is pinned)."""

    def __init__(self, store: ObjectStore, client: Minio, key: str, content_type: str, journal: Journal) -> None:
        self._size = 0
        self._store, self._client, self._key = store, client, key
        self._content_type, self._journal = content_type, journal
        begun = journal.begun(key)
        self._upload: str | None = begun[0] if begun else None
        self._stored = begun[1] if begun else {}
        self._parts: list[Future[Stored]] = []
        self._on_their_way: set[Future[Stored]] = set()
        self._threads = ThreadPoolExecutor(COPIES)
        self._held: list[bytes | Range] | None = None

    def add(self, part: list[bytes | Range]) -> None:
        """Put a part behind what is there. The first is held back: it may be all that there is."""
        self._size += sum(map(_length, part))
        if self._held is None:
            self._held = part
            return
        if self._upload is None:
            self._begin()
        if not self._parts:
            self._send(self._held)
        self._send(part)

    def finish(self) -> Composed:
        """Make it an object."""
        held = self._held or []
        if not self._parts and self._upload is None and _copied(held) is None:
            data = bytes(self._read(held))
            etag = self._store.put(self._key, data, self._content_type)
            through = len(data)
        else:
            if self._upload is None:
                self._begin()
            if not self._parts:
                self._send(held)
            stored = [each.result() for each in self._parts]
            through = sum(each.through for each in stored)
            sent = [Part(number, each.etag) for number, each in enumerate(stored, 1)]
            assert self._upload is not None
            with _storing(self._key):
                done = self._client._complete_multipart_upload(self._store.bucket, self._key, self._upload, sent)
            etag = done.etag or ""
            self._journal.ended(self._key, self._upload)
        self._threads.shutdown()
        return Composed(self._size, through, etag)

    def abort(self, error: BaseException) -> None:
        """Leave nothing behind, unless the journal remembers the parts for who goes on, and they can; what can't be
        removed now is in the journal."""
        self._threads.shutdown(cancel_futures=True)
        lost = isinstance(error, S3Error) and error.code in ("NoSuchUpload", "InvalidPart")
        if self._upload is not None and (lost or not self._journal.resumable):
            with suppress(*ERRORS):
                self._store.abort(self._key, self._upload)
                self._journal.ended(self._key, self._upload)

    def _begin(self) -> None:
        headers: Any = {"Content-Type": self._content_type}
        with _storing(self._key):
            self._upload = self._client._create_multipart_upload(self._store.bucket, self._key, headers)
        self._journal.began(self._key, self._upload)

    def _read(self, pieces: list[bytes | Range]) -> bytes | bytearray:
        """What is in the pieces; it comes through this process."""
        if len(pieces) == 1 and isinstance(pieces[0], bytes):
            return pieces[0]
        content = bytearray()  # and not joined of what was read: that would be in memory twice
        for piece in pieces:
            if isinstance(piece, bytes):
                content += piece
                continue
            began = len(content)
            with self._store.open(piece.key, piece.offset, piece.length, piece.etag) as stream:
                for chunk in stream.stream(CHUNK):
                    content += chunk
            if (came := len(content) - began) != piece.length:
                raise OSError(f"{piece.key}: {piece.length} bytes were expected, {came} came")
            if piece.crc32 is not None and piece.crc32 != crc32(memoryview(content)[began:]):
                raise Damaged(piece.key)
        return content

    def _send(self, part: list[bytes | Range]) -> None:
        number = len(self._parts) + 1
        if number in self._stored:
            there: Future[Stored] = Future()
            there.set_result(self._stored[number])
            self._parts.append(there)
            return
        if len(self._on_their_way) > COPIES:  # one waits, so that no thread does; no more are in memory
            done, self._on_their_way = wait(self._on_their_way, return_when=FIRST_COMPLETED)
            for each in done:
                each.result()
        self._parts.append(self._threads.submit(self._store_part, number, part))
        self._on_their_way.add(self._parts[-1])

    def _store_part(self, number: int, part: list[bytes | Range]) -> Stored:
        assert self._upload is not None
        if (copied := _copied(part)) is not None:
            stored = Stored(self._copy(number, copied), 0)
        else:
            data = self._read(part)
            sent: Any = data  # the SDK hashes and sends it, whichever it is
            with _storing(self._key, "NoSuchKey"):
                etag = self._client._upload_part(self._store.bucket, self._key, sent, None, self._upload, number)
            stored = Stored(etag, len(data))
        self._journal.stored(self._key, self._upload, number, stored)
        return stored

    def _copy(self, number: int, piece: Range) -> str:
        assert self._upload is not None
        headers: Any = {
            "x-amz-copy-source": quote(f"/{self._store.bucket}/{piece.key}"),
            "x-amz-copy-source-range": f"bytes={piece.offset}-{piece.offset + piece.length - 1}",
        }
        if piece.etag:
            headers["x-amz-copy-source-if-match"] = piece.etag
        try:
            with _translated(piece.key), _storing(self._key):
                etag, _ = self._client._upload_part_copy(self._store.bucket, self._key, self._upload, number, headers)
        except KeyError as error:
            if self._store.size(piece.key) is None:
                raise
            raise Full(self._key) from error
        return etag


@contextmanager
def _translated(key: str) -> Iterator[None]:
    try:
        yield
    except S3Error as error:
        if error.code in ("NoSuchKey", "NoSuchObject"):
            raise KeyError(key) from None
        if error.code == "PreconditionFailed":
            raise Changed(key) from None
        raise


@contextmanager
def _storing(key: str, *codes: str) -> Iterator[None]:
    """Full where the store has no room for `key`; `codes` say so, too."""
    try:
        yield
    except S3Error as error:
        if error.code in {*_FULL, *codes} or "no space left" in (error.message or ""):
            raise Full(key) from error
        raise


def _client(endpoint: str, access_key: str, secret_key: str, region: str) -> Minio:
    address = urlsplit(endpoint)
    # The SDK's own pool waits five minutes and tries five times.
    pool = urllib3.PoolManager(
        timeout=urllib3.Timeout(connect=5, read=60),
        maxsize=16,
        # what it answers in the end tells why
        retries=urllib3.Retry(
            total=3, backoff_factor=0.2, status_forcelist=[500, 502, 503, 504], raise_on_status=False
        ),
    )
    return Minio(
        endpoint=address.netloc,
        access_key=access_key,
        secret_key=secret_key,
        secure=address.scheme == "https",
        region=region,
        http_client=pool,
    )
