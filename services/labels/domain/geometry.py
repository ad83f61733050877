"""Which shapes are valid in an image."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from contracts.body import (
    COORDS,
    BoxCoord,
    CuboidCoord,
    KeypointCoord,
    Point,
    PolygonCoord,
    PolylineCoord,
    RboxCoord,
)
from contracts.enums import AnnotationType
from contracts.message import Strict

TOLERANCE: Final = 1.0
"""How far, in pixels, a coordinate may lie outside the image; it is then moved onto its edge."""


class GeometryError(ValueError):
    """A shape that is not valid in its image; says why in a sentence without a subject."""


def fit(annotation_type: AnnotationType, coord: Mapping[str, Any], width: int, height: int) -> dict[str, Any]:
    """The coordinates as they are stored, for an image of `width` by `height` pixels.

    `coord` has the form of its annotation type (contracts.body.COORDS). Coordinates are finite; what lies
    outside the image by at most TOLERANCE is moved onto its edge, farther is refused; lines have length,
    other shapes area, keypoints need neither. Raises GeometryError.
    """
    form = COORDS[annotation_type].model_validate(coord)
    return _FITS[annotation_type](form, _Frame(width, height)).model_dump()


@dataclass(frozen=True)
class _Frame:
    width: int
    height: int

    def x(self, value: float) -> float:
        return _clamp(value, self.width, "x")

    def y(self, value: float) -> float:
        return _clamp(value, self.height, "y")

    def point(self, point: Point) -> Point:
        return Point(x=self.x(point.x), y=self.y(point.y))

    def line(self, points: list[Point]) -> list[Point]:
        return [self.point(point) for point in points]


def _clamp(value: float, limit: int, axis: str) -> float:
    if not math.isfinite(value):
        raise GeometryError("has a coordinate that is not a finite number")
    if not -TOLERANCE <= value <= limit + TOLERANCE:
        raise GeometryError(f"lies outside the image: {axis} = {value:g}, allowed 0 to {limit}")
    return min(max(value, 0.0), float(limit))


def _extent(width: float, height: float) -> None:
    if not (math.isfinite(width) and math.isfinite(height)):
        raise GeometryError("has a coordinate that is not a finite number")
    if width <= 0 or height <= 0:
        raise GeometryError(f"has no area: {width:g} by {height:g} pixels")


def _span(start: float, extent: float, clamp: Callable[[float], float]) -> tuple[float, float]:
    """Start and extent after clamping both ends; left exactly as they are when nothing had to move."""
    first, last = clamp(start), clamp(start + extent)
    return (start, extent) if (first, last) == (start, start + extent) else (first, last - first)


def _fit_box(coord: BoxCoord, frame: _Frame) -> BoxCoord:
    _extent(coord.width, coord.height)
    x, width = _span(coord.x, coord.width, frame.x)
    y, height = _span(coord.y, coord.height, frame.y)
    if (x, y, width, height) == (coord.x, coord.y, coord.width, coord.height):
        return coord
    _extent(width, height)
    return BoxCoord(x=x, y=y, width=width, height=height)


def _fit_rbox(coord: RboxCoord, frame: _Frame) -> RboxCoord:
    """Corners that lie outside shrink the box about its centre: angle and proportions stay."""
    _extent(coord.width, coord.height)
    if not math.isfinite(coord.angle):
        raise GeometryError("has a coordinate that is not a finite number")
    cx, cy = frame.x(coord.cx), frame.y(coord.cy)
    cos, sin = math.cos(math.radians(coord.angle)), math.sin(math.radians(coord.angle))
    scale = 1.0
    for across, along in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
        right, down = across * coord.width / 2, along * coord.height / 2
        dx, dy = right * cos - down * sin, right * sin + down * cos
        x, y = frame.x(cx + dx), frame.y(cy + dy)
        if x != cx + dx:
            scale = min(scale, (x - cx) / dx)
        if y != cy + dy:
            scale = min(scale, (y - cy) / dy)
    _extent(coord.width * scale, coord.height * scale)
    return RboxCoord(cx=cx, cy=cy, width=coord.width * scale, height=coord.height * scale, angle=coord.angle)


def _fit_polyline(coord: PolylineCoord, frame: _Frame) -> PolylineCoord:
    lines = [frame.line(line) for line in coord.points]
    if not lines or not all(sum(map(_distance, line, line[1:])) > 0 for line in lines):
        raise GeometryError("has a line without length")
    return PolylineCoord(points=lines)


def _fit_polygon(coord: PolygonCoord, frame: _Frame) -> PolygonCoord:
    polygons = [[frame.line(ring) for ring in polygon] for polygon in coord.points]
    if not polygons or not all(polygon and all(_area(ring) > 0 for ring in polygon) for polygon in polygons):
        raise GeometryError("has a ring without area")
    return PolygonCoord(points=polygons)


def _fit_keypoint(coord: KeypointCoord, frame: _Frame) -> KeypointCoord:
    if not coord.points:
        raise GeometryError("has no points")
    moved = [(point, {"x": frame.x(point.x), "y": frame.y(point.y)}) for point in coord.points]
    return KeypointCoord(points=[point.model_copy(update=place) for point, place in moved])


def _fit_cuboid(coord: CuboidCoord, frame: _Frame) -> CuboidCoord:
    faces = {
        name: face.model_copy(update={"tl": frame.point(face.tl), "br": frame.point(face.br)})
        for name, face in (("near", coord.near), ("far", coord.far))
    }
    for face in faces.values():
        _extent(face.br.x - face.tl.x, face.br.y - face.tl.y)
    return CuboidCoord(**faces)


def _distance(a: Point, b: Point) -> float:
    return math.dist((a.x, a.y), (b.x, b.y))


def _area(ring: list[Point]) -> float:
    """The shoelace formula."""
    following = [*ring[1:], *ring[:1]]
    return abs(sum(a.x * b.y - b.x * a.y for a, b in zip(ring, following, strict=True))) / 2


_FITS: Final[Mapping[AnnotationType, Callable[[Any, _Frame], Strict]]] = {
    AnnotationType.BOX: _fit_box,
    AnnotationType.RBOX: _fit_rbox,
    AnnotationType.POLYLINE: _fit_polyline,
    AnnotationType.POLYGON: _fit_polygon,
    AnnotationType.KEYPOINT: _fit_keypoint,
    AnnotationType.CUBOID2D: _fit_cuboid,
}
