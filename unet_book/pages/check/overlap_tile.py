"""Exercises of the chapter "Overlap-tile"."""

from collections.abc import Callable
from functools import cache

import numpy as np
import torch

from unet_book.overlap_tile import mirror_index
from unet_book.pages.check.verdict import Verdict, as_array, attempt, number, right, wrong

__all__ = ["exact_tiles", "mirrored_window", "unanimous"]

FAR = "a window a million pixels away"
TOO_FAR = (
    "Right near the image, but not a million pixels away. A padded copy would have to be that "
    "large. Which pixel of the image is position 1,000,000 of a line of 4?"
)


def exact_tiles(answer: float) -> Verdict:
    """How many tiles of 572 answer an image of 1160 x 1160 pixels without a seam.

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
        16,
        "Four steps of 384 a line: three reach pixel 1152, 8 short of the edge. (Four "
        "smaller tiles with steps of 304 do it, too, at less cost.)",
        {
            9: "Three answers of 388 do cover a line of 1160. Do tiles that start at 388 and 776 "
            "pool what one pass would?",
            4: "That is one line of them. The image has two axes.",
            3: "That is one line, with steps of 388. Which steps leave no seam, and how many axes "
            "has the image?",
            25: "One a line too many: the mirrored border need not be answered.",
        },
        "Divide 1160 by the largest step that leaves no seam, round up, and think of both axes.",
    )


def mirrored_window(function: Callable) -> Verdict:
    """A square window of an image, mirrored wherever it lies outside of it.

    Parameters
    ----------
    function : callable
        The reader's.

    Returns
    -------
    Verdict
    """
    draw = np.random.default_rng(1505_04597)
    for name, (shape, top, left, size) in {
        "a window inside the image": ((9, 12), 2, 3, 4),
        "a window over the upper left corner": ((9, 12), -3, -2, 6),
        "a window over the lower right corner": ((9, 12), 6, 8, 7),
        "a window that reaches two mirrors far": ((4, 5), -9, -7, 20),
        FAR: ((4, 5), 10**6, -(10**6), 4),
    }.items():
        image = draw.random(shape)
        answer, failure = attempt(function, image.copy(), top, left, size, on=name)
        found, lines = as_array(answer), [np.arange(at, at + size) for at in (top, left)]
        if name == FAR and (failure is not None or np.shape(found) != (size, size)):
            return wrong(TOO_FAR)
        if failure is not None:
            return failure
        if answer is None:
            return wrong("The function returned nothing. Is there a `return`?")
        if found is None:
            return wrong("Return the window as an array.")
        if found.shape != (size, size):
            return wrong(f"On {name} the result should be {(size, size)}, not {found.shape}.")
        rows, columns = (mirror_index(line, n) for line, n in zip(lines, shape))
        if not np.allclose(found, image[np.ix_(rows, columns)]):
            return wrong(_what_is_wrong(found, image, lines, name))
    return right("It holds a million pixels away, too, where no padded copy would fit in memory.")


def _what_is_wrong(found: np.ndarray, image: np.ndarray, lines: list[np.ndarray], name: str) -> str:
    """The hint for a window of the right shape with wrong pixels."""

    def same(fold: Callable) -> bool:
        return np.allclose(found, image[np.ix_(*map(fold, lines, image.shape))])

    def repeated(line: np.ndarray, size: int) -> np.ndarray:
        return np.minimum(np.mod(line, 2 * size), 2 * size - 1 - np.mod(line, 2 * size))

    if same(repeated):
        return "The edge pixel appears twice. Its neighbor outside is its neighbor inside: -1 is 1."
    if same(lambda line, size: np.clip(line, 0, size - 1)):
        return "The edge pixel is repeated outward. The mirror runs back into the image."
    if same(lambda line, size: np.mod(line, size)):
        return "The image begins again at its other end. The mirror turns around at the edge."
    if "two mirrors" in name:
        return (
            "Right near the image, wrong far from it: a small image is mirrored more than once. "
            "After how many pixels does a mirrored line of n repeat itself?"
        )
    return f"Wrong pixels on {name}. Write down which pixels -2, -1, 0 of a line are."


@cache
def _jury() -> np.ndarray:
    """The classes (8, 404, 84) that the trained network gives from its eight diagonal phases."""
    from unet_book import checkpoint, datasets

    model = checkpoint.load_model(datasets.data_folder() / "weights" / "nuclei.safetensors")
    image = torch.from_numpy(datasets.load("nuclei", "test").images[0])[None, None]
    votes = []
    for shift in range(8):
        view = image[..., 8 - shift : 508 - shift, 8 - shift : 188 - shift]
        with torch.no_grad():
            answer = model(view)[0].argmax(0)
        votes.append(answer[shift : shift + 404, shift : shift + 84])
    return torch.stack(votes).numpy()


def unanimous(answer: float) -> Verdict:
    """The share of pixels on which the network's eight phases agree.

    Parameters
    ----------
    answer : float
        The reader's.

    Returns
    -------
    Verdict
    """
    votes = _jury()
    agree = (votes == votes[0]).all(axis=0)
    pairs = np.mean([(vote == votes[0]).mean() for vote in votes[1:]])
    return number(
        answer,
        agree.mean(),
        f"{1 - agree.mean():.1%} of the pixels depend on which of these eight of the 64 phases the "
        "raster of the poolings has.",
        {
            1 - agree.mean(): "That is the share on which they do not all agree.",
            pairs: "That is how often one phase agrees with the first, on average. How often do "
            "all eight agree at once?",
            (votes[:7] == votes[0]).all(axis=0).mean(): "That is seven views. How many phases has "
            "a diagonal, from 0 to 2^3 - 1?",
            100 * agree.mean(): "That is a percentage; give a share between 0 and 1.",
            1: "Are all eight views the same cut of the image? Each must begin one pixel earlier.",
        },
        "Cut the eight views 0 to 7 pixels earlier in both directions, and move each answer back "
        "before you compare: pixel (s, s) of answer s is pixel (0, 0) of the first.",
        tolerance=1e-4,
    )
