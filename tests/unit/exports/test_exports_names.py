"""What exports and their files are called."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.enums import ExportFormat
from services.exports.domain import default_name, file_name


def test_an_unnamed_export_is_called_by_format_and_moment() -> None:
    moment = datetime.fromisoformat("2026-11-23T10:00:05.9+01:00")
    assert default_name(ExportFormat.NATIVE, moment) == "native 2026-11-23 09:00:05 UTC"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Blood cells", "Blood cells.json"),
        ("native 2026-11-23 09:00:05 UTC", "native 2026-11-23 09_00_05 UTC.json"),
        ("../../etc/passwd", "_.._etc_passwd.json"),
        ('a"b\r\nc', "a_b_c.json"),
        ("細胞.json", "細胞.json"),
        ("evil\u202egnp", "evil_gnp.json"),
        (" . ", "export.json"),
    ],
)
def test_a_file_is_called_as_its_export_as_far_as_is_safe(name: str, expected: str) -> None:
    assert file_name(name, ".json") == expected


@given(st.text())
def test_any_name_makes_a_name_of_a_file(name: str) -> None:
    made = file_name(name.encode("utf-8", "replace").decode(), ".json")
    assert made.endswith(".json") and made != ".json"
    assert len(made.encode()) <= 255
    assert not set(made) & set('/\\:*?"<>|\0\r\n')
