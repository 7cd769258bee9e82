"""How good found cells are: image by image and in all, beside what needs no network.

A score alone says little. Otsu's threshold, and Otsu with a watershed, cost nothing: a network that
is not better than these was not worth its training.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np

from unet_book import metrics, otsu
from unet_book._arrays import to_numpy

__all__ = ["Score", "score", "is_dark", "median_diameter", "yardsticks", "rows"]

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


def is_dark(images: Sequence[np.ndarray], truth: Sequence[np.ndarray]) -> bool:
    """Whether cells are darker than what lies between them, on most images.

    Parameters
    ----------
    images : sequence of ndarray, (H, W)
        Gray values.
    truth : sequence of ndarray of int, (H, W)
        Instance labels of the same images.

    Returns
    -------
    bool
    """
    darker = [
        image[labels > 0].mean() < image[labels == 0].mean()
        for image, labels in zip(images, truth)
        if (labels > 0).any() and (labels == 0).any()
    ]
    return 2 * sum(darker) > len(darker)


def median_diameter(truth: Sequence[np.ndarray]) -> float | None:
    """The diameter of a circle as large as the cell in the middle, by size.

    Parameters
    ----------
    truth : sequence of ndarray of int, (H, W)
        Instance labels of any images.

    Returns
    -------
    float or None
        In pixels; None where no image has a cell.
    """
    sizes = [np.bincount(labels[labels > 0]) for labels in truth]
    sizes = np.concatenate([of_image[of_image > 0] for of_image in sizes])
    return float(np.sqrt(4 / np.pi * np.median(sizes))) if sizes.size else None


def yardsticks(
    images: Sequence[np.ndarray], truth: Sequence[np.ndarray]
) -> dict[str, list[np.ndarray]]:
    """The cells that Otsu's threshold finds, alone and with a watershed.

    It is told what a user would see at a glance, and a network has to learn: whether cells are
    dark, and how large they are.

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
    dark, diameter = is_dark(images, truth), median_diameter(truth)
    ways = {"Otsu": None, "Otsu, watershed": diameter}
    return {
        name: [otsu.find_cells(image, dark, size) for image in images]
        for name, size in ways.items()
    }


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
