"""Names of files inside an export: safe on any system, and no two the same.

A label's file is called `dataset/data_key`. What a file system would not take, or take as something else, is replaced;
a name that was changed, or that is another's without its extension, gets a mark: `~` and twelve digits of a hash of
dataset and data key. A name that looks marked is marked again, so no unmarked name is ever a marked one's.
"""

import hashlib
import re
from pathlib import PurePosixPath

# separators and wildcards of file systems, control characters, and those that turn the direction of reading
_UNSAFE = re.compile(r'[\\:*?"<>|\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_MARK = re.compile(r"~[0-9a-f]{12}(\.|$)")
_LONGEST = 180  # bytes of one name; file systems take 255, mark and extension included
_FOLDERS = ("images", "labels")
"""Readers of YOLO find the label of an image by putting one of these for the other in its path."""


def place(dataset: str, data_key: str, *, marked: bool = False, extension: str | None = None) -> str:
    """The relative path of a label's file; with `marked`, marked in any case. `extension` (`.txt`) replaces its own."""
    key = data_key.split("/")
    parts = [_segment(dataset.replace("/", "_")), *(_segment(each) for each in key if each not in ("", "."))]
    if len(parts) == 1:
        parts.append("_")
    parts[1:-1] = [f"{each}_" if each in _FOLDERS else each for each in parts[1:-1]]
    parts[0] += "_" if parts[0] in _FOLDERS else ""
    if marked or parts != [dataset, *key] or _MARK.search(data_key):
        name = PurePosixPath(parts[-1])
        digest = hashlib.sha256(f"{dataset}\0{data_key}".encode(errors="surrogatepass")).hexdigest()[:12]
        parts[-1] = f"{name.stem}~{digest}{name.suffix}"
    if extension is not None:
        parts[-1] = PurePosixPath(parts[-1]).stem + extension
    return "/".join(parts)


def folder(name: str) -> str:
    """A safe name of one folder or file."""
    return _segment(name.replace("/", "_"))


def _segment(name: str) -> str:
    safe = _UNSAFE.sub("_", name).rstrip(" .") or "_"
    if _RESERVED.fullmatch(safe):
        safe = f"_{safe}"
    path = PurePosixPath(safe)
    stem, suffix = (path.stem, path.suffix) if len(path.suffix) <= 10 else (safe, "")
    while len((stem + suffix).encode()) > _LONGEST:
        stem = stem[:-1]
    return stem + suffix
