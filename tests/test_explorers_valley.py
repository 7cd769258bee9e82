"""The ball in the valley, moved in a browser and held against PyTorch's own optimizer."""

import json
import math

import numpy as np
import pytest
import torch

from unet_book import explorers
from unet_book.explorers.valley import ALONG, START, STEPS

CURVATURES = torch.tensor([ALONG, 1.0], dtype=torch.float64)


def ends_at(rate, momentum):
    """Where `torch.optim.SGD` is after the steps that the figure draws."""
    place = torch.tensor(START, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([place], lr=rate, momentum=momentum)
    for _ in range(STEPS):
        optimizer.zero_grad()
        (CURVATURES * place**2 / 2).sum().backward()
        optimizer.step()
    return place.detach().numpy()


def largest_root(rate, momentum, curvature):
    return max(abs(np.roots([1, -(1 + momentum - rate * curvature), momentum])))


def test_it_goes_where_pytorch_goes(move, page):
    move(explorers.valley())
    for exponent, momentum in ((-1.5, 0), (-3, 0.99), (0, 0.9), (0.25, 0.3), (-4, 0.5)):
        move(exponent=exponent, momentum=momentum)
        told = page.locator(".explorer").evaluate("figure => ({...figure.dataset})")
        rate = 10**exponent
        assert json.loads(told["end"]) == pytest.approx(ends_at(rate, momentum), rel=1e-9)
        for name, curvature in (("across", 1.0), ("along", ALONG)):
            root = largest_root(rate, momentum, curvature)
            assert float(told[name]) == pytest.approx(root, abs=1e-7)


def test_it_runs_away_above_the_limit_and_nowhere_else(move):
    move(explorers.valley())
    settings = [
        {"momentum": m, "exponent": round(e, 2)}
        for m in (0, 0.5, 0.9, 0.99)
        for e in np.arange(-1, 1.01, 0.1)
    ]
    for setting, text in zip(settings, move.each(settings)):
        across, along = text.partition(". Along,")[::2]
        limit = 2 * (1 + setting["momentum"])
        assert ("runs away" in across) == (10 ** setting["exponent"] > limit), setting
        assert ("runs away" in along) == (10 ** setting["exponent"] * ALONG > limit), setting


def test_it_says_what_each_direction_does(move):
    text = move(explorers.valley())
    assert text.startswith("Across, it creeps, halved every 21.6 steps. Along, it creeps, halved")
    assert "swings, halved every 138 steps. Along, it swings, halved every 138" in move(
        exponent=-1.5, momentum=0.99
    )
    assert "The limit is 2 (1 + 0.99) / 1 = 3.98." in move(exponent=-4)
    assert move(exponent=0.2, momentum=0).startswith("Across, it jumps from side to side")
    assert "more energy than before" in move(exponent=0.5, momentum=0.5)
    assert math.isclose(math.log(0.5) / math.log(math.sqrt(0.99)), 137.9, abs_tol=0.05)


@pytest.mark.parametrize("width", [390, 900])
def test_it_fits_the_page(page, move, width):
    page.set_viewport_size({"width": width, "height": 900})
    move(explorers.valley(), exponent=1)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
