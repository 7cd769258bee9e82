"""Metrics of the pixels' classes: where a pixel lies, and what its error does, is not asked."""

from __future__ import annotations

import numpy as np

from unet_book._arrays import ArrayLike
from unet_book.metrics.segments import pair

__all__ = ["pixel_error", "majority_error", "f_error", "iou"]


def pixel_error(truth: ArrayLike, prediction: ArrayLike) -> float:
    """The share of annotated pixels whose class is wrong.

    Parameters
    ----------
    truth, prediction : array_like of int or bool, any shape
        Classes; -1 in the truth is not counted. Or lists of (H, W) of different sizes, all of whose
        pixels count together.

    Returns
    -------
    float
        In [0, 1].

    Raises
    ------
    ValueError
        For shapes that differ or a truth without annotation.
    TypeError
        For values that are not integers: threshold probabilities first.

    Examples
    --------
    >>> pixel_error([0, 0, 1, -1], [0, 1, 1, 1])  # doctest: +ELLIPSIS
    0.333...
    """
    truth, prediction = pair(truth, prediction)
    annotated = truth != -1
    return float(np.mean(truth[annotated] != prediction[annotated]))


def majority_error(truth: ArrayLike) -> float:
    """The pixel error of guessing the most frequent class everywhere: what any method must beat.

    Parameters
    ----------
    truth : array_like of int or bool, any shape
        As in `pixel_error`.

    Returns
    -------
    float
        In [0, 1].

    Raises
    ------
    ValueError, TypeError
        As `pixel_error` does.

    Examples
    --------
    >>> majority_error([0, 0, 0, 1])
    0.25
    """
    truth, _ = pair(truth, truth)
    counts = np.unique(truth[truth != -1], return_counts=True)[1]
    return float(1 - counts.max() / counts.sum())


def f_error(truth: ArrayLike, prediction: ArrayLike) -> float:
    """1 - F of the foreground (> 0) over annotated pixels: the "pixel error" of ISBI 2012.

    F = 2 TP / (2 TP + FP + FN) is the harmonic mean of precision and recall, with *cell* as the
    positive class; it is 1 where neither has any foreground (the evaluation page of the challenge).

    Parameters
    ----------
    truth, prediction : array_like of int or bool, any shape
        As in `pixel_error`; of a stack all pixels count together.

    Returns
    -------
    float
        In [0, 1].

    Raises
    ------
    ValueError, TypeError
        As `pixel_error` does.

    Examples
    --------
    >>> f_error([1, 1, 1, 0], [1, 0, 1, 1])  # doctest: +ELLIPSIS
    0.333...
    """
    both, wrong = _overlap(truth, prediction)
    return wrong / (2 * both + wrong) if wrong else 0.0


def iou(truth: ArrayLike, prediction: ArrayLike) -> float:
    """Intersection over union of the foreground (> 0) over annotated pixels.

    It says nothing about whether touching cells were told apart: that is what `seg` is for.

    Parameters
    ----------
    truth, prediction : array_like of int or bool, any shape
        As in `pixel_error`.

    Returns
    -------
    float
        In [0, 1]; 1 where neither has any foreground.

    Raises
    ------
    ValueError, TypeError
        As `pixel_error` does.
    """
    both, wrong = _overlap(truth, prediction)
    return both / (both + wrong) if wrong else 1.0


def _overlap(truth: ArrayLike, prediction: ArrayLike) -> tuple[int, int]:
    """How many annotated pixels are foreground in both, and in one of the two only."""
    truth, prediction = pair(truth, prediction)
    annotated = truth != -1
    t, p = (truth > 0) & annotated, (prediction > 0) & annotated
    return int(np.count_nonzero(t & p)), int(np.count_nonzero(t != p))
