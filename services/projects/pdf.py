"""PDFs: whether a file is one that everybody can open."""

import io
import logging
import time
from typing import Final

from pypdf import PdfReader, apply_configuration
from pypdf.errors import DependencyError, LimitReachedError
from pypdf.generic import ArrayObject, DictionaryObject, StreamObject

from contracts.errors import Problem

PAGES_MAX: Final = 2_000
"""Pages that a file may have."""

SECONDS: Final = 10.0
"""How long a file may take to be read: a small one can be made to keep a parser busy for ever."""

DECODED_MAX: Final = 20_000_000
"""Bytes that one compressed part of a file may become."""

_HEAD: Final = 1024  # readers look for the signature in so many bytes (ISO 32000-1, annex H, note 13)

logging.getLogger("pypdf").setLevel(logging.ERROR)  # it remarks on everything that it forgives


class _TooSlow(Exception):
    """Reading takes too long."""


class _Hurried(io.BytesIO):
    """A file that can be read for so many seconds."""

    def __init__(self, data: bytes, seconds: float) -> None:
        super().__init__(data)
        self._until = time.monotonic() + seconds

    def read(self, size: int | None = -1, /) -> bytes:
        if time.monotonic() > self._until:
            raise _TooSlow
        return super().read(size)


def count_pages(data: bytes, seconds: float = SECONDS) -> int:
    """How many pages a PDF has, of which every one and what is drawn on it could be found.

    Problem `not_a_pdf`, `encrypted_pdf`, `damaged_pdf`, or `too_large` beyond the bounds of this module.
    """
    if b"%PDF-" not in data[:_HEAD]:
        raise Problem("not_a_pdf", "It does not begin as a PDF does.")
    try:
        with apply_configuration(page_tree_maximum_entries=2 * PAGES_MAX, zlib_maximum_output_length=DECODED_MAX):
            return _pages(_Hurried(data, seconds))
    except Problem:
        raise
    except (_TooSlow, LimitReachedError):
        raise Problem("too_large", f"It has more than {PAGES_MAX:,} pages, or takes too long to read.") from None
    except DependencyError:
        raise Problem("encrypted_pdf") from None
    except Exception as error:  # a parser of hostile bytes raises whatever it stumbles over
        raise Problem("damaged_pdf", f"It can't be read: {type(error).__name__}.") from error


def _pages(file: _Hurried) -> int:
    reader = PdfReader(file)
    if reader.is_encrypted:
        raise Problem("encrypted_pdf")
    tree = reader.root_object["/Pages"].get_object()
    count = len(reader.pages)
    if count > PAGES_MAX:
        raise Problem("too_large", f"It has {count:,} pages; {PAGES_MAX:,} are the most.")
    if not isinstance(tree, DictionaryObject) or count < max(1, int(tree.get("/Count", 0))):
        raise Problem("damaged_pdf", "Pages are missing.")
    for number, page in enumerate(reader.pages, 1):
        drawn = page.get("/Contents", ArrayObject()).get_object()
        parts = drawn if isinstance(drawn, ArrayObject) else [drawn]
        if not all(isinstance(part.get_object(), StreamObject) for part in parts):
            raise Problem("damaged_pdf", f"What is drawn on page {number} is missing.")
    return count
