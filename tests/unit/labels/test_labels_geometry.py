"""Which shapes are taken, and what is stored of them."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.enums import AnnotationType
from services.labels.domain.geometry import GeometryError, fit

WIDTH, HEIGHT = 640, 480

BOX, RBOX = AnnotationType.BOX, AnnotationType.RBOX
anything = st.floats() | st.floats(-3, 643) | st.integers(-3, 643)


def box(x: float, y: float, width: float, height: float) -> dict[str, Any]:
    return {"x": x, "y": y, "width": width, "height": height}


def points(*pairs: tuple[float, float]) -> list[dict[str, float]]:
    return [{"x": x, "y": y} for x, y in pairs]


@given(anything, anything, anything, anything)
def test_a_box_is_stored_inside_the_image_with_area_or_refused(x: float, y: float, w: float, h: float) -> None:
    try:
        stored = fit(BOX, box(x, y, w, h), WIDTH, HEIGHT)
    except GeometryError:
        corners = [(x, WIDTH), (x + w, WIDTH), (y, HEIGHT), (y + h, HEIGHT)]
        near = all(-1 <= value <= limit + 1 for value, limit in corners)
        clamped = [min(max(value, 0), limit) for value, limit in corners]
        assert not (near and w > 0 and h > 0 and clamped[1] > clamped[0] and clamped[3] > clamped[2])
        return
    assert stored["x"] >= 0 and stored["x"] + stored["width"] <= WIDTH * (1 + 1e-12)
    assert stored["y"] >= 0 and stored["y"] + stored["height"] <= HEIGHT * (1 + 1e-12)
    assert stored["width"] > 0 and stored["height"] > 0
    for name, value in box(x, y, w, h).items():
        assert abs(stored[name] - value) <= 2.0001


@given(st.integers(0, 639), st.integers(0, 479), st.data())
def test_a_box_inside_the_image_is_stored_as_it_is(x: int, y: int, data: st.DataObject) -> None:
    inside = box(x, y, data.draw(st.integers(1, WIDTH - x)), data.draw(st.integers(1, HEIGHT - y)))
    assert fit(BOX, inside, WIDTH, HEIGHT) == inside


def test_clamping_moves_each_edge_by_at_most_a_pixel() -> None:
    assert fit(BOX, box(-1, -0.5, 642, 481.5), WIDTH, HEIGHT) == box(0, 0, WIDTH, HEIGHT)
    with pytest.raises(GeometryError, match=r"outside the image: x = 641\.5"):
        fit(BOX, box(600, 0, 41.5, 10), WIDTH, HEIGHT)


@pytest.mark.parametrize("flat", [box(10, 10, 0, 5), box(10, 10, 5, 0), box(10, 10, -5, 5), box(640, 0, 1, 10)])
def test_a_box_without_area_is_refused(flat: dict[str, Any]) -> None:
    with pytest.raises(GeometryError, match="has no area"):
        fit(BOX, flat, WIDTH, HEIGHT)


def corners(coord: dict[str, Any]) -> list[tuple[float, float]]:
    angle = math.radians(coord["angle"])
    found = []
    for right, down in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
        dx, dy = right * coord["width"] / 2, down * coord["height"] / 2
        x = coord["cx"] + dx * math.cos(angle) - dy * math.sin(angle)
        y = coord["cy"] + dx * math.sin(angle) + dy * math.cos(angle)
        found.append((x, y))
    return found


@given(
    st.floats(-2, 642), st.floats(-2, 482), st.floats(-1, 700), st.floats(-1, 700), st.floats(-720, 720) | st.floats()
)
def test_a_turned_box_is_stored_with_its_corners_inside(cx: float, cy: float, w: float, h: float, angle: float) -> None:
    coord = {"cx": cx, "cy": cy, "width": w, "height": h, "angle": angle}
    try:
        stored = fit(RBOX, coord, WIDTH, HEIGHT)
    except GeometryError:
        return
    assert stored["angle"] == angle
    assert 0 < stored["width"] <= w and 0 < stored["height"] <= h
    for x, y in corners(stored):
        assert -1e-6 <= x <= WIDTH + 1e-6
        assert -1e-6 <= y <= HEIGHT + 1e-6


def test_a_turned_box_that_hangs_over_by_a_pixel_shrinks_about_its_centre() -> None:
    coord = {"cx": 320, "cy": 240, "width": 642, "height": 100, "angle": 0}
    stored = fit(RBOX, coord, WIDTH, HEIGHT)
    assert stored == {**coord, "width": 640, "height": pytest.approx(100 * 640 / 642)}
    with pytest.raises(GeometryError, match="outside"):
        fit(RBOX, {**coord, "width": 644}, WIDTH, HEIGHT)


@pytest.mark.parametrize(
    ("kind", "coord"),
    [
        (AnnotationType.POLYLINE, {"points": [points((0, 0), (10, 10)), points((3, 3), (3, 4))]}),
        (AnnotationType.POLYGON, {"points": [[points((0, 0), (10, 0), (10, 10)), points((6, 2), (8, 2), (8, 4))]]}),
        (AnnotationType.KEYPOINT, {"points": [{"name": "nose", "x": 5, "y": 5}]}),
        (
            AnnotationType.CUBOID2D,
            {
                "near": {"tl": {"x": 0, "y": 0}, "br": {"x": 9, "y": 9}},
                "far": {"tl": {"x": 3, "y": 3}, "br": {"x": 12, "y": 12}},
            },
        ),
    ],
)
def test_other_shapes_are_taken_clamped_and_refused(kind: AnnotationType, coord: dict[str, Any]) -> None:
    stored = fit(kind, coord, 640, 480)
    assert fit(kind, stored, 640, 480) == stored
    tight = fit(kind, stored, 12, 12)
    assert tight == stored
    for x in ("inf", "nan", "-1.5", "700"):
        with pytest.raises(GeometryError):
            fit(kind, _with_first_x(stored, float(x)), 640, 480)


def test_a_pixel_outside_is_moved_onto_the_edge() -> None:
    line = {"points": [points((-1, 5), (641, 481))]}
    assert fit(AnnotationType.POLYLINE, line, WIDTH, HEIGHT) == {"points": [points((0, 5), (640, 480))]}


@pytest.mark.parametrize(
    ("kind", "coord"),
    [
        (AnnotationType.POLYLINE, {"points": []}),
        (AnnotationType.POLYLINE, {"points": [points((1, 1))]}),
        (AnnotationType.POLYLINE, {"points": [points((1, 1), (1, 1))]}),
        (AnnotationType.POLYGON, {"points": []}),
        (AnnotationType.POLYGON, {"points": [[]]}),
        (AnnotationType.POLYGON, {"points": [[points((1, 1), (5, 5))]]}),
        (AnnotationType.POLYGON, {"points": [[points((1, 1), (5, 5), (9, 9))]]}),
        (AnnotationType.KEYPOINT, {"points": []}),
        (
            AnnotationType.CUBOID2D,
            {
                "near": {"tl": {"x": 0, "y": 0}, "br": {"x": 9, "y": 9}},
                "far": {"tl": {"x": 3, "y": 3}, "br": {"x": 3, "y": 12}},
            },
        ),
    ],
)
def test_shapes_without_extent_are_refused(kind: AnnotationType, coord: dict[str, Any]) -> None:
    with pytest.raises(GeometryError):
        fit(kind, coord, WIDTH, HEIGHT)


def _with_first_x(value: Any, x: float) -> Any:
    """A copy of a shape whose first x is another."""
    if isinstance(value, dict):
        if "x" in value:
            return {**value, "x": x}
        first = next(iter(value))
        return {**value, first: _with_first_x(value[first], x)}
    return [_with_first_x(value[0], x), *value[1:]]
