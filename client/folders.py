"""Annotation folders as people have them: which files are annotations, which are images, and their data keys."""

import os
import tempfile
import zipfile
from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

IMAGES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})


class Files(Mapping[str, Path]):
    """The files below a folder whose names end in one of some suffixes, by their path from there, with slashes.

    Only these names are held, because there may be very many of them.
    """

    def __init__(self, folder: Path, suffixes: Collection[str]) -> None:
        self._folder = folder
        self._names = sorted(_names(folder, suffixes))

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, name: str) -> Path:
        place = bisect_left(self._names, name)
        if self._names[place : place + 1] != [name]:
            raise KeyError(name)
        return self._folder / name


def _names(folder: Path, suffixes: Collection[str]) -> Iterator[str]:
    for place, _, files in os.walk(folder):  # Path.rglob holds every path it has found
        for path in (Path(place, file) for file in files):
            if path.suffix.lower() in suffixes and path.is_file():
                yield path.relative_to(folder).as_posix()


def images(folder: Path) -> Files:
    """All image files below `folder` by data key: the path from there, with slashes."""
    return Files(folder, IMAGES)


def voc(folder: Path) -> tuple[Path, Path]:
    """Where a Pascal VOC folder has its XML files and its images.

    Known are `Annotations` and `JPEGImages` (VOC's own layout), `annotations` and `images`, and all in one folder.
    """
    parts = {path.name.lower(): path for path in folder.iterdir() if path.is_dir()}
    return parts.get("annotations", folder), parts.get("jpegimages") or parts.get("images") or folder


@contextmanager
def zipped_xml(folder: Path) -> Iterator[Path | None]:
    """A temporary zip of all XML files below `folder`, under their paths from there; None if there are none."""
    files = Files(folder, {".xml"})
    if not files:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="labelyard-") as scratch:
        target = Path(scratch) / "annotations.zip"
        _zip(files, target)
        yield target


def _zip(files: Files, target: Path) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive:
        for name, path in files.items():
            archive.write(path, name)
