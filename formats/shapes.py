"""Arithmetic of shapes, as they stand in a label's `annotation.coord`. Pixels, the y axis downwards."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Point = tuple[float, float]
Coord = Mapping[str, Any]


def corners(coord: Coord) -> list[Point]:
    """Of a box, clockwise from the top left."""
    x, y, width, height = (coord[field] for field in ("x", "y", "width", "height"))
    return [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]


def turned_corners(coord: Coord) -> list[Point]:
    """Of a turned box, clockwise from what would be its top left if it were not turned."""
    cos, sin = math.cos(math.radians(coord["angle"])), math.sin(math.radians(coord["angle"]))
    right, down = coord["width"] / 2, coord["height"] / 2
    return [
        (coord["cx"] + dx * cos - dy * sin, coord["cy"] + dx * sin + dy * cos)
        for dx, dy in ((-right, -down), (right, -down), (right, down), (-right, down))
    ]


def turned_box(points: Sequence[Point]) -> dict[str, float] | None:
    """The turned box of these four corners, in order; None if they are none of a rectangle, to a hundredth of its size.

    The first corner is the one that `turned_corners` gives first, so its angle comes back as it was, within a turn.
    """
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = points
    width, height = math.hypot(bx - ax, by - ay), math.hypot(dx - ax, dy - ay)
    slack = max(width, height) / 100
    skewed = math.hypot(ax + cx - bx - dx, ay + cy - by - dy) > slack
    if min(width, height) == 0 or skewed or abs(math.hypot(cx - ax, cy - ay) - math.hypot(width, height)) > slack:
        return None
    angle = math.degrees(math.atan2(by - ay, bx - ax))
    centre = {"cx": (ax + bx + cx + dx) / 4, "cy": (ay + by + cy + dy) / 4}
    return centre | {"width": width, "height": height, "angle": angle}


def outlines(coord: Coord) -> list[list[Point]]:
    """Of a polygon: of each of its parts the outer ring."""
    return [[(point["x"], point["y"]) for point in part[0]] for part in coord["points"]]


def has_holes(coord: Coord) -> bool:
    """Whether a polygon has rings inside others."""
    return any(len(part) > 1 for part in coord["points"])


def area(ring: Sequence[Point]) -> float:
    """Inside a ring, by the shoelace formula."""
    following = (*ring[1:], *ring[:1])
    return abs(sum(ax * by - bx * ay for (ax, ay), (bx, by) in zip(ring, following, strict=True))) / 2


def bounds(points: Iterable[Point]) -> tuple[float, float, float, float]:
    """The upright box around points: x, y, width, height."""
    xs, ys = zip(*points, strict=True)
    left, top = min(xs), min(ys)
    return left, top, max(xs) - left, max(ys) - top


def around(annotation_type: str, coord: Coord) -> tuple[float, float, float, float]:
    """The upright box around an object: x, y, width, height. Of a keypoint object, around the points that are valid,
    or all if none is."""
    if annotation_type == "box":
        return coord["x"], coord["y"], coord["width"], coord["height"]
    return bounds(_points(annotation_type, coord))


def _points(annotation_type: str, coord: Coord) -> list[Point]:
    match annotation_type:
        case "rbox":
            return turned_corners(coord)
        case "polygon":
            return [point for ring in outlines(coord) for point in ring]
        case "polyline":
            return [(point["x"], point["y"]) for line in coord["points"] for point in line]
        case "keypoint":
            valid = [point for point in coord["points"] if point["state"]["valid"]]
            return [(point["x"], point["y"]) for point in valid or coord["points"]]
        case _:
            faces = (coord["near"], coord["far"])
            return [(face[corner]["x"], face[corner]["y"]) for face in faces for corner in ("tl", "br")]
