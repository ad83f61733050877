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
    """A piece of a photograph; `boxes` are x, y, width, height in pixels, each an object of `class_name`."""

    data_key: str
    width: int
    height: int
    png: bytes
    class_name: str
    boxes: list[tuple[float, float, float, float]] = field(default_factory=list)


def tiles() -> Iterator[Tile]:
    """Every tile of the demo, always the same ones."""
    coins = data.coins()
    yield from _cut("coins", "coin", coins, _coins(coins), rows=2, columns=2, smallest=400)
    tissue = data.immunohistochemistry()
    yield from _cut("tissue", "nucleus", tissue, _nuclei(tissue), rows=4, columns=4, smallest=60)
    sky = data.hubble_deep_field()
    yield from _cut("hubble", "galaxy", sky, _galaxies(sky), rows=5, columns=6, smallest=25)


def as_coco(found: list[Tile]) -> str:
    """The tiles' objects as a COCO document."""
    classes = sorted({tile.class_name for tile in found})
    annotations: list[dict[str, Any]] = []
    for image_id, tile in enumerate(found, start=1):
        for box in tile.boxes:
            category = classes.index(tile.class_name) + 1
            annotations.append({"id": len(annotations) + 1, "image_id": image_id, "category_id": category, "bbox": box})
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
    name: str, class_name: str, picture: Pixels, mask: Mask, *, rows: int, columns: int, smallest: int
) -> Iterator[Tile]:
    """Cuts a picture into a grid of tiles; objects of fewer than `smallest` pixels in a tile are left out."""
    height, width = picture.shape[0] // rows, picture.shape[1] // columns
    for row in range(rows):
        for column in range(columns):
            piece = np.s_[row * height : (row + 1) * height, column * width : (column + 1) * width]
            png = io.BytesIO()
            Image.fromarray(picture[piece]).save(png, "PNG")
            regions = measure.regionprops(measure.label(mask[piece]))
            boxes = [
                (float(left), float(top), float(right - left), float(bottom - top))
                for top, left, bottom, right in (region.bbox for region in regions if region.area >= smallest)
            ]
            yield Tile(f"{name}-{row + 1}-{column + 1}.png", width, height, png.getvalue(), class_name, boxes)
