"""How good found cells are: image by image and in all, beside what needs no network.

A score alone says little. Otsu's threshold, and Otsu with a watershed, cost nothing: a network that
is not better than these was not worth its training.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np

from unet_book import metrics, otsu
from unet_book._arrays import to_numpy

__all__ = ["Score", "score", "yardsticks", "rows"]

OTSU, WATERSHED = "Otsu", "Otsu, watershed"

ALL = "(all)"  # what the row of all images is called


@dataclass(frozen=True)
class Score:
    """What is counted of the cells that were found, on one image or on many.

    Parameters
    ----------
    cells : int
        True cells.
    found : int
        Cells that were found.
    pixel_error : float
        Share of the pixels that are cell here and background there. Where the truth is -1, pixels
        count for nothing here or below.
    seg : float or None
        `metrics.seg`, over all true cells; None where there is none.
    f1_50, f1_70, f1_90 : float
        `metrics.f1` at these IoUs, in percent, of all cells together.
    ap : float
        `metrics.average_precision`, the mean over the images.
    merged, split, missed, invented : int
        As `metrics.Mistakes` has them.
    """

    cells: int
    found: int
    pixel_error: float
    seg: float | None
    f1_50: float
    f1_70: float
    f1_90: float
    ap: float
    merged: int
    split: int
    missed: int
    invented: int


HEADER = ("image", "method", *(field.name for field in fields(Score)))  # of a table in a file


def score(truth: Sequence[np.ndarray], found: Sequence[np.ndarray]) -> Score:
    """Compare found cells with the true ones.

    Parameters
    ----------
    truth : sequence of ndarray of int, (H, W)
        Instance labels, of any sizes; -1 is not annotated.
    found : sequence of ndarray of int, (H, W)
        Instance labels of the same images.

    Returns
    -------
    Score
        Over all images.

    Raises
    ------
    ValueError
        As the metrics do.

    Examples
    --------
    >>> found = score([np.array([[1, 1, 0, 2, 2, 0]])], [np.array([[1, 1, 1, 1, 1, 0]])])
    >>> found.pixel_error, found.merged, found.f1_50
    (0.16666666666666666, 2, 0.0)
    """
    truth, found = ([to_numpy(labels) for labels in each] for each in (truth, found))
    with warnings.catch_warnings():  # whether the truth is a mask was asked when it was read
        warnings.filterwarnings("ignore", "the .* holds one number")
        return _score(truth, found)


def _score(truth: list[np.ndarray], found: list[np.ndarray]) -> Score:
    """`score`, with whatever the metrics have to say."""
    mistakes = metrics.cell_mistakes(truth, found)
    classes = [np.concatenate([np.minimum(x, 1).ravel() for x in each]) for each in (truth, found)]
    return Score(
        mistakes.cells,
        mistakes.predicted,
        metrics.pixel_error(*classes),
        metrics.seg(truth, found) if mistakes.cells else None,
        *(metrics.f1(truth, found, iou) for iou in (0.5, 0.7, 0.9)),
        metrics.average_precision(truth, found),
        *mistakes[2:],
    )


def yardsticks(
    images: Sequence[np.ndarray], truth: Sequence[np.ndarray]
) -> dict[str, list[np.ndarray]]:
    """The cells that Otsu's threshold finds, alone and with a watershed.

    It is told what a user would see at a glance, and a network has to learn: on each image whether
    cells are dark, and how large they are.

    Parameters
    ----------
    images : sequence of ndarray, (H, W)
        Gray values.
    truth : sequence of ndarray of int, (H, W)
        Instance labels of the same images.

    Returns
    -------
    dict of str to list of ndarray of int32, (H, W)
        Of "Otsu" and "Otsu, watershed" the cells on each image.
    """
    dark, diameter = _are_dark(images, truth), _median_diameter(truth)
    alone = [otsu.find_cells(image, each) for image, each in zip(images, dark)]
    parted = [otsu.find_cells(image, each, diameter) for image, each in zip(images, dark)]
    return {OTSU: alone, WATERSHED: parted}


def _are_dark(images: Sequence[np.ndarray], truth: Sequence[np.ndarray]) -> list[bool]:
    """Whether the cells of each image are darker than the rest of it.

    An image without cells is as most others are.
    """
    brighter = [_contrast(*pair) for pair in zip(images, truth)]
    known = [each for each in brighter if each is not None]
    usual = float(np.median(known)) if known else 0.0
    return [(usual if each is None else each) < 0 for each in brighter]


def _contrast(image: np.ndarray, labels: np.ndarray) -> float | None:
    """How much brighter cells are than the rest; None where one of the two is missing."""
    cells, rest = labels > 0, labels == 0
    if not (cells.any() and rest.any()):
        return None
    return float(image[cells].mean() - image[rest].mean())


def _median_diameter(truth: Sequence[np.ndarray]) -> float:
    """Of the disk that is as large as the cell in the middle, by size, px; 1 without a cell."""
    sizes = [np.unique(labels[labels > 0], return_counts=True)[1] for labels in truth]
    sizes = np.concatenate(sizes)
    return 2 * float(np.sqrt(np.median(sizes) / np.pi)) if sizes.size else 1.0


def rows(
    names: Sequence[str], truth: Sequence[np.ndarray], found: Mapping[str, Sequence[np.ndarray]]
) -> list[tuple[str, str, Score]]:
    """The scores of several ways to find cells, on each image and on all of them.

    Parameters
    ----------
    names : sequence of str
        Of the images.
    truth : sequence of ndarray of int, (H, W)
        Instance labels.
    found : mapping of str to sequence of ndarray of int, (H, W)
        Of each way what it found on the images.

    Returns
    -------
    list of tuple of str, str and Score
        Image, way and score: the images in turn, and at the end "(all)" of them.
    """
    ways = found.items()
    each = [
        (name, way, score([truth[i]], [cells[i]]))
        for i, name in enumerate(names)
        for way, cells in ways
    ]
    return each + [(ALL, way, score(truth, cells)) for way, cells in ways]
