"""Exercises of the chapter "Your own images"."""

from collections.abc import Callable
from functools import cache

import numpy as np

from unet_book import datasets, instances, metrics
from unet_book.pages import records
from unet_book.pages.check.verdict import Verdict, as_array, attempt, number, right, wrong

__all__ = ["one_merger", "large_enough", "honest_rule"]


def one_merger(answer: float) -> Verdict:
    """F1 where two cells of ten are found as one, and the others perfectly.

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
        2 * 8 / (10 + 9),
        "16 / 19 = 0.842. Neither of the two is found, since the pair overlaps neither by more "
        "than half of what both cover together, and the pair is invented: three mistakes for "
        "one line of pixels.",
        {
            0.8: "That is the share of true cells that are found. F1 looks at the predicted ones, "
            "too, and there are fewer of these.",
            8 / 9: "That is the share of predicted cells that are right. F1 looks at the true "
            "ones, too, and there are more of these.",
            0.9: "Nine cells came out, but are all nine right? Take the IoU of the pair with each "
            "of its two cells.",
            18 / 19: "You counted the pair as one cell found. Its IoU with either of the two is "
            "not above 0.5.",
            8 / 11: "That is found over found, missed and invented, the competition's AP. F1 is "
            "twice the found over all true and all predicted cells.",
            8 / 19: "F1 counts what is found twice, as a true cell and as a predicted one.",
        },
        "How many cells are true, how many predicted, and of how many pairs is the IoU above 0.5? "
        "F1 is twice the last over the sum of the first two.",
        tolerance=5e-3,
    )


def large_enough(function: Callable) -> Verdict:
    """The cells with at least so many pixels, numbered anew in their old order.

    Parameters
    ----------
    function : callable
        The reader's.

    Returns
    -------
    Verdict
    """
    for name, (cells, smallest) in {
        "a large cell and a speck": ([[1, 1, 0, 2], [1, 1, 0, 0]], 2),
        "a cell of exactly the smallest size": ([[1, 1, 0, 2, 2, 2]], 2),
        "a speck with the lowest number": ([[1, 0, 2, 2, 0, 3, 3]], 2),
        "an image without background": ([[1, 1, 1], [2, 2, 2]], 2),
        "numbers with a gap": ([[2, 2, 0, 7, 7, 7, 0, 9]], 2),
        "an image without a cell": ([[0, 0, 0]], 2),
        "nothing but specks": ([[1, 0, 2, 0, 3]], 2),
        "a smallest size of 0": ([[1, 0, 3, 3]], 0),
    }.items():
        cells = np.array(cells, np.int32)
        returned, failure = attempt(function, cells.copy(), smallest, on=name)
        if failure is not None:
            return failure
        answer = as_array(returned)
        if answer is None:
            return wrong("The answer is an array of labels. Did you return it?")
        if answer.shape != cells.shape:
            return wrong(
                f"The labels have the shape of the image, {cells.shape}; on {name} yours have "
                f"{answer.shape}."
            )
        correct = _kept(cells, smallest)
        if not np.array_equal(answer, correct):
            return wrong(_what_is_wrong(answer, cells, smallest, correct, name))
    return right("So the tool does it, too, before cells grow.")


def _kept(cells: np.ndarray, smallest: int) -> np.ndarray:
    """Slowly: one cell after another."""
    kept, last = np.zeros_like(cells), 0
    for cell in np.unique(cells[cells > 0]):
        if np.count_nonzero(cells == cell) >= smallest:
            last += 1
            kept[cells == cell] = last
    return kept


def _what_is_wrong(
    answer: np.ndarray, cells: np.ndarray, smallest: int, correct: np.ndarray, name: str
) -> str:
    """The hint for wrong labels."""
    if np.array_equal(answer, _kept(cells, smallest + 1)):
        return f'"At least {smallest}" keeps a cell of exactly {smallest} pixels.'
    if (answer[cells == 0] != 0).any():
        return f"On {name} background has become a cell. It stays 0, however large it is."
    if np.array_equal(answer > 0, correct > 0):
        return (
            f"On {name} the right pixels are left, but their numbers are not 1, 2, 3 ... without "
            "a gap, in the order of the old ones."
        )
    if np.array_equal(answer > 0, cells > 0):
        return f"On {name} nothing was dropped. Count the pixels of each number: `np.bincount`."
    if not answer.any():
        return f"On {name} nothing is left. Are you sure that you counted pixels, cell by cell?"
    return f"Wrong on {name}: count the pixels of each number but 0, and look up each pixel's."


def honest_rule(answer: float) -> Verdict:
    """F1 of the four held-out images, each by the rule that the others choose.

    Parameters
    ----------
    answer : float
        The reader's.

    Returns
    -------
    Verdict
    """
    counts = _counts()
    on_all = _f1(counts.sum(1))
    others = [counts[:, [i for i in range(4) if i != image]] for image in range(4)]
    by_others = [counts[_f1(three.sum(1)).argmax(), image] for image, three in enumerate(others)]
    by_itself = [counts[_f1(counts[:, image]).argmax(), image] for image in range(4)]
    honest = float(_f1(np.sum(by_others, axis=0)))
    return number(
        answer,
        honest,
        "No image had a say in its own rule. This is what a fifth image may expect, as far as "
        "four images can tell.",
        {
            float(on_all.max()): "All four have chosen this rule, and all four judge it. Leave one "
            "out of the choice, and count on that one.",
            float(_f1(np.sum(by_itself, axis=0))): "Each image has chosen its own rule. Let the "
            "three others choose.",
            float(np.mean([_f1(each) for each in by_others])): "That is the mean of four F1s. Add "
            "the counts of the four images, and take F1 of the sums.",
            float(on_all.max()) - honest: "That is what choosing cost. What is F1 itself?",
            float(on_all[RULES.index(instances.Rule())]): "That is the plain rule's, which nobody "
            "chose. Let three images choose.",
        },
        "For each image: add the counts of the three others, take the rule with the highest F1, "
        "and keep what it counts on that image. Then F1 of the four sums.",
        tolerance=1e-6,
    )


RULES = [
    instances.Rule(threshold, core)
    for threshold in instances.THRESHOLDS
    for core in instances.CORES
    if core is None or core > threshold
]


@cache
def _counts() -> np.ndarray:
    """Cells found, true and predicted by each of `RULES` on each held-out image; (R, 4, 3)."""
    record = records.run("mixed")
    images = datasets.load(datasets.data_folder() / "mixed", "all")
    truth = [images.labels[images.names.index(name)] for name in record["held_out"]]
    maps = [records.picture(record["pictures"][name]) for name in record["held_out"]]
    return np.array([[_count(rule, *pair) for pair in zip(truth, maps)] for rule in RULES])


def _count(rule: instances.Rule, truth: np.ndarray, probability: np.ndarray) -> tuple[int, ...]:
    """Cells found, true and predicted on one image."""
    found, missed, invented = metrics.matches(truth, instances.find_cells(probability, rule))
    return found, found + missed, found + invented


def _f1(counts: np.ndarray) -> np.ndarray:
    """F1 of counts, (..., 3)."""
    return 2 * counts[..., 0] / (counts[..., 1] + counts[..., 2])
