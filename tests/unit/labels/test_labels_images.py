"""Decoding of uploads: what is taken, what is said of it, and its thumbnail."""

import io
from typing import Any

import pytest
from PIL import ExifTags, Image

from services.labels.handlers.images import NotAnImage, decode

LIMIT = 1_000_000


def encoded(image: Image.Image, format: str, **save: Any) -> io.BytesIO:
    target = io.BytesIO()
    image.save(target, format, **save)
    target.seek(0)
    return target


def thumbnail(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == "WEBP"
        image.load()
        return image.copy()


@pytest.mark.parametrize(
    ("format", "content_type"),
    [
        ("JPEG", "image/jpeg"),
        ("PNG", "image/png"),
        ("WEBP", "image/webp"),
        ("BMP", "image/bmp"),
        ("TIFF", "image/tiff"),
        ("GIF", "image/gif"),
    ],
)
def test_the_formats_that_are_taken(format: str, content_type: str) -> None:
    found = decode(encoded(Image.new("RGB", (600, 300), "red"), format), LIMIT)
    assert (found.width, found.height, found.content_type) == (600, 300, content_type)
    small = thumbnail(found.thumbnail)
    assert small.size == (256, 128)
    red, green, blue = small.convert("RGB").getpixel((100, 60))  # type: ignore[misc]
    assert red > 240 and green < 15 and blue < 15


@pytest.mark.parametrize(
    ("mode", "format"),
    [
        ("1", "PNG"), ("L", "PNG"), ("LA", "PNG"), ("P", "PNG"), ("RGBA", "PNG"), ("I;16", "PNG"), ("CMYK", "JPEG"),
        ("I", "TIFF"), ("F", "TIFF"), ("LAB", "TIFF"), ("YCbCr", "TIFF"),
    ],
)  # fmt: skip
def test_every_kind_of_pixel_gets_a_thumbnail(mode: str, format: str) -> None:
    found = decode(encoded(Image.new(mode, (30, 20)), format), LIMIT)
    assert thumbnail(found.thumbnail).size == (30, 20)


def test_a_thumbnail_shows_pictures_of_sixteen_bits() -> None:
    picture = Image.new("I;16", (10, 10), 1000)
    picture.paste(3000, (5, 0, 10, 10))
    small = thumbnail(decode(encoded(picture, "PNG"), LIMIT).thumbnail).convert("L")
    dark, light = small.getpixel((1, 5)), small.getpixel((8, 5))
    assert isinstance(dark, int | float) and isinstance(light, int | float)
    assert dark < 20 and light > 235


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_pixels_are_measured_as_stored_and_the_thumbnail_is_turned(format: str) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # a viewer turns it by a quarter
    found = decode(encoded(Image.new("RGB", (400, 200)), format, exif=exif), LIMIT)
    assert (found.width, found.height) == (400, 200)
    assert thumbnail(found.thumbnail).size == (128, 256)


def test_a_jpeg_with_further_pictures_is_a_jpeg() -> None:
    pictures = [Image.new("RGB", (40, 30), color) for color in ("red", "blue")]
    stream = encoded(pictures[0], "MPO", save_all=True, append_images=pictures[1:])
    found = decode(stream, LIMIT)
    assert (found.width, found.height, found.content_type) == (40, 30, "image/jpeg")


def test_what_is_transparent_stays_so() -> None:
    small = thumbnail(decode(encoded(Image.new("RGBA", (9, 9), (0, 0, 0, 0)), "PNG"), LIMIT).thumbnail)
    assert small.convert("RGBA").getpixel((4, 4))[3] == 0  # type: ignore[index]


def test_a_picture_with_more_pixels_than_allowed_is_not_decoded() -> None:
    bomb = encoded(Image.new("1", (2000, 1000)), "PNG")
    with pytest.raises(NotAnImage, match="too_many_pixels: 2000 by 1000"):
        decode(bomb, LIMIT)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF"])
def test_a_damaged_picture_is_refused(format: str) -> None:
    data = encoded(Image.effect_noise((64, 64), 90), format).getvalue()
    for length in (len(data) // 2, len(data) // 8):
        with pytest.raises(NotAnImage, match=r"damaged_image|unsupported_format"):
            decode(io.BytesIO(data[:length]), LIMIT)


@pytest.mark.parametrize("data", [b"", b"<svg/>", b"%PDF-1.4", bytes(1000)])
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(NotAnImage, match="unsupported_format"):
        decode(io.BytesIO(data), LIMIT)
