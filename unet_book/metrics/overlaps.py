"""Which segments meet, and in how many pixels: the one table under SEG and the Rand family.

A true segment meets few of the predicted ones, so the table has hardly an entry that is not 0. Only
those are kept.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_array

from unet_book._arrays import ArrayLike
from unet_book.metrics.segments import alike, segments

__all__ = ["Contingency", "contingency", "overlap_table"]


class Contingency(NamedTuple):
    """The entries of the table that are not 0, row by row, and the sums of its rows and columns.

    Row `i[k]` and column `j[k]` hold `shared[k]` pixels. Row r is that of the true segment
    `true_ids[r]`, which has `true_sizes[r]` pixels, and so for columns and predicted segments.

    Parameters
    ----------
    i, j : ndarray of int
        Row and column of each entry.
    shared : ndarray of int
        Pixels that both segments have in common, 1 or more.
    true_ids, predicted_ids : ndarray of int
        The numbers of the segments, in order; 0 is background.
    true_sizes, predicted_sizes : ndarray of int
        The pixels of each.
    """

    i: np.ndarray
    j: np.ndarray
    shared: np.ndarray
    true_ids: np.ndarray
    predicted_ids: np.ndarray
    true_sizes: np.ndarray
    predicted_sizes: np.ndarray


def contingency(truth: ArrayLike, prediction: ArrayLike) -> Contingency:
    """The pairs of a true and a predicted segment that meet, and the sizes of all segments.

    Background, 0, is counted like a segment; pixels where the truth is -1 are left out. Time and
    memory grow with the pixels, never with the number of all pairs.

    Parameters
    ----------
    truth, prediction : array_like of int or bool, (H, W)
        Labels, or masks of bool whose 4-connected parts are the segments.

    Returns
    -------
    Contingency
        The table, as seven arrays.

    Raises
    ------
    ValueError
        For shapes that differ or are not (H, W).
    TypeError
        For values that are not integers.

    Examples
    --------
    >>> contingency([[1, 1, 2, 2]], [[7, 7, 7, 0]]).shared
    array([2, 1, 1])
    """
    truth, prediction = alike(truth, prediction)
    if truth.ndim != 2:
        raise ValueError(f"segments meet in one image, (H, W), got {truth.shape}")
    t, p = segments(truth).ravel(), segments(prediction).ravel()
    starts = _starts_of_runs(t, p)
    pixels = np.diff(starts, append=t.size)
    annotated = t[starts] != -1
    starts, pixels = starts[annotated], pixels[annotated]
    (true_ids, i), (predicted_ids, j) = _numbered(t[starts]), _numbered(p[starts])
    table = coo_array((pixels, (i, j)), shape=(len(true_ids), len(predicted_ids)))
    pairs = table.tocsr().tocoo()  # adds up the runs of each pair
    return Contingency(
        pairs.row,
        pairs.col,
        pairs.data,
        true_ids,
        predicted_ids,
        pairs.sum(axis=1),
        pairs.sum(axis=0),
    )


def overlap_table(
    truth: ArrayLike, prediction: ArrayLike
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Numbers of pixels shared by each true and each predicted segment, and the segments' numbers.

    It holds every pair, those that never meet, too: for few segments.

    Parameters
    ----------
    truth, prediction : array_like of int or bool, (H, W)
        As in `contingency`.

    Returns
    -------
    tuple of ndarray
        The table, int64, with pixels at [i, j]; the numbers of its true and its predicted segments.

    Raises
    ------
    ValueError, TypeError
        As `contingency` does.

    Examples
    --------
    >>> overlap_table([[1, 1, 2, 2]], [[7, 7, 7, 0]])[0]
    array([[0, 2],
           [1, 1]])
    """
    pairs = contingency(truth, prediction)
    table = np.zeros((len(pairs.true_ids), len(pairs.predicted_ids)), np.int64)
    table[pairs.i, pairs.j] = pairs.shared
    return table, pairs.true_ids, pairs.predicted_ids


def _starts_of_runs(t: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Where, in reading order, another pair begins than that of the pixel before."""
    new = np.ones(t.size, bool)
    new[1:] = (t[1:] != t[:-1]) | (p[1:] != p[:-1])
    return np.flatnonzero(new)


def _numbered(ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The different ids in order, and each id's place among them; counted where they lie close."""
    low, high = int(ids.min(initial=0)), int(ids.max(initial=0))
    if high - low > 4 * ids.size + 1000:
        return np.unique(ids, return_inverse=True)
    above = ids.astype(np.int64) - low
    seen = np.bincount(above, minlength=1) > 0
    return np.flatnonzero(seen) + low, (np.cumsum(seen) - 1)[above]
