"""From labelled images to a cell finder: train, and choose the rule where nobody trained.

A rule chosen on images that trained the network would be chosen for answers that are too sure: it
knows those images by heart. So some images are kept from it. Where there are few, each takes its
turn at being kept, and the network that is given back trains on all.

Where the images differ in the size of their cells, the network may train on images that are brought
to one size (`magnification`). The rule is chosen on the images as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from unet_book.datasets import Stack
from unet_book.datasets.splits import folds
from unet_book.finder import CellFinder, fingerprint
from unet_book.instances import Choice, Rule, choose_rule
from unet_book.magnification import resampled
from unet_book.training import Preset, Result, train
from unet_book.training.distributed import is_main_process

__all__ = ["Fit", "fit", "cross_fit"]


@dataclass(frozen=True)
class Fit:
    """A cell finder, and what it was chosen by.

    Parameters
    ----------
    finder : CellFinder
        Network, gray values, rule.
    result : Result
        The training of its network.
    judged : Stack
        The images on which the rule was chosen; a network answered each that had not trained on it.
    probabilities : list of ndarray of float32, (H, W)
        Those answers.
    choice : Choice or None
        The rule and all that was tried; None where no true cell is on those images, and the rule is
        the plain one.
    """

    finder: CellFinder
    result: Result
    judged: Stack
    probabilities: list[np.ndarray]
    choice: Choice | None


def fit(
    data: Stack,
    held_out: Stack,
    preset: Preset,
    percentiles: tuple[float, float] | None = None,
    diameter: float | None = None,
    **how: Any,
) -> Fit:
    """Train on some images, and choose the rule on others.

    Parameters
    ----------
    data : Stack
        To learn from.
    held_out : Stack
        To choose on.
    preset : Preset
        The recipe.
    percentiles : tuple of two float, or None
        How the gray values of both were normalized, to be stored; as for `CellFinder`.
    diameter : float or None
        To which the cell in the middle of each image is brought, px; `common_diameter` of the
        images, or that of a network that is trained on. None: they stay as they are.
    **how : any
        Handed on to `training.train`.

    Returns
    -------
    Fit

    Raises
    ------
    ValueError, TypeError, OSError, FloatingPointError, KeyboardInterrupt
        As `training.train` does.
    """
    result = train(resampled(data, diameter), preset, resampled(held_out, diameter), **how)
    answers = _answers(result, held_out, diameter)
    return _judged(result, percentiles, diameter, data, held_out, answers)


def cross_fit(
    data: Stack,
    preset: Preset,
    percentiles: tuple[float, float] | None = None,
    diameter: float | None = None,
    *,
    checkpoint: Callable[[str], str] | None = None,
    **how: Any,
) -> Fit:
    """Train on all images, and choose the rule by cross-validation.

    For each fold a network trains on the other images and answers those of the fold; the rule is
    chosen on all answers. All trainings have the same recipe.

    Parameters
    ----------
    data : Stack
        Two images or more.
    preset : Preset
        The recipe of each training.
    percentiles : tuple of two float, or None
        As for `fit`.
    diameter : float or None
        As for `fit`.
    checkpoint : callable or None
        Called as ``checkpoint(name)`` with "fold0", ... and "", gives the training's file.
    **how : any
        Handed on to `training.train`.

    Returns
    -------
    Fit

    Raises
    ------
    ValueError, TypeError, OSError, FloatingPointError, KeyboardInterrupt
        As `training.train` does, and for a single image.
    """
    place = checkpoint or (lambda name: None)
    scaled = resampled(data, diameter)
    answers: dict[int, np.ndarray] = {}
    for number, kept in enumerate(folds(len(data))):
        others = scaled.pick(i for i in range(len(data)) if i not in kept)
        place_of_fold = place(f"fold{number}")
        result = train(others, preset, scaled.pick(kept), checkpoint=place_of_fold, **how)
        answers |= dict(zip(kept, _answers(result, data.pick(kept), diameter)))
    result = train(scaled, preset, checkpoint=place(""), **how)
    in_order = [answers[i] for i in sorted(answers)]
    return _judged(result, percentiles, diameter, data, data, in_order)


def _answers(result: Result, stack: Stack, diameter: float | None) -> list[np.ndarray]:
    """What a trained network says of images that it has not seen; the first process asks."""
    finder = CellFinder(result.model, diameter=diameter)
    return [finder.answer(image) for image in stack.images] if is_main_process() else []


def _judged(
    result: Result,
    percentiles: tuple[float, float] | None,
    diameter: float | None,
    data: Stack,
    judged: Stack,
    probabilities: list[np.ndarray],
) -> Fit:
    """The network with the rule that the answers call for."""
    choice = None
    if probabilities and judged.cell_count():
        choice = choose_rule(probabilities, judged.labels, [*data.labels, *judged.labels])
    seen = (*map(fingerprint, data.images),)
    rule = choice.rule if choice else Rule()
    finder = CellFinder(result.model, percentiles, rule, seen=seen, diameter=diameter)
    return Fit(finder, result, judged, probabilities, choice)
