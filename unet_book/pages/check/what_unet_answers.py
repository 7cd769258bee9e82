"""Exercises of the chapter "What U-Net answers"."""

from collections.abc import Callable

import numpy as np

from unet_book.metrics import majority_error as true_majority_error
from unet_book.pages.check.verdict import (
    NOT_A_NUMBER,
    Verdict,
    as_array,
    as_number,
    attempt,
    near,
    number,
    right,
    wrong,
)

__all__ = ["window_ratio", "majority_error", "exact_shifts"]


def window_ratio(answer: float) -> Verdict:
    """The work of five layers on a sliding window, over that of one pass.

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
        33,
        "(81 + 49 + 25 + 9 + 1) / 5 = 33; it grows with the window's square.",
        {
            121: "121 is the number of pixels in the window. But not every layer works on the "
            "whole of it: each takes one pixel off every side.",
            (121 + 81 + 49 + 25 + 9) / 5: "You counted what each layer reads. Count what it "
            "writes: the first layer turns 11 x 11 pixels into 9 x 9.",
            81 + 49 + 25 + 9 + 1: "That is the work of the window. Divide by the work of one "
            "pass: 5 layers.",
        },
        "Write down the map that each of the five layers puts out, from 9 x 9 to 1 x 1.",
    )


def majority_error(function: Callable) -> Verdict:
    """The error of guessing the most frequent class, with pixels that nobody marked.

    Parameters
    ----------
    function : callable
        The reader's.

    Returns
    -------
    Verdict
    """
    rng = np.random.default_rng(1505_04597)
    cases = {
        "two classes": rng.choice([0, 0, 0, 1], (20, 30)),
        "more cells than background": rng.choice([0, 1, 1, 1], (20, 30)),
        "three classes": rng.choice([0, 1, 1, 2], (20, 30)),
        "pixels marked -1": rng.choice([-1, -1, -1, 0, 0, 1], (20, 30)),
    }
    hints = {
        "two classes": "Count each class and see which share is left over.",
        "more cells than background": "The most frequent class need not be 0.",
        "three classes": "There may be more than two classes: all but the largest are wrong.",
        "pixels marked -1": "Pixels marked -1 count neither as wrong nor in the total.",
    }
    for name, labels in cases.items():
        returned, failure = attempt(function, labels.copy(), on=name)
        if failure is not None:
            return failure
        answer = as_number(returned)
        if answer is None:
            return wrong(NOT_A_NUMBER)
        correct = true_majority_error(labels)
        if near(answer, correct):
            continue
        if near(answer, 1 - correct):
            return wrong(f"On {name} you return the share that the guess gets right.")
        if near(answer, 100 * correct):
            return wrong("That is a percentage; return a share between 0 and 1.")
        return wrong(f"Wrong on {name}. {hints[name]}")
    return right("Any network has to do better than this before it has learned anything.")


def exact_shifts(answer: object) -> Verdict:
    """The shifts, of 1 to 16 pixels, that a U-Net of depth 3 follows exactly.

    Parameters
    ----------
    answer : object
        The reader's.

    Returns
    -------
    Verdict
    """
    given = as_array(answer)
    if given is None or given.ndim == 0 or given.dtype == bool:
        return wrong("Give all the shifts, as a list: [1, 2, ...].")
    shifts = set(given.ravel().tolist())
    if shifts == {8, 16}:
        return right("Multiples of 2^3: only then does each pooling pair the same pixels again.")
    if shifts >= set(range(1, 17)):
        return wrong(
            "A convolution follows every shift, but pooling pairs pixels 0 and 1, 2 and 3, ... "
            "Compare with an equality that sees differences of 1e-6, on a network that pools."
        )
    if shifts == set(range(2, 17, 2)):
        return wrong("Even shifts keep the pairs of the first pooling. What of the two below it?")
    if shifts == {16}:
        return wrong("16 is right for the paper's depth of 4. This network pools three times.")
    if not shifts:
        return wrong(
            "Shift the input and compare the outputs where both exist: output[..., s:] of one "
            "against output[..., :-s] of the other."
        )
    return wrong("Each pooling halves the raster: which shifts are whole steps of the last one?")
