"""Rand error, V_Rand and V_Info: do two pixels of one cell stay together, and strangers apart?

All three read one table, p_ij: how many pixels true segment i and predicted segment j share. Only
pixels of true cells count, so where exactly a membrane runs costs nothing; and a pixel that is
predicted membrane is a segment of its own, a *singleton*, so it is never together with another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from unet_book._arrays import ArrayLike
from unet_book.metrics.overlaps import contingency
from unet_book.metrics.segments import slices

__all__ = [
    "rand_error",
    "v_rand",
    "v_info",
    "within_cells",
    "rand_error_of",
    "v_rand_of",
    "v_info_of",
    "mean_over_slices",
]

Counts = tuple[np.ndarray, np.ndarray, np.ndarray, int]  # what `within_cells` gives


def rand_error(truth: ArrayLike, prediction: ArrayLike) -> float:
    """The Rand error of ISBI 2012: 1 - F over pairs of pixels of true cells.

    A pair is positive if both pixels belong to one segment. F = 2 TP / (true positives' pairs +
    predicted positives' pairs), counted over all pairs of *different* pixels within a slice and
    summed over the slices.

    Parameters
    ----------
    truth, prediction : array_like of int or bool, (H, W) or (N, H, W)
        Integers number the segments, 0 outside; bool is a mask whose 4-connected parts are the
        segments; or lists of (H, W) of any sizes. -1 in the truth is not counted. Labels with one
        number in several parts get a warning: are they a mask?

    Returns
    -------
    float
        In [0, 1]; 0 if there is no positive pair on either side.

    Raises
    ------
    ValueError
        As `pixel_error` does, and for other axes or a truth without a cell.
    TypeError
        As `pixel_error` does.

    Examples
    --------
    >>> rand_error([[1, 1, 2, 2]], [[7, 7, 7, 7]])
    0.5
    """
    return rand_error_of([within_cells(*both) for both in slices(truth, prediction)])


def v_rand(truth: ArrayLike, prediction: ArrayLike) -> float:
    """V_Rand: the F-score of pairs drawn *with* replacement, so a pixel is its own partner, too.

    With shares of the n pixels of true cells, a_i that of true segment i (found or not), p_ij what
    it has in common with predicted segment j, b_j = sum_i p_ij, and q what is predicted background:
    V_Rand = 2 AB / (A + B), A = sum a_i^2, B = sum b_j^2 + q/n, AB = sum p_ij^2 + q/n
    (Arganda-Carreras et al. 2015). The challenge thins the prediction first: `thin`.

    Parameters
    ----------
    truth, prediction : array_like of int or bool, (H, W) or (N, H, W)
        As in `rand_error`, with its warning.

    Returns
    -------
    float
        In [0, 1]; of a stack the mean over those of its slices that have a true cell.

    Raises
    ------
    ValueError, TypeError
        As `rand_error` does.

    Examples
    --------
    >>> v_rand([[1, 1, 2, 2]], [[7, 7, 7, 7]])  # doctest: +ELLIPSIS
    0.666...
    """
    counts = [within_cells(*both) for both in slices(truth, prediction)]
    return mean_over_slices(v_rand_of, counts)


def v_info(truth: ArrayLike, prediction: ArrayLike) -> float:
    """V_Info: 2 I / (H(true) + H(predicted)), the share of information the two have in common.

    Entropies of the segment of a pixel drawn from the true cells, with p_ij and singletons as in
    `v_rand`; I is their mutual information (Arganda-Carreras et al. 2015). With a single true cell
    there is no information to share: 1 if the prediction is one segment there, too, else 0.

    Parameters
    ----------
    truth, prediction : array_like of int or bool, (H, W) or (N, H, W)
        As in `rand_error`, with its warning.

    Returns
    -------
    float
        In [0, 1]; of a stack the mean over those of its slices that have a true cell.

    Raises
    ------
    ValueError, TypeError
        As `rand_error` does.

    Examples
    --------
    >>> v_info([[1, 1, 2, 2]], [[3, 3, 5, 5]])
    1.0
    """
    counts = [within_cells(*both) for both in slices(truth, prediction)]
    return mean_over_slices(v_info_of, counts)


def within_cells(truth: ArrayLike, prediction: ArrayLike) -> Counts:
    """Pixels that segments share, in the pixels of true cells.

    Parameters
    ----------
    truth, prediction : array_like of int or bool, (H, W)
        As in `rand_error`.

    Returns
    -------
    tuple of ndarray, ndarray, ndarray, int
        The counts p_ij >= 1 of true segment i with predicted segment j; the sizes a_i and b_j >= 1
        of each segment within the true cells; and the number of true cells' pixels that are
        predicted background, the singletons.

    Raises
    ------
    ValueError, TypeError
        As `contingency` does.
    """
    met = contingency(truth, prediction)
    both = (met.true_ids[met.i] > 0) & (met.predicted_ids[met.j] > 0)
    a, p = met.true_sizes[met.true_ids > 0], met.shared[both]
    b = np.bincount(met.j[both], p).astype(np.int64)
    return p, a, b[b > 0], a.sum() - p.sum()


def rand_error_of(counts: Sequence[Counts]) -> float:
    """The Rand error of ISBI 2012, from counts.

    Parameters
    ----------
    counts : sequence of tuple
        What `within_cells` gave for each slice.

    Returns
    -------
    float
        In [0, 1].

    Raises
    ------
    ValueError
        If no slice has a true cell.
    """
    shared, true, predicted = np.sum([_pair_counts(*counted) for counted in counts], axis=0)
    _check_cells(sum(len(a) for _, a, _, _ in counts))
    return float(1 - 2 * shared / (true + predicted)) if true + predicted else 0.0


def _pair_counts(p: np.ndarray, a: np.ndarray, b: np.ndarray, singletons: int) -> list[np.floating]:
    """Pairs of different pixels together in both, in the truth and in the prediction."""
    return [np.sum(sizes * (sizes - 1.0)) / 2 for sizes in (p, a, b)]


def v_rand_of(p: np.ndarray, a: np.ndarray, b: np.ndarray, singletons: int) -> float:
    """V_Rand of one slice (Arganda-Carreras et al. 2015).

    Parameters
    ----------
    p, a, b : ndarray of int
        As `within_cells` gives them.
    singletons : int
        As `within_cells` gives them.

    Returns
    -------
    float
        In [0, 1].
    """
    squares = [np.sum(np.square(sizes, dtype=float)) for sizes in (p, a, b)]
    both, true, predicted = squares[0] + singletons, squares[1], squares[2] + singletons
    return 2 * both / (true + predicted)


def v_info_of(p: np.ndarray, a: np.ndarray, b: np.ndarray, singletons: int) -> float:
    """V_Info of one slice (Arganda-Carreras et al. 2015).

    Parameters
    ----------
    p, a, b : ndarray of int
        As `within_cells` gives them.
    singletons : int
        As `within_cells` gives them.

    Returns
    -------
    float
        In [0, 1].
    """
    joint, true, predicted = (_entropy(sizes, a.sum()) for sizes in (p, a, b))
    alone = singletons / a.sum() * np.log(a.sum())  # each singleton: 1/n of all pixels
    total = true + predicted + alone
    return 2 * (total - joint - alone) / total if total else 1.0


def _entropy(sizes: np.ndarray, n: int) -> float:
    """The entropy of the segment of one of `n` pixels; those of no segment add nothing."""
    return np.sum(sizes / n * np.log(n / sizes))


def mean_over_slices(score: Callable[..., float], counts: Sequence[Counts]) -> float:
    """The mean of a score over the slices that have a true cell.

    Parameters
    ----------
    score : callable
        `v_rand_of` or `v_info_of`.
    counts : sequence of tuple
        What `within_cells` gave for each slice.

    Returns
    -------
    float
        The mean.

    Raises
    ------
    ValueError
        If no slice has a true cell.
    """
    counts = [(p, a, b, alone) for p, a, b, alone in counts if len(a)]
    _check_cells(len(counts))
    return float(np.mean([score(*counted) for counted in counts]))


def _check_cells(count: int) -> None:
    """ValueError unless there is a true cell, or a slice with one."""
    if not count:
        raise ValueError("only pixels of true cells count, and the truth has none")
