"""Rand error, V_Rand and V_Info: do two pixels of one cell stay together, and strangers apart?

All three read one table, p_ij: how many pixels true segment i and predicted segment j share. Only
pixels of true cells count, so where exactly a membrane runs costs nothing; and a pixel that is
predicted membrane is a segment of its own, a *singleton*, so it is never together with another.
"""

import numpy as np

from unet_book.metrics.overlaps import contingency
from unet_book.metrics.segments import slices


def rand_error(truth, prediction) -> float:
    """The Rand error of ISBI 2012: 1 - F over pairs of pixels of true cells, in [0, 1].

    A pair is positive if both pixels belong to one segment. F = 2 TP / (true positives' pairs +
    predicted positives' pairs), counted over all pairs of *different* pixels within a slice and
    summed over the slices. (H, W), (N, H, W) or a list of (H, W) of any sizes; bool is a mask whose
    4-connected parts are the segments, integers number them, 0 outside; -1 in the truth is not
    counted. 0 if there is no positive pair on either side.

    Raises as `pixel_error` does, and ValueError for other axes or a truth without a cell. Warns of
    labels with one number in several parts: are they a mask?

    >>> rand_error([[1, 1, 2, 2]], [[7, 7, 7, 7]])
    0.5
    """
    return rand_error_of([within_cells(*one) for one in slices(truth, prediction)])


def v_rand(truth, prediction) -> float:
    """V_Rand: the F-score of pairs drawn *with* replacement, so a pixel is its own partner, too.

    With shares of the n pixels of true cells, a_i that of true segment i (found or not), p_ij what
    it has in common with predicted segment j, b_j = sum_i p_ij, and q what is predicted background:
    V_Rand = 2 AB / (A + B), A = sum a_i^2, B = sum b_j^2 + q/n, AB = sum p_ij^2 + q/n
    (Arganda-Carreras et al. 2015). Of a stack the mean over those of its slices that have a true
    cell. Input, errors and warning as for `rand_error`. The challenge thins the prediction first:
    `thin`.

    >>> v_rand([[1, 1, 2, 2]], [[7, 7, 7, 7]])  # doctest: +ELLIPSIS
    0.666...
    """
    counts = [within_cells(*one) for one in slices(truth, prediction)]
    return mean_over_slices(v_rand_of, counts)


def v_info(truth, prediction) -> float:
    """V_Info: 2 I / (H(true) + H(predicted)), the share of information the two have in common.

    Entropies of the segment of a pixel drawn from the true cells, with p_ij and singletons as in
    `v_rand`; I is their mutual information (Arganda-Carreras et al. 2015). With a single true cell
    there is no information to share: 1 if the prediction is one segment there, too, else 0. Of a
    stack the mean over those of its slices that have a true cell. Input, errors and warning as for
    `rand_error`.

    >>> v_info([[1, 1, 2, 2]], [[3, 3, 5, 5]])
    1.0
    """
    counts = [within_cells(*one) for one in slices(truth, prediction)]
    return mean_over_slices(v_info_of, counts)


def within_cells(truth, prediction):
    """(p, a, b, singletons): pixels that segments of two (H, W) share, in pixels of true cells.

    `p` holds the counts p_ij >= 1 of true segment i with predicted segment j, `a` and `b` the
    sizes a_i and b_j >= 1 of each segment within the true cells, all int64; `singletons` is the
    number of true cells' pixels that are predicted background. Segments and masks as for
    `rand_error`.
    """
    met = contingency(truth, prediction)
    both = (met.true_ids[met.i] > 0) & (met.predicted_ids[met.j] > 0)
    a, p = met.true_sizes[met.true_ids > 0], met.shared[both]
    b = np.bincount(met.j[both], p).astype(np.int64)
    return p, a, b[b > 0], a.sum() - p.sum()


def rand_error_of(counts):
    """The Rand error from what `within_cells` counted in each slice."""
    shared, true, predicted = np.sum([pair_counts(*one) for one in counts], axis=0)
    _check_cells(sum(len(a) for _, a, _, _ in counts))
    return float(1 - 2 * shared / (true + predicted)) if true + predicted else 0.0


def pair_counts(p, a, b, singletons):
    """Pairs of different pixels together in both, in the truth and in the prediction; floats."""
    return [np.sum(sizes * (sizes - 1.0)) / 2 for sizes in (p, a, b)]


def v_rand_of(p, a, b, singletons):
    """V_Rand of one slice."""
    squares = [np.sum(np.square(sizes, dtype=float)) for sizes in (p, a, b)]
    both, true, predicted = squares[0] + singletons, squares[1], squares[2] + singletons
    return 2 * both / (true + predicted)


def v_info_of(p, a, b, singletons):
    """V_Info of one slice."""
    joint, true, predicted = (_entropy(sizes, a.sum()) for sizes in (p, a, b))
    alone = singletons / a.sum() * np.log(a.sum())  # each singleton: 1/n of all pixels
    total = true + predicted + alone
    return 2 * (total - joint - alone) / total if total else 1.0


def _entropy(sizes, n):
    return np.sum(sizes / n * np.log(n / sizes))


def mean_over_slices(score, counts):
    """The mean of a score over the slices that have a true cell."""
    counts = [(p, a, b, alone) for p, a, b, alone in counts if len(a)]
    _check_cells(len(counts))
    return float(np.mean([score(*one) for one in counts]))


def _check_cells(count):
    if not count:
        raise ValueError("only pixels of true cells count, and the truth has none")
