"""The exercises' answers, checked: right, or wrong with a hint that says where to look.

Each function compares an answer with the package, or with inputs that the page does not show.
"""

import textwrap
from dataclasses import dataclass

import numpy as np

from unet_book.metrics import majority_error as true_majority_error


@dataclass(frozen=True)
class Verdict:
    """Whether an answer is right, and what to think about next; true in an ``if`` when it is."""

    right: bool
    comment: str

    def __bool__(self):
        return self.right

    def __repr__(self):
        return textwrap.fill(f"{'Right.' if self.right else 'Not yet.'} {self.comment}", 72)


def _number(answer) -> bool:
    """Whether an answer is one number."""
    return np.ndim(answer) == 0 and np.issubdtype(np.asarray(answer).dtype, np.number)


NOT_A_NUMBER = "The answer is one number. Did a function return nothing, for want of a `return`?"


def _right(comment: str) -> Verdict:
    return Verdict(True, comment)


def _wrong(hint: str) -> Verdict:
    return Verdict(False, hint)


def output_of_572(answer: float) -> Verdict:
    """Before you start: the output of the paper's tile."""
    if answer == 388:
        return _right("572 - 2 x 92 = 388, the size that Fig. 1 of the paper ends with.")
    if answer == 572 - 92:
        return _wrong("The border is lost on both sides.")
    if answer == 2 * 92:
        return _wrong("That is what is lost. How much is left?")
    return _wrong("Take the border from each side of the tile.")


def window_ratio(answer: float) -> Verdict:
    """Chapter 1: the work of five layers on a sliding window, over that of one pass."""
    if not _number(answer):
        return _wrong(NOT_A_NUMBER)
    if np.isclose(answer, 33):
        return _right("(81 + 49 + 25 + 9 + 1) / 5 = 33; it grows with the window's square.")
    if np.isclose(answer, 121):
        return _wrong(
            "121 is the number of pixels in the window. But not every layer works on the whole of "
            "it: each takes one pixel off every side."
        )
    if np.isclose(answer, (121 + 81 + 49 + 25 + 9) / 5):
        return _wrong(
            "You counted what each layer reads. Count what it writes: the first layer turns "
            "11 x 11 pixels into 9 x 9."
        )
    if np.isclose(answer, 81 + 49 + 25 + 9 + 1):
        return _wrong("That is the work of the window. Divide by the work of one pass: 5 layers.")
    return _wrong("Write down the map that each of the five layers puts out, from 9 x 9 to 1 x 1.")


def majority_error(function) -> Verdict:
    """Chapter 1: the error of guessing the most frequent class, with pixels that nobody marked."""
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
        try:
            answer = function(labels.copy())
        except Exception as error:  # the reader's code may raise anything
            return _wrong(f"On {name} your function raises {type(error).__name__}: {error}")
        if not _number(answer):
            return _wrong(NOT_A_NUMBER)
        if not np.isclose(answer, true_majority_error(labels)):
            share = 1 - true_majority_error(labels)
            if np.isclose(answer, share):
                return _wrong(f"On {name} you return the share that the guess gets right.")
            if np.isclose(answer, 100 * true_majority_error(labels)):
                return _wrong("That is a percentage; return a share between 0 and 1.")
            return _wrong(f"Wrong on {name}. {hints[name]}")
    return _right("Any network has to do better than this before it has learned anything.")


def exact_shifts(answer) -> Verdict:
    """Chapter 1: the shifts, of 1 to 16 pixels, that a U-Net of depth 3 follows exactly."""
    if np.ndim(answer) == 0 and not isinstance(answer, (set, range)):
        return _wrong("Give all the shifts, as a list: [1, 2, ...].")
    shifts = set(answer)
    if shifts == {8, 16}:
        return _right("Multiples of 2^3: only then does each pooling pair the same pixels again.")
    if shifts >= set(range(1, 17)):
        return _wrong(
            "A convolution follows every shift, but pooling pairs pixels 0 and 1, 2 and 3, ... "
            "Compare with an equality that sees differences of 1e-6, on a network that pools."
        )
    if shifts == set(range(2, 17, 2)):
        return _wrong("Even shifts keep the pairs of the first pooling. What of the two below it?")
    if shifts == {16}:
        return _wrong("16 is right for the paper's depth of 4. This network pools three times.")
    if not shifts:
        return _wrong(
            "Shift the input and compare the outputs where both exist: output[..., s:] of one "
            "against output[..., :-s] of the other."
        )
    return _wrong("Each pooling halves the raster: which shifts are whole steps of the last one?")
