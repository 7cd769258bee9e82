"""Thinning: cells grow into the predicted membranes until only a line of one pixel parts them.

V_Rand and V_Info count a pixel of a true cell that is predicted membrane as a segment of its own.
A method that draws its membranes thick would pay for every such pixel, although it parts the right
cells; so the challenge thins each prediction before it scores it.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from unet_book._arrays import Array, ArrayLike, is_ragged, like, to_numpy
from unet_book._compiled import compiled

__all__ = ["thin"]


def thin(cells: ArrayLike) -> Array | list[Array]:
    """Labels of the 4-connected parts of a mask, grown until dams of one pixel part them.

    All parts grow at once, one ring of 4-neighbors after another, into what is not cell. A pixel
    joins the part that reaches it; where it has neighbors of two parts by then, it is a dam and
    stays 0. The first ring goes in reading order, each next one in the order in which it was met:
    of a membrane of two pixels one stays. This is the watershed of the inverted mask, which has two
    gray levels. Holes in a part are filled, and walls that do not reach through it go. No two parts
    of the result touch by a side, and no pixel beside a single part is left.

    Parameters
    ----------
    cells : array_like of int or bool, (H, W) or (N, H, W)
        A mask, or integers of which those above 0 are cells; labels that touch are one part. Or a
        list of (H, W) of different sizes.

    Returns
    -------
    ndarray, Tensor, or list of these, int32
        As `cells` is; without any cell all is 0.

    Raises
    ------
    TypeError
        For another type.
    ValueError
        For other axes.

    Examples
    --------
    >>> thin(np.array([[1, 0, 0, 0, 1]]))
    array([[1, 1, 0, 2, 2]], dtype=int32)
    """
    if is_ragged(cells):
        return [thin(image) for image in cells]
    mask = to_numpy(cells)
    if mask.dtype != bool and not np.issubdtype(mask.dtype, np.integer):
        raise TypeError(f"expected a mask (bool or integers), got {mask.dtype}: threshold it first")
    if mask.ndim not in (2, 3):
        raise ValueError(f"a mask is (H, W) or (N, H, W), got {mask.shape}")
    grown = np.empty(mask.shape, np.int32)
    images, results = (array.reshape(-1, *mask.shape[-2:]) for array in (mask, grown))
    for image, out in zip(images, results):
        padded = np.pad(ndimage.label(image > 0)[0].astype(np.int32, copy=False), 1)
        _flood(padded)
        out[:] = padded[1:-1, 1:-1]
    return like(grown, cells)


@compiled
def _flood(labels: np.ndarray) -> None:
    """Grow the labels in place, the nearest pixels first; the frame of one pixel stays 0."""
    height, width = labels.shape
    flat = labels.ravel()
    sides = (-width, -1, 1, width)
    waiting = np.empty(flat.size, np.int64)  # a queue: first in, first out
    queued = flat > 0
    queued[:width], queued[-width:] = True, True
    queued[::width], queued[width - 1 :: width] = True, True
    last = 0
    for here in range(width, flat.size - width):
        if not queued[here]:
            for side in sides:
                if flat[here + side] > 0 and not queued[here]:
                    queued[here], waiting[last] = True, here
                    last += 1
    first = 0
    while first < last:
        here = waiting[first]
        first += 1
        part, dam = 0, False
        for side in sides:
            neighbor = flat[here + side]
            dam |= neighbor > 0 and part > 0 and neighbor != part
            part = max(part, neighbor)
        if not dam:
            flat[here] = part
            for side in sides:
                if not queued[here + side]:
                    queued[here + side], waiting[last] = True, here + side
                    last += 1
