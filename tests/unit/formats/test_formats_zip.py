"""Zips made of segments, read by readers that others wrote."""

import io
import subprocess
import zipfile
from collections.abc import Iterable
from pathlib import Path
from zlib import crc32

import pytest

from formats import zip as zips
from formats.checksums import combine
from formats.zip import DEFLATE_END, DEFLATED, Entry, Segment, deflate_piece, directory, head

GIB = 2**30


def joined(segments: Iterable[Segment]) -> bytes:
    data, entries = b"", []
    for segment in segments:
        entries += [entry.moved(len(data)) for entry in segment.entries]
        data += segment.data
    return data + b"".join(directory(entries, len(data)))


def segment(files: dict[str, bytes]) -> Segment:
    made = Segment()
    for name, data in files.items():
        made.add(name, data)
    return made


def unzip(path: Path, *names: str) -> None:
    """Info-ZIP's and 7-Zip's own judgement."""
    for command in (["unzip", "-tqq"], ["7z", "t"]):
        done = subprocess.run([*command, path, *names], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


FILES = {
    "project.json": b"{}",
    "labels/größe 猫.json": b'{"a":1}' * 1000,
    "images/noise.jpg": bytes((each * each) % 251 for each in range(5000)),
    "empty.txt": b"",
}


def test_segments_make_a_file_that_others_read(tmp_path: Path) -> None:
    first, second = dict(list(FILES.items())[:2]), dict(list(FILES.items())[2:])
    path = tmp_path / "made.zip"
    path.write_bytes(joined([segment(first), segment(second)]))
    unzip(path)
    with zipfile.ZipFile(path) as read:
        assert read.testzip() is None
        assert {name: read.read(name) for name in read.namelist()} == FILES
        assert read.getinfo("labels/größe 猫.json").compress_type == DEFLATED
        assert all(info.external_attr >> 16 == 0o100644 for info in read.infolist())


def test_the_same_files_give_the_same_bytes() -> None:
    assert joined([segment(FILES)]) == joined([segment(FILES)])
    assert joined([]) == b"PK\x05\x06" + bytes(18)


def test_a_file_may_be_deflated_in_pieces(tmp_path: Path) -> None:
    pieces = [b'{"images":[', b"1," * 5000, b"2]}"]
    body = b"".join(map(deflate_piece, pieces)) + DEFLATE_END
    crc, size = 0, 0
    for piece in pieces:
        crc, size = combine(crc, crc32(piece), len(piece)), size + len(piece)
    entry = Entry("labels.json", crc, size, len(body), DEFLATED)
    data = head(entry) + body
    path = tmp_path / "made.zip"
    path.write_bytes(data + b"".join(directory([entry], len(data))))
    unzip(path)
    assert zipfile.ZipFile(path).read("labels.json") == b"".join(pieces)


def test_more_entries_than_16_bits_count(tmp_path: Path) -> None:
    many = Segment()
    for number in range(65_540):
        many.add(f"{number}", b"x", shrinks=False)
    path = tmp_path / "many.zip"
    path.write_bytes(joined([many]))
    with zipfile.ZipFile(path) as read:
        assert len(read.infolist()) == 65_540
        assert read.read("65539") == b"x"
    unzip(path)


@pytest.mark.parametrize("large", [0xFFFFFFFE, 4 * GIB + 7])
def test_more_bytes_than_32_bits_count(tmp_path: Path, large: int) -> None:
    nothing = bytes(65_536)
    zeros, known = crc32(nothing), len(nothing)
    crc = 0
    for bit in reversed(range(33)):  # of so many zeros: by doubling what is known
        power = 1 << bit
        if power >= known and large & power:
            piece, size = zeros, known
            while size < power:
                piece, size = combine(piece, piece, size), size * 2
            crc = combine(crc, piece, size)
    rest = large % known
    crc = combine(crc, crc32(bytes(rest)), rest)
    big = Entry("big.bin", crc, large, large)
    small = Segment()
    small.add("behind.txt", b"found")
    behind = small.entries[0].moved(big.length)
    path = tmp_path / "big.zip"
    with path.open("wb") as file:  # a hole: it takes no room
        file.write(head(big))
        file.seek(big.length)
        file.write(small.data)
        file.writelines(directory([big, behind], big.length + small.size))
    with zipfile.ZipFile(path) as read:
        assert read.read("behind.txt") == b"found"
        assert read.getinfo("big.bin").file_size == large
        assert crc == read.getinfo("big.bin").CRC
        with read.open("big.bin") as stream:
            assert stream.read(10) == bytes(10)
    unzip(path, "behind.txt")


def test_entries_are_kept_as_bytes() -> None:
    entries = [Entry("a", 1, 2, 3, DEFLATED, 4), Entry("ü/猫", 2**32 - 1, 2**40, 2**40, 0, 2**41)]
    assert list(zips.unpack(zips.pack(entries))) == entries


def test_a_file_in_memory_is_read_too() -> None:
    assert zipfile.ZipFile(io.BytesIO(joined([segment(FILES)]))).namelist() == [*FILES]
