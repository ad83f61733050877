"""The overview in a terminal."""

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client import draw
from client.output import console


def _page(**cards: Any) -> Any:
    return {
        "project": {"id": "p", "name": "Blood cells", "visibility": "private", "version": 1},
        "viewer": {"role": "manager", "permissions": []},
        "cards": cards,
    }


def _segments(*counts: int) -> list[dict[str, Any]]:
    return [
        {"status": status, "review": review, "count": count, "query": ""}
        for (status, review), count in zip(draw.SEGMENTS, counts, strict=True)
    ]


def _status(*counts: int) -> dict[str, Any]:
    data = {"scope": "project", "total": sum(counts), "submitted": 12, "reviewed": 3, "segments": _segments(*counts)}
    return {"state": "ok", "data": data}


def _drawn(page: Any, width: int = 100) -> str:
    paper = io.StringIO()
    console(file=paper, width=width).print(draw.overview(page, width))
    text = paper.getvalue()
    assert max(map(len, text.splitlines())) <= width
    return text


@pytest.mark.parametrize("width", [40, 80, 100, 160])
def test_all_six_segments_and_the_classes_stand_there_with_their_counts(width: int) -> None:
    classes = [{"id": "1", "name": "RBC", "annotation_type": "box", "color": "#cc0000", "count": 4153}]
    configuration = {"data_type": "image", "annotation_types": ["box"], "object_classes": classes}
    text = _drawn(
        _page(
            labeling_status=_status(1001, 2, 30, 400, 5, 6),
            configuration={"state": "ok", "data": configuration | {"image_categories": []}},
        ),
        width,
    )
    for shown in ("1,001", "1,444", "submitted, approved", "skipped, to review", "RBC", "4,153", "Blood cells"):
        assert shown in text


def test_an_unavailable_card_says_so_and_figures_that_are_missing_are_dashes() -> None:
    actions = {"items": [{"key": "open_issues", "query": "has_open_issues=true"}]}
    text = _drawn(
        _page(
            labeling_status={"state": "unavailable", "reason": "deadline_exceeded"},
            quick_actions={"state": "ok", "data": actions},
            to_do={"state": "ok", "data": {"items": [{"key": "upload_data", "done": None}]}},
        )
    )
    assert "not available just now: its service took too long" in text
    assert "Open issues" in text
    assert "–" in text
    assert "? Upload data" in text


def test_an_empty_project_and_cards_of_a_newer_server_are_drawn() -> None:
    assert "0 labels" in _drawn(_page(labeling_status=_status(0, 0, 0, 0, 0, 0)))
    assert "Storage" in _drawn(_page(storage={"state": "ok", "data": {"bytes": 12}}))


@given(st.integers(6, 200), st.lists(st.integers(1, 10**7), min_size=1, max_size=6))
def test_a_bar_fills_its_width_and_shows_every_part(width: int, counts: list[int]) -> None:
    cells = draw.share(width, counts)
    assert sum(cells) == width
    assert min(cells) >= 1
    for more, less in ((i, j) for i in range(len(counts)) for j in range(len(counts)) if counts[i] > counts[j]):
        assert cells[more] >= cells[less]
