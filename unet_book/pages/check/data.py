"""Exercises of the chapter "The data"."""

import math
from collections.abc import Callable

import numpy as np

from unet_book.pages.check.verdict import Verdict, as_number, attempt, near, number, right, wrong
from unet_book.pages.survey import touching

__all__ = ["independent_pixels", "touching_cells", "honest_square"]

PIXELS, LENGTH = 30 * 512**2, 10  # of the first exercise


def independent_pixels(answer: float) -> Verdict:
    """What 30 images are worth whose correlation falls as exp(-r / 10 px).

    Parameters
    ----------
    answer : float
        The reader's.

    Returns
    -------
    Verdict
    """
    area = 2 * math.pi * LENGTH**2
    return number(
        answer,
        PIXELS / area,
        "The integral is 2 pi 10^2 = 628 px^2, and 7,864,320 / 628 = 12,500.",
        {
            PIXELS: "That is the number of pixels. How many of them share what they say?",
            PIXELS / (2 * LENGTH): "You took the correlation along a line, in both directions. A "
            "pixel has neighbors all around: integrate over the plane, ring by ring.",
            PIXELS / (1 + 2 * LENGTH): "You took the correlation along a line, in both directions. "
            "A pixel has neighbors all around: integrate over the plane, ring by ring.",
            PIXELS / (math.pi * LENGTH**2): "You took a disk of 10 px radius. But the correlation "
            "goes on beyond: weigh each ring of circumference 2 pi r by exp(-r / 10).",
            PIXELS / LENGTH**2: "You took a square of 10 px. Integrate the correlation over the "
            "plane instead.",
            PIXELS / 30 / area: "That is one image. There are thirty.",
            area: "That is the area that is worth one pixel. How many such areas are there?",
        },
        "Divide all pixels by the integral of exp(-r / 10) over the plane, in polar coordinates.",
        tolerance=0.02,
    )


def touching_cells(function: Callable) -> Verdict:
    """How many cells of a label image share an edge with another cell.

    Parameters
    ----------
    function : callable
        The reader's.

    Returns
    -------
    Verdict
    """
    cases = {
        "two cells side by side": (
            [[0, 1, 2, 0], [0, 1, 2, 0]],
            "Each has a pixel of the other on its left or right. Background is no cell.",
        ),
        "one cell above another": ([[5, 5], [9, 9], [0, 0]], "Look at the neighbor below, too."),
        "three cells in a row": (
            [[1, 1, 2, 2, 3, 3]] * 2,
            "There are three of them; the one in the middle counts once.",
        ),
        "two cells that meet twice": (
            [[1, 2, 1], [1, 0, 1], [1, 2, 1]],
            "Count the cells, however often they meet.",
        ),
        "cells that meet at a corner": (
            [[1, 0, 0, 0], [0, 2, 0, 0], [0, 0, 0, 3]],
            "Pixels that share a corner only don't share an edge.",
        ),
        "a cell beside pixels marked -1": (
            [[-1, 1, 0], [-1, 2, 0], [0, 3, -1], [0, 0, 4]],
            "Pixels marked -1 are no cell, and background is none.",
        ),
        "cells at opposite edges": (
            [[1, 0, 0, 0, 2], [0, 0, 5, 0, 0], [3, 0, 0, 0, 4]],
            "The image does not go on at its other side.",
        ),
        "cells with gaps in their numbers": (
            [[70, 70, 0, 3], [0, 8, 8, 3], [0, 0, 0, 0], [4, 0, 0, 6]],
            "Numbers may have gaps; go by the numbers that are there.",
        ),
    }
    for name, (labels, hint) in cases.items():
        labels = np.array(labels, np.int32)
        returned, failure = attempt(function, labels.copy(), on=name)
        if failure is not None:
            return failure
        answer = as_number(returned)
        if answer is None:
            return wrong("Return one number: how many cells touch another one.")
        correct, pairs, pixels = touching(labels), *_contacts(labels)
        if near(answer, correct):
            continue
        if near(answer, pairs):
            return wrong(f"On {name} you count contacts, or pairs of cells. Each has two cells.")
        if near(answer, 2 * pairs):
            return wrong(f"On {name} you count a cell that has two neighbors twice.")
        if near(answer, np.count_nonzero(np.unique(labels) > 0)):
            return wrong(f"On {name} you count all cells, those that touch none among them.")
        if near(answer, pixels):
            return wrong(f"On {name} you count pixels. Collect the numbers of the cells instead.")
        return wrong(f"On {name} you return {answer:g}, not {correct}. {hint}")
    rng = np.random.default_rng(2015)
    labels = rng.integers(-1, 60, (7, 30)) * (rng.random((7, 30)) < 0.15)  # some touch
    answer, failure = attempt(function, labels.copy(), on="a random image")
    if failure is not None:
        return failure
    if not near(as_number(answer), touching(labels)):
        return wrong("On a random image it is off. Try small ones by hand: two rows, three cells.")
    return right("36 of the 125 nuclei touch, and 674 of the 1,054 HeLa cells.")


def _contacts(labels: np.ndarray) -> tuple[int, int]:
    """(pairs of cells in contact, pixels at which they are)."""
    pairs, pixels = set(), np.zeros(labels.shape, bool)
    for (y, x), here in np.ndenumerate(labels):
        for other in ((y + 1, x), (y, x + 1)):
            if max(other[0] - labels.shape[0], other[1] - labels.shape[1]) >= 0:
                continue
            there = labels[other]
            if here > 0 and there > 0 and here != there:
                pairs.add(frozenset((int(here), int(there))))
                pixels[y, x] = pixels[other] = True
    return len(pairs), int(pixels.sum())


def honest_square(answer: float) -> Verdict:
    """The smallest square of a checkerboard split on which copying is no help.

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
        128,
        "At 64 px, averaged over both colors, copying is wrong at 19.1 % of the test "
        "pixels and background at 19.9 %; at 128 px copying is wrong at 27 %.",
        {
            64: "There copying is still the better of the two, though not by much. Did you average "
            "over both colors of the board?",
            32: "There the copier is wrong at 12 %, far better than background everywhere.",
            23: "Over 23 px two classes don't correlate any more. But every pixel of a 23 px "
            "square is within 12 px of its edge, and beyond it pixels are for training.",
            256: "Measure from the small end, and stop where copying is worse for the first time.",
            8: "There the copier is wrong at 4 %. You want it to be worse than background.",
        },
        "Give one of 8, 16, 32, 64, 128 and 256: make the checkerboard, call survey.copied, and "
        "compare with the share of cells among the test pixels.",
    )
