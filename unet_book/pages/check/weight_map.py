"""Exercises of the chapter "The weight map"."""

import math
from collections.abc import Callable

import numpy as np

from unet_book import datasets
from unet_book.pages.check.verdict import Verdict, as_array, attempt, number, right, wrong
from unet_book.weight_map import border_term, part_touching_cells, two_nearest_distances

__all__ = ["widest_gap", "two_nearest_in_row", "half_in_gaps"]


def widest_gap(answer: float) -> Verdict:
    """The widest straight gap, in pixels, in which the term is at least 1.

    Parameters
    ----------
    answer : float
        The reader's.

    Returns
    -------
    Verdict
    """
    return number(
        answer,
        9,
        "d1 + d2 = 10 px at each of its pixels, and the term there is 1.35; one pixel more, 0.89.",
        {
            10: "At 10 the exponent is asked for d1 + d2. How large is that in a gap that is one "
            "pixel wide?",
            5 * math.sqrt(2 * math.log(10)): "That is d1 + d2, and no whole number. How wide is "
            "the widest gap whose pixels stay below it?",
            11: "d1 + d2 may be 10.7 at most. A gap of 11 pixels has 12.",
            5: "sigma is no width of a gap: at d1 + d2 = sigma the term is still w0 exp(-1/2).",
            6: "A logarithm to the base 10? The exponential's is the natural one.",
            21: "Is 10.7 the sum of the two distances, or each of them?",
        },
        "Solve 10 exp(-s^2 / 50) = 1 for s. Then ask which s a gap of n pixels has.",
        tolerance=1e-3,
    )


def two_nearest_in_row(function: Callable) -> Verdict:
    """For each pixel of a row of labels, the distances to its two nearest cells.

    Parameters
    ----------
    function : callable
        The reader's.

    Returns
    -------
    Verdict
    """
    for name, row in _rows().items():
        answer, failure = attempt(function, row.copy(), on=name)
        if failure is not None:
            return failure
        pair = as_array(answer)
        if pair is None or pair.ndim < 2 or len(pair) != 2:
            return wrong("Return a pair: all d1, and all d2, each as long as the row.")
        if pair.size != 2 * len(row):
            return wrong("d1 and d2 have one number for each pixel of the row.")
        d1, d2 = pair.reshape(2, -1)
        hint = _hint(name, row, d1, d2)
        if hint is not None:
            return wrong(hint)
    return right("It holds for wide cells, cells in two pieces, and rows with one cell or none.")


def _rows() -> dict[str, np.ndarray]:
    """Name -> a row of labels; each asks one thing more."""
    random = np.random.default_rng(1505)
    return {
        "three dots": np.array([0, 1, 0, 0, 2, 0, 0, 0, 3, 0]),
        "wide cells": np.array([0, 1, 1, 1, 0, 0, 2, 2, 2, 0, 0]),
        "a cell in two pieces": np.array([1, 0, 1, 0, 0, 0, 0, 2]),
        "a wide void": np.repeat([0, 3, 0, 8, 0], [2, 1, 30, 1, 12]),
        "pixels marked -1": np.array([0, 4, -1, -1, 0, 7, 0]),
        "a row with one cell": np.array([0, 5, 0, 0]),
        "a row without cells": np.array([0, 0, 0]),
        "a random row": np.maximum(random.integers(-6, 5, 40), 0),
    }


def _hint(name: str, row: np.ndarray, d1: np.ndarray, d2: np.ndarray) -> str | None:
    """What to think about, if a distance is wrong."""
    right1, right2 = (d[0] for d in two_nearest_distances(row[None]))
    same1, same2 = (np.allclose(a, b, equal_nan=False) for a, b in ((d1, right1), (d2, right2)))
    if same1 and same2:
        return None
    where = np.flatnonzero(row > 0)
    if name == "a row with one cell" and same1:
        return "In a row with one cell there is no second one: d2 is inf at each pixel."
    if name == "a row without cells":
        return "In a row without cells d1 and d2 are both inf at each pixel."
    if name == "pixels marked -1":
        return "A pixel marked -1 belongs to no cell. Cells are the labels above 0."
    if np.allclose(d1, right2) and np.allclose(d2, right1):
        return "That is d2 and d1. The nearest cell's distance comes first."
    if np.allclose(d1, right1**2) and np.allclose(d2, right2**2):
        return f"On {name} these are the squares of the distances."
    if name == "a wide void":
        return "On a wide void: distances may be long, here up to 43 px. Do you look far enough?"
    pieces = two_nearest_distances(_numbered_pieces(row)[None])
    if all(np.allclose(d, of_pieces[0]) for d, of_pieces in zip((d1, d2), pieces)):
        return f"On {name}: both pieces are one cell, if they have one label."
    apart = np.abs(np.arange(len(row))[:, None] - where)
    nearest_pixels = np.sort(apart, axis=1)[:, :2].T
    if same1 and np.allclose(d2, nearest_pixels[1]):
        return f"On {name} your d2 is the second nearest pixel, which may be the nearest cell's."
    if np.allclose(d1, _one_sided(row)) or np.allclose(d1, _one_sided(row[::-1])[::-1]):
        return f"On {name} you look in one direction only."
    if same1:
        return f"On {name} d1 is right and d2 is not. Which candidate must a new one replace?"
    return f"Wrong on {name}. Try it beside the loops of this page."


def _numbered_pieces(row: np.ndarray) -> np.ndarray:
    """Each run of pixels of one label under a number of its own."""
    begins = (row > 0) & (np.diff(row, prepend=0) != 0)
    return np.where(row > 0, np.cumsum(begins), 0)


def _one_sided(row: np.ndarray) -> np.ndarray:
    """The distance to the last cell pixel at or before each pixel."""
    at = np.maximum.accumulate(np.where(row > 0, np.arange(len(row)), -1))
    return np.where(at < 0, np.inf, np.arange(len(row)) - at)


def half_in_gaps(answer: float) -> Verdict:
    """The w_0 at which the gaps of the nuclei's training part weigh half of it all.

    Parameters
    ----------
    answer : float
        The reader's.

    Returns
    -------
    Verdict
    """
    labels = datasets.load("nuclei", "train").labels
    parted, pixels = part_touching_cells(labels), labels.size
    heavy, touching = (float(border_term(cells).sum(dtype=float)) for cells in (parted, labels))
    return number(
        answer,
        10 * pixels / heavy,
        "The term is proportional to w0, and the balanced part adds up to the number of pixels.",
        {
            10 * pixels / touching: "Did you part the cells first? Where two touch there is no "
            "gap, and nothing to weigh.",
            heavy / (heavy + pixels): "That is the share of the border term with w0 = 10. At "
            "which w0 is it one half?",
            heavy / pixels: "That is the border term over the balanced part, with w0 = 10. At "
            "which w0 is it 1?",
            5 * pixels / heavy: "Half of all the weight, or half of what the balanced part weighs?",
            20 * pixels / heavy: "That makes the gaps two thirds of it all.",
        },
        "Add up border_term and class_balance over the parted training part, for w0 = 10. Which of "
        "the two sums depends on w0, and how?",
        tolerance=1e-2,
    )
