"""What needs no network: cells by Otsu's threshold, alone or with a watershed.

A network is worth its training only where it beats these. They are the yardsticks beside which the
report of a training stands.
"""

import numpy as np
from scipy import ndimage

from unet_book import datasets
from unet_book._arrays import ArrayLike, to_numpy
from unet_book.instances import fill_holes, flood

__all__ = ["threshold", "find_cells"]

BINS = 256


def threshold(image: ArrayLike) -> float:
    """The gray value that cuts an image into two classes whose means differ most.

    Of all cuts of its histogram, the one with the largest variance between the classes, which is
    the one with the smallest within them.

    Parameters
    ----------
    image : array_like, (H, W)
        Finite numbers.

    Returns
    -------
    float
        Pixels above it are the bright class. Of a constant image, its value.

    References
    ----------
    Otsu, "A threshold selection method from gray-level histograms", IEEE Transactions on Systems,
    Man, and Cybernetics 9 (1979), equation (18).

    Examples
    --------
    >>> 1 < threshold([[1, 1, 1, 9, 9]]) < 9
    True
    """
    image = to_numpy(image).astype(np.float64)
    counts, edges = np.histogram(image, BINS)
    dark = np.cumsum(counts)[:-1]  # pixels up to each cut but the last
    bright = image.size - dark
    sums = np.cumsum(np.histogram(image, BINS, weights=image)[0])
    with np.errstate(invalid="ignore", divide="ignore"):
        apart = sums[:-1] / dark - (sums[-1] - sums[:-1]) / bright
        between = np.nan_to_num(dark * bright * apart**2)
    if not between.any():
        return float(image.max())
    first = last = int(between.argmax())
    while counts[last + 1] == 0:  # the cut may lie anywhere in an empty stretch: in its middle
        last += 1
    return float((edges[first + 1] + edges[last + 1]) / 2)


def find_cells(image: ArrayLike, dark: bool = False, diameter: float | None = None) -> np.ndarray:
    """Cells as Otsu's threshold finds them.

    Parameters
    ----------
    image : array_like, (H, W)
        Gray values.
    dark : bool
        Whether cells are darker than what lies between them.
    diameter : float or None
        With a typical cell's diameter, px, cells that touch are parted by a watershed of the
        distance to the background, one cell a maximum; maxima closer than half of it count as one.
        None: each 4-connected part is a cell.

    Returns
    -------
    ndarray of int32, (H, W)
        Instance labels 1 ... K, holes filled.

    Raises
    ------
    ValueError
        For other axes.
    """
    image = to_numpy(image)
    if image.ndim != 2:
        raise ValueError(f"an image is (H, W), got {image.shape}")
    mask = image <= threshold(image) if dark else image > threshold(image)
    cells = datasets.instances(mask)
    fill_holes(cells)
    return cells if diameter is None else _parted(cells > 0, diameter)


def _parted(mask: np.ndarray, diameter: float) -> np.ndarray:
    """The parts of a mask, cut where the distance to its outside has a waist."""
    distance = ndimage.gaussian_filter(ndimage.distance_transform_edt(mask), diameter / 16)
    reach = 2 * int(diameter / 4) + 1
    tops = (distance == ndimage.maximum_filter(distance, reach)) & mask
    cells = ndimage.label(tops, np.ones((3, 3)))[0].astype(np.int32)
    flood(cells, np.where(mask, distance, -1))
    return cells
