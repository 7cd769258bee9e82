"""Exercises of the chapter "Measuring"."""

from collections.abc import Callable
from functools import cache

import numpy as np

from unet_book import metrics
from unet_book.datasets import phantom
from unet_book.pages.check.verdict import Verdict, as_number, attempt, near, number, right, wrong

__all__ = ["wall_through_cell", "merged_cells", "dearest_pixel"]


def wall_through_cell(answer: float) -> Verdict:
    """The Rand error of a wall one pixel thick through the middle of 10 x 10 pixels.

    Parameters
    ----------
    answer : float
        The reader's.

    Returns
    -------
    Verdict
    """
    kept, true = 2 * 45 * 44 / 2, 100 * 99 / 2
    return number(
        answer,
        1 - 2 * kept / (true + kept),
        "Ten pixels of a hundred are wrong, and three "
        "sevenths of F are gone: of the 4950 pairs that belong together 1980 still are.",
        {
            2 * kept / (true + kept): "That is F. The error is what it lacks to 1.",
            1 - kept / true: "That is the share of true pairs that were lost, 1 - recall. F takes "
            "the precision into account, too, which is perfect here.",
            1 - 2 * (kept + 45) / (true + kept + 45): "Are two pixels of the wall together in the "
            "prediction? Predicted membrane is no segment: each of its pixels is alone.",
            1 - 2 * kept / (90 * 89 / 2 + kept): "The wall's pixels are pixels of a true cell, so "
            "they count in the truth: how many pairs has a cell of 100 pixels?",
            1 - 2 * (2 * 45**2 + 10) / (100**2 + 2 * 45**2 + 10): "That is 1 - V_Rand, whose pairs "
            "may be twice the same pixel. The Rand error's are two different ones.",
            0.1: "That is the share of wrong pixels. Which pairs of pixels were parted?",
        },
        "Count pairs of different pixels: together in the truth (one cell of 100), together in "
        "the prediction (two of 45), together in both. F = 2 both / (true + predicted).",
        tolerance=1e-3,
    )


def merged_cells(function: Callable) -> Verdict:
    """How many true cells share their match, as SEG defines it, with another one.

    Parameters
    ----------
    function : callable
        The reader's.

    Returns
    -------
    Verdict
    """
    cases = _merge_cases()
    for name, (truth, prediction) in cases.items():
        returned, failure = attempt(function, truth.copy(), prediction.copy(), on=name)
        if failure is not None:
            return failure
        if returned is None:
            return wrong("The function returned nothing. Is there a `return`?")
        answer = as_number(returned)
        if answer is None:
            return wrong("Return one number: how many true cells were merged.")
        if not near(answer, _merged(truth, prediction)):
            return wrong(_what_was_counted(answer, truth, prediction, name))
    return right("It names a kind of mistake that SEG hides in its mean, and IoU does not see.")


def _merged(
    truth: np.ndarray,
    prediction: np.ndarray,
    share: float = 0.5,
    background: bool = False,
    cells: bool = True,
    strict: bool = True,
    whole: bool = True,
) -> int:
    """The count, and what typical mistakes make of it."""
    table, true_ids, found_ids = metrics.overlap_table(truth, prediction)
    sizes = (table if whole else table[:, found_ids != 0]).sum(1, keepdims=True)
    match = table > share * sizes if strict else table >= share * sizes
    match[true_ids <= 0] = False
    if not background:
        match[:, found_ids == 0] = False
    held = match.sum(0)  # by each predicted segment
    return int(held[held > 1].sum() if cells else (held > 1).sum())


def _what_was_counted(answer: float, truth: np.ndarray, prediction: np.ndarray, name: str) -> str:
    """The hint for a wrong count."""
    for changed, hint in {
        "cells": "You count the predicted segments that hold several cells. Count the true cells "
        "in them: a segment that swallowed three merged three.",
        "background": "Predicted background is no segment: two cells that were both missed are not "
        "merged.",
        "strict": "A match covers *more* than half of the true cell. Exactly half is no match.",
        "whole": "A match covers more than half of the true cell, not of what was found of it.",
        "share": "A segment that laps over into a neighbor has not merged it. Only a match counts, "
        "which covers more than half of the true cell.",
    }.items():
        other = {"cells": False, "background": True, "strict": False, "whole": False, "share": 0.0}[
            changed
        ]
        if near(answer, _merged(truth, prediction, **{changed: other})):
            return hint
    return (
        f"Wrong on {name}. For each true cell find the predicted segment that covers more than "
        "half of it, if there is one; then see which segments were found twice or more."
    )


@cache
def _merge_cases() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Name -> truth and prediction; each asks one thing more."""
    draw = np.random.default_rng(1505_04597)
    line = np.array([[1, 1, 1, 1, 2, 2, 2, 2, 0, 3, 3, 3, 3, 4, 4, 4, 4]])
    cases = {
        "two cells in one segment": (
            line,
            np.array([[5, 5, 5, 5, 5, 5, 5, 5, 0, 6, 6, 6, 6, 7, 7, 7, 7]]),
        ),
        "a segment that laps over by a pixel": (
            line,
            np.array([[5, 5, 5, 5, 5, 8, 8, 8, 0, 6, 6, 6, 6, 7, 7, 7, 7]]),
        ),
        "a segment over exactly half of a cell": (
            line,
            np.array([[5, 5, 5, 5, 5, 5, 8, 8, 0, 6, 6, 6, 6, 7, 7, 7, 7]]),
        ),
        "two cells that were missed": (
            line,
            np.array([[5, 5, 5, 5, 8, 8, 8, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0]]),
        ),
        "a cell that was mostly missed": (
            line,
            np.array([[5, 5, 5, 5, 5, 0, 0, 0, 0, 6, 6, 6, 6, 7, 7, 7, 7]]),
        ),
    }
    blocks = np.kron(np.arange(1, 17).reshape(4, 4), np.ones((6, 6), int))
    joined = np.array([0, *draw.integers(0, 9, 16)])[blocks]
    cases["sixteen cells, some of them joined, some missed"] = (
        blocks * (draw.random(blocks.shape) < 0.9),
        np.roll(joined, 1, axis=1),
    )
    return cases


@cache
def _opened() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rand errors and V_Rand losses of opening each membrane pixel of the exercise's truth."""
    _, labels = phantom.membranes((96, 96), seed=10)
    truth = metrics.thin(labels > 0)
    rand, loss = [], []
    for place in zip(*np.nonzero(truth == 0)):
        found = truth > 0
        found[place] = True
        rand.append(metrics.rand_error(truth, found))
        loss.append(1 - metrics.v_rand(truth, found))
    return truth, np.array(rand), np.array(loss)


def dearest_pixel(answer: float) -> Verdict:
    """The largest Rand error that one opened membrane pixel of a phantom costs.

    Parameters
    ----------
    answer : float
        The reader's.

    Returns
    -------
    Verdict
    """
    truth, rand, loss = _opened()
    sizes = np.sort(np.bincount(truth.ravel())[1:]).astype(float)
    true, pair = (sizes * (sizes - 1)).sum() / 2, sizes[-1] * sizes[-2]
    return number(
        answer,
        rand.max(),
        f"Opened alone, the pixels cost from {rand.min():.3f} to "
        f"{rand.max():.3f}, {rand.mean():.3f} on average. The dearest lies where three cells meet.",
        {
            rand.mean(): "That is the mean over the pixels. Which one is the dearest?",
            loss.max(): "That is 1 - V_Rand. The question is for the Rand error.",
            1 - rand.max(): "That is F. The error is what it lacks to 1.",
            1 - 2 * true / (2 * true + pair): "That is what merging the two largest cells would "
            "cost. How many cells can one pixel join?",
            np.median(rand): "That is the median over the pixels. Which one is the dearest?",
            100 * rand.max(): "That is a percentage; give a share between 0 and 1.",
            0: "Did you open the pixel in a copy of the mask, and keep the truth as it was?",
        },
        "For each pixel that is 0 in the truth: copy the mask `truth > 0`, open that one pixel, "
        "and compute `metrics.rand_error(truth, opened)`. What is the largest?",
        tolerance=1e-5,
    )
