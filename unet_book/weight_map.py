"""A weight for each pixel of the energy: balance the classes, and press on narrow gaps.

Two cells that touch are one cell to a classifier, unless the few background pixels between them
count for more than their number. Equation (2) makes them: w(x) = w_c(x) + w_0 exp(-(d_1(x) +
d_2(x))^2 / (2 sigma^2)), where d_1 and d_2 are the distances to the nearest and the second nearest
cell. Only a pixel that is near *two* cells gets the second term.
"""

import math

import numpy as np
from scipy import ndimage

from unet_book._arrays import like, to_numpy

# Neighbors that come earlier in reading order: north, west, north-west, north-east. Every pair of
# touching pixels is such a pair, seen from the later one, so looking back finds each contact once.
EARLIER = ((-1, 0), (0, -1), (-1, -1), (-1, 1))


def part_touching_cells(labels):
    """Instance labels in which no two cells touch, not even at a corner.

    `labels` is (H, W) or a stack (N, H, W), int. For each of the four neighbors that come earlier
    in reading order, one after the other, a cell's pixel becomes background where that neighbor
    still belongs to another cell: a gap one pixel wide. A cell only one pixel thin may vanish.

    The paper says only that the border is "computed using morphological operations" (Section 3).
    The authors' later Fiji plugin looks at the same four neighbors, but all at once, which makes
    the gap between cells side by side two pixels wide.

    Raises TypeError for labels that are not integers, ValueError for another number of axes.
    """
    cells = _check(labels).copy()
    height, width = cells.shape[-2:]
    for dy, dx in EARLIER:
        padded = np.pad(cells, [(0, 0)] * (cells.ndim - 2) + [(1, 1), (1, 1)])
        neighbor = padded[..., 1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width]
        cells[(cells > 0) & (neighbor > 0) & (neighbor != cells)] = 0
    return like(cells, labels)


def class_balance(labels):
    """w_c: each pixel weighs pixels / (2 * pixels of its class), so that both classes weigh alike.

    `labels` is (H, W) or a stack (N, H, W), int; the classes are background (0) and cell (> 0),
    counted over all annotated pixels given, so a stack is balanced as a whole, as the paper does
    for "the training data set" (Section 3). Pixels without annotation (-1) weigh 0. float32 of the
    same shape; the mean over annotated pixels is 1 wherever both classes occur.
    """
    cells = _check(labels)
    weights = np.zeros(cells.shape, np.float32)
    annotated = np.count_nonzero(cells >= 0)
    for members in (cells == 0, cells > 0):
        count = np.count_nonzero(members)
        if count:
            weights[members] = annotated / (2 * count)
    return like(weights, labels)


def two_nearest_distances(labels, within: float = math.inf):
    """d_1 and d_2: the distance to the nearest and to the second nearest cell, each (H, W) float32.

    Euclidean, in pixels, from pixel center to the nearest pixel center of the cell; 0 inside a cell
    for d_1. Where there is no such cell the distance is inf. Distances beyond `within` pixels are
    given as inf, too, which saves most of the work. `labels` is (H, W), int. (Section 3; that
    distances are counted to the cell's pixels is this book's choice.)

    Raises TypeError for labels that are not integers, ValueError if they are not (H, W) or if
    `within` is negative or NaN.
    """
    if not within >= 0:
        raise ValueError(f"within is a distance in pixels, 0 or more, got {within}")
    cells = _check(labels, axes=(2,))
    numbers, compact = np.unique(np.maximum(cells, 0), return_inverse=True)
    compact = compact.reshape(cells.shape) + (numbers[0] > 0)  # 0 stays the background
    d1 = np.full(cells.shape, np.inf, np.float32)
    d2 = d1.copy()
    for number, box in enumerate(ndimage.find_objects(compact), start=1):
        window = _grow(box, within, cells.shape)
        d = ndimage.distance_transform_edt(compact[window] != number).astype(np.float32)
        d[d > within] = np.inf
        # A running pair of the two smallest: the larger of (d1, d) competes for second place.
        np.minimum(d2[window], np.maximum(d1[window], d), out=d2[window])
        np.minimum(d1[window], d, out=d1[window])
    return like(d1, labels), like(d2, labels)


def border_term(labels, w0: float = 10.0, sigma: float = 5.0):
    """The second term of eq. (2), w0 exp(-(d_1 + d_2)^2 / (2 sigma^2)), (H, W) float32.

    It counts on background pixels only, and is 0 with fewer than two cells. `sigma` in pixels.
    """
    if not 0 < sigma < math.inf or not 0 <= w0 < math.inf:
        raise ValueError(f"need finite w0 >= 0 and sigma > 0, got w0={w0}, sigma={sigma}")
    cells = _check(labels, axes=(2,))
    # Beyond this sum of distances the term is under 1e-7, less than float32 shows beside 1.
    reach = sigma * math.sqrt(2 * math.log(max(w0, 1e-6) / 1e-7))
    d1, d2 = two_nearest_distances(cells, within=reach)
    term = w0 * np.exp(-((d1 + d2) ** 2) / (2 * sigma**2))
    return like(np.where(cells == 0, term, 0).astype(np.float32), labels)


def weight_map(labels, w0: float = 10.0, sigma: float = 5.0, balance: bool = True):
    """w(x) = w_c(x) + w_0 exp(-(d_1 + d_2)^2 / (2 sigma^2)), eq. (2), float32.

    `labels` is (H, W), or a stack (N, H, W) that is balanced as a whole; int instance labels with a
    gap between cells (`part_touching_cells` cuts one). Pixels without annotation (-1) weigh 0.
    `w0` and `sigma` (pixels) as in the paper. Without `balance` w_c is 1 on annotated pixels.

    Raises TypeError for labels that are not integers, ValueError for another number of axes, a
    negative `w0`, a `sigma` that is not positive, or one of them not finite.
    """
    cells = _check(labels)
    slices = cells.reshape(-1, *cells.shape[-2:])
    borders = np.stack([border_term(one, w0, sigma) for one in slices]).reshape(cells.shape)
    balanced = class_balance(cells) if balance else (cells >= 0).astype(np.float32)
    return like(balanced + borders, labels)


def _grow(box, reach, shape):
    """The bounding box, `reach` pixels larger on each side, within the image."""
    reach = max(shape) if math.isinf(reach) else math.ceil(reach)
    return tuple(
        slice(max(side.start - reach, 0), min(side.stop + reach, size))
        for side, size in zip(box, shape)
    )


def _check(labels, axes=(2, 3)):
    cells = to_numpy(labels)
    if not np.issubdtype(cells.dtype, np.integer):
        raise TypeError(f"instance labels are integers (0 background, 1 ... cells): {cells.dtype}")
    if cells.ndim not in axes or 0 in cells.shape:
        shapes = " or ".join({2: "(H, W)", 3: "(N, H, W)"}[n] for n in axes)
        raise ValueError(f"labels must be {shapes} and not empty, got {cells.shape}")
    return cells
