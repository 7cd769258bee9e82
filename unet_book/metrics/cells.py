"""SEG of the Cell Tracking Challenge: each true cell against the one predicted cell on it."""

import numpy as np

from unet_book.metrics.segments import slices


def seg(truth_labels, predicted_labels) -> float:
    """SEG of the Cell Tracking Challenge: the mean over true cells of their IoU with their match.

    Both are instance labels, (H, W) or a stack (N, H, W) whose slices count on their own. A
    predicted cell matches a true one if it covers more than half of it; a true cell without match
    scores 0, and an unmatched prediction costs nothing (Maska et al. 2014). Pixels where the truth
    is -1 are left out. For cells in volumes this is not the challenge's SEG, which takes a cell
    in all its slices for one. Raises as `pixel_error` does, and ValueError if the truth has no cell
    or other axes. (The paper's Table 2 calls it "IOU".)
    """
    pairs = slices(truth_labels, predicted_labels)
    scores = [score for one in pairs for score in _cell_scores(*one)]
    if not scores:
        raise ValueError("SEG is a mean over true cells, and the truth has none")
    return float(np.mean(scores))


def overlap_table(truth, prediction):
    """Numbers of pixels shared by each true and each predicted segment, and the segments' ids.

    Returns (table, truth ids, prediction ids) with table[i, j] pixels; int64.
    """
    (true_ids, t), (predicted_ids, p) = _numbered(truth), _numbered(prediction)
    pairs = t * len(predicted_ids) + p
    table = np.bincount(pairs, minlength=len(true_ids) * len(predicted_ids))
    return table.reshape(len(true_ids), len(predicted_ids)), true_ids, predicted_ids


def _numbered(labels):
    """The sorted ids, and each pixel's place among them; by counting where ids lie close."""
    flat = np.ravel(labels).astype(np.int64)
    if flat.size == 0 or flat.max() - flat.min() > 4 * flat.size + 1000:
        return np.unique(flat, return_inverse=True)
    first = flat.min()
    flat -= first
    seen = np.bincount(flat) > 0
    return np.flatnonzero(seen) + first, (np.cumsum(seen) - 1)[flat]


def _cell_scores(truth, prediction):
    """The SEG score of each true cell of one image."""
    annotated = truth != -1
    if not annotated.any():
        return []
    table, true_ids, predicted_ids = overlap_table(truth[annotated], prediction[annotated])
    true_sizes, predicted_sizes = table.sum(1, keepdims=True), table.sum(0, keepdims=True)
    matches = (2 * table > true_sizes) & (predicted_ids > 0)  # at most one in each row
    scores = (table * matches / (true_sizes + predicted_sizes - table)).sum(1)
    return list(scores[true_ids > 0])
