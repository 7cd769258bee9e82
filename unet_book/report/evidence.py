"""What the held-out images say: cells counted, beside what needs no network."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy import ndimage

from unet_book import instances
from unet_book._arrays import ArrayLike
from unet_book.metrics import (
    Matches,
    Mistakes,
    Outcomes,
    cell_mistakes,
    cell_outcomes,
    majority_error,
    matches,
    pixel_error,
    seg,
)
from unet_book.scores import OTSU, WATERSHED, yardsticks

if TYPE_CHECKING:
    from unet_book.datasets import Stack

__all__ = [
    "Scores",
    "HeldOut",
    "Cells",
    "Evidence",
    "gather",
    "scores",
    "touching",
    "printable",
    "count",
]

NETWORK = "network"
METHODS = (NETWORK, OTSU, WATERSHED)


class Scores(NamedTuple):
    """How the cells of some images were found.

    Parameters
    ----------
    matches, strict : Matches
        At an IoU of 0.5 and of 0.7.
    mistakes : Mistakes
        Merged, split, missed, invented.
    seg : float or None
        None without a true cell.
    error : float
        The share of annotated pixels that are wrong.
    """

    matches: Matches
    strict: Matches
    mistakes: Mistakes
    seg: float | None
    error: float

    @property
    def score(self) -> float:
        """The mean of both F1 and SEG, as `instances.score`; of F1 alone without SEG (float)."""
        parts = [self.matches.f1, self.strict.f1, self.seg]
        return float(np.mean([part for part in parts if part is not None]))


@dataclass(frozen=True)
class HeldOut:
    """One image that nobody trained on.

    Parameters
    ----------
    name : str
        Printable.
    image : ndarray of float32, (H, W)
        In [0, 1].
    truth : ndarray of int, (H, W)
        Instance labels; -1 is not annotated.
    cells : dict of str to ndarray of int, (H, W)
        Those that each method found.
    outcomes : Outcomes or None
        Of each cell; None if no pixel is annotated.
    scores : dict of str to Scores
        Of each method; empty if no pixel is annotated.
    """

    name: str
    image: np.ndarray
    truth: np.ndarray
    cells: dict[str, np.ndarray]
    outcomes: Outcomes | None
    scores: dict[str, Scores]


class Cells(NamedTuple):
    """All true cells, a number or a bool for each.

    Parameters
    ----------
    size : ndarray of int, (K,)
        Pixels.
    contrast : ndarray of float, (K,)
        How far its mean gray lies from the median of the background.
    at_edge, touches : ndarray of bool, (K,)
        Whether it reaches the edge of the image, or another cell.
    found, merged, split, missed : ndarray of bool, (K,)
        What became of it.
    """

    size: np.ndarray
    contrast: np.ndarray
    at_edge: np.ndarray
    touches: np.ndarray
    found: np.ndarray
    merged: np.ndarray
    split: np.ndarray
    missed: np.ndarray


@dataclass(frozen=True)
class Evidence:
    """All that a verdict is made from.

    Parameters
    ----------
    images : list of HeldOut
        In their own order.
    totals : dict of str to Scores
        Of each method, over all annotated images.
    cells : Cells
        The true ones of all images.
    history : list of dict
        As `training.Result` has it.
    choice : Choice
        How the rule was chosen.
    errors : dict of str to float
        Pixel error of each method, measured as in the history: of the network's probabilities above
        one half, against cells parted where they touch; and that of guessing one class.
    training_error : float or None
        Pixel error on images that were trained on.
    crossed : bool
        Whether each image was held out in its turn, by a cross-validation.
    """

    images: list[HeldOut]
    totals: dict[str, Scores]
    cells: Cells
    history: list[dict]
    choice: instances.Choice
    errors: dict[str, float]
    training_error: float | None = None
    crossed: bool = False

    @property
    def annotated(self) -> list[HeldOut]:
        """The images that can be scored (list of HeldOut)."""
        return [each for each in self.images if each.scores]


def gather(
    history: list[dict],
    stack: Stack,
    probabilities: Sequence[np.ndarray],
    choice: instances.Choice,
    training_error: float | None = None,
    crossed: bool = False,
) -> Evidence:
    """Find the cells of all held-out images in three ways, and count what went right and wrong.

    Parameters
    ----------
    history : list of dict
        As `training.Result` has it.
    stack : Stack
        The held-out images.
    probabilities : sequence of ndarray, (H, W)
        The network's answers on them.
    choice : Choice
        The rule that makes cells of these.
    training_error : float or None
        Pixel error on images that were trained on.
    crossed : bool
        Whether each image was held out in its turn, by a cross-validation.

    Returns
    -------
    Evidence

    Raises
    ------
    ValueError
        If the numbers of images differ, or if no pixel is annotated.
    """
    if len(probabilities) != len(stack):
        raise ValueError(f"{len(stack)} held-out images and {len(probabilities)} answers on them")
    truth = [*stack.labels]
    found = [instances.find_cells(each, choice.rule) for each in probabilities]
    ways = {NETWORK: found} | yardsticks(stack.images, truth)
    totals = {method: scores(truth, cells) for method, cells in ways.items()}
    images = [
        _held_out(*each, {method: cells[k] for method, cells in ways.items()})
        for k, each in enumerate(zip(stack.names, stack.images, truth))
    ]
    parts = [_cells_of(each) for each in images if each.outcomes is not None]
    together = Cells(*(np.concatenate(column) for column in zip(*parts)))
    masks = {method: [each > 0 for each in cells] for method, cells in ways.items()}
    errors = _errors(truth, masks | {NETWORK: [each > 0.5 for each in probabilities]})
    return Evidence(images, totals, together, history, choice, errors, training_error, crossed)


def scores(truth: Sequence[np.ndarray], cells: Sequence[np.ndarray]) -> Scores:
    """Count cells and pixels of images, all together.

    Parameters
    ----------
    truth, cells : sequence of ndarray of int, (H, W)
        Instance labels, of any sizes.

    Returns
    -------
    Scores

    Raises
    ------
    ValueError
        If no pixel is annotated.
    """
    truth, cells = [*truth], [*cells]
    classes = [np.minimum(labels, 1) for labels in truth]
    return Scores(
        _quietly(matches, truth, cells),
        _quietly(matches, truth, cells, 0.7),
        _quietly(cell_mistakes, truth, cells),
        _quietly(seg, truth, cells) if any((labels > 0).any() for labels in truth) else None,
        pixel_error(classes, [(found > 0).astype(int) for found in cells]),
    )


def touching(labels: ArrayLike) -> np.ndarray:
    """The numbers of the cells that touch another one, if only at a corner.

    Parameters
    ----------
    labels : array_like of int, (H, W)
        Instance labels.

    Returns
    -------
    ndarray of int, (T,)
        In order.

    Examples
    --------
    >>> touching([[1, 2, 0, 3]]).tolist()
    [1, 2]
    """
    labels = np.asarray(labels)
    cells = labels > 0
    highest = ndimage.maximum_filter(labels, 3)
    lowest = ndimage.minimum_filter(np.where(cells, labels, labels.max(initial=0) + 1), 3)
    return np.unique(labels[cells & ((highest > labels) | (lowest < labels))])


def printable(name: object) -> str:
    """A name that neither a terminal nor a page stumbles over.

    Parameters
    ----------
    name : object
        Such as a file's name, which may hold anything.

    Returns
    -------
    str
        What can't be printed is a question mark.
    """
    return "".join(letter if letter.isprintable() else "?" for letter in str(name))


def count(number: int, noun: str) -> str:
    """A number and what is counted.

    Parameters
    ----------
    number : int
        How many.
    noun : str
        One of them; an "s" makes several.

    Returns
    -------
    str

    Examples
    --------
    >>> count(1, "cell"), count(1200, "cell")
    ('1 cell', '1,200 cells')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _errors(truth: Sequence[np.ndarray], masks: dict[str, list[np.ndarray]]) -> dict[str, float]:
    """Pixel errors as a training measures them."""
    from unet_book.training.evaluation import (
        true_classes,
    )  # torch, without which a place is checked

    classes = true_classes(truth)
    found = {name: [mask.astype(int) for mask in each] for name, each in masks.items()}
    errors = {name: pixel_error(classes, each) for name, each in found.items()}
    return errors | {"guessing": majority_error(classes)}


def _held_out(
    name: str, image: np.ndarray, truth: np.ndarray, cells: dict[str, np.ndarray]
) -> HeldOut:
    """One image, judged if anything is annotated."""
    if not (truth >= 0).any():
        return HeldOut(printable(name), image, truth, cells, None, {})
    outcomes = _quietly(cell_outcomes, truth, cells[NETWORK])
    of_each = {method: scores([truth], [found]) for method, found in cells.items()}
    return HeldOut(printable(name), image, truth, cells, outcomes, of_each)


def _cells_of(held: HeldOut) -> Cells:
    """The true cells of one annotated image."""
    each, labels = held.outcomes, held.truth
    rim = np.ones(labels.shape, bool)
    rim[1:-1, 1:-1] = False
    rest = held.image[labels == 0]
    background = float(np.median(rest)) if rest.size else 0.0
    gray = np.array(ndimage.mean(held.image, labels, each.true_ids), float).reshape(-1)
    return Cells(
        size=np.array(ndimage.sum_labels(labels > 0, labels, each.true_ids), int).reshape(-1),
        contrast=np.abs(gray - background),
        at_edge=np.isin(each.true_ids, labels[rim]),
        touches=np.isin(each.true_ids, touching(labels)),
        found=each.partner > 0,
        merged=each.merged,
        split=each.split,
        missed=each.missed,
    )


def _quietly(metric: Callable, *arguments: object) -> Any:
    """What a metric says, without doubts about the masks: these were told before the training."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "the .* holds one number")
        return metric(*arguments)
