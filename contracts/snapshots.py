"""What a snapshot consists of: the parts in the object store, and the manifest that names them."""

from uuid import UUID

from contracts.body import Specification
from contracts.message import Message, Time


class Part(Message):
    """An object of labels in the native format, joined by commas. `size` in bytes."""

    key: str
    labels: int
    size: int


class Manifest(Message):
    """A snapshot: labels as they were at `taken_at`, in the order of their ids over all parts.

    `specification` is the project's as the labels service knew it then, at the project's version `project_version`.
    """

    project_id: UUID
    snapshot_id: UUID
    taken_at: Time
    project_version: int
    specification: Specification
    labels: int
    objects: int
    parts: tuple[Part, ...]
