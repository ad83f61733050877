"""The object store: any S3-compatible server, through the minio SDK.

Two clients: the internal one moves bytes, the public one only signs addresses, with the host that browsers and command
lines reach. A region is always given, or signing would make a network call (field notes).
"""

import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import BinaryIO, Literal, Protocol
from urllib.parse import quote, urlsplit

import urllib3
from minio import Minio
from minio.commonconfig import CopySource
from minio.datatypes import PostPolicy
from minio.deleteobjects import DeleteObject
from minio.error import MinioException, S3Error

from chassis.settings import settings
from contracts.rpc.labels import Link, UploadPolicy

PART = 16 * 1024 * 1024
"""Bytes of one part of a streamed upload; 10,000 parts are the most that S3 takes."""

ERRORS: tuple[type[Exception], ...] = (MinioException, urllib3.exceptions.HTTPError, OSError)
"""What an operation raises when the store, or the way to it, is not in order."""


class Readable(Protocol):
    """What a streamed upload reads from."""

    def read(self, size: int = -1, /) -> bytes:
        """Up to `size` bytes; none at the end."""
        ...


@dataclass(frozen=True)
class Listed:
    """An object as a listing shows it; `etag` changes when its bytes do."""

    key: str
    size: int
    etag: str


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

    def put(self, key: str, data: bytes, content_type: str = "application/octet-stream") -> None:
        """Store `data` under `key`, whole or not at all."""
        self._client.put_object(self.bucket, key, io.BytesIO(data), len(data), content_type=content_type)

    def put_stream(self, key: str, stream: Readable, content_type: str = "application/octet-stream") -> None:
        """Store what `stream` yields until its end, a part of PART bytes in memory at a time."""
        source: BinaryIO = stream  # type: ignore[assignment]  # the SDK only reads
        self._client.put_object(self.bucket, key, source, length=-1, part_size=PART, content_type=content_type)

    def get(self, key: str) -> bytes:
        """The whole object; KeyError where there is none."""
        with self.open(key) as stream:
            return stream.read()

    @contextmanager
    def open(self, key: str, offset: int = 0, length: int = 0) -> Iterator[urllib3.BaseHTTPResponse]:
        """Read an object from `offset`, `length` bytes of it (0: to its end); KeyError where there is none."""
        try:
            response = self._client.get_object(self.bucket, key, offset=offset, length=length)
        except S3Error as error:
            if error.code in ("NoSuchKey", "NoSuchObject"):
                raise KeyError(key) from None
            raise
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


def _client(endpoint: str, access_key: str, secret_key: str, region: str) -> Minio:
    address = urlsplit(endpoint)
    # The SDK's own pool waits five minutes and tries five times.
    pool = urllib3.PoolManager(
        timeout=urllib3.Timeout(connect=5, read=60),
        maxsize=16,
        retries=urllib3.Retry(total=3, backoff_factor=0.2, status_forcelist=[500, 502, 503, 504]),
    )
    return Minio(
        endpoint=address.netloc,
        access_key=access_key,
        secret_key=secret_key,
        secure=address.scheme == "https",
        region=region,
        http_client=pool,
    )
