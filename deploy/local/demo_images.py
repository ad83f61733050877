"""Real images with real objects, for the demo project.

The photographs come with scikit-image (its data/README.txt names their sources): Greek coins from Pompeii, a
stained tissue section, and the Hubble deep field. They are cut into tiles, and scikit-image's own segmentation
finds the objects: what a labeler would be handed as a first draft.
"""

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from skimage import color, data, filters, measure
from skimage.morphology import closing, disk, opening

Mask = NDArray[np.bool_]
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Tile:
    """A piece of a photograph, and the objects of `class_name` on it.

    `boxes` are x, y, width, height in pixels; `outlines`, where they are drawn, x, y, x, y, … one for each box.
    """

    data_key: str
    width: int
    height: int
    png: bytes
    class_name: str
    boxes: list[tuple[float, float, float, float]] = field(default_factory=list)
    outlines: list[list[float]] = field(default_factory=list)


def tiles() -> Iterator[Tile]:
    """Every tile of the demo, always the same ones."""
    coins = data.coins()
    yield from _cut("coins", "coin", coins, _coins(coins), rows=4, columns=1, smallest=400, outlined=True)
    tissue = data.immunohistochemistry()
    yield from _cut("tissue", "nucleus", tissue, _nuclei(tissue), rows=4, columns=4, smallest=60, outlined=True)
    sky = data.hubble_deep_field()
    yield from _cut("hubble", "galaxy", sky, _galaxies(sky), rows=6, columns=8, smallest=25)


def as_coco(found: list[Tile]) -> str:
    """The tiles' objects as a COCO document."""
    classes = sorted({tile.class_name for tile in found})
    annotations: list[dict[str, Any]] = []
    for image_id, tile in enumerate(found, start=1):
        category = classes.index(tile.class_name) + 1
        for index, box in enumerate(tile.boxes):
            one = {"id": len(annotations) + 1, "image_id": image_id, "category_id": category, "bbox": box}
            annotations.append(one | ({"segmentation": [tile.outlines[index]]} if tile.outlines else {}))
    return json.dumps(
        {
            "images": [
                {"id": image_id, "file_name": tile.data_key, "width": tile.width, "height": tile.height}
                for image_id, tile in enumerate(found, start=1)
            ],
            "categories": [{"id": index, "name": name} for index, name in enumerate(classes, start=1)],
            "annotations": annotations,
        }
    )


def _coins(picture: Pixels) -> Mask:
    """Coins are brighter than the dark cloth around them, which is lit unevenly: compare with it."""
    light = picture - filters.gaussian(picture, sigma=50, preserve_range=True)
    mask = closing(light > filters.threshold_otsu(light), disk(3))
    filled: Mask = opening(ndimage.binary_fill_holes(mask), disk(4))
    return filled


def _nuclei(picture: Pixels) -> Mask:
    """Haematoxylin stains nuclei: the first of the separated stains, where it is stronger than nearby."""
    stain = color.rgb2hed(picture)[..., 0]
    stronger = filters.gaussian(stain, sigma=1.5) - filters.gaussian(stain, sigma=15)
    mask: Mask = opening(stronger > filters.threshold_otsu(stronger), disk(3))
    return mask


def _galaxies(picture: Pixels) -> Mask:
    """Galaxies stand out of a dark sky."""
    light = filters.gaussian(color.rgb2gray(picture), sigma=1)
    mask: Mask = light > 1.25 * filters.threshold_otsu(light)
    return mask


def _cut(
    name: str,
    class_name: str,
    picture: Pixels,
    mask: Mask,
    *,
    rows: int,
    columns: int,
    smallest: int,
    outlined: bool = False,
) -> Iterator[Tile]:
    """Cuts a picture into a grid of tiles; objects of fewer than `smallest` pixels in a tile are left out."""
    height, width = picture.shape[0] // rows, picture.shape[1] // columns
    for row in range(rows):
        for column in range(columns):
            piece = np.s_[row * height : (row + 1) * height, column * width : (column + 1) * width]
            png = io.BytesIO()
            Image.fromarray(picture[piece]).save(png, "PNG")
            regions = [each for each in measure.regionprops(measure.label(mask[piece])) if each.area >= smallest]
            boxes = [
                (float(left), float(top), float(right - left), float(bottom - top))
                for top, left, bottom, right in (region.bbox for region in regions)
            ]
            outlines = [_outline(region.image_filled, *region.bbox[:2]) for region in regions if outlined]
            key = f"{name}-{row + 1}-{column + 1}.png"
            yield Tile(key, width, height, png.getvalue(), class_name, boxes, outlines)


def _outline(region: Mask, top: int, left: int) -> list[float]:
    """The polygon around a region whose first pixel is at `top`, `left`, to about a pixel."""
    longest = max(measure.find_contours(np.pad(region, 1), 0.5, fully_connected="high"), key=len)
    corners = measure.approximate_polygon(longest, tolerance=0.8)[:-1]  # the first corner again
    # contours run through pixel centres of the padded region: half a pixel less than the padding
    return [float(value) for row, column in corners for value in (column - 0.5 + left, row - 0.5 + top)]
