"""SEG of the Cell Tracking Challenge: each true cell against the one predicted cell on it."""

from __future__ import annotations

import numpy as np

from unet_book._arrays import ArrayLike
from unet_book.metrics.overlaps import contingency
from unet_book.metrics.segments import slices

__all__ = ["seg"]


def seg(truth_labels: ArrayLike, predicted_labels: ArrayLike) -> float:
    """SEG of the Cell Tracking Challenge: the mean over true cells of their IoU with their match.

    A predicted cell matches a true one if it covers more than half of it; a true cell without match
    scores 0, and an unmatched prediction costs nothing (Maska et al. 2014). Pixels where the truth
    is -1 are left out. For cells in volumes this is not the challenge's SEG, which takes a cell in
    all its slices for one. (The paper's Table 2 calls it "IOU".)

    Parameters
    ----------
    truth_labels, predicted_labels : array_like of int or bool, (H, W) or (N, H, W)
        Instances, or masks of bool whose 4-connected parts are the cells; or lists of (H, W) of any
        sizes. Slices count on their own. Labels with one number in several parts get a warning: are
        they a mask?

    Returns
    -------
    float
        In [0, 1].

    Raises
    ------
    ValueError
        As `pixel_error` does, and if the truth has no cell or other axes.
    TypeError
        As `pixel_error` does.

    Examples
    --------
    >>> seg([[1, 1, 2, 2]], [[7, 7, 7, 7]])
    0.5
    """
    pairs = slices(truth_labels, predicted_labels)
    scores = [score for both in pairs for score in _cell_scores(*both)]
    if not scores:
        raise ValueError("SEG is a mean over true cells, and the truth has none")
    return float(np.mean(scores))


def _cell_scores(truth: np.ndarray, prediction: np.ndarray) -> list[float]:
    """The SEG score of each true cell of one image."""
    met = contingency(truth, prediction)
    true, predicted = met.true_sizes[met.i], met.predicted_sizes[met.j]
    cells = (met.true_ids[met.i] > 0) & (met.predicted_ids[met.j] > 0)  # and not background
    match = cells & (2 * met.shared > true)  # at most one for each true cell
    scores = np.zeros(len(met.true_ids))
    scores[met.i[match]] = (met.shared / (true + predicted - met.shared))[match]
    return list(scores[met.true_ids > 0])
