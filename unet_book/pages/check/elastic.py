"""Exercises of the chapter "Elastic deformation"."""

import math
from collections.abc import Callable

import numpy as np

from unet_book.elastic import resample
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

__all__ = ["between_four_vectors", "nearest_labels", "folding_sigma"]


def between_four_vectors(answer: float) -> Verdict:
    """The standard deviation midway between four vectors, with natural ends.

    Parameters
    ----------
    answer : float
        The reader's.

    Returns
    -------
    Verdict
    """
    weights = np.array([13, 22, -3]) / 32
    total = (weights**2).sum()
    return number(
        answer,
        10 * total,
        "0.6465 = (13/32)^2 + (22/32)^2 + (3/32)^2 along each axis, squared for two, and the root "
        "of that: 6.46 px.",
        {
            10 * 626 / 1024: "That is the page's spline, which is flat at its ends. Natural ends "
            "have another slope there, and so other weights.",
            10: "That is the standard deviation at the vectors themselves. Between them a pixel "
            "gets a weighted sum, and independent numbers add up by their variances.",
            10 * np.sqrt(total): "That is midway between two vectors, along one axis. Here the "
            "weights of both axes are multiplied.",
            10 * total**2: "The variance is 100 times that factor. Take the root of all of it.",
            5: "Bilinear interpolation gives 5: the mean of four. What do the splines weigh the "
            "third vector of a line with?",
            100 * total**2: "That is the variance, in square pixels.",
            10 * 1060 / 2304: "That is the cubic B-spline of the authors' later code.",
            10 * 736 / 1024: "That is the parabola, not-a-knot. Natural ends don't bend.",
            10 * (total - weights[2] ** 2): "Two of three weights. The far vector counts, too.",
        },
        "Put r = 1/2 and the table's natural slopes into the cubic at t = 1/2; that is one axis. "
        "Variances of independent numbers add up with the squares of their weights.",
        tolerance=6e-3,
    )


def nearest_labels(function: Callable) -> Verdict:
    """Labels (H, W) read at places (2, h, w), mirrored outside.

    Parameters
    ----------
    function : callable
        The reader's.

    Returns
    -------
    Verdict
    """
    rng = np.random.default_rng(1505_04597)
    labels = rng.integers(0, 2**31 - 1, (7, 10), dtype=np.int32)
    for name, low, high in [
        ("places inside the image", (0, 0), (6, 9)),
        ("places up to 5 px outside", (-5, -5), (11, 14)),
        ("places far outside", (-40, -40), (40, 40)),
    ]:
        places = np.stack([rng.uniform(a, b, (12, 13)) for a, b in zip(low, high)])
        answer, failure = attempt(function, labels.copy(), places.copy(), on=name)
        if failure is not None:
            return failure
        hint = _mistake(name, as_array(answer), labels, places)
        if hint is not None:
            return wrong(hint)
    return right("No label was invented, and none was lost to rounding.")


def _mistake(
    name: str, answer: np.ndarray | None, labels: np.ndarray, places: np.ndarray
) -> str | None:
    """What is wrong with these labels, as a hint; None if nothing is."""
    if answer is None or answer.shape != places.shape[1:]:
        return (
            f"On {name} the answer is not an array of shape {places.shape[1:]}: one label for "
            "each place."
        )
    if not np.issubdtype(answer.dtype, np.integer):
        return f"The answer is {answer.dtype}. Labels are names: pick them, compute nothing."
    if np.array_equal(answer, resample(labels, places, order=0)):
        return None
    if not np.isin(answer, labels).all():
        return f"On {name} you return labels that the image doesn't have."
    for hint, other in _others(labels, places).items():
        if np.array_equal(answer, other):
            return f"On {name}: {hint}"
    return f"Wrong on {name}. Which pixel do you read at (-0.6, 0)? It should be (1, 0)."


def _others(labels: np.ndarray, places: np.ndarray) -> dict[str, np.ndarray]:
    """A hint for each wrong way, with what that way gives."""
    (height, width), (y, x) = labels.shape, places
    i, j = np.floor(y + 0.5).astype(int), np.floor(x + 0.5).astype(int)

    def mirrored(k: np.ndarray, size: int) -> np.ndarray:
        return size - 1 - np.abs(size - 1 - k % (2 * (size - 1)))

    def repeating(k: np.ndarray, size: int) -> np.ndarray:
        return np.minimum(k % (2 * size), 2 * size - 1 - k % (2 * size))

    def clipped(k: np.ndarray, size: int) -> np.ndarray:
        return np.clip(k, 0, size - 1)

    def mirrored_once(k: np.ndarray, size: int) -> np.ndarray:
        return clipped(np.where(k < 0, -k, np.where(k >= size, 2 * size - 2 - k, k)), size)

    def wrapped(k: np.ndarray, size: int) -> np.ndarray:
        return k % size

    down, left = np.floor(y).astype(int), np.floor(x).astype(int)
    zero_down, zero_left = y.astype(int), x.astype(int)
    places = {
        "you cut the fraction off. At 2.7 the nearest pixel is 3.": (mirrored, down, left),
        "you cut the fraction off, toward zero. At 2.7 the nearest pixel is 3.": (
            mirrored,
            zero_down,
            zero_left,
        ),
        "rows and columns have changed places.": (mirrored, j, i),
        "you repeat the last pixel for all that is outside. A mirror shows pixel 1 at -1.": (
            clipped,
            i,
            j,
        ),
        "your mirror shows the edge twice: pixel 0 at -1. In this book it shows pixel 1 there.": (
            repeating,
            i,
            j,
        ),
        "outside you read from the other end, which a negative index does, and the remainder "
        "too.": (wrapped, i, j),
        "one mirror on each side is not enough: two mirrors show each other. Fold the place "
        "again.": (mirrored_once, i, j),
    }
    return {
        hint: labels[outside(rows, height), outside(columns, width)]
        for hint, (outside, rows, columns) in places.items()
    }


def folding_sigma(answer: float, at_188: float | None = None) -> Verdict:
    """The sigma at which half of the fields fold somewhere, at 92 px and at 188.

    Parameters
    ----------
    answer : float
        The reader's.
    at_188 : float or None
        The second answer, if it is not in the first.

    Returns
    -------
    Verdict
    """
    given = as_array(answer)
    if at_188 is None and given is not None and given.size == 2:
        given, at_188 = given.ravel()
    answer = as_number(given)
    if answer is None:
        return wrong(NOT_A_NUMBER)
    middle, wide = MEDIAN * (92 - 1) / 2, MEDIAN * (188 - 1) / 2
    if not 0 < answer < math.inf:
        return wrong("A standard deviation is a positive, finite number of pixels.")
    if near(answer, middle, 0.08):
        return _second_half(at_188, middle, wide)
    if near(answer, MEDIAN, 0.08):
        return wrong(
            "That is the ratio of sigma and spacing. How many pixels lie between two "
            "vectors of a 92 px tile?"
        )
    if abs(answer - 2 * middle) < 0.08 * middle:
        return wrong(
            "That is the answer for 188 px, or the tile's side taken for the spacing: "
            "three vectors leave two gaps."
        )
    if answer < middle:
        return wrong(
            "Fewer than half of the fields fold there. Draw a few hundred and count those "
            "whose smallest determinant is 0 or less."
        )
    return wrong(
        "More than half of the fields fold there. Is the determinant taken on the same "
        "92 x 92 pixels, and are vectors in pixels?"
    )


def _second_half(given: object, middle: float, wide: float) -> Verdict:
    """The verdict on the answer for 188 px, once that for 92 px is right."""
    answer = as_number(given)
    if given is not None and answer is None:
        return wrong(NOT_A_NUMBER)
    if given is not None and not near(answer, wide, 0.08):
        return wrong(
            "The first number is right, the second is not. Only the ratio of sigma and "
            "spacing counts: what is the spacing in 188 px?"
        )
    return right(
        f"Half of the fields fold at about {middle:.0f} px, {MEDIAN:.2f} of the 45.5 px "
        f"between two vectors, and at {wide:.0f} px where it is 93.5."
    )


# The ratio of sigma and spacing at which half of the 3 x 3 fields fold; 4,000 draws.
MEDIAN = 0.291
