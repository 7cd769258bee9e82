"""The outline of each cell, along the edges of its pixels.

A contour through the centers of pixels cuts half a pixel off each cell, and a cell of one pixel has
none. The outline here runs along the pixels' edges, so that its area is the number of pixels, and
filling it gives back the cell, whatever its shape.
"""

import numpy as np
import scipy  # which loads ndimage when it is first used
from contourpy import FillType, contour_generator

from unet_book._arrays import ArrayLike, to_numpy

__all__ = ["outlines"]


def outlines(labels: ArrayLike) -> dict[int, list[list[np.ndarray]]]:
    """The outline of each cell as polygons.

    The origin is the outer corner of the image's first pixel, whose center is (0.5, 0.5), as in
    Fiji and in QuPath. No ring crosses or touches itself.

    Parameters
    ----------
    labels : array_like of int, (H, W)
        Instance labels; 0 and below are no cells.

    Returns
    -------
    dict of int to list of list of ndarray
        Of each cell its 4-connected parts, mostly one; of each part its rings, the outer one first,
        then those of holes; of each ring the corners, (K, 2), x and y, the first not repeated.

    Raises
    ------
    ValueError
        For other axes.

    Examples
    --------
    >>> [[ring]] = outlines([[0, 7, 7]])[7]
    >>> ring.tolist()
    [[1, 0], [3, 0], [3, 1], [1, 1]]
    """
    labels = to_numpy(labels)
    if labels.ndim != 2:
        raise ValueError(f"labels are (H, W), got {labels.shape}")
    labels = np.maximum(labels, 0)
    boxes = enumerate(scipy.ndimage.find_objects(labels), start=1)
    return {number: _parts(labels[box] == number, box) for number, box in boxes if box is not None}


def _parts(mask: np.ndarray, box: tuple[slice, slice]) -> list[list[np.ndarray]]:
    """The polygons of a mask that was cut from a box of the image."""
    corner = np.array([box[1].start, box[0].start])
    parts, count = scipy.ndimage.label(mask)
    each = [_polygon(parts == part if count > 1 else mask) for part in range(1, count + 1)]
    return [[ring + corner for ring in polygon] for polygon in each]


def _polygon(mask: np.ndarray) -> list[np.ndarray]:
    """The rings of a 4-connected mask.

    Each pixel is drawn as four samples that lie in its corners, so the step from inside to outside
    has no length, and every contour of it runs along the edge. A level below one half counts the
    place where pixels touch by a corner as inside, which leaves no ring that touches itself.
    """
    height, width = mask.shape
    samples = np.pad(np.kron(mask, np.ones((2, 2))), 1)
    edges = [np.repeat(np.arange(size + 1.0), 2) for size in (width, height)]
    contours = contour_generator(*edges, samples, fill_type=FillType.OuterOffset)
    [points], [starts] = contours.filled(0.25, 2)
    return [_corners(ring) for ring in np.split(points, starts[1:-1])]


def _corners(ring: np.ndarray) -> np.ndarray:
    """The points of a closed ring at which it turns, as whole numbers."""
    points = ring[:-1].round().astype(np.int64)
    points = points[(points != np.roll(points, 1, axis=0)).any(axis=1)]
    ahead = np.sign(np.roll(points, -1, axis=0) - points)
    return points[(ahead != np.roll(ahead, 1, axis=0)).any(axis=1)]
