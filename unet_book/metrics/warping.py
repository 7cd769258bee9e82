"""Warping error: bend the truth onto the prediction without tearing it, and count what won't fit.

A pixel is *simple* if turning it over joins and parts nothing, neither cells (4-connected) nor
background (8-connected). Simple pixels may be turned over freely: a membrane may move, swell and
shrink. What still differs in the end differs in topology (Jain et al. 2010).
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from unet_book._arrays import ArrayLike, to_numpy
from unet_book._compiled import compiled
from unet_book.metrics.segments import images

__all__ = ["is_simple", "warping_error", "count_mistakes", "warp", "mistake_kinds"]

# The neighbors of a pixel as (row, column), clockwise from north; bit k of a ring is neighbor k.
RING = ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))
EIGHT = np.ones((3, 3), bool)
KINDS = (
    "agrees",
    "split",
    "merge",
    "hole addition",
    "hole deletion",
    "object addition",
    "object deletion",
)
(AGREES, SPLIT, MERGE, HOLE_ADDITION, HOLE_DELETION, OBJECT_ADDITION, OBJECT_DELETION) = range(
    len(KINDS)
)


def _parts_around(ring: int) -> int:
    """Into how many 4-connected parts of cell the eight neighbors fall that touch the pixel's side.

    `ring` has bit k set where neighbor k (clockwise from north) is cell. Each part ends, clockwise,
    at a side neighbor that is not joined to the next one through the corner between them.
    """
    cell = [ring >> k & 1 for k in range(8)]
    return sum(cell[k] and not (cell[k + 1] and cell[(k + 2) % 8]) for k in range(0, 8, 2))


PARTS = np.array([_parts_around(ring) for ring in range(256)], np.int8)
SIMPLE = PARTS == 1  # then the background around is of one part, too, since the two take turns


def is_simple(patch: ArrayLike) -> bool:
    """Whether a pixel may be turned over freely (Jain et al. 2010).

    It may if its neighbors hold exactly one 4-connected part of cell beside it and exactly one
    8-connected part of background. What the pixel itself is does not matter.

    Parameters
    ----------
    patch : array_like, (3, 3)
        The pixel in the middle and its eight neighbors, cells above 0.

    Returns
    -------
    bool
        Whether it is simple.

    Raises
    ------
    ValueError
        For another shape.

    Examples
    --------
    >>> is_simple([[1, 1, 1], [0, 1, 0], [0, 0, 0]]), is_simple([[0, 1, 0], [0, 1, 0], [0, 1, 0]])
    (True, False)
    """
    patch = to_numpy(patch)
    if patch.shape != (3, 3):
        raise ValueError(f"a pixel with its eight neighbors is (3, 3), got {patch.shape}")
    return bool(SIMPLE[sum((patch[1 + dy, 1 + dx] > 0) << k for k, (dy, dx) in enumerate(RING))])


def warping_error(truth: ArrayLike, prediction: ArrayLike, all_kinds: bool = False) -> float:
    """The warping error of ISBI 2012: splits and merges no bending explains (Jain et al. 2010).

    The truth is warped to the prediction (`warp`); of the pixels that still differ those count
    which the challenge's table calls split or merge (`mistake_kinds`).

    Parameters
    ----------
    truth, prediction : array_like of int or bool, (H, W) or (N, H, W)
        Those above 0 are cells: labels that touch are one cell, so part them first
        (`weight_map.part_touching_cells`). Or lists of (H, W) of different sizes.
    all_kinds : bool
        Whether each pixel that still differs counts.

    Returns
    -------
    float
        A share of all pixels.

    Raises
    ------
    ValueError
        As `pixel_error` does, and for other axes or a truth with pixels that are not annotated
        (-1), since these have no topology.
    TypeError
        As `pixel_error` does.

    Examples
    --------
    >>> warping_error([[1, 1, 0, 1, 1]], [[1, 1, 1, 1, 1]])
    0.2
    """
    pairs = images(truth, prediction)
    wrong = sum(
        count_mistakes(_whole(cells) > 0, (found > 0).astype(np.float32), 0.5, all_kinds)
        for cells, found in pairs
    )
    return wrong / sum(cells.size for cells, _ in pairs)


def count_mistakes(
    cells: np.ndarray, probability: np.ndarray, threshold: float, all_kinds: bool = False
) -> int:
    """How many pixels of one slice count for the warping error.

    Parameters
    ----------
    cells : ndarray, (H, W)
        As `warp` takes the truth.
    probability : ndarray of float, (H, W)
        That of cell.
    threshold : float
        Above it a pixel is cell.
    all_kinds : bool
        As in `warping_error`.

    Returns
    -------
    int
        Pixels.

    Raises
    ------
    ValueError
        As `warp` does.
    """
    kinds = mistake_kinds(warp(cells, probability, threshold), probability > threshold)
    return int(np.count_nonzero(kinds if all_kinds else (kinds == SPLIT) | (kinds == MERGE)))


def warp(truth: ArrayLike, probability: ArrayLike, threshold: float = 0.5) -> np.ndarray:
    """The true cells, bent towards a prediction by turning over simple pixels (Jain et al. 2010).

    Pixels where truth and thresholded prediction differ are looked at again and again, those first
    about which the prediction is surest (ties column by column), and turned over where they are
    simple, until nothing changes. Beyond its edge the image is background. Topology never changes.

    Parameters
    ----------
    truth : array_like of int or bool, (H, W)
        Cells above 0.
    probability : array_like of float, (H, W)
        That of cell.
    threshold : float
        Above it a pixel is cell.

    Returns
    -------
    ndarray of bool, (H, W)
        The cells.

    Raises
    ------
    ValueError
        For shapes that differ, a probability that is NaN or infinite, or a truth with pixels that
        are not annotated (-1).
    """
    truth, probability = to_numpy(truth), to_numpy(probability)
    if truth.ndim != 2 or truth.shape != probability.shape:
        raise ValueError(f"need two (H, W) of one shape, got {truth.shape}, {probability.shape}")
    if not np.isfinite(probability).all():
        raise ValueError("the probability has values that are NaN or infinite")
    cells = np.pad(_whole(truth) > 0, 1)
    columns, rows = np.nonzero(((truth > 0) != (probability > threshold)).T)
    surest = np.argsort(-np.abs(probability[rows, columns] - threshold), kind="stable")
    places = (rows + 1) * cells.shape[1] + columns + 1
    _turn_over(cells.ravel(), places[surest], _steps(cells.shape[1]), SIMPLE)
    return cells[1:-1, 1:-1].copy()


def mistake_kinds(warped: ArrayLike, prediction: ArrayLike) -> np.ndarray:
    """The kind of each pixel where the warped truth differs from the prediction.

    It follows from the 4-connected cells among the eight neighbors. What turning over a pixel would
    do is judged for each pixel alone.

    Parameters
    ----------
    warped, prediction : array_like of int or bool, (H, W)
        Cells above 0.

    Returns
    -------
    ndarray of uint8, (H, W)
        The index in `warping.KINDS`: 0 agrees, 1 split, 2 merge, and so on.

    Raises
    ------
    ValueError
        Unless both are (H, W) of one shape.
    """
    warped, prediction = to_numpy(warped) > 0, to_numpy(prediction) > 0
    if warped.ndim != 2 or warped.shape != prediction.shape:
        raise ValueError(f"need two (H, W) of one shape, got {warped.shape}, {prediction.shape}")
    rows, columns = np.nonzero(warped != prediction)
    padded = np.pad(warped, 1)
    cells, ground = ndimage.label(padded)[0], ndimage.label(~padded, EIGHT)[0]
    width = padded.shape[1]
    around = ((rows + 1) * width + columns + 1)[:, None] + _steps(width)
    ids, grounds = cells.ravel()[around], ground.ravel()[around]
    ring = np.sum((ids > 0) << np.arange(8), axis=1)
    # Where a cell's pixel turns black, the parts around it stay one cell as far as a ring of cell
    # closes elsewhere; each such ring keeps two stretches of the background around it apart.
    splits = (PARTS[ring] > 1) & (PARTS[ring] > _distinct(grounds) - (ids > 0).any(axis=1))
    kinds = np.zeros(warped.shape, np.uint8)
    kinds[rows, columns] = _kinds_of(warped[rows, columns], ids, splits)
    return kinds


def _kinds_of(white: np.ndarray, ids: np.ndarray, splits: np.ndarray) -> np.ndarray:
    """The kind of each pixel, by its own class and by the numbers of the cells around it, 0 too."""
    number, only_ground = _distinct(ids), ~(ids > 0).any(axis=1)
    return np.select(
        [only_ground, number == 1, number > 2, splits],  # the first that holds decides
        [
            np.where(white, OBJECT_DELETION, OBJECT_ADDITION),
            np.where(white, HOLE_ADDITION, HOLE_DELETION),
            np.where(white, SPLIT, MERGE),
            np.where(white, SPLIT, HOLE_ADDITION),
        ],
        np.where(white, HOLE_DELETION, HOLE_ADDITION),  # a cell and background around
    )


def _distinct(ids: np.ndarray) -> np.ndarray:
    """How many different numbers each row holds."""
    ordered = np.sort(ids, axis=1)
    return 1 + np.count_nonzero(np.diff(ordered, axis=1), axis=1)


def _steps(width: int) -> np.ndarray:
    """From a pixel to its neighbors, in the flat array of an image of `width`."""
    return np.array([dy * width + dx for dy, dx in RING])


def _whole(truth: np.ndarray) -> np.ndarray:
    """The truth; ValueError if a pixel of it is not annotated."""
    if (truth == -1).any():
        raise ValueError("the truth has pixels without annotation (-1): warping needs all of them")
    return truth


@compiled
def _turn_over(
    cells: np.ndarray, places: np.ndarray, steps: np.ndarray, simple: np.ndarray
) -> None:
    """Turn over those of the `places` that are simple, in their order, until none is left."""
    waiting, before = places.size, -1
    while waiting != before:
        before, waiting = waiting, 0
        for place in places[:before]:
            ring = 0
            for k in range(8):
                ring |= np.int64(cells[place + steps[k]]) << k
            if simple[ring]:
                cells[place] = not cells[place]
            else:
                places[waiting] = place
                waiting += 1
