"""Zip archives that somebody uploaded, read without trusting what they say of themselves."""

import errno
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import IO, BinaryIO, Self

from formats.types import ErrorCode, Refused

MAX_FILE_BYTES = 8 * 2**20
"""The most that one file may unpack to; a real one is a few kilobytes. Bounds memory."""

MAX_ARCHIVE_BYTES = 16 * 2**30
"""The most that all files of an archive may unpack to. Bounds time, whatever the archive promises."""

MAX_DIRECTORY_BYTES = 32 * 2**20
"""The most that an archive's directory may take: that of some 300,000 files. Bounds memory to about ten times that."""

_CHUNK = 2**20

# LZMA and BZIP2 members are refused: their decoders may ask for gigabytes, and nobody packs annotations so.
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,  # zipfile raises it for what it has no way to unpack
    OverflowError,
    ValueError,
)


class Spent(Refused):
    """Raised where the files read so far unpack to MAX_ARCHIVE_BYTES together: no further one is read."""


class Archive:
    """A zip in a seekable stream; `Refused` if it is none. `members`: its files in the order of their names, but for
    hidden ones and `__MACOSX`. In memory: its directory, and one file at a time.
    """

    def __init__(self, stream: BinaryIO) -> None:
        with _damage_refused("not a zip archive"):
            self._zip = zipfile.ZipFile(_Stream(stream))
        self._allowance = MAX_ARCHIVE_BYTES
        self.members = sorted(filter(_is_file, self._zip.infolist()), key=lambda member: member.filename)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def unpack(self, member: zipfile.ZipInfo) -> bytes:
        """A file's content; raises `Refused`, `Spent` if it was one too many."""
        self._take(member)
        if member.file_size > MAX_FILE_BYTES:
            detail = f"the file unpacks to {member.file_size} bytes, more than {MAX_FILE_BYTES}"
            raise Refused(ErrorCode.TOO_LARGE, detail)
        with _damage_refused("the file is damaged"), self._zip.open(member) as file:
            # read with a limit: without one, zipfile unpacks what the member holds, not what it declares
            return file.read(MAX_FILE_BYTES)

    def lines(self, member: zipfile.ZipInfo, longest: int) -> Iterator[bytes]:
        """A file's lines, one in memory at a time, none longer than `longest` bytes; raises as `unpack` does."""
        self._take(member)
        with _damage_refused("the file is damaged"), self._zip.open(member) as file:
            while line := file.readline(longest):
                if len(line) == longest:
                    raise Refused(ErrorCode.TOO_LARGE, f"a line is longer than {longest} bytes")
                yield line

    @contextmanager
    def open(self, member: zipfile.ZipInfo) -> Iterator[IO[bytes]]:
        """A file's content as a stream, of which the reader takes no more than it needs."""
        self._check(member)
        with _damage_refused("the file is damaged"), self._zip.open(member) as file:
            yield file

    def extract(self, member: zipfile.ZipInfo, target: BinaryIO) -> None:
        """Write a file's content, of any size, to `target`; raises as `unpack` does."""
        self._take(member)
        with _damage_refused("the file is damaged"), self._zip.open(member) as file:
            left = member.file_size
            while left and (chunk := file.read(min(left, _CHUNK))):
                target.write(chunk)
                left -= len(chunk)

    def _take(self, member: zipfile.ZipInfo) -> None:
        self._allowance -= member.file_size
        if self._allowance < 0:
            detail = f"the archive unpacks to more than {MAX_ARCHIVE_BYTES} bytes; read up to this file"
            raise Spent(ErrorCode.TOO_LARGE, detail)
        self._check(member)

    @staticmethod
    def _check(member: zipfile.ZipInfo) -> None:
        if member.flag_bits & 0x1:
            raise Refused(ErrorCode.ENCRYPTED, "the file is encrypted")
        if member.compress_type not in _COMPRESSIONS:
            raise Refused(ErrorCode.UNSUPPORTED, "the file is not packed with deflate")


class _Stream:
    """An archive's stream. zipfile reads a directory whole, however long it says it is: here it does not."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.seek, self.tell, self.seekable = stream.seek, stream.tell, stream.seekable

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes, at most `size` of them; all that is left is asked for at an archive's end only."""
        if size > MAX_DIRECTORY_BYTES:
            detail = f"the archive's directory takes {size} bytes, more than {MAX_DIRECTORY_BYTES}"
            raise Refused(ErrorCode.TOO_LARGE, detail)
        return self._stream.read(size)


def _is_file(member: zipfile.ZipInfo) -> bool:
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in PurePosixPath(member.filename).parts)
    return not member.is_dir() and not hidden


@contextmanager
def _damage_refused(what: str) -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        raise Refused(ErrorCode.NOT_ZIP, f"{what}: {error}") from error
    except OSError as error:
        if error.errno != errno.EINVAL:  # that is a seek to where a damaged directory points; else the stream fails
            raise
        raise Refused(ErrorCode.NOT_ZIP, f"{what}: it points outside of itself") from error
