"""Exercise, solution, typical mistakes: chapter 9, Training on a GPU."""

import numpy as np
import torch

from unet_book.pages import check
from unet_book.pages.check.training import GIB, STEPS, _most, _peak


def descent(step):
    """The exercise's function from a rule for one step."""

    def run(gradient, w, rates, momentum):
        v = np.zeros_like(w)
        for rate in rates:
            w, v = step(w, v, gradient(w), rate, momentum)
        return w

    return run


right, caffe, average, nesterov, plain, uphill, late = map(descent, STEPS.values())


def by_pytorch(gradient, w, rates, momentum):
    place = torch.tensor(w, requires_grad=True)
    optimizer = torch.optim.SGD([place], lr=1.0, momentum=momentum)
    for rate in rates:
        optimizer.param_groups[0]["lr"] = rate
        place.grad = torch.as_tensor(gradient(place.detach().numpy()))
        optimizer.step()
    return place.detach()


def in_place(gradient, w, rates, momentum):
    v = np.zeros_like(w)
    for rate in rates:
        v = momentum * v + gradient(w)
        w -= rate * v
    return w


EXERCISES = [
    (
        check.momentum_limit,
        0.038,
        [
            {"answer": 0.002, "hint": "effective rate"},
            {"answer": 0.2, "hint": "minus one"},
            {"answer": 0.02, "hint": "moves"},
            {"answer": 0.0398, "hint": "0.99"},
            {"answer": 0.38, "hint": "the optimizer get"},
            {"answer": 0.04, "hint": "Nearly"},
            1,
            None,
        ],
    ),
    (
        check.heavy_ball,
        right,
        [
            {"answer": caffe, "hint": "Caffe's order"},
            {"answer": average, "hint": "1 - m"},
            {"answer": nesterov, "hint": "Nesterov"},
            {"answer": plain, "hint": "outlive"},
            {"answer": uphill, "hint": "Uphill"},
            {"answer": late, "hint": "old v"},
            {"answer": in_place, "hint": "caller's"},
            {"answer": lambda gradient, w, rates, momentum: 0 * w, "hint": "first two steps"},
            {"answer": lambda gradient, w, rates, momentum: w[0], "hint": "shape (5,)"},
            {"answer": lambda gradient, w, rates, momentum: None, "hint": "`return`"},
            {"answer": lambda gradient, w: w, "hint": "TypeError"},
            {"answer": 7, "hint": "itself"},
        ],
    ),
    (check.heavy_ball, by_pytorch, [caffe, average, nesterov]),
    (
        check.tiles_at_once,
        _most(14 * GIB),
        [
            {"answer": 14 * GIB // _peak(1), "hint": "once for each tile"},
            {"answer": _most(14 * GIB, "bf16"), "hint": "bf16"},
            {"answer": _most(14 * GIB) + 1, "hint": "One too many"},
            1,
            None,
        ],
    ),
]
