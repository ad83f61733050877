"""What passes for a PDF."""

import re
import zlib

import pytest

from contracts.errors import Problem
from services.projects.pdf import PAGES_MAX, count_pages
from tests.pdfs import pdf


def refusal(data: bytes, seconds: float = 60) -> str:
    with pytest.raises(Problem) as caught:
        count_pages(data, seconds)
    return caught.value.code


@pytest.mark.parametrize("pages", [1, 30])
def test_pages_are_counted(pages: int) -> None:
    assert count_pages(pdf(pages)) == pages


def test_what_stands_before_the_signature_is_passed_over() -> None:
    assert count_pages(b"\n" * 100 + pdf()) == 1


def test_small_faults_are_forgiven_as_readers_do() -> None:
    """The offset of the table of objects is wrong: every reader looks for the objects themselves then."""
    data = re.sub(rb"startxref\n\d+", b"startxref\n7", pdf(3))
    assert count_pages(data) == 3


@pytest.mark.parametrize("data", [b"", b"plain words", b"\x89PNG\r\n\x1a\n" + bytes(2000), b" " * 1024 + pdf()])
def test_what_is_none(data: bytes) -> None:
    assert refusal(data) == "not_a_pdf"


@pytest.mark.parametrize("password", ["", "secret"])
def test_an_encrypted_one_is_refused_whether_it_asks_for_a_password_or_not(password: str) -> None:
    assert refusal(pdf(password=password)) == "encrypted_pdf"


@pytest.mark.parametrize("part", [0.02, 0.2, 0.5, 0.8, 0.95])
def test_one_that_is_cut_off_is_refused(part: float) -> None:
    data = pdf(20)
    assert refusal(data[: int(len(data) * part)]) == "damaged_pdf"


def test_one_whose_pages_or_drawings_are_missing_is_refused() -> None:
    data = pdf(3)
    assert refusal(data.replace(b"/Count 3", b"/Count 4")) == "damaged_pdf"
    assert refusal(data.replace(b"/Contents ", b"/Contents 9")) == "damaged_pdf"
    assert refusal(pdf(0)) == "damaged_pdf"
    assert refusal(b"%PDF-1.7\n" + bytes(range(256)) * 40) == "damaged_pdf"


def test_too_many_pages_are_refused() -> None:
    few = pdf(1)
    kids = re.search(rb"/Kids \[ ?(\d+ 0 R)", few)
    assert kids is not None
    many = re.sub(rb"/Kids \[[^]]*\]", b"/Kids [" + (kids[1] + b" ") * (PAGES_MAX + 1) + b"]", few)
    assert refusal(many) == "too_large"


def test_one_that_keeps_a_parser_busy_is_given_up() -> None:
    assert refusal(pdf(50), seconds=0) == "too_large"


def test_one_that_swells_is_refused() -> None:
    """Its table of objects is compressed, and two hundred times as large when it is not."""
    swollen = zlib.compress(bytes(100_000_000), 9)
    head = b"%PDF-1.7\n1 0 obj\n<</Type/XRef/W[1 2 1]/Size 25000000/Root 2 0 R/Filter/FlateDecode/Length "
    data = head + str(len(swollen)).encode() + b">>\nstream\n" + swollen + b"\nendstream\nendobj\nstartxref\n9\n%%EOF"
    assert refusal(data) in ("too_large", "damaged_pdf")
