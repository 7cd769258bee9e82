"""Rand error, V_Rand and V_Info: do two pixels of one cell stay together, and strangers apart?

All three read one table, p_ij: how many pixels true segment i and predicted segment j share. Only
pixels of true cells count, so where exactly a membrane runs costs nothing; and a pixel that is
predicted membrane is a segment of its own, a *singleton*, so it is never together with another.
"""

import numpy as np
from numba import njit

from unet_book.metrics.segments import segments, slices


def rand_error(truth, prediction) -> float:
    """The Rand error of ISBI 2012: 1 - F over pairs of pixels of true cells, in [0, 1].

    A pair is positive if both pixels belong to one segment. F = 2 TP / (true positives' pairs +
    predicted positives' pairs), counted over all pairs of *different* pixels within a slice and
    summed over the slices. (H, W) or (N, H, W); bool is a mask whose 4-connected parts are the
    segments, integers number them, 0 outside; -1 in the truth is not counted. 0 if there is no
    positive pair on either side.

    Raises as `pixel_error` does, and ValueError for other axes or a truth without a cell.

    >>> rand_error([[1, 1, 2, 2]], [[7, 7, 7, 7]])
    0.5
    """
    tables = [contingency(*one) for one in slices(truth, prediction)]
    shared, true, predicted = np.sum([pair_counts(*table) for table in tables], axis=0)
    _check_cells(sum(len(sizes) for _, sizes, _, _ in tables))
    return float(1 - 2 * shared / (true + predicted)) if true + predicted else 0.0


def v_rand(truth, prediction) -> float:
    """V_Rand: the F-score of pairs drawn *with* replacement, so a pixel is its own partner, too.

    With shares of the n pixels of true cells, a_i that of true segment i (found or not), p_ij what
    it has in common with predicted segment j, b_j = sum_i p_ij, and q what is predicted background:
    V_Rand = 2 AB / (A + B), A = sum a_i^2, B = sum b_j^2 + q/n, AB = sum p_ij^2 + q/n
    (Arganda-Carreras et al. 2015). Of a stack the mean over those of its slices that have a true
    cell. Input and errors as for `rand_error`. The challenge thins the prediction first: `thin`.

    >>> v_rand([[1, 1, 2, 2]], [[7, 7, 7, 7]])  # doctest: +ELLIPSIS
    0.666...
    """
    return _mean_over_slices(_v_rand, truth, prediction)


def v_info(truth, prediction) -> float:
    """V_Info: 2 I / (H(true) + H(predicted)), the share of information the two have in common.

    Entropies of the segment of a pixel drawn from the true cells, with p_ij and singletons as in
    `v_rand`; I is their mutual information (Arganda-Carreras et al. 2015). With a single true cell
    there is no information to share: 1 if the prediction is one segment there, too, else 0. Of a
    stack the mean over those of its slices that have a true cell. Input and errors as for
    `rand_error`.

    >>> v_info([[1, 1, 2, 2]], [[3, 3, 5, 5]])
    1.0
    """
    return _mean_over_slices(_v_info, truth, prediction)


def contingency(truth, prediction):
    """(p, a, b, singletons): pixels that segments of two (H, W) share, in pixels of true cells.

    `p` holds the counts p_ij >= 1 of true segment i with predicted segment j, `a` and `b` the
    sizes a_i and b_j >= 1 of each segment within the true cells, all int64 in any order;
    `singletons` is the number of true cells' pixels that are predicted background. Segments and
    masks as for `rand_error`.
    """
    t, p = (_compact(segments(labels)) for labels in (truth, prediction))
    shared, a, b, singletons = _count(t, p, t.max(initial=0) + 1, p.max(initial=0) + 1)
    return shared, a[a > 0], b[b > 0], singletons


def pair_counts(p, a, b, singletons):
    """Pairs of different pixels together in both, in the truth and in the prediction; floats."""
    return [np.sum(sizes * (sizes - 1.0)) / 2 for sizes in (p, a, b)]


def _v_rand(p, a, b, singletons):
    squares = [np.sum(np.square(sizes, dtype=float)) for sizes in (p, a, b)]
    both, true, predicted = squares[0] + singletons, squares[1], squares[2] + singletons
    return 2 * both / (true + predicted)


def _v_info(p, a, b, singletons):
    joint, true, predicted = (_entropy(sizes, a.sum()) for sizes in (p, a, b))
    alone = singletons / a.sum() * np.log(a.sum())  # each singleton: 1/n of all pixels
    total = true + predicted + alone
    return 2 * (total - joint - alone) / total if total else 1.0


def _entropy(sizes, n):
    return np.sum(sizes / n * np.log(n / sizes))


def _mean_over_slices(score, truth, prediction):
    tables = [contingency(*one) for one in slices(truth, prediction)]
    tables = [table for table in tables if len(table[1])]  # of slices that have a true cell
    _check_cells(len(tables))
    return float(np.mean([score(*table) for table in tables]))


def _check_cells(count):
    if not count:
        raise ValueError("only pixels of true cells count, and the truth has none")


def _compact(labels):
    """The labels as flat int32; numbered anew if they count far beyond the number of pixels."""
    if labels.max(initial=0) > 4 * labels.size + 1000:
        labels = np.maximum(labels, 0)
        labels = np.searchsorted(np.unique(np.append(labels, 0)), labels)  # 0 stays 0
    return np.ascontiguousarray(labels, dtype=np.int32).ravel()


@njit(cache=True, nogil=True)
def _count(t, p, trues, predictions):
    """Shared pixels of each pair of segments that meet, sizes of all segments, and singletons.

    The pixels are sorted by predicted segment, by counting; then one row of counters serves one
    predicted segment after another. No table of all pairs is ever made.
    """
    a, b, singletons = np.zeros(trues, np.int64), np.zeros(predictions, np.int64), 0
    for k in range(t.size):
        if t[k] > 0:
            a[t[k]] += 1
            if p[k] > 0:
                b[p[k]] += 1
            else:
                singletons += 1
    end = np.cumsum(b)
    by_segment, free = np.empty(end[-1], np.int32), end - b
    for k in range(t.size):
        if t[k] > 0 and p[k] > 0:
            by_segment[free[p[k]]] = t[k]
            free[p[k]] += 1
    shared, row, found = np.empty(by_segment.size, np.int64), np.zeros(trues, np.int64), 0
    for j in range(1, predictions):
        one = by_segment[end[j] - b[j] : end[j]]
        for i in one:
            row[i] += 1
        for i in one:
            if row[i]:
                shared[found], row[i] = row[i], 0
                found += 1
    return shared[:found], a, b, singletons
