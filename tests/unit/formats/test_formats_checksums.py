"""CRC-32 of parts put together."""

from zlib import crc32

import pytest

from formats.checksums import combine


@pytest.mark.parametrize("cut", [0, 1, 7, 100, 4095, 4096])
def test_parts_have_the_checksum_of_the_whole(cut: int) -> None:
    whole = bytes(range(256)) * 16
    first, second = whole[:cut], whole[cut:]
    assert combine(crc32(first), crc32(second), len(second)) == crc32(whole)
