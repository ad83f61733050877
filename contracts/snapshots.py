"""What a snapshot consists of: the parts in the object store, and the manifest that names them."""

import json
from collections.abc import Iterator
from typing import NamedTuple
from uuid import UUID

from contracts.body import Specification
from contracts.message import Message, Time


class Image(NamedTuple):
    """Where a label's image stands: `key`, an object of `size` bytes; None where it is not stored (any more)."""

    label_id: str
    dataset: str
    data_key: str
    key: str | None
    size: int
    crc32: int


class ImageCounts(Message):
    """Images that were added to a project since it began, with as many bytes together, and removed from it.

    They only grow: what two of them differ by happened between.
    """

    added: int = 0
    added_size: int = 0
    removed: int = 0


class ImageList(Message):
    """An object that lists images, one a line, in the order of their labels' ids. `size`: bytes of all images."""

    key: str
    images: int
    size: int

    @staticmethod
    def line(image: Image) -> bytes:
        """One of its lines."""
        return json.dumps(image, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"

    @staticmethod
    def read(data: bytes) -> Iterator[Image]:
        """What is listed."""
        return (Image(*json.loads(line)) for line in data.splitlines())


class Part(Message):
    """Labels in the native format, joined by commas: `size` bytes of an object, from `offset` on.

    Before them, from the second part on, stands the comma that joins them to the part before: so the objects of all
    parts, one behind the other, are what a native document has between its brackets.
    """

    key: str
    labels: int
    size: int
    offset: int = 0
    objects: int | None = None
    crc32: int | None = None  # of the object, `offset` bytes included
    etag: str | None = None  # of the object, as the store told it when it was written


class Manifest(Message):
    """A snapshot: labels as they were at `taken_at`, in the order of their ids over all parts.

    `specification` is the project's as the labels service knew it then, at the project's version `project_version`.
    `ambiguous`, where it was asked for: (dataset, data key) of labels that are named as another but for extension and
    letter case. `images`, where they were asked for: a list for each part; where labels were not, as many as it takes;
    and what the project's images counted then.
    """

    project_id: UUID
    snapshot_id: UUID
    taken_at: Time
    project_version: int
    specification: Specification
    labels: int
    objects: int
    parts: tuple[Part, ...]
    ambiguous: tuple[tuple[str, str], ...] = ()
    images: tuple[ImageList, ...] = ()
    counts: ImageCounts | None = None
