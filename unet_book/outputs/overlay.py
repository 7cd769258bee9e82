"""A picture to look at: the image with an outline around each cell that was found in it."""

import numpy as np
import scipy  # which loads ndimage when it is first used
from PIL import Image, ImageDraw, ImageFont

from unet_book._arrays import ArrayLike, to_numpy
from unet_book.gray import stretch

__all__ = ["overlay"]

# Hues that stand out from gray and from each other; cells of one color are seldom neighbors.
COLORS = np.uint8(
    [[255, 80, 60], [60, 220, 255], [255, 215, 0], [255, 90, 255], [120, 255, 90], [255, 150, 40]]
)
WIDE = 1600  # px; smaller images are enlarged, so that a line hides a part of a pixel only
MOST = 4  # times


def overlay(image: ArrayLike, labels: ArrayLike, numbers: bool = False) -> np.ndarray:
    """Draw the outline of each cell into an image.

    Gray values are spread by `gray.stretch`, so that an image of any range can be seen. A small
    image is enlarged by a whole number, and lines are one pixel wide and inside their cell: those
    of two cells that touch lie side by side.

    Parameters
    ----------
    image : array_like, (H, W)
        Gray values of any type and range.
    labels : array_like of int, (H, W)
        Instance labels; 0 and below are no cells.
    numbers : bool
        Whether each cell's label is written on it.

    Returns
    -------
    ndarray of uint8, (k H, k W, 3)
        With k from 1 to 4.

    Raises
    ------
    ValueError
        If the two are not of one shape (H, W), and as `gray.stretch` does.

    Examples
    --------
    >>> overlay(np.zeros((300, 400)), np.zeros((300, 400), int)).shape
    (1200, 1600, 3)
    """
    image, labels = to_numpy(image), np.maximum(to_numpy(labels), 0)
    if labels.ndim != 2 or labels.shape != image.shape:
        raise ValueError(f"labels {labels.shape} and image {image.shape} must be one shape (H, W)")
    times = int(np.clip(WIDE // max(labels.shape), 1, MOST))
    gray, large = (_enlarged(array, times) for array in (np.uint8(255 * stretch(image)), labels))
    picture = np.repeat(gray[..., None], 3, axis=2)
    rim = _rim(large)
    picture[rim] = COLORS[large[rim] % len(COLORS)]
    return _numbered(picture, labels, times) if numbers else picture


def _enlarged(array: np.ndarray, times: int) -> np.ndarray:
    """Each pixel as a square of pixels."""
    return array.repeat(times, axis=0).repeat(times, axis=1)


def _rim(labels: np.ndarray) -> np.ndarray:
    """The pixels of cells beside another label, or at the image's edge."""
    around = np.pad(labels, 1, constant_values=-1)
    neighbors = around[:-2, 1:-1], around[2:, 1:-1], around[1:-1, :-2], around[1:-1, 2:]
    return (labels > 0) & np.any([side != labels for side in neighbors], axis=0)


def _numbered(picture: np.ndarray, labels: np.ndarray, times: int) -> np.ndarray:
    """The picture with each cell's number at its centroid, white with a black rim."""
    shown = Image.fromarray(picture)
    draw, font = ImageDraw.Draw(shown), ImageFont.load_default(size=12)
    cells = np.unique(labels[labels > 0])
    for cell, (y, x) in zip(cells, scipy.ndimage.center_of_mass(labels > 0, labels, cells)):
        place = ((x + 0.5) * times, (y + 0.5) * times)
        how = {"font": font, "anchor": "mm", "stroke_width": 1}
        draw.text(place, str(cell), fill="white", stroke_fill="black", **how)
    return np.asarray(shown)
