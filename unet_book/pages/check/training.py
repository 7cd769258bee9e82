"""Exercises of the chapter "Training on a GPU"."""

from collections.abc import Callable
from functools import cache

import numpy as np
import torch

from unet_book._arrays import like, to_numpy
from unet_book.costs import account
from unet_book.pages.check.verdict import Verdict, as_array, attempt, number, right, wrong
from unet_book.unet import UNet

__all__ = ["momentum_limit", "heavy_ball", "tiles_at_once"]

GIB = 2**30


def momentum_limit(answer: float) -> Verdict:
    """The rate from which momentum 0.9 runs away where plain steps do from 0.02 on.

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
        0.038,
        "2 (1 + m) / L, and 2 / L is 0.02. The effective rate there is 0.38, "
        "nineteen times what plain steps can have.",
        {
            0.002: "A tenth has the same effective rate as 0.02 without momentum. But is the limit "
            "that of the effective rate? What does a swing do that a creep does not?",
            0.2: "Ten times as large an effective rate would need a tenth of this. What does the "
            "derivation say of the root at minus one?",
            0.02: "With momentum the limit moves. How does it depend on m?",
            0.0398: "That is the limit with momentum 0.99.",
            0.38: "That is the effective rate at the limit. Which rate does the optimizer get?",
            0.04: "Nearly: momentum 1 would have twice the limit of none.",
        },
        "Without momentum the limit is 2 / L: what is L here? Then put it into the limit with m. "
        "(A number that was found by trying is not exact enough.)",
    )


def heavy_ball(function: Callable) -> Verdict:
    """SGD with momentum, PyTorch's order, with a learning rate for each step.

    Parameters
    ----------
    function : callable
        The reader's.

    Returns
    -------
    Verdict
    """
    draw = np.random.default_rng(1505_04597)
    curvatures = draw.uniform(0.1, 1, 5)
    for momentum, rates in ((0.0, [0.3] * 4), (0.9, [0.3] * 7), (0.8, [0.5, 0.2, 0.9, 0.1, 0.4])):
        w = draw.normal(size=5)
        handed = w.copy()
        returned, failure = attempt(
            function,
            lambda at: like(curvatures * to_numpy(at), at),
            handed,
            list(rates),
            momentum,
            on=f"{len(rates)} steps with momentum {momentum}",
        )
        if failure is not None:
            return failure
        if returned is None:
            return wrong("The function returned nothing. Is there a `return`?")
        answer = as_array(returned)
        if answer is None or answer.shape != w.shape:
            return wrong(f"Return where the steps end, an array of shape {w.shape}.")
        if not np.array_equal(handed, w):
            return wrong(
                "The start was changed: `-=` on an array writes into it, and it is the caller's. "
                "Begin with a copy."
            )
        ways = {name: _descend(way, curvatures, w, rates, momentum) for name, way in STEPS.items()}
        if np.allclose(answer, ways.pop("right"), rtol=1e-6):
            continue
        for hint, other in ways.items():
            if np.allclose(answer, other, rtol=1e-6):
                return wrong(hint)
        return wrong(
            f"Wrong after {len(rates)} steps with momentum {momentum}. Write down v and w of the "
            "first two steps; v begins at 0, and the gradient is taken where w now is."
        )
    return right("The same as torch.optim.SGD, with a constant rate and with one that moves.")


# One step: (w, v) from w, v, the gradient g, the rate and the momentum; the key is the hint.
STEPS = {
    "right": lambda w, v, g, rate, m: (w - rate * (m * v + g), m * v + g),
    "Right while the rate is constant. When it changes, the steps that are remembered keep their "
    "old rate with you: that is Caffe's order. PyTorch remembers gradients, and multiplies by the "
    "rate of now.": lambda w, v, g, rate, m: (w - m * v - rate * g, m * v + rate * g),
    "That is an average of the gradients: it has the factor 1 - m in front of the new one. "
    "PyTorch's sum has none, and is 1 / (1 - m) times as long.": lambda w, v, g, rate, m: (
        w - rate * (m * v + (1 - m) * g),
        m * v + (1 - m) * g,
    ),
    "That is Nesterov's momentum, which looks one step ahead.": lambda w, v, g, rate, m: (
        w - rate * (g + m * (m * v + g)),
        m * v + g,
    ),
    "Nothing is remembered: v must outlive the step.": lambda w, v, g, rate, m: (w - rate * g, v),
    "Uphill. The gradient points to where the energy rises.": lambda w, v, g, rate, m: (
        w + rate * (m * v + g),
        m * v + g,
    ),
    "The step is taken with the old v, before the gradient is in it.": lambda w, v, g, rate, m: (
        w - rate * v,
        m * v + g,
    ),
}


def _descend(
    step: Callable, curvatures: np.ndarray, w: np.ndarray, rates: list[float], momentum: float
) -> np.ndarray:
    """Where the steps of one kind end."""
    v = np.zeros_like(w)
    for rate in rates:
        w, v = step(w, v, curvatures * w, rate, momentum)
    return w


@cache
def _peak(batch: int, precision: str = "fp32") -> int:
    """Bytes at the peak of a training step of the paper's network on a GPU."""
    with torch.device("meta"):
        model = UNet()
    return account(model, 572, batch, precision, "sgd", device="cuda").peak


@cache
def _most(room: int, precision: str = "fp32") -> int:
    """The most tiles of 572 px whose step stays within `room` bytes."""
    batch = 0
    while _peak(batch + 1, precision) <= room:
        batch += 1
    return batch


def tiles_at_once(answer: float) -> Verdict:
    """How many tiles of 572 are in a step within 14 GiB, in fp32 with SGD.

    Parameters
    ----------
    answer : float
        The reader's.

    Returns
    -------
    Verdict
    """
    most, room = _most(14 * GIB), 14 * GIB
    return number(
        answer,
        most,
        "Weights and momentum are there once, whatever the batch, and most gradients "
        "of weights are made after the peak; each further tile brings only its maps.",
        {
            room // _peak(1): "That divides the room by the peak of one tile. Are the weights "
            "there once for each tile?",
            _most(room, "bf16"): "That is bf16. A T4 does not compute in it.",
            most + 1: "One too many: its peak is above 14 GiB, and the fifteenth GiB is not yours.",
        },
        'Count up: `memory.account(paper, 572, batch=n, device="cuda").peak` for n = 1, 2, ..., '
        "until it passes 14 * 2**30.",
    )
