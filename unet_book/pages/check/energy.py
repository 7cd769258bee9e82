"""Exercises of the chapter "The energy"."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from unet_book.loss import weighted_cross_entropy
from unet_book.pages.check.verdict import (
    NOT_A_NUMBER,
    Verdict,
    as_number,
    attempt,
    number,
    right,
    wrong,
)

__all__ = ["double_softmax_floor", "weighted_energy", "half_contour"]


def double_softmax_floor(answer: float) -> Verdict:
    """The smallest loss of a pixel with three classes after two softmaxes.

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
        math.log(1 + 2 / math.e),
        "ln(1 + 2/e) = 0.5514. With K classes the floor is ln(1 + (K - 1)/e).",
        {
            math.log(1 + 1 / math.e): "0.3133 is the floor with two classes. How many terms has "
            "the sum in the second softmax's denominator now?",
            0: "One softmax lets the loss come as near to 0 as it likes. The second one sees "
            "numbers between 0 and 1, and can't tell them apart by more than 1.",
            math.log(3): "ln 3 is the loss of three equal answers. Here the first softmax is as "
            "sure as it can be: 1 for the right class.",
            math.log(1 + 2 * math.e): "The second softmax gets the zeros in the two wrong places "
            "and the 1 in the right one, or the other way around?",
            math.log(2 + math.e): "Which of the three does the loss look at? Divide by e^1.",
        },
        "Write down what the first softmax gives at its best, and put these three numbers into "
        "the second one. The answer is asked to four digits.",
        tolerance=2e-4,
    )


def weighted_energy(function: Callable) -> Verdict:
    """The normalized energy of logits, target and weights, with ignored pixels.

    Parameters
    ----------
    function : callable
        The reader's.

    Returns
    -------
    Verdict
    """
    for name, (logits, target, weights) in _cases().items():
        given = logits.clone(), target.clone(), weights.clone()
        returned, failure = attempt(function, *given, on=name)
        if failure is not None:
            return failure
        answer = as_number(returned)
        if answer is None:
            return wrong(NOT_A_NUMBER)
        hint = _mistake(name, answer, logits, target, weights)
        if hint is not None:
            return wrong(hint)
    return right("It holds for large logits, ignored pixels and tiles that nobody annotated.")


def _cases() -> dict[str, tuple[Tensor, Tensor, Tensor]]:
    """Name -> logits (N, K, H, W), target and weights (N, H, W); each asks one thing more."""
    generator = torch.Generator().manual_seed(1505_04597)
    logits = 2 * torch.randn(2, 3, 5, 4, generator=generator, dtype=torch.float64)
    target = torch.randint(3, (2, 5, 4), generator=generator)
    weights = 0.5 + 9 * torch.rand(2, 5, 4, generator=generator, dtype=torch.float64)
    partly = target.where(torch.rand(2, 5, 4, generator=generator) < 0.6, -1)
    return {
        "equal weights": (logits, target, torch.ones_like(weights)),
        "a weight for each pixel": (logits, target, weights),
        "pixels marked -1": (logits, partly, weights),
        "logits of 1000": (500 * logits, target, weights),
        "one annotated pixel of weight 0.01": (logits, *_one_pixel(target)),
        "a tile without annotation": (logits, torch.full_like(target, -1), weights),
    }


def _one_pixel(target: Tensor) -> tuple[Tensor, Tensor]:
    """Target and weights of which one pixel counts."""
    alone, weights = torch.full_like(target, -1), torch.zeros(target.shape, dtype=torch.float64)
    alone[0, 2, 1], weights[0, 2, 1] = target[0, 2, 1], 0.01
    return alone, weights


def _mistake(
    name: str, answer: float, logits: Tensor, target: Tensor, weights: Tensor
) -> str | None:
    """What is wrong with this answer, as a hint; None if nothing is."""

    def is_energy_of(
        target: Tensor = target,
        weights: Tensor = weights,
        times: float = 1.0,
        normalize: bool = True,
    ) -> bool:
        energy = times * weighted_cross_entropy(logits, target, weights, normalize=normalize)
        return math.isclose(answer, energy, rel_tol=1e-6, abs_tol=1e-9)

    if is_energy_of():
        return None
    if not math.isfinite(answer):
        return f"On {name} you return {answer:g}. " + {
            "a tile without annotation": "The weights that count add up to 0 there, and nothing "
            "was wrong: return 0.",
            "logits of 1000": "e^1000 is no float: subtract each pixel's largest logit first.",
        }.get(name, "Take log_softmax of the logits, along the axis of the classes.")
    known = target >= 0
    if name == "one annotated pixel of weight 0.01" and 0 < answer < weighted_cross_entropy(
        logits, target, weights
    ):
        return (
            f"On {name} you divide by more than 0.01. What guards against a division by 0 "
            "must change nothing else."
        )
    if is_energy_of(times=-1):
        return "Only the sign is wrong: as in the paper, it grows as the answers get better."
    if is_energy_of(normalize=False):
        return f"On {name} that is the sum. Divide it by the sum of the weights that count."
    if known.any() and is_energy_of(times=(weights * known).sum() / target.numel()):
        return f"On {name} you divide by the number of pixels; divide by the sum of their weights."
    if is_energy_of(weights=torch.ones_like(weights)):
        return f"On {name} your answer doesn't depend on the weights."
    if not known.all():
        if known.any() and is_energy_of(times=(weights * known).sum() / weights.sum()):
            return "The weights of pixels marked -1 are still in the sum that you divide by."
        if is_energy_of(target=target.remainder(logits.shape[1])):
            return "In an index -1 means the last one: pixels marked -1 count as the last class."
        if is_energy_of(target=target.clamp_min(0)):
            return "Pixels marked -1 count as background. They should weigh nothing."
    return f"Wrong on {name}. Compare with the loops of this page, pixel by pixel."


def half_contour(answer: float) -> Verdict:
    """How many pixels outward weight 8 moves the contour of a rim of sigma = 2.

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
        2.4413,
        "It lies where the share of cells is 1/9, at 2.44 px: 1.22 times the blur's sigma.",
        {
            0: "That holds with equal weights. Let the cells weigh 8 and run the descent: where "
            "does p go at a distance of 0, where the share is one half?",
            1 / 9: "That is the share of cells there. At which distance is the rim down to it?",
            2.3007: "1 : 8 are the odds there. As a share, that is one of how many?",
            -2.4413: "Outward is positive here. Do cells that weigh more get larger or smaller?",
            1.2206: "In units of sigma, yes. How many pixels is that with a sigma of 2?",
            math.log(8): "ln 8 is what the log-odds move by. How far from the rim have the shares "
            "themselves fallen by that much?",
        },
        "Run the descent for distances from -4 to 4, with shares that fall from 1 to 0 like a "
        "step blurred by sigma = 2, and look where the answer passes 1/2.",
        tolerance=4e-3,
    )
