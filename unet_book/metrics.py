"""How far a prediction is from the truth.

Each function takes the truth first and the prediction second, of one shape, and returns a float.
Pixels that the truth marks -1 (not annotated) count for nothing.
"""

import numpy as np

from unet_book._arrays import to_numpy


def pixel_error(truth, prediction) -> float:
    """The share of annotated pixels whose class is wrong, in [0, 1].

    `truth` and `prediction` hold class numbers, int or bool, of any one shape; -1 in the truth is
    not counted. Raises ValueError for shapes that differ or a truth without annotation, TypeError
    for values that are not integers: threshold probabilities first.

    >>> pixel_error([0, 0, 1, -1], [0, 1, 1, 1])  # doctest: +ELLIPSIS
    0.333...
    """
    truth, prediction = _check(truth, prediction)
    annotated = truth != -1
    return float(np.mean(truth[annotated] != prediction[annotated]))


def majority_error(truth) -> float:
    """The pixel error of guessing the most frequent class everywhere: what any method must beat.

    >>> majority_error([0, 0, 0, 1])
    0.25
    """
    truth, _ = _check(truth, truth)
    counts = np.unique(truth[truth != -1], return_counts=True)[1]
    return float(1 - counts.max() / counts.sum())


def iou(truth, prediction) -> float:
    """Intersection over union of the foreground (> 0) over annotated pixels, in [0, 1].

    It is 1 where neither has any foreground. It says nothing about whether touching cells were
    told apart: that is what `seg` is for. Raises as `pixel_error` does.
    """
    truth, prediction = _check(truth, prediction)
    annotated = truth != -1
    t, p = truth[annotated] > 0, prediction[annotated] > 0
    union = np.count_nonzero(t | p)
    return float(np.count_nonzero(t & p) / union) if union else 1.0


def seg(truth_labels, predicted_labels) -> float:
    """SEG of the Cell Tracking Challenge: the mean over true cells of their IoU with their match.

    Both are instance labels, (H, W) or a stack (N, H, W) whose slices count on their own. A
    predicted cell matches a true one if it covers more than half of it; a true cell without match
    scores 0, and an unmatched prediction costs nothing (Maska et al. 2014). Pixels where the truth
    is -1 are left out. Raises as `pixel_error` does, and ValueError if the truth has no cell or
    other axes.
    """
    truth, prediction = _check(truth_labels, predicted_labels)
    if truth.ndim not in (2, 3):
        raise ValueError(f"labels must be (H, W) or (N, H, W), got {truth.shape}")
    if truth.ndim == 2:
        truth, prediction = truth[None], prediction[None]
    scores = [score for pair in zip(truth, prediction) for score in _cell_scores(*pair)]
    if not scores:
        raise ValueError("SEG is a mean over true cells, and the truth has none")
    return float(np.mean(scores))


def overlap_table(truth, prediction):
    """Numbers of pixels shared by each true and each predicted segment, and the segments' ids.

    Returns (table, truth ids, prediction ids) with table[i, j] pixels; int64.
    """
    true_ids, t = np.unique(truth, return_inverse=True)
    predicted_ids, p = np.unique(prediction, return_inverse=True)
    pairs = t.ravel() * len(predicted_ids) + p.ravel()
    table = np.bincount(pairs, minlength=len(true_ids) * len(predicted_ids))
    return table.reshape(len(true_ids), len(predicted_ids)), true_ids, predicted_ids


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


def _check(truth, prediction):
    truth, prediction = to_numpy(truth), to_numpy(prediction)
    if truth.shape != prediction.shape:
        raise ValueError(f"truth and prediction differ in shape: {truth.shape}, {prediction.shape}")
    for array in (truth, prediction):
        if array.dtype != bool and not np.issubdtype(array.dtype, np.integer):
            raise TypeError(f"expected classes or labels of integer type, got {array.dtype}")
    if not (truth != -1).any():
        raise ValueError("the truth has no annotated pixel")
    return truth, prediction
