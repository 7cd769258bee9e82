"""A weight for each pixel of the energy: balance the classes, and press on narrow gaps.

Two cells that touch are one cell to a classifier, unless the few background pixels between them
count for more than their number. Equation (2) makes them: w(x) = w_c(x) + w_0 exp(-(d_1(x) +
d_2(x))^2 / (2 sigma^2)), where d_1 and d_2 are the distances to the nearest and the second nearest
cell. Only a pixel that is near *two* cells gets the second term.
"""

from __future__ import annotations

import math

import numpy as np
from torch import Tensor

from unet_book._arrays import Array, ArrayLike, is_ragged, like, to_numpy
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


def part_touching_cells(labels: ArrayLike) -> Array | list[Array]:
    """Instance labels in which no two cells touch, not even at a corner (Section 3).

    For each of the four neighbors that come earlier in reading order, one after the other, a cell's
    pixel becomes background where that neighbor still belongs to another cell: a gap one pixel
    wide. A cell only one pixel thin may vanish.

    The paper says only that the border is "computed using morphological operations". The authors'
    later Fiji plugin looks at the same four neighbors, but all at once, which makes the gap between
    cells side by side two pixels wide.

    Parameters
    ----------
    labels : array_like of int, (H, W) or (N, H, W)
        Or a list of (H, W) of different sizes.

    Returns
    -------
    ndarray, Tensor, or list of these
        As `labels` is.

    Raises
    ------
    TypeError
        For labels that are not integers.
    ValueError
        For another number of axes.
    """
    if is_ragged(labels):
        return [part_touching_cells(image) for image in labels]
    cells = check(labels).copy()
    height, width = cells.shape[-2:]
    for dy, dx in EARLIER:
        padded = np.pad(cells, [(0, 0)] * (cells.ndim - 2) + [(1, 1), (1, 1)])
        neighbor = padded[..., 1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width]
        cells[(cells > 0) & (neighbor > 0) & (neighbor != cells)] = 0
    return like(cells, labels)


def class_balance(labels: ArrayLike) -> Array | list[Array]:
    """w_c: each pixel weighs pixels / (2 * pixels of its class), so that both classes weigh alike.

    The classes are background (0) and cell (> 0), counted over all annotated pixels given, so a
    stack is balanced as a whole, as the paper does for "the training data set" (Section 3). The
    mean over annotated pixels is 1 wherever both classes occur.

    Parameters
    ----------
    labels : array_like of int, (H, W) or (N, H, W)
        Or a list of (H, W) of different sizes.

    Returns
    -------
    ndarray, Tensor, or list of these, float32
        As `labels` is. Pixels without annotation (-1) weigh 0.

    Raises
    ------
    TypeError
        For labels that are not integers.
    ValueError
        For another number of axes.
    """
    if tensors.on_device(labels):
        check_axes(labels.shape)
        return tensors.class_balance(labels)
    images = labels if is_ragged(labels) else [labels]
    checked = [check(image) for image in images]
    background = sum(np.count_nonzero(cells == 0) for cells in checked)
    cell = sum(np.count_nonzero(cells > 0) for cells in checked)
    weights = []
    for cells in checked:
        weight = np.zeros(cells.shape, np.float32)
        for members, count in ((cells == 0, background), (cells > 0, cell)):
            if count:
                weight[members] = (background + cell) / (2 * count)
        weights.append(weight)
    results = [like(weight, image) for weight, image in zip(weights, images)]
    return results if is_ragged(labels) else results[0]


def border_term(labels: ArrayLike, w0: float = 10.0, sigma: float = 5.0) -> Array | list[Array]:
    """The second term of eq. (2), w0 exp(-(d_1 + d_2)^2 / (2 sigma^2)) (Section 3).

    It counts on background pixels only, and is 0 with fewer than two cells. The images of a stack
    or a list know nothing of each other.

    Parameters
    ----------
    labels : array_like of int, (H, W) or (N, H, W)
        Or a list of (H, W) of different sizes.
    w0 : float
        The term where two cells meet.
    sigma : float
        How far it reaches, in pixels.

    Returns
    -------
    ndarray, Tensor, or list of these, float32
        As `labels` is.

    Raises
    ------
    TypeError, ValueError
        As `weight_map` does.
    """
    if not 1 / LARGEST < sigma < LARGEST or not 0 <= w0 < LARGEST:
        raise ValueError(
            f"need w0 >= 0 and sigma > 0 whose squares are float32, got w0={w0}, sigma={sigma}"
        )
    if is_ragged(labels):
        return [border_term(image, w0, sigma) for image in labels]
    if tensors.on_device(labels):
        check_axes(labels.shape)
        return tensors.border_term(labels, w0, sigma)
    cells = check(labels)
    term = np.empty(cells.shape, np.float32)
    images, terms = (array.reshape(-1, *cells.shape[-2:]) for array in (cells, term))
    for image, out in zip(images, terms):
        out[:] = _border_term(image, w0, sigma)
    return like(term, labels)


def _border_term(cells: np.ndarray, w0: float, sigma: float) -> np.ndarray:
    """The border term of an image (H, W)."""
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


def weight_map(
    labels: ArrayLike, w0: float = 10.0, sigma: float = 5.0, balance: bool = True
) -> Array | list[Array]:
    """w(x) = w_c(x) + w_0 exp(-(d_1 + d_2)^2 / (2 sigma^2)) (Section 3, eq. (2)).

    Parameters
    ----------
    labels : array_like of int, (H, W) or (N, H, W)
        Instances with a gap between cells (`part_touching_cells` cuts one); or a list of (H, W) of
        different sizes. A stack or a list is balanced as a whole.
    w0 : float
        The border term where two cells meet.
    sigma : float
        How far it reaches, in pixels.
    balance : bool
        Without, w_c is 1 on annotated pixels.

    Returns
    -------
    ndarray, Tensor, or list of these, float32
        As `labels` is; those on a GPU stay there. Pixels without annotation (-1) weigh 0.

    Raises
    ------
    TypeError
        For labels that are not integers.
    ValueError
        For another number of axes, a negative `w0`, a `sigma` that is not positive, or one of them
        not finite.
    """
    terms = border_term(labels, w0, sigma)
    if is_ragged(labels):
        base = class_balance(labels) if balance else map(_annotated, labels)
        return [term + share for term, share in zip(terms, base)]
    terms += class_balance(labels) if balance else _annotated(labels)
    return terms


def _annotated(labels: ArrayLike) -> Array:
    """Where labels are annotated."""
    return tensors.read(labels)[0] if isinstance(labels, Tensor) else to_numpy(labels) >= 0
