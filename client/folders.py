"""Annotation folders as people have them: which files are annotations, which are images, and their data keys."""

import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

IMAGES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})


def images(folder: Path) -> dict[str, Path]:
    """All image files below `folder` by data key: the path from there, with slashes."""
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGES and path.is_file())
    return {path.relative_to(folder).as_posix(): path for path in found}


def voc(folder: Path) -> tuple[Path, Path]:
    """Where a Pascal VOC folder has its XML files and its images.

    Known are `Annotations` and `JPEGImages` (VOC's own layout), `annotations` and `images`, and all in one folder.
    """
    parts = {path.name.lower(): path for path in folder.iterdir() if path.is_dir()}
    return parts.get("annotations", folder), parts.get("jpegimages") or parts.get("images") or folder


@contextmanager
def zipped_xml(folder: Path) -> Iterator[Path | None]:
    """A temporary zip of all XML files below `folder`, under their paths from there; None if there are none."""
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() == ".xml" and path.is_file())
    if not files:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="labelyard-") as scratch:
        target = Path(scratch) / "annotations.zip"
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive:
            for path in files:
                archive.write(path, path.relative_to(folder).as_posix())
        yield target
