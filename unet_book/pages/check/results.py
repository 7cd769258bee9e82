"""Exercises of the chapter "The paper's numbers, again"."""

import math
from collections.abc import Callable

import numpy as np

from unet_book.pages import records, results
from unet_book.pages.check.verdict import Verdict, as_number, attempt, near, number, right, wrong

__all__ = ["wider_interval", "honest_score", "surely_gained"]


def wider_interval(answer: float) -> Verdict:
    """How many times as wide as Student's the interval of ten folds should be.

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
        math.sqrt(1 + 10 / 9),
        "sqrt((1/10 + 1/9) / (1/10)) = 1.45. With five folds it was "
        "1.5, and it never falls below the root of 2, however many there are.",
        {
            1.5: "That is the factor of five folds. With ten, how many slices are held out for "
            "each one trained on?",
            1 + 10 / 9: "That is how much the squared width grows. The width is its root.",
            math.sqrt(2): "A tenth of all slices is held out. The rule asks for the held-out "
            "slices for each one *trained on*.",
            math.sqrt(1 / 10 + 1 / 9): "That is the new root. Divide it by the old one, "
            "sqrt(1/10).",
            math.sqrt(10 / 9): "1/9 does not take the place of 1/10; it is added to it.",
            math.sqrt(1 + 1 / 9): "You added 1/9 to one. Student's has 1/10 there.",
        },
        "Ten folds of three slices: 27 train, 3 are held out. Put 1/10 + 3/27 in the place of "
        "1/10, under the root.",
        tolerance=5e-3,
    )


def honest_score(function: Callable) -> Verdict:
    """The held-out score at the threshold that is best on the training slices.

    Parameters
    ----------
    function : callable
        The reader's.

    Returns
    -------
    Verdict
    """
    nan = math.nan
    for name, (train, test, more) in {
        "errors": ([0.5, 0.2, 0.1, 0.4], [0.6, 0.25, 0.3, 0.5], False),
        "scores of which more is better": ([0.5, 0.9, 0.7, 0.2], [0.4, 0.6, 0.8, 0.1], True),
        "thresholds without a score": ([nan, 0.3, 0.2, nan], [nan, 0.1, 0.4, nan], False),
        "two thresholds that are equally good": ([0.3, 0.1, 0.1], [0.3, 0.4, 0.5], False),
    }.items():
        train, test = np.array(train), np.array(test)
        returned, failure = attempt(function, train.copy(), test.copy(), more, on=name)
        if failure is not None:
            return failure
        answer = as_number(returned)
        if answer is None:
            return wrong("The answer is one number, a score. Did you return it?")
        measure = "v_rand" if more else "rand_error"
        correct = test[results.best_threshold(train, measure)]
        if not near(answer, correct):
            return wrong(_what_is_wrong(answer, train, test, more, name))
    return right("It never looked at a held-out score before the threshold was fixed.")


def _what_is_wrong(
    answer: float, train: np.ndarray, test: np.ndarray, more: bool, name: str
) -> str:
    """The hint for a wrong score."""
    pick = np.nanargmax if more else np.nanargmin
    if math.isnan(answer):
        return (
            "Where a cut leaves no cell a score may be no number, and `argmin` stops at the first "
            "of those. Pass over them."
        )
    if near(answer, pick(train)):
        return "That is the number of the threshold. What do the held-out slices score there?"
    if near(answer, test[pick(test)]):
        return "You took the best held-out score. Its labels have chosen the threshold, then."
    if near(answer, train[pick(train)]):
        return "That is the score of the training slices. They only choose the threshold."
    if "more" in name:
        return "Right for errors. Of V_Rand more is better: look at the third argument."
    if "equally" in name:
        return "Of two thresholds that are equally good take the first, so that it is settled."
    return f"Wrong on {name}: find the best place in the first array, and read the second there."


def surely_gained(answer: float) -> Verdict:
    """The lower end of the interval of what averaging gains in V_Rand, in pairs.

    Parameters
    ----------
    answer : float
        The reader's.

    Returns
    -------
    Verdict
    """
    record = records.run("isbi2012")
    alone, averaged, rotated, chosen = (
        results.fold_scores(record, "v_rand", *how)
        for how in (["one pass"], ["8 symmetries"], ["7 rotations"], ["8 symmetries", "test"])
    )
    gain = averaged - alone
    sizes = results.trainings(record)[0]["images"]
    kept = sizes["test"] / sizes["train"]
    apart = [results.interval(scores, kept) for scores in (averaged, alone)]
    return number(
        answer,
        results.interval(gain, kept).low,
        "So much is sure, for this recipe on this volume. Two intervals side by side would have "
        "told less.",
        {
            apart[0].low - apart[1].high: "You compared two intervals. Each fold gives a pair: "
            "take the difference first, then one interval of the differences.",
            results.interval(gain).low: "The folds share training data: hand `interval` how many "
            "slices are held out for each one trained on.",
            gain.mean(): "That is the mean gain. How much of it is sure?",
            results.interval(gain, kept).high: "That is the upper end.",
            results.interval(rotated - alone, kept).low: "That is what 7 rotations gain.",
            results.interval(chosen - alone, kept).low: "Thresholds of both are chosen on the "
            "training slices.",
            -results.interval(gain, kept).high: "Subtract one pass from the average, since more "
            "V_Rand is better.",
        },
        "Take `fold_scores` of V_Rand for both ways, subtract fold by fold, and hand the "
        "differences to `interval`.",
        tolerance=1e-6,
    )
