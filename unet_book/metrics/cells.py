"""SEG of the Cell Tracking Challenge: each true cell against the one predicted cell on it."""

import numpy as np

from unet_book.metrics.overlaps import contingency
from unet_book.metrics.segments import slices


def seg(truth_labels, predicted_labels) -> float:
    """SEG of the Cell Tracking Challenge: the mean over true cells of their IoU with their match.

    Both are instance labels, or masks of bool whose 4-connected parts are the cells; (H, W) or a
    stack (N, H, W), or a list of (H, W) of any sizes, whose slices count on their own. A predicted
    cell matches a true one if it covers more than half of it; a true cell without match scores 0,
    and an unmatched prediction costs nothing (Maska et al. 2014). Pixels where the truth is -1 are
    left out. For cells in volumes this is not the challenge's SEG, which takes a cell in all its
    slices for one. (The paper's Table 2 calls it "IOU".)

    Raises as `pixel_error` does, and ValueError if the truth has no cell or other axes. Warns of
    labels with one number in several parts: are they a mask?

    >>> seg([[1, 1, 2, 2]], [[7, 7, 7, 7]])
    0.5
    """
    pairs = slices(truth_labels, predicted_labels)
    scores = [score for one in pairs for score in _cell_scores(*one)]
    if not scores:
        raise ValueError("SEG is a mean over true cells, and the truth has none")
    return float(np.mean(scores))


def _cell_scores(truth, prediction):
    """The SEG score of each true cell of one image."""
    met = contingency(truth, prediction)
    true, predicted = met.true_sizes[met.i], met.predicted_sizes[met.j]
    cells = (met.true_ids[met.i] > 0) & (met.predicted_ids[met.j] > 0)  # and not background
    match = cells & (2 * met.shared > true)  # at most one for each true cell
    scores = np.zeros(len(met.true_ids))
    scores[met.i[match]] = (met.shared / (true + predicted - met.shared))[match]
    return list(scores[met.true_ids > 0])
