"""Cells that were found and cells that were not: counts, F1 and AP, and what went wrong.

SEG asks how well each true cell was met and lets invented ones pass. Whoever counts cells needs the
other half, too.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from unet_book._arrays import ArrayLike
from unet_book.metrics.overlaps import Contingency, contingency
from unet_book.metrics.segments import slices

__all__ = [
    "Matches",
    "Mistakes",
    "Outcomes",
    "matches",
    "f1",
    "average_precision",
    "cell_mistakes",
    "cell_outcomes",
]

IOUS = np.arange(10, 20) / 20  # 0.5, 0.55, ..., 0.95


class Matches(NamedTuple):
    """How many cells are found.

    Parameters
    ----------
    found : int
        In both.
    missed : int
        In the truth only.
    invented : int
        In the prediction only.
    """

    found: int
    missed: int
    invented: int

    @property
    def f1(self) -> float:
        """2 found / (2 found + missed + invented); 1 without a cell (float)."""
        return _share(2 * self.found, 2 * self.found + self.missed + self.invented)

    @property
    def precision(self) -> float:
        """Kaggle's word for found / (found + missed + invented); 1 without a cell (float)."""
        return _share(self.found, self.found + self.missed + self.invented)


class Mistakes(NamedTuple):
    """Cells that went wrong, counted.

    Parameters
    ----------
    cells : int
        True cells.
    predicted : int
        Predicted ones.
    merged : int
        True cells that lie for more than half in a predicted cell that holds more than half of
        another one, too.
    split : int
        True cells that hold more than half of two predicted ones, or more.
    missed : int
        True cells that are predicted background for more than half.
    invented : int
        Predicted cells that lie for more than half on true background.
    """

    cells: int
    predicted: int
    merged: int
    split: int
    missed: int
    invented: int


class Outcomes(NamedTuple):
    """What became of each cell of one image; `Mistakes` are its sums.

    Parameters
    ----------
    true_ids : ndarray of int, (K,)
        The numbers of the true cells, in order.
    partner : ndarray of int, (K,)
        The number of the predicted cell by which each is found; 0 for none.
    merged, split, missed : ndarray of bool, (K,)
        Whether each is, as `Mistakes` says; one may be found and merged, too.
    predicted_ids : ndarray of int, (L,)
        The numbers of the predicted cells, in order.
    joins : ndarray of bool, (L,)
        Whether each holds more than half of two true cells, or more.
    piece : ndarray of bool, (L,)
        Whether each lies for more than half in a true cell that is split.
    invented : ndarray of bool, (L,)
        Whether each is, as `Mistakes` says.
    """

    true_ids: np.ndarray
    partner: np.ndarray
    merged: np.ndarray
    split: np.ndarray
    missed: np.ndarray
    predicted_ids: np.ndarray
    joins: np.ndarray
    piece: np.ndarray
    invented: np.ndarray


def matches(truth_labels: ArrayLike, predicted_labels: ArrayLike, iou: float = 0.5) -> Matches:
    """Which cells are found: pairs of a true and a predicted cell whose IoU is above a threshold.

    Above one half no cell can have two partners, so nothing has to be assigned.

    Parameters
    ----------
    truth_labels, predicted_labels : array_like, (H, W) or (N, H, W), or a list of (H, W)
        Instance labels, or masks of bool whose 4-connected parts are the cells. Where the truth is
        -1 nothing is counted.
    iou : float
        How much of their union two cells must share, from 0.5 to 1.

    Returns
    -------
    Matches
        Counted over all images.

    Raises
    ------
    ValueError
        If `iou` is out of range, and as `seg` does, but for a truth without a cell.
    TypeError
        For values that are not integers.

    Examples
    --------
    >>> matches([[1, 1, 1, 0, 2]], [[1, 1, 0, 3, 0]])
    Matches(found=1, missed=1, invented=1)
    """
    tables = [contingency(*image) for image in slices(truth_labels, predicted_labels)]
    return _sum(_matches(table, _check_iou(iou)) for table in tables)


def f1(truth_labels: ArrayLike, predicted_labels: ArrayLike, iou: float = 0.5) -> float:
    """F1 of the cells of all images: twice the found over all true and all predicted ones.

    Parameters
    ----------
    truth_labels, predicted_labels : array_like, (H, W) or (N, H, W), or a list of (H, W)
        As for `matches`.
    iou : float
        As for `matches`.

    Returns
    -------
    float
        From 0 to 1.

    Raises
    ------
    ValueError, TypeError
        As `matches` does.

    Examples
    --------
    >>> f1([[1, 1, 1, 0, 2]], [[1, 1, 0, 3, 0]])
    0.5
    """
    tables = [contingency(*image) for image in slices(truth_labels, predicted_labels)]
    return _sum(_matches(table, _check_iou(iou)) for table in tables).f1


def average_precision(
    truth_labels: ArrayLike, predicted_labels: ArrayLike, iou: float | None = None
) -> float:
    """AP as the Data Science Bowl 2018 counted it: found / (found + missed + invented), averaged.

    Parameters
    ----------
    truth_labels, predicted_labels : array_like, (H, W) or (N, H, W), or a list of (H, W)
        As for `matches`.
    iou : float or None
        At one IoU alone; None is the competition's mean over 0.5, 0.55, ..., 0.95.

    Returns
    -------
    float
        Of each image, and then the mean over the images.

    Raises
    ------
    ValueError, TypeError
        As `matches` does.

    References
    ----------
    Caicedo et al., "Nucleus segmentation across imaging experiments: the 2018 Data Science Bowl",
    Nature Methods 16 (2019).

    Examples
    --------
    >>> average_precision([[1, 1, 1, 1]], [[1, 1, 1, 0]])
    0.5
    """
    levels = IOUS if iou is None else [_check_iou(iou)]
    tables = [contingency(*image) for image in slices(truth_labels, predicted_labels)]
    return float(np.mean([[_matches(t, level).precision for level in levels] for t in tables]))


def cell_mistakes(truth_labels: ArrayLike, predicted_labels: ArrayLike) -> Mistakes:
    """Cells that were merged, split, missed or invented, counted over all images.

    Parameters
    ----------
    truth_labels, predicted_labels : array_like, (H, W) or (N, H, W), or a list of (H, W)
        As for `matches`.

    Returns
    -------
    Mistakes

    Raises
    ------
    ValueError, TypeError
        As `matches` does.

    Examples
    --------
    >>> cell_mistakes([[1, 1, 0, 2, 2, 0, 0]], [[1, 1, 1, 1, 1, 0, 3]])
    Mistakes(cells=2, predicted=2, merged=2, split=0, missed=0, invented=1)
    """
    tables = [contingency(*image) for image in slices(truth_labels, predicted_labels)]
    return _sum(_mistakes(table) for table in tables)


def cell_outcomes(
    truth_labels: ArrayLike, predicted_labels: ArrayLike, iou: float = 0.5
) -> Outcomes:
    """What became of each cell of one image: found, merged, split, missed, or invented.

    Parameters
    ----------
    truth_labels, predicted_labels : array_like, (H, W)
        As for `matches`.
    iou : float
        As for `matches`.

    Returns
    -------
    Outcomes

    Raises
    ------
    ValueError
        If `iou` is out of range, for more than one image, and as `matches` does.
    TypeError
        For values that are not integers.

    Examples
    --------
    >>> cell_outcomes([[1, 1, 0, 2, 2, 0, 0]], [[1, 1, 1, 1, 1, 0, 3]]).merged
    array([ True,  True])
    """
    images = slices(truth_labels, predicted_labels)
    if len(images) > 1:
        raise ValueError(f"cells are named in one image, (H, W), not in {len(images)}: give each")
    return _outcomes(contingency(*images[0]), _check_iou(iou))


def _sum(counts: Iterable[Matches | Mistakes]) -> Matches | Mistakes:
    """Counts of several images, added up."""
    counts = list(counts)
    return type(counts[0])(*(int(sum(column)) for column in zip(*counts)))


def _share(part: int, whole: int) -> float:
    """A share; 1 of nothing."""
    return part / whole if whole else 1.0


def _check_iou(iou: float) -> float:
    """`iou`, unless it is out of range."""
    if not 0.5 <= iou < 1:
        raise ValueError(f"iou is from 0.5, below which a cell may have two partners, to 1: {iou}")
    return iou


def _matches(table: Contingency, iou: float) -> Matches:
    """The matches of one image."""
    found = int(_partners(table, iou).sum())
    true, predicted = ((ids > 0).sum() for ids in (table.true_ids, table.predicted_ids))
    return Matches(found, int(true) - found, int(predicted) - found)


def _mistakes(table: Contingency) -> Mistakes:
    """The mistakes in one image."""
    each = _outcomes(table)
    return Mistakes(
        cells=len(each.true_ids),
        predicted=len(each.predicted_ids),
        merged=int(each.merged.sum()),
        split=int(each.split.sum()),
        missed=int(each.missed.sum()),
        invented=int(each.invented.sum()),
    )


def _outcomes(table: Contingency, iou: float = 0.5) -> Outcomes:
    """What became of each cell of one image, from the pairs that meet.

    Rows and columns are all segments, background too, until the cells are picked at the end.
    """
    i, j = table.i, table.j
    true, predicted = table.true_ids > 0, table.predicted_ids > 0
    most_of_true = 2 * table.shared > table.true_sizes[i]
    most_of_predicted = 2 * table.shared > table.predicted_sizes[j]
    both = true[i] & predicted[j]
    holds, inside = both & most_of_true, both & most_of_predicted
    joins = np.bincount(j[holds], minlength=len(predicted)) > 1
    split = np.bincount(i[inside], minlength=len(true)) > 1
    partners = _partners(table, iou)
    partner = np.zeros(len(true), np.int64)
    partner[i[partners]] = table.predicted_ids[j[partners]]
    return Outcomes(
        true_ids=table.true_ids[true],
        partner=partner[true],
        merged=_any(i[holds & joins[j]], len(true))[true],
        split=split[true],
        missed=_any(i[true[i] & ~predicted[j] & most_of_true], len(true))[true],
        predicted_ids=table.predicted_ids[predicted],
        joins=joins[predicted],
        piece=_any(j[inside & split[i]], len(predicted))[predicted],
        invented=_any(j[~true[i] & predicted[j] & most_of_predicted], len(predicted))[predicted],
    )


def _partners(table: Contingency, iou: float) -> np.ndarray:
    """The rows of a contingency that are a true and a predicted cell, one found by the other."""
    union = table.true_sizes[table.i] + table.predicted_sizes[table.j] - table.shared
    both = (table.true_ids[table.i] > 0) & (table.predicted_ids[table.j] > 0)
    return both & (table.shared > iou * union)


def _any(indices: np.ndarray, length: int) -> np.ndarray:
    """A row of bool, True at the indices."""
    marks = np.zeros(length, bool)
    marks[indices] = True
    return marks
