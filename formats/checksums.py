"""CRC-32 of what is put together from parts, without reading them again."""

from functools import cache
from zlib import crc32

__all__ = ["combine", "crc32"]

_POLYNOMIAL = 0xEDB88320  # of CRC-32 (ISO-HDLC), least significant bit first


def combine(first: int, second: int, length: int) -> int:
    """The CRC-32 of two byte strings behind one another, of which the second has `length` bytes.

    As zlib's crc32_combine: `length` zero bytes behind the first are a multiplication of its CRC by x^(8·length) modulo
    the polynomial, and CRCs add up by exclusive or.
    """
    return _times(_shift(length), first) ^ second


@cache
def _shift(length: int) -> int:
    """x^(8·length) modulo the polynomial."""
    power, square, exponent = 1 << 31, 1 << 30, 8 * length  # x^0 and x^1, reflected
    while exponent:
        if exponent & 1:
            power = _times(square, power)
        square = _times(square, square)
        exponent >>= 1
    return power


def _times(a: int, b: int) -> int:
    product, place = 0, 1 << 31
    while a:
        if a & place:
            product ^= b
            a ^= place
        place >>= 1
        b = (b >> 1) ^ _POLYNOMIAL if b & 1 else b >> 1
    return product
