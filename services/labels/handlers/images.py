"""Decoding of uploaded images."""

import io
import threading
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from typing import IO

from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError
from PIL.TiffImagePlugin import IMAGELENGTH, IMAGEWIDTH, TiffImageFile

FORMATS = {
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",  # what Pillow calls a JPEG with further pictures behind the first, as many cameras write
    "PNG": "image/png",
    "WEBP": "image/webp",
    "BMP": "image/bmp",
    "TIFF": "image/tiff",
    "GIF": "image/gif",
}
"""Formats that are taken, and their media types."""

THUMBNAIL = (256, 256)
"""The most that a thumbnail measures, in pixels."""

_LARGE = 16_000_000
"""From this many pixels on, images are decoded one at a time: four bytes each, several copies."""

_large_one = threading.Lock()

Image.MAX_IMAGE_PIXELS = None  # `decode` has a limit of its own, which refuses instead of warning


class NotAnImage(Exception):
    """Why a file is not taken: a stable `code`, and a sentence."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")


@dataclass(frozen=True)
class Decoded:
    """What an image turned out to be.

    `width` and `height` count the pixels as they are stored in the file, before its EXIF orientation is applied: that
    is the frame in which annotation tools give coordinates. The thumbnail (WebP) is turned as a viewer turns it.
    """

    width: int
    height: int
    content_type: str
    thumbnail: bytes


def decode(file: IO[bytes], max_pixels: int) -> Decoded:
    """Decode every pixel of an image, of several the first; raises NotAnImage.

    More than `max_pixels` are refused by what the header says, before anything is decoded.
    """
    try:
        with Image.open(file, formats=[name for name in FORMATS if name != "MPO"]) as image:
            width, height = _stored_size(image)
            if width * height > max_pixels:
                raise NotAnImage("too_many_pixels", f"{width} by {height} pixels; {max_pixels} are allowed")
            with _large_one if width * height > _LARGE else nullcontext():
                image.load()
                return Decoded(width, height, FORMATS[image.format or ""], _thumbnail(image))
    except (NotAnImage, MemoryError):
        raise
    except UnidentifiedImageError:
        names = ", ".join(sorted(set(FORMATS.values())))
        raise NotAnImage("unsupported_format", f"not an image of a known format ({names})") from None
    except Exception as error:  # Pillow's decoders raise anything on damaged files
        raise NotAnImage("damaged_image", f"cannot be decoded: {error}"[:300]) from error


def _stored_size(image: Image.Image) -> tuple[int, int]:
    if isinstance(image, TiffImageFile):  # Pillow turns these by itself
        return int(image.tag_v2[IMAGEWIDTH]), int(image.tag_v2[IMAGELENGTH])
    return image.size


def _thumbnail(image: Image.Image) -> bytes:
    small = _stretched(image) if image.mode == "F" or image.mode.startswith("I") else image
    small = small.convert("RGBA" if small.has_transparency_data else "RGB")
    small.thumbnail(THUMBNAIL)
    small.getexif()[ExifTags.Base.Orientation] = _orientation(image)
    ImageOps.exif_transpose(small, in_place=True)
    target = io.BytesIO()
    small.save(target, "WEBP", quality=80)
    return target.getvalue()


def _orientation(image: Image.Image) -> int:
    """How a viewer turns the image (EXIF 2.3, tag 0x0112); 1, upright, also where the tags are damaged."""
    with suppress(Exception):
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    return 1


def _stretched(image: Image.Image) -> Image.Image:
    """A picture of more than eight bits a pixel, brought to eight between its darkest and lightest value."""
    real = image.convert("F")
    extrema = real.getextrema()
    darkest, lightest = float(extrema[0]), float(extrema[1])  # type: ignore[arg-type]  # one band: two numbers
    scale = 255 / (lightest - darkest) if lightest > darkest else 0.0
    return real.point(lambda value: value * scale - darkest * scale).convert("L")
