"""What a backup says of itself."""

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

NAME = "manifest.json"
_BLOCK = 1024 * 1024


class BackupError(Exception):
    """A command can't go on; the message says why, in words for operators."""


class _Kept(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Dump(_Kept):
    """A database's dump: its schema's revision (Alembic's), and its file's size in bytes and SHA-256."""

    revision: str
    size: int
    sha256: str


class Manifest(_Kept):
    """manifest.json. `taken_at` is the moment that all dumps show."""

    format: Literal["labelyard-backup"] = "labelyard-backup"
    version: Literal[1] = 1
    taken_at: datetime
    databases: dict[str, Dump]
    objects: int
    objects_size: int
    objects_sha256: str

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """The manifest of the backup in `folder`."""
        try:
            return cls.model_validate_json((folder / NAME).read_bytes())
        except FileNotFoundError:
            raise BackupError(f"{folder} holds no backup, or one that did not come to its end") from None
        except ValueError as error:
            raise BackupError(f"{folder / NAME} cannot be read: {error}") from error


class Object(_Kept):
    """A line of objects.jsonl."""

    key: str
    size: int
    sha256: str
    content_type: str
    etag: str


def sha256_of(file: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
