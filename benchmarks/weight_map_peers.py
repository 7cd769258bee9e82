"""Other ways to the weight map of eq. (2), with which `weight_map.py` compares this package.

All of them take instance labels (H, W) and give w = w_c + w_0 exp(-(d_1 + d_2)^2 / (2 sigma^2)).
They differ in how they find d_1 and d_2, and compute the rest with the same few lines.
"""

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from scipy import ndimage
from scipy.spatial.distance import cdist

Transform: TypeAlias = Callable[[np.ndarray], np.ndarray]  # of a mask, to its nearest 0

W0, SIGMA = 10.0, 5.0
# From this d_1 + d_2 on, the border term is under 1e-7: less than float32 shows beside 1.
REACH = math.ceil(SIGMA * math.sqrt(2 * math.log(W0 / 1e-7)))


def edt_of_scipy(mask: np.ndarray) -> np.ndarray:
    """The distance transform of scipy, float64."""
    return ndimage.distance_transform_edt(mask)


def edt_of_edt(mask: np.ndarray) -> np.ndarray:
    """That of the package edt, float32."""
    import edt

    return edt.edt(mask, parallel=1)


def edt_of_opencv(mask: np.ndarray) -> np.ndarray:
    """That of OpenCV, float32; its mask of size 0 is exact, 3 and 5 are approximations."""
    import cv2

    return cv2.distanceTransform(mask.view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)


def stack_and_sort(labels: np.ndarray, edt: Transform = edt_of_scipy) -> np.ndarray:
    """The common code: a distance transform of the whole image for each cell, stacked, sorted."""
    cells = numbers(labels)
    if len(cells) < 2:
        return balance(labels)
    distances = np.stack([edt(labels != number) for number in cells], axis=-1)
    distances = np.sort(distances, axis=-1)
    return weights(labels, distances[..., 0], distances[..., 1])


def share_of_stack_and_sort(
    labels: np.ndarray, cells: int, edt: Transform = edt_of_scipy
) -> np.ndarray:
    """The same for the first `cells` cells alone, as if the others were background."""
    return stack_and_sort(np.where(labels <= cells, labels, 0), edt)


def boxes(labels: np.ndarray, edt: Transform = edt_of_scipy, reach: int = REACH) -> np.ndarray:
    """A transform of each cell's box grown by the border term's reach; the two smallest are kept.

    What this package did before it had the algorithm of chapter 6.
    """
    d1 = np.full(labels.shape, np.inf, np.float32)
    d2 = d1.copy()
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is None:
            continue
        window = tuple(slice(max(side.start - reach, 0), side.stop + reach) for side in box)
        d = edt(labels[window] != number).astype(np.float32, copy=False)
        np.minimum(d2[window], np.maximum(d1[window], d), out=d2[window])
        np.minimum(d1[window], d, out=d1[window])
    return weights(labels, d1, d2)


def brute_force(labels: np.ndarray) -> np.ndarray:
    """float64: of each background pixel, the distances to all pixels on every cell's edge.

    The pixel of a cell that is nearest to a pixel outside has a neighbor outside. Nothing is left
    out, and no transform is trusted.
    """
    background = np.argwhere(labels == 0)
    nearest = np.full((2, len(background)), np.inf)
    inner = ndimage.minimum_filter(labels, footprint=CROSS, mode="nearest")
    outer = ndimage.maximum_filter(labels, footprint=CROSS, mode="nearest")
    for number in numbers(labels):
        edge = np.argwhere((labels == number) & ((inner != number) | (outer != number)))
        d = [cdist(part, edge).min(axis=1) for part in np.array_split(background, PARTS)]
        nearest = np.sort(np.vstack([nearest, np.concatenate(d)]), axis=0)[:2]
    d1, d2 = np.zeros((2, *labels.shape))
    d1[labels == 0], d2[labels == 0] = nearest
    return weights(labels, d1, d2)


CROSS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], bool)
PARTS = 16  # so that a table of distances stays small


def numbers(labels: np.ndarray) -> np.ndarray:
    """The numbers of the cells."""
    found = np.unique(labels)
    return found[found > 0]


def weights(labels: np.ndarray, d1: np.ndarray, d2: np.ndarray) -> np.ndarray:
    """Eq. (2) from the two distances, in their precision."""
    return balance(labels) + W0 * np.exp(-((d1 + d2) ** 2) / (2 * SIGMA**2)) * (labels == 0)


def balance(labels: np.ndarray) -> np.ndarray:
    """w_c: pixels / (2 * pixels of the class), float32; all pixels are annotated."""
    cell = labels > 0
    share = np.count_nonzero(cell) / cell.size
    of_background, of_cell = (0.5 / s if s else 0 for s in (1 - share, share))
    return np.where(cell, np.float32(of_cell), np.float32(of_background))
