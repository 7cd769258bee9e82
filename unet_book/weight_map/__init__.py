"""A weight for each pixel of the energy: balance the classes, and press on narrow gaps.

Two cells that touch are one cell to a classifier, unless the few background pixels between them
count for more than their number. Equation (2) makes them: w(x) = w_c(x) + w_0 exp(-(d_1(x) +
d_2(x))^2 / (2 sigma^2)), where d_1 and d_2 are the distances to the nearest and the second nearest
cell. Only a pixel that is near *two* cells gets the second term.
"""

import math

import numpy as np
from torch import Tensor

from unet_book._arrays import is_ragged, like, to_numpy
from unet_book.weight_map import tensors
from unet_book.weight_map.distances import (
    check,
    check_axes,
    search,
    to_int32,
    two_nearest_distances,
)

__all__ = [
    "part_touching_cells",
    "class_balance",
    "two_nearest_distances",
    "border_term",
    "weight_map",
]

LARGEST = 1e18  # its square is a float32, and so is that of one over it

# Neighbors that come earlier in reading order: north, west, north-west, north-east. Every pair of
# touching pixels is such a pair, seen from the later one, so looking back finds each contact once.
EARLIER = ((-1, 0), (0, -1), (-1, -1), (-1, 1))


def part_touching_cells(labels):
    """Instance labels in which no two cells touch, not even at a corner.

    `labels` is (H, W), a stack (N, H, W), or a list of (H, W) of different sizes, which gives a
    list; int. For each of the four neighbors that come earlier in reading order, one after the
    other, a cell's pixel becomes background where that neighbor still belongs to another cell: a
    gap one pixel wide. A cell only one pixel thin may vanish.

    The paper says only that the border is "computed using morphological operations" (Section 3).
    The authors' later Fiji plugin looks at the same four neighbors, but all at once, which makes
    the gap between cells side by side two pixels wide.

    Raises TypeError for labels that are not integers, ValueError for another number of axes.
    """
    if is_ragged(labels):
        return [part_touching_cells(one) for one in labels]
    cells = check(labels).copy()
    height, width = cells.shape[-2:]
    for dy, dx in EARLIER:
        padded = np.pad(cells, [(0, 0)] * (cells.ndim - 2) + [(1, 1), (1, 1)])
        neighbor = padded[..., 1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width]
        cells[(cells > 0) & (neighbor > 0) & (neighbor != cells)] = 0
    return like(cells, labels)


def class_balance(labels):
    """w_c: each pixel weighs pixels / (2 * pixels of its class), so that both classes weigh alike.

    `labels` is (H, W), a stack (N, H, W), or a list of (H, W) of different sizes, which gives a
    list; int. The classes are background (0) and cell (> 0), counted over all annotated pixels
    given, so a stack is balanced as a whole, as the paper does for "the training data set" (Section
    3). Pixels without annotation (-1) weigh 0. float32 of the same shape; the mean over annotated
    pixels is 1 wherever both classes occur.
    """
    if tensors.on_device(labels):
        check_axes(labels.shape)
        return tensors.class_balance(labels)
    images = labels if is_ragged(labels) else [labels]
    cells = [check(one) for one in images]
    background, cell = (
        sum(np.count_nonzero(is_class(one)) for one in cells)
        for is_class in (lambda one: one == 0, lambda one: one > 0)
    )
    weights = []
    for one in cells:
        weight = np.zeros(one.shape, np.float32)
        for members, count in ((one == 0, background), (one > 0, cell)):
            if count:
                weight[members] = (background + cell) / (2 * count)
        weights.append(weight)
    results = [like(weight, one) for weight, one in zip(weights, images)]
    return results if is_ragged(labels) else results[0]


def border_term(labels, w0: float = 10.0, sigma: float = 5.0):
    """The second term of eq. (2), w0 exp(-(d_1 + d_2)^2 / (2 sigma^2)), float32.

    It counts on background pixels only, and is 0 with fewer than two cells. `labels` is (H, W), or
    a stack (N, H, W) or a list of (H, W) of images that know nothing of each other; `sigma` in
    pixels.

    Raises TypeError and ValueError as `weight_map` does.
    """
    if not 1 / LARGEST < sigma < LARGEST or not 0 <= w0 < LARGEST:
        raise ValueError(
            f"need w0 >= 0 and sigma > 0 whose squares are float32, got w0={w0}, sigma={sigma}"
        )
    if is_ragged(labels):
        return [border_term(one, w0, sigma) for one in labels]
    if tensors.on_device(labels):
        check_axes(labels.shape)
        return tensors.border_term(labels, w0, sigma)
    cells = check(labels)
    term = np.empty(cells.shape, np.float32)
    for one, out in zip(cells.reshape(-1, *cells.shape[-2:]), term.reshape(-1, *cells.shape[-2:])):
        out[:] = _border_term(one, w0, sigma)
    return like(term, labels)


def _border_term(cells, w0, sigma):
    # d_1 is the smaller one, so it is at most half of a sum that matters.
    reach = tensors.farthest_sum(w0, sigma)
    d1, d2 = search(to_int32(cells), math.ceil(reach / 2), math.ceil(reach), gaps=True)
    term = np.add(d1, d2, out=d1)  # every step in place: fresh memory costs more than arithmetic
    term *= term
    term *= np.float32(-0.5 / sigma**2)
    np.exp(term, out=term)
    term *= np.float32(w0)
    term[cells != 0] = 0
    return term


def weight_map(labels, w0: float = 10.0, sigma: float = 5.0, balance: bool = True):
    """w(x) = w_c(x) + w_0 exp(-(d_1 + d_2)^2 / (2 sigma^2)), eq. (2), float32.

    `labels` is (H, W), or a stack (N, H, W) or a list of (H, W) that is balanced as a whole; int
    instance labels with a gap between cells (`part_touching_cells` cuts one). Pixels without
    annotation (-1) weigh 0. `w0` and `sigma` (pixels) as in the paper. Without `balance` w_c is 1
    on annotated pixels. Labels on a GPU stay there.

    Raises TypeError for labels that are not integers, ValueError for another number of axes, a
    negative `w0`, a `sigma` that is not positive, or one of them not finite.
    """
    terms = border_term(labels, w0, sigma)
    if is_ragged(labels):
        base = class_balance(labels) if balance else map(_annotated, labels)
        return [term + share for term, share in zip(terms, base)]
    terms += class_balance(labels) if balance else _annotated(labels)
    return terms


def _annotated(labels):
    return tensors.read(labels)[0] if isinstance(labels, Tensor) else to_numpy(labels) >= 0
