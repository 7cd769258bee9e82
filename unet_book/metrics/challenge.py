"""The challenge's scores of a stack of probabilities, at each of its thresholds."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from unet_book._arrays import ArrayLike, to_images
from unet_book.metrics.pixels import f_error
from unet_book.metrics.rand import (
    mean_over_slices,
    rand_error_of,
    v_info_of,
    v_rand_of,
    within_cells,
)
from unet_book.metrics.segments import images, segments, warn_of_mask
from unet_book.metrics.thinning import thin
from unet_book.metrics.warping import count_mistakes

__all__ = ["challenge_scores"]

THRESHOLDS = tuple(k / 10 for k in range(11))


def challenge_scores(
    truth: ArrayLike,
    probability: ArrayLike,
    thresholds: Iterable[float] | None = None,
    warping: bool = True,
) -> dict[str, np.ndarray]:
    """Every metric of the ISBI 2012 challenge at every threshold.

    An empty prediction has nothing that could split or merge, and by the definition no warping
    error. Here a slice that has cells, none of which is found, is wrong in all its pixels, and the
    thinned scores of a stack without any cell found are 0: no sweep's best is at a threshold that
    leaves nothing. (An almost empty mask still profits.) The warping error takes the cells for the
    4-connected parts of `truth > 0`, the others go by its labels: part labels that touch.

    The challenge scored the best threshold on the very slices it tested. An honest score takes the
    threshold that was best on other slices.

    Parameters
    ----------
    truth : array_like of int or bool, (H, W) or (N, H, W)
        Instances, 0 on membranes; or a list of (H, W) of different sizes.
    probability : array_like of float, as `truth`
        That of *cell*. A pixel is cell where it is above the threshold.
    thresholds : iterable of float, optional
        By default 0, 0.1, ..., 1.
    warping : bool
        Whether to compute the warping error, the slowest of them.

    Returns
    -------
    dict of str to ndarray
        A number for each threshold: "pixel_error" (1 - F over the stack), "rand_error" (pairs
        summed over the stack), "warping_error" (splits and merges over all pixels), and of the
        *thinned* prediction "v_rand" and "v_info", means over the slices.

    Raises
    ------
    ValueError
        As the metrics do, for a probability that is NaN or outside [0, 1], and for an empty list of
        thresholds.
    TypeError
        As the metrics do, and for probabilities that are not of float type.
    """
    maps = [_checked(image) for image in to_images(probability)]
    labels = [cells for cells, _ in images(truth, [image > 0 for image in maps])]
    warn_of_mask(labels, "truth", stacklevel=3)
    labels = [segments(cells) for cells in labels]
    at = np.ravel(THRESHOLDS if thresholds is None else thresholds).astype(float).tolist()
    if not at:
        raise ValueError("no threshold to score at: give at least one, or None for 0, 0.1, ..., 1")
    scores = [_scores(labels, maps, threshold, warping) for threshold in at]
    return {name: np.array([scored[name] for scored in scores]) for name in scores[0]}


def _checked(probability: np.ndarray) -> np.ndarray:
    """The probabilities of an image; an error where they are none."""
    if not np.issubdtype(probability.dtype, np.floating):
        raise TypeError(f"expected probabilities of float type, got {probability.dtype}")
    if not (probability.min(initial=0) >= 0 and probability.max(initial=0) <= 1):
        raise ValueError("a probability is a number from 0 to 1; found NaN or values outside")
    return probability


def _scores(
    truth: list[np.ndarray], maps: list[np.ndarray], threshold: float, warping: bool
) -> dict[str, float]:
    """The scores of labels and probabilities, a list of (H, W) each, at one threshold."""
    found = [probability > threshold for probability in maps]
    counts = [within_cells(*both) for both in zip(truth, found)]
    scores = {"pixel_error": f_error(truth, found), "rand_error": rand_error_of(counts)}
    if warping:
        wrong = sum(_mistakes(cells > 0, p, threshold) for cells, p in zip(truth, maps))
        scores["warping_error"] = wrong / sum(cells.size for cells in truth)
    if not any(mask.any() for mask in found):
        return scores | {"v_rand": 0.0, "v_info": 0.0}
    thinned = [within_cells(*both) for both in zip(truth, thin(found))]
    return scores | {
        "v_rand": mean_over_slices(v_rand_of, thinned),
        "v_info": mean_over_slices(v_info_of, thinned),
    }


def _mistakes(cells: np.ndarray, probability: np.ndarray, threshold: float) -> int:
    """Pixels that count for the warping error of a slice; all of them where no cell is found."""
    if cells.any() and not (probability > threshold).any():
        return cells.size
    return count_mistakes(cells, probability, threshold)
